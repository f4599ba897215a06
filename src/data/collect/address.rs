//! Where a token says that something is.

use std::fmt;
use std::path::PathBuf;

use cid::Cid;
use url::{Host, Url};

use super::super::data_uri;

/// A longer address is none, unless it holds the file itself.
const MAX_CHARS: usize = 4096;

/// Where a file is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Address {
    /// What has this hash, or what is at a path below it.
    Ipfs {
        cid: Cid,
        /// Decoded names.
        path: Vec<String>,
        /// The gateway's address that was given instead, to be tried last.
        given: Option<Url>,
    },
    /// What follows `ar://`.
    Arweave(String),
    Web(Url),
    /// The file itself: a `data:` URI, or plain SVG.
    Inline(String),
    /// A file of this machine. Never read from a document: only a folder that the user names has such.
    File(PathBuf),
}

impl Address {
    /// The address in `text`, which stands in a document at `base`.
    ///
    /// # Errors
    /// In words, when it is none that is followed.
    pub fn parse(text: &str, base: Option<&Address>) -> Result<Self, String> {
        let text = text.trim();
        if data_uri::is_inline(text) {
            return Ok(Self::Inline(text.into()));
        }
        if text.is_empty() || text.chars().nth(MAX_CHARS).is_some() {
            return Err(format!(
                "its address has {} letters, expected 1 to {MAX_CHARS}",
                text.chars().count()
            ));
        }
        let shown: String = text.chars().take(100).collect();
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme.to_ascii_lowercase().as_str() {
                "ipfs" | "dweb" => ipfs(rest, None)
                    .ok_or_else(|| format!("{shown:?} has no CID that can be read behind ipfs://")),
                "ipns" => Err(format!(
                    "{shown:?}: names of IPNS are not followed, expected ipfs://CID"
                )),
                "ar" | "arweave" => {
                    arweave(rest).ok_or_else(|| format!("{shown:?} is no address of Arweave"))
                }
                "http" | "https" => web(text).map_err(|error| format!("{shown:?} is no address: {error}")),
                _ => Err(format!(
                    "{shown:?}: {scheme}:// is not followed, expected https, ipfs, ar or data"
                )),
            };
        }
        if let Some(found) = ipfs(text.trim_start_matches("/ipfs/"), None) {
            return Ok(found);
        }
        let joined = base.and_then(|base| base.join(text));
        joined.ok_or_else(|| format!("{shown:?} is no address, expected https://, ipfs://, ar:// or data:"))
    }

    /// Whether the same address always means the same file.
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Ipfs { .. } | Self::Arweave(_) | Self::Inline(_))
    }

    /// The address of a file that is named by its path from here.
    fn join(&self, path: &str) -> Option<Self> {
        match self {
            // A document must not lead from a server to another one by a path alone.
            Self::Web(base) => {
                let joined = base.join(path).ok()?;
                (joined.origin() == base.origin()).then_some(Self::Web(joined))
            }
            Self::Ipfs { cid, path: own, .. } => {
                let mut names: Vec<String> = own[..own.len().saturating_sub(1)].to_vec();
                for name in path.split('/') {
                    match name {
                        "" | "." => {}
                        ".." => drop(names.pop()?),
                        name => names.push(decoded(name)),
                    }
                }
                Some(Self::Ipfs {
                    cid: *cid,
                    path: names,
                    given: None,
                })
            }
            _ => None,
        }
    }

    /// The name that the file has there, if it has one.
    pub fn name(&self) -> Option<String> {
        match self {
            Self::Ipfs { path, .. } => path.last().cloned(),
            Self::Web(url) => {
                let name = url.path_segments()?.rfind(|name| !name.is_empty())?;
                Some(decoded(name))
            }
            Self::File(path) => Some(path.file_name()?.to_string_lossy().into_owned()),
            Self::Arweave(_) | Self::Inline(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Ipfs { cid, path, .. } => {
                write!(f, "ipfs://{cid}")?;
                path.iter().try_for_each(|name| write!(f, "/{}", encoded(name)))
            }
            Self::Arweave(rest) => write!(f, "ar://{rest}"),
            Self::Web(url) => {
                let mut url = url.clone();
                // What stands in front of the host is a password.
                let _ = url.set_username("").and_then(|()| url.set_password(None));
                f.write_str(url.as_str())
            }
            Self::Inline(_) => f.write_str("data:"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A name without what an address would understand otherwise.
fn encoded(name: &str) -> String {
    name.replace('%', "%25").replace('?', "%3F").replace('/', "%2F")
}

fn decoded(name: &str) -> String {
    String::from_utf8_lossy(&data_uri::unescaped(name)).into_owned()
}

/// A CID and the path behind it.
fn ipfs(rest: &str, given: Option<&Url>) -> Option<Address> {
    let rest = rest.trim_start_matches('/');
    let rest = rest.strip_prefix("ipfs/").unwrap_or(rest);
    // A gateway would take it for itself.
    let rest = rest.split('?').next().unwrap_or(rest);
    let mut names = rest.split('/');
    Some(Address::Ipfs {
        cid: Cid::try_from(names.next()?).ok()?,
        path: names.filter(|name| !name.is_empty()).map(decoded).collect(),
        given: given.cloned(),
    })
}

fn arweave(rest: &str) -> Option<Address> {
    let rest = rest.trim_matches('/');
    let (id, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_id = id.len() == 43 && id.bytes().all(is_digit);
    (is_id && !path.split('/').any(|name| name == "..")).then(|| Address::Arweave(rest.into()))
}

/// An address of the web, or what a gateway in it shows.
fn web(text: &str) -> Result<Address, url::ParseError> {
    let mut url = Url::parse(text)?;
    url.set_fragment(None);
    let path = url.path().trim_start_matches('/');
    if let Some(rest) = path.strip_prefix("ipfs/")
        && let Some(found) = ipfs(rest, Some(&url))
    {
        return Ok(found);
    }
    if let Some(Host::Domain(domain)) = url.host() {
        let mut labels = domain.splitn(3, '.');
        if let (Some(first), Some("ipfs")) = (labels.next(), labels.next())
            && let Some(found) = ipfs(&format!("{first}/{path}"), Some(&url))
        {
            return Ok(found);
        }
        if matches!(domain, "arweave.net" | "www.arweave.net")
            && let Some(found) = arweave(path)
        {
            return Ok(found);
        }
    }
    Ok(Address::Web(url))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V0: &str = "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o";
    const V1: &str = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";

    fn said(text: &str, base: Option<&str>) -> String {
        let base = base.map(|base| Address::parse(base, None).unwrap());
        match Address::parse(text, base.as_ref()) {
            Ok(address) => address.to_string(),
            Err(reason) => format!("refused: {reason}"),
        }
    }

    #[test]
    fn one_file_has_many_addresses() {
        let expected = format!("ipfs://{V0}/My Cat.png");
        for same in [
            format!("ipfs://{V0}/My%20Cat.png"),
            format!("IPFS://{V0}/My Cat.png"),
            format!("ipfs://ipfs/{V0}/My Cat.png"),
            format!("ipfs:///{V0}//My Cat.png?filename=x"),
            format!("{V0}/My Cat.png"),
            format!("/ipfs/{V0}/My Cat.png"),
            format!("https://gateway.example/ipfs/{V0}/My%20Cat.png?token=secret#x"),
        ] {
            assert_eq!(said(&same, None), expected, "{same}");
        }
        assert_eq!(
            said(&format!("https://{V1}.ipfs.dweb.link/1.png"), None),
            format!("ipfs://{V1}/1.png")
        );
        let id = "a".repeat(43);
        for same in [format!("ar://{id}/7"), format!("https://arweave.net/{id}/7")] {
            assert_eq!(said(&same, None), format!("ar://{id}/7"));
        }
        assert_eq!(said("https://a:b@c.example/1#2", None), "https://c.example/1");
        assert!(matches!(Address::parse("data:,a", None), Ok(Address::Inline(_))));
        assert!(matches!(Address::parse("<svg/>", None), Ok(Address::Inline(_))));
    }

    #[test]
    fn paths_stay_where_their_document_is() {
        let base = Some("https://a.example/json/1.json");
        assert_eq!(said("../1.png", base), "https://a.example/1.png");
        assert!(
            said("//b.example/1.png", base).starts_with("refused"),
            "another server"
        );
        let base = format!("ipfs://{V0}/json/1");
        assert_eq!(
            said("../png/1.png", Some(&base)),
            format!("ipfs://{V0}/png/1.png")
        );
        assert!(
            said("../../../1.png", Some(&base)).starts_with("refused"),
            "above the root"
        );
    }

    #[test]
    fn what_is_not_followed_is_said() {
        for (text, expected) in [
            ("file:///etc/passwd", "file:// is not followed"),
            ("gopher://a/1", "gopher:// is not followed"),
            ("ipns://a.example/1", "IPNS"),
            ("ipfs://nothing/1.png", "no CID"),
            ("ar://short", "no address of Arweave"),
            ("https://", "is no address"),
            ("/etc/passwd", "is no address"),
            ("1.png", "is no address"),
            ("", "0 letters"),
        ] {
            let said = said(text, None);
            assert!(
                said.starts_with("refused") && said.contains(expected),
                "{text}: {said}"
            );
        }
        assert!(said(&"a".repeat(5000), None).contains("5000 letters"));
    }
}
