//! From an address to checked bytes of every part of a bundle.

use super::{
    fetch::{Error as FetchError, fetch},
    store::Store,
};
use guise::weights::manifest::{File, Manifest};
use std::collections::{BTreeMap, BTreeSet};
use web_sys::RequestCache;

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

/// Fetches the manifest of the bundle in the folder at the address `folder`, and lets go of what is kept of
/// others.
pub async fn manifest(folder: &str, store: Option<&Store>) -> Result<Manifest, Error> {
    let url = format!("{folder}{}", Manifest::FILE_NAME);
    let limit = Manifest::MAX_BYTES as usize;
    // The manifest is small and says which parts are current: the browser asks the server every time.
    let json = fetch(Manifest::FILE_NAME, &url, limit, RequestCache::NoCache, |_| {}).await?;
    let manifest = Manifest::parse(&json).map_err(|error| Error::Manifest(error.to_string()))?;
    if let Some(store) = store {
        let current: BTreeSet<_> = manifest.files().map(|file| file.sha256.clone()).collect();
        store.forget_all_but(&current).await;
    }
    Ok(manifest)
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
                let contents = fetch_part(folder, file, |part| progress(done + part, total)).await?;
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

async fn fetch_part(folder: &str, file: &File, mut progress: impl FnMut(u64)) -> Result<Vec<u8>, Error> {
    let url = format!("{folder}{}", file.name);
    let mut damage = String::new();
    // The browser's own cache may still hold this name's contents from before an update of the site, so a
    // part that does not fit its hash is asked for once more from the server itself.
    for cache in [RequestCache::Default, RequestCache::Reload] {
        let mut arrived = 0;
        let contents = fetch(&file.name, &url, file.bytes as usize, cache, |bytes| {
            arrived += bytes as u64;
            progress(arrived);
        })
        .await;
        damage = match contents {
            Ok(contents) => match file.verify(&contents) {
                Ok(()) => return Ok(contents),
                Err(error) => error.to_string(),
            },
            Err(FetchError::TooLarge { limit, .. }) => format!("it is larger than {limit} bytes"),
            Err(error) => return Err(error.into()),
        };
    }
    Err(Error::Damaged {
        file: file.name.clone(),
        reason: damage,
    })
}
