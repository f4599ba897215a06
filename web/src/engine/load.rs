//! From an address to checked bytes of every part of a bundle.

use super::{
    fetch::{Error as FetchError, fetch},
    pieces::Pieces,
    store::Store,
};
use gloo_timers::future::TimeoutFuture;
use guise::weights::manifest::{File, Manifest};
use std::collections::BTreeMap;
use web_sys::RequestCache;

/// How long a broken connection is left alone.
const PAUSE_MS: u32 = 1_000;

/// Why a bundle could not be loaded, as sentences for people.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file did not arrive.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The manifest contradicts itself or this version.
    #[error("This model cannot be used: {0}.")]
    Manifest(String),
    /// A file is not the one that the manifest promises.
    #[error("{file} arrived damaged ({reason}), so it was thrown away.")]
    Damaged {
        /// The file's name.
        file: String,
        /// Expected and found.
        reason: String,
    },
}

/// Files of a bundle whose every byte is the one that its manifest promises.
pub struct Files {
    /// The contents of every file, by name.
    pub contents: BTreeMap<String, Vec<u8>>,
    /// Bytes that came over the network.
    pub fetched: u64,
    /// Whether all of them are kept for the next visit.
    pub kept: bool,
}

/// Fetches the manifest of the bundle in the folder at the address `folder`.
pub async fn manifest(folder: &str) -> Result<Manifest, Error> {
    let url = format!("{folder}{}", Manifest::FILE_NAME);
    let limit = Manifest::MAX_BYTES as usize;
    let mut json = vec![];
    // The manifest is small and says which parts are current: the browser asks the server every time.
    let cache = RequestCache::NoCache;
    fetch(Manifest::FILE_NAME, &url, limit, cache, &mut json, async |_| {}).await?;
    Manifest::parse(&json).map_err(|error| Error::Manifest(error.to_string()))
}

/// How many bytes of these files are not kept and would be fetched.
pub async fn missing_bytes(wanted: &[&File], store: Option<&Store>) -> u64 {
    let mut missing = 0;
    for file in wanted {
        let is_kept = match store {
            Some(store) => store.has(&file.sha256).await,
            None => false,
        };
        missing += if is_kept { 0 } else { file.bytes };
    }
    missing
}

/// Loads some files of the bundle in `folder`. `progress` hears finished and all bytes.
pub async fn files(
    folder: &str,
    wanted: &[&File],
    store: Option<&Store>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Files, Error> {
    let total = wanted.iter().map(|file| file.bytes).sum();
    let mut done = 0;
    let mut files = Files {
        contents: BTreeMap::new(),
        fetched: 0,
        kept: true,
    };
    for file in wanted {
        progress(done, total);
        let contents = match read_kept(file, store).await {
            Some(contents) => contents,
            None => {
                let contents = fetch_part(folder, file, store, |part| progress(done + part, total)).await?;
                files.fetched += file.bytes;
                files.kept &= match store {
                    Some(store) => store.write(&file.sha256, &contents).await,
                    None => false,
                };
                contents
            }
        };
        done += file.bytes;
        files.contents.insert(file.name.clone(), contents);
    }
    progress(done, total);
    Ok(files)
}

/// A part from an earlier visit, if it is there and still what it was.
async fn read_kept(file: &File, store: Option<&Store>) -> Option<Vec<u8>> {
    let store = store?;
    let contents = store.read(&file.sha256).await?;
    if file.verify(&contents).is_err() {
        store.forget(&file.sha256).await;
        return None;
    }
    Some(contents)
}

async fn fetch_part(
    folder: &str,
    file: &File,
    store: Option<&Store>,
    mut progress: impl FnMut(u64),
) -> Result<Vec<u8>, Error> {
    let url = format!("{folder}{}", file.name);
    let (mut pieces, mut bytes) = Pieces::read(store, file).await;
    let mut damage = String::new();
    // The browser's own cache may still hold this name's contents from before an update of the site, so a
    // part that does not fit its hash is asked for once more from the server itself.
    for cache in [RequestCache::Default, RequestCache::Reload] {
        let fetched = fetch_on(file, &url, cache, &mut pieces, &mut bytes, &mut progress).await;
        damage = match fetched {
            Ok(()) => match file.verify(&bytes) {
                Ok(()) => {
                    pieces.forget().await;
                    return Ok(bytes);
                }
                Err(error) => error.to_string(),
            },
            Err(FetchError::TooLarge { limit, .. }) => format!("it is larger than {limit} bytes"),
            Err(error) => return Err(error.into()),
        };
        pieces.forget().await;
        bytes.clear();
    }
    Err(Error::Damaged {
        file: file.name.clone(),
        reason: damage,
    })
}

/// Fetches a part to its end, for as long as every try brings more of it than there ever was. What has
/// arrived is kept, so that the next visit goes on from there.
async fn fetch_on(
    file: &File,
    url: &str,
    cache: RequestCache,
    pieces: &mut Pieces<'_>,
    bytes: &mut Vec<u8>,
    progress: &mut impl FnMut(u64),
) -> Result<(), FetchError> {
    let limit = file.bytes as usize;
    let mut most = bytes.len();
    if most == limit {
        return Ok(());
    }
    loop {
        let fetched = fetch(&file.name, url, limit, cache, bytes, async |so_far| {
            progress(so_far.len() as u64);
            pieces.keep(so_far, false).await;
        })
        .await;
        let Err(FetchError::Interrupted { .. } | FetchError::Silent { .. }) = fetched else {
            return fetched;
        };
        pieces.keep(bytes, true).await;
        if bytes.len() <= most {
            return fetched;
        }
        most = bytes.len();
        TimeoutFuture::new(PAUSE_MS).await;
    }
}
