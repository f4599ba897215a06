//! What a collection is collected from.

use std::path::{Path, PathBuf};

use url::Url;

use super::super::shown;

/// What a collection is collected from, as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A collection of OpenSea, by the name in its address.
    OpenSea(String),
    /// A contract of ERC-721 or ERC-1155.
    Contract {
        /// The chain's number (EIP-155).
        chain: u64,
        /// Its address, as 40 hexadecimal digits.
        address: String,
    },
    /// An address, in which `{id}` stands for the number of a token.
    Address(String),
    /// A folder of this machine.
    Folder(PathBuf),
}

/// Names of chains that people use, and their numbers.
const CHAINS: &[(&str, u64)] = &[
    ("ethereum", 1),
    ("mainnet", 1),
    ("optimism", 10),
    ("bsc", 56),
    ("polygon", 137),
    ("matic", 137),
    ("base", 8453),
    ("arbitrum", 42161),
    ("avalanche", 43114),
    ("zora", 7_777_777),
    ("sepolia", 11_155_111),
];

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(slug) = text.strip_prefix("opensea:") {
            return open_sea(slug);
        }
        if let Some(rest) = text.strip_prefix("erc721:").or(text.strip_prefix("erc1155:")) {
            return contract(rest);
        }
        let is_data = text
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("data:"));
        if is_data {
            return Ok(Self::Address(text.into()));
        }
        if !text.contains("://") {
            return match text {
                "" => Err("it is empty, expected such as opensea:SLUG, ipfs://CID/{id} or a folder".into()),
                folder => Ok(Self::Folder(folder.into())),
            };
        }
        let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
        if matches!(
            url.host_str(),
            Some("opensea.io" | "www.opensea.io" | "testnets.opensea.io")
        ) {
            let mut parts = url.path_segments().into_iter().flatten();
            return match (parts.find(|part| *part == "collection"), parts.next()) {
                (Some(_), Some(slug)) => open_sea(slug),
                _ => Err(format!(
                    "{text:?} is no collection, expected https://opensea.io/collection/SLUG"
                )),
            };
        }
        match url.scheme() {
            "http" | "https" | "ipfs" | "ar" => Ok(Self::Address(text.into())),
            other => Err(format!(
                "{other}:// is not collected from, expected https, ipfs or ar"
            )),
        }
    }
}

fn open_sea(slug: &str) -> Result<Source, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !slug.is_empty() && slug.len() <= 200 && slug.bytes().all(is_plain) {
        true => Ok(Source::OpenSea(slug.into())),
        false => Err(format!(
            "{slug:?} is no name of a collection, expected such as opensea:my-apes"
        )),
    }
}

fn contract(rest: &str) -> Result<Source, String> {
    let (chain, address) = rest
        .split_once(':')
        .ok_or_else(|| format!("{rest:?} has no chain, expected such as erc721:ethereum:0x..."))?;
    let named = CHAINS.iter().find(|(name, _)| chain.eq_ignore_ascii_case(name));
    let chain = named
        .map(|(_, number)| *number)
        .or_else(|| chain.parse().ok())
        .ok_or_else(|| {
            let names: Vec<_> = CHAINS.iter().map(|(name, _)| *name).collect();
            format!(
                "{chain:?} is no chain that is known, expected its number or {}",
                names.join(", ")
            )
        })?;
    let digits = address.strip_prefix("0x").unwrap_or(address).to_ascii_lowercase();
    if digits.len() != 40 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!(
            "{address:?} is no address of a contract, expected 0x and 40 hexadecimal digits"
        ));
    }
    Ok(Source::Contract {
        chain,
        address: digits,
    })
}

/// The source by which a folder knows where it is from. Passwords are left out.
impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::OpenSea(slug) => write!(f, "opensea:{slug}"),
            Self::Contract { chain, address } => write!(f, "erc721:{chain}:0x{address}"),
            Self::Address(text)
                if text.len() > 4096 || text.get(..5).is_some_and(|it| it.eq_ignore_ascii_case("data:")) =>
            {
                f.write_str("data:")
            }
            Self::Address(text) => {
                let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
                let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = host.rsplit('@').next().unwrap_or(host);
                write!(f, "{scheme}://{host}{path}")
            }
            Self::Folder(path) => {
                let whole = path.canonicalize();
                f.write_str(&shown(whole.as_deref().unwrap_or(path)))
            }
        }
    }
}

impl Source {
    /// Where people look at it, for the provenance.
    pub(super) fn page(&self) -> String {
        match self {
            Self::OpenSea(slug) => format!("https://opensea.io/collection/{slug}"),
            // A path of this machine concerns no one else.
            Self::Folder(_) => String::new(),
            other => other.to_string(),
        }
    }

    /// A name for the collection, if nothing else names it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::OpenSea(slug) => slug.clone(),
            Self::Folder(path) => {
                let whole = path.canonicalize();
                let name = whole.as_deref().unwrap_or(path as &Path).file_name();
                name.unwrap_or_default().to_string_lossy().into_owned()
            }
            _ => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_apart() {
        let said = |text: &str| text.parse::<Source>().map(|source| source.to_string());
        let address = "0xBC4CA0EdA7647A8aB7C2061c2E118A18a936f13D";
        for (text, expected) in [
            ("opensea:my-apes", "opensea:my-apes"),
            (
                "https://opensea.io/collection/my-apes/overview?x=1",
                "opensea:my-apes",
            ),
            (
                &format!("erc721:ethereum:{address}"),
                "erc721:1:0xbc4ca0eda7647a8ab7c2061c2e118a18a936f13d",
            ),
            (
                &format!("erc1155:8453:{address}"),
                "erc721:8453:0xbc4ca0eda7647a8ab7c2061c2e118a18a936f13d",
            ),
            (
                "https://u:secret@a.example/{id}.json",
                "https://a.example/{id}.json",
            ),
            ("ipfs://Qm/{id}", "ipfs://Qm/{id}"),
            ("data:application/json,{}", "data:"),
        ] {
            assert_eq!(said(text).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!("my/folder".parse(), Ok(Source::Folder("my/folder".into())));
        for wrong in [
            "",
            "opensea:",
            "opensea:a/b",
            "https://opensea.io/assets/1",
            "erc721:ethereum",
            "erc721:ethereum:0x12",
            "erc721:nowhere:0xbc4ca0eda7647a8ab7c2061c2e118a18a936f13d",
            "file:///etc",
            "ftp://a.example/1",
        ] {
            assert!(said(wrong).is_err(), "{wrong}");
        }
    }
}
