//! Files of IPFS, fetched through gateways and checked against their CIDs.
//!
//! A CID is the hash of a block, and a block names the blocks below it by their hashes. So gateways are asked
//! for raw blocks (<https://specs.ipfs.tech/http-gateways/trustless-gateway/>), each block is checked, and
//! files and folders are followed here: whatever a gateway sends, only the right bytes are kept. A gateway
//! that gives no blocks is asked for the file itself, which can be checked if it is one block.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use cid::Cid;
use sha2::{Digest, Sha256};
use url::Url;

use super::failure::Failure;
use super::lock;
use super::sink::{Memory, Sink, Spool, hex};
use super::web::{Request, Web, host_of};
use dag::{Found, Node, RAW};

mod dag;

/// Blocks may have 2 MiB; some that were made long ago have more.
const MAX_BLOCK_BYTES: u64 = 4 << 20;
/// Files have pieces of 256 KiB and more: one of more blocks than this only wants to be endless.
const MAX_BLOCKS: usize = 10_000;
/// So many bytes of folders are kept in mind.
const MAX_FOLDER_BYTES: usize = 64 << 20;
/// A gateway that was asked for blocks so often in vain gives none.
const MAX_BLIND: u32 = 3;
/// The names of hashes in a CID.
const IDENTITY: u64 = 0x00;
const SHA2_256: u64 = 0x12;
const RAW_TYPE: &str = "application/vnd.ipld.raw";

/// Why there are no checked bytes.
enum Trouble {
    /// No gateway gives blocks, or the CID is of a kind that cannot be followed.
    CannotCheck(String),
    Failed(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Gateways that sent wrong bytes, by their numbers.
type Liars = HashSet<usize>;

/// A folder's block, or the place where it is being fetched to.
type Cached = Arc<Mutex<Option<Arc<Node>>>>;

/// IPFS, as gateways show it.
#[derive(Debug)]
pub(super) struct Ipfs {
    gateways: Vec<Url>,
    only_checked: bool,
    /// How often in a row each gateway has answered something else than a block.
    blind: Mutex<Vec<u32>>,
    folders: Mutex<HashMap<Cid, Cached>>,
    folder_bytes: Mutex<usize>,
}

impl Ipfs {
    pub fn new(gateways: &[Url], only_checked: bool) -> Self {
        Self {
            gateways: gateways.to_vec(),
            only_checked,
            blind: Mutex::new(vec![0; gateways.len()]),
            folders: Mutex::default(),
            folder_bytes: Mutex::default(),
        }
    }

    /// Fetches the file at `path` below `cid`; `given` is the address of a gateway that shows it. Says
    /// whether the bytes are known to be the right ones.
    pub fn fetch(
        &self,
        web: &Web,
        (cid, path, given): (&Cid, &[String], Option<&Url>),
        spool: &mut Spool,
    ) -> Result<bool, Failure> {
        let mut liars = Liars::new();
        match self.checked(web, cid, path, spool, &mut liars) {
            Ok(()) => Ok(true),
            Err(Trouble::Failed(failure)) => Err(failure),
            Err(Trouble::CannotCheck(why)) if self.only_checked => Err(Failure::lasting(format!(
                "cannot be checked against its CID (--only-checked): {why}"
            ))),
            Err(Trouble::CannotCheck(_)) => self.plain(web, cid, path, given, spool, &mut liars),
        }
    }

    /// The names in the folder at `path` below `cid`, at most `most`.
    pub fn list(&self, web: &Web, cid: &Cid, path: &[String], most: usize) -> Result<Vec<String>, Failure> {
        let said = |trouble| match trouble {
            Trouble::Failed(failure) => failure,
            Trouble::CannotCheck(why) => Failure::lasting(format!(
                "its folder cannot be listed: {why}; name the files with {{id}} and --tokens"
            )),
        };
        let mut liars = Liars::new();
        let root = self.resolve(web, cid, path, &mut liars).map_err(said)?;
        let mut names = vec![];
        let mut below = vec![root];
        while let Some(cid) = below.pop() {
            match &*self.folder(web, &cid, &mut liars).map_err(said)? {
                Node::File { .. } => return Err(Failure::lasting("it is a file, expected a folder")),
                Node::Folder(links) => names.extend(links.keys().cloned()),
                Node::Shard(shard) => {
                    for (name, cid) in shard.links() {
                        match name {
                            "" => below.push(cid),
                            name => names.push(name.into()),
                        }
                    }
                }
            }
            if names.len() + below.len() > most {
                return Err(Failure::lasting(format!(
                    "its folder has more than {most} entries"
                )));
            }
        }
        names.sort();
        Ok(names)
    }

    fn checked(
        &self,
        web: &Web,
        cid: &Cid,
        path: &[String],
        spool: &mut Spool,
        liars: &mut Liars,
    ) -> Result<(), Trouble> {
        let file = self.resolve(web, cid, path, liars)?;
        spool.restart()?;
        let mut below = vec![file];
        for _ in 0..MAX_BLOCKS {
            let Some(cid) = below.pop() else {
                return Ok(());
            };
            let block = self.block(web, &cid, liars)?;
            match read(&cid, &block)? {
                Node::File { bytes, parts } => {
                    spool.write(&bytes)?;
                    below.extend(parts.into_iter().rev());
                }
                _ => return Err(Failure::lasting("it is a folder, expected a file").into()),
            }
        }
        let reason = format!("it is a file in more than {MAX_BLOCKS} pieces");
        Err(Failure::lasting(reason).into())
    }

    /// The CID of what is at `path` below `root`.
    fn resolve(&self, web: &Web, root: &Cid, path: &[String], liars: &mut Liars) -> Result<Cid, Trouble> {
        let mut at = *root;
        for name in path {
            let mut level = 0;
            at = loop {
                match &*self.folder(web, &at, liars)? {
                    Node::File { .. } => {
                        let reason = format!("its path leads to {name:?} in a file, expected a folder");
                        return Err(Failure::lasting(reason).into());
                    }
                    Node::Folder(links) => match links.get(name) {
                        Some(cid) => break *cid,
                        None => return Err(missing(name).into()),
                    },
                    Node::Shard(shard) => match shard.find(name, level) {
                        Found::Entry(cid) => break cid,
                        Found::Below(cid) => at = cid,
                        Found::Nothing => return Err(missing(name).into()),
                    },
                }
                level += 1;
            };
        }
        Ok(at)
    }

    /// A block that is kept in mind, because a whole collection is below it.
    fn folder(&self, web: &Web, cid: &Cid, liars: &mut Liars) -> Result<Arc<Node>, Trouble> {
        let cell = lock(&self.folders).entry(*cid).or_default().clone();
        // The second to come waits for the first.
        let mut place = lock(&cell);
        if let Some(node) = &*place {
            return Ok(node.clone());
        }
        let block = self.block(web, cid, liars)?;
        let node = Arc::new(read(cid, &block)?);
        *place = Some(node.clone());
        let mut bytes = lock(&self.folder_bytes);
        *bytes += block.len() + 1024;
        if *bytes > MAX_FOLDER_BYTES {
            lock(&self.folders).clear();
            *bytes = 0;
        }
        Ok(node)
    }

    /// A block, checked.
    fn block(&self, web: &Web, cid: &Cid, liars: &mut Liars) -> Result<Vec<u8>, Trouble> {
        match cid.hash().code() {
            IDENTITY => return Ok(cid.hash().digest().to_vec()),
            SHA2_256 => {}
            other => {
                let why = format!("its CID has the hash {other:#x}, expected SHA-256");
                return Err(Trouble::CannotCheck(why));
            }
        }
        let mut why = "no gateway gives raw blocks".to_string();
        let mut out = liars.clone();
        out.extend((0..self.gateways.len()).filter(|it| lock(&self.blind)[*it] >= MAX_BLIND));
        loop {
            let (numbers, requests): (Vec<usize>, Vec<Request>) = self
                .requests(cid, &[], Some("format=raw"), &out)
                .map(|(number, request)| (number, request.accept(RAW_TYPE)))
                .unzip();
            if requests.is_empty() {
                return Err(match liars.len() {
                    0 => Trouble::CannotCheck(why),
                    all if all == self.gateways.len() => wrong(&self.names(liars)).into(),
                    // Another one may show the file.
                    _ => Trouble::CannotCheck(wrong(&self.names(liars)).reason),
                });
            }
            let mut memory = Memory::new(MAX_BLOCK_BYTES);
            let answer = match web.fetch(&requests, &mut memory) {
                Ok(answer) => answer,
                Err(failure) if failure.passes => return Err(failure.into()),
                Err(failure) => {
                    why = failure.reason;
                    out.extend(numbers);
                    continue;
                }
            };
            let gateway = numbers[answer.alternative];
            if Sha256::digest(&memory.bytes)[..] == *cid.hash().digest() {
                lock(&self.blind)[gateway] = 0;
                return Ok(memory.bytes);
            }
            // One that does not know of raw blocks shows the file, which for a raw leaf is the same.
            if answer.content_type.starts_with(RAW_TYPE) || cid.codec() == RAW {
                liars.insert(gateway);
            } else {
                lock(&self.blind)[gateway] += 1;
            }
            out.insert(gateway);
        }
    }

    /// The file as a gateway shows it. Says whether it could be checked all the same.
    fn plain(
        &self,
        web: &Web,
        cid: &Cid,
        path: &[String],
        given: Option<&Url>,
        spool: &mut Spool,
        liars: &mut Liars,
    ) -> Result<bool, Failure> {
        let is_one_block = path.is_empty() && cid.codec() == RAW && cid.hash().code() == SHA2_256;
        loop {
            let (mut numbers, mut requests): (Vec<usize>, Vec<Request>) =
                self.requests(cid, path, None, liars).unzip();
            let number = self.gateways.len();
            if let Some(given) = given
                && !liars.contains(&number)
            {
                numbers.push(number);
                requests.push(Request::get(given.clone()));
            }
            if requests.is_empty() {
                return Err(wrong(&self.names(liars)));
            }
            let answer = web.fetch(&requests, spool)?;
            if !is_one_block {
                return Ok(false);
            }
            if spool.sha256() == hex(cid.hash().digest()) {
                return Ok(true);
            }
            liars.insert(numbers[answer.alternative]);
        }
    }

    /// The addresses of a path at all gateways that are not left out.
    fn requests(
        &self,
        cid: &Cid,
        path: &[String],
        query: Option<&str>,
        left_out: &HashSet<usize>,
    ) -> impl Iterator<Item = (usize, Request<'static>)> {
        let gateways = self.gateways.iter().enumerate();
        gateways
            .filter(|(number, _)| !left_out.contains(number))
            .map(move |(number, gateway)| {
                let mut url = gateway.clone();
                if let Ok(mut segments) = url.path_segments_mut() {
                    segments.pop_if_empty().push("ipfs").push(&cid.to_string());
                    // `push` leaves out the dots that would climb.
                    segments.extend(path);
                }
                url.set_query(query);
                (number, Request::get(url))
            })
    }

    fn names(&self, liars: &Liars) -> String {
        let mut numbers: Vec<&usize> = liars.iter().collect();
        numbers.sort();
        let names = numbers
            .iter()
            .map(|it| self.gateways.get(**it).map_or("its address".into(), host_of));
        names.collect::<Vec<_>>().join(" and ")
    }
}

fn wrong(from: &str) -> Failure {
    Failure::lasting(format!("the bytes from {from} are not those of its CID"))
}

fn missing(name: &str) -> Failure {
    Failure::lasting(format!("there is no {name:?} in its folder"))
}

fn read(cid: &Cid, block: &[u8]) -> Result<Node, Trouble> {
    Node::read(cid.codec(), block).map_err(Trouble::CannotCheck)
}
