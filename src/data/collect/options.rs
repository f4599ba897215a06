//! How a collection is downloaded: the flags of `guise collect`.

use url::Url;

use super::super::Error;

/// How a collection is downloaded, whatever it comes from.
#[derive(Debug, Clone, PartialEq, clap::Args)]
pub struct CollectOptions {
    /// Only these tokens, such as 1-10000 or 5,7,100-199. Addresses with {id} need it, and contracts that do
    /// not list their tokens.
    #[arg(long, value_name = "RANGE")]
    pub tokens: Option<Ids>,
    /// The JSON-RPC endpoint to ask a contract through, such as your provider's or your own node's. It is
    /// named by its host alone in what is printed and written, because many endpoints hold a key.
    #[arg(long, value_name = "URL")]
    pub rpc: Option<Url>,
    /// Gateways to fetch ipfs:// from, the first ones first; give it several times. One that serves raw
    /// blocks is checked byte by byte. Your own node's is called http://127.0.0.1:8080, because as localhost
    /// it leads elsewhere.
    #[arg(long = "gateway", value_name = "URL", default_values_t = Self::default().ipfs_gateways)]
    pub ipfs_gateways: Vec<Url>,
    /// Gateways to fetch ar:// from; give it several times.
    #[arg(long = "arweave-gateway", value_name = "URL", default_values_t = Self::default().arweave_gateways)]
    pub arweave_gateways: Vec<Url>,
    /// Leave out what comes from ipfs:// and cannot be checked, because no gateway gives raw blocks of it.
    #[arg(long)]
    pub only_checked: bool,
    /// Tokens that are fetched at the same time.
    #[arg(long, value_name = "N", default_value_t = Self::default().concurrency)]
    pub concurrency: usize,
    /// Requests a second to any one server; OpenSea gets three at most.
    #[arg(long, value_name = "N", default_value_t = Self::default().rate)]
    pub rate: f64,
    /// How often what failed is asked for again, with longer and longer pauses, at whichever server.
    #[arg(long, value_name = "N", default_value_t = Self::default().retries)]
    pub retries: u32,
    /// The longest that one answer may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Self::default().timeout)]
    pub timeout: f64,
    /// The largest file that is fetched; `guise prepare` reads none that is larger than the default.
    #[arg(long, value_name = "BYTES", default_value_t = Self::default().max_bytes)]
    pub max_bytes: u64,
    /// Follow addresses of tokens into private networks, too. The servers that you name yourself may be there
    /// in any case.
    #[arg(long)]
    pub allow_private: bool,
    /// OpenSea's API, for tests.
    #[arg(long, value_name = "URL", hide = true, default_value_t = Self::default().opensea_api)]
    pub opensea_api: Url,
    /// Short pauses, for tests.
    #[arg(long, hide = true)]
    pub is_hasty: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        let urls = |list: &[&str]| list.iter().filter_map(|url| url.parse().ok()).collect();
        Self {
            tokens: None,
            rpc: None,
            ipfs_gateways: urls(&[
                "https://trustless-gateway.link",
                "https://ipfs.io",
                "https://dweb.link",
                "https://4everland.io",
                "https://gateway.pinata.cloud",
            ]),
            arweave_gateways: urls(&["https://arweave.net", "https://permagate.io"]),
            only_checked: false,
            concurrency: 8,
            rate: 20.0,
            retries: 4,
            timeout: 60.0,
            max_bytes: 100_000_000,
            allow_private: false,
            opensea_api: Url::parse("https://api.opensea.io").expect("it is an address"),
            is_hasty: false,
        }
    }
}

impl CollectOptions {
    /// # Errors
    /// When a setting is outside of its range, in words.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |words: String| Err(Error::Setting(words));
        if !(1..=256).contains(&self.concurrency) {
            return refuse(format!(
                "--concurrency is {}, expected 1 to 256",
                self.concurrency
            ));
        }
        if !(0.01..=10_000.0).contains(&self.rate) {
            return refuse(format!("--rate is {}, expected 0.01 to 10000", self.rate));
        }
        if self.retries > 20 {
            return refuse(format!("--retries is {}, expected at most 20", self.retries));
        }
        if !(0.1..=3600.0).contains(&self.timeout) {
            return refuse(format!(
                "--timeout is {}, expected 0.1 to 3600 seconds",
                self.timeout
            ));
        }
        if !(1..=1 << 40).contains(&self.max_bytes) {
            return refuse(format!(
                "--max-bytes is {}, expected 1 to a million millions",
                self.max_bytes
            ));
        }
        let named = self
            .ipfs_gateways
            .iter()
            .chain(&self.arweave_gateways)
            .chain(&self.rpc);
        for url in named.chain([&self.opensea_api]) {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return refuse(format!(
                    "a server's address begins with {}:, expected https://HOST",
                    url.scheme()
                ));
            }
        }
        Ok(())
    }
}

/// Numbers of tokens: `1-10000`, `7`, or several of both between commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ids(Vec<(u64, u64)>);

/// More tokens than any collection has.
pub(super) const MAX_TOKENS: u64 = 1_000_000;

impl Ids {
    /// The `count` numbers from `first` on.
    pub(super) fn from_first(first: u64, count: u64) -> Self {
        match count {
            0 => Self(vec![]),
            _ => Self(vec![(first, first.saturating_add(count - 1))]),
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// The numbers in the order in which they were given.
    pub(super) fn into_iter(self) -> impl Iterator<Item = u64> {
        self.0.into_iter().flat_map(|(first, last)| first..=last)
    }
}

impl std::str::FromStr for Ids {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.trim().parse::<u64>();
            number.map_err(|_| format!("{text:?} is no number of a token, expected such as 1-10000"))
        };
        let mut ranges = vec![];
        let mut count = 0u64;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("{part:?} goes down, expected the smaller number first"));
            }
            count = count.saturating_add(last - first).saturating_add(1);
            ranges.push((first, last));
        }
        match count {
            ..=MAX_TOKENS => Ok(Self(ranges)),
            _ => Err(format!("{count} tokens, expected at most {MAX_TOKENS}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read() {
        let all = |text: &str| text.parse::<Ids>().map(|ids| ids.into_iter().collect::<Vec<_>>());
        assert_eq!(all("1-4"), Ok(vec![1, 2, 3, 4]));
        assert_eq!(all("7, 0-1"), Ok(vec![7, 0, 1]));
        assert_eq!("5,10-19".parse::<Ids>().unwrap().count(), 11);
        for wrong in [
            "",
            "a",
            "4-1",
            "1-",
            "-3",
            "1--2",
            "0-1000000",
            "0-18446744073709551615",
        ] {
            assert!(all(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Ids::from_first(1, 3).into_iter().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(Ids::from_first(0, 0).count(), 0);
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        assert!(CollectOptions::default().check().is_ok());
        let broken: [fn(&mut CollectOptions); 8] = [
            |it| it.concurrency = 0,
            |it| it.rate = 0.0,
            |it| it.rate = f64::NAN,
            |it| it.retries = 21,
            |it| it.timeout = f64::INFINITY,
            |it| it.max_bytes = 0,
            |it| it.rpc = "file:///etc/passwd".parse().ok(),
            |it| it.ipfs_gateways = vec!["data:,".parse().unwrap()],
        ];
        for (index, break_it) in broken.iter().enumerate() {
            let mut options = CollectOptions::default();
            break_it(&mut options);
            assert!(options.check().is_err(), "number {index}");
        }
    }
}
