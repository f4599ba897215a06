//! Fetching what is at an address, whatever kind of address it is.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use url::Url;

use super::super::data_uri;
use super::super::files::{Links, open_regular};
use super::address::Address;
use super::failure::Failure;
use super::ipfs::Ipfs;
use super::options::CollectOptions;
use super::record::Part;
use super::sink::{Sink, Spool};
use super::web::{ApiKey, Request, Version, Web};

/// Everything that fetches.
#[derive(Debug)]
pub(super) struct Reach {
    pub web: Web,
    pub ipfs: Ipfs,
    arweave: Vec<Url>,
    /// For OpenSea's API.
    pub key: Option<ApiKey>,
    pub max_bytes: u64,
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Fetched {
    /// It is what is known already.
    Unchanged,
    /// It is in the spool, and this is known about it. Only the name of its file is missing.
    New(Part),
}

impl Reach {
    /// `named` is the source's own server, if it has one.
    pub fn new(
        options: &CollectOptions,
        named: Option<&Url>,
        key: Option<ApiKey>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        let gateways = options.ipfs_gateways.iter().chain(&options.arweave_gateways);
        let trusted: Vec<&Url> = gateways
            .chain(&options.rpc)
            .chain([&options.opensea_api])
            .chain(named)
            .collect();
        Self {
            web: Web::new(options, &trusted, stop),
            ipfs: Ipfs::new(&options.ipfs_gateways, options.only_checked),
            arweave: options.arweave_gateways.clone(),
            key,
            max_bytes: options.max_bytes,
        }
    }

    /// Fetches what is at `address`, unless it is still what is `known`.
    pub fn fetch(
        &self,
        address: &Address,
        known: Option<&Part>,
        spool: &mut Spool,
    ) -> Result<Fetched, Failure> {
        let from = address.to_string();
        let known = known.filter(|known| known.from == from);
        if known.is_some() && address.is_lasting() && !matches!(address, Address::Inline(_)) {
            return Ok(Fetched::Unchanged);
        }
        spool.restart()?;
        let (mut checked, mut version) = (None, Version::default());
        match address {
            Address::Ipfs { cid, path, given } => {
                let file = (cid, &path[..], given.as_ref());
                checked = Some(self.ipfs.fetch(&self.web, file, spool)?);
            }
            Address::Arweave(rest) => {
                let at = |gateway: &Url| {
                    let mut url = gateway.clone();
                    if let Ok(mut segments) = url.path_segments_mut() {
                        segments.pop_if_empty().extend(rest.split('/'));
                    }
                    Request::get(url)
                };
                let requests: Vec<Request> = self.arweave.iter().map(at).collect();
                self.web.fetch(&requests, spool)?;
            }
            Address::Web(url) => {
                let request = Request::get(url.clone()).unless(known.map(|known| &known.version));
                let answer = self.web.fetch(&[request], spool)?;
                if answer.is_unchanged {
                    return Ok(Fetched::Unchanged);
                }
                version = answer.version;
            }
            Address::Inline(text) => {
                let bytes = data_uri::decode(text).map_err(Failure::lasting)?;
                spool.write(&bytes)?;
            }
            Address::File(path) => {
                let unreadable = |error| Failure::lasting(format!("cannot be read: {error}"));
                let mut file = open_regular(path, Links::Refused).map_err(unreadable)?;
                let mut piece = vec![0; 1 << 16];
                loop {
                    match file.read(&mut piece).map_err(unreadable)? {
                        0 => break,
                        read => spool.write(&piece[..read])?,
                    }
                }
            }
        }
        let sha256 = spool.sha256();
        if known.is_some_and(|known| known.sha256 == sha256) {
            return Ok(Fetched::Unchanged);
        }
        Ok(Fetched::New(Part {
            file: String::new(),
            from,
            sha256,
            bytes: spool.length(),
            checked,
            version,
        }))
    }
}
