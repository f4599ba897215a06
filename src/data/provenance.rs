//! Where a collection comes from and what may be done with it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Error, io_error};

/// Whose art it is and under which licence: `collection.json` beside the art.
///
/// It travels unchanged from the collection through dataset and run into the published bundle, because a model
/// may be passed on only as far as the pictures it was trained on. A collection without the file has an empty
/// provenance: it can be trained on, and publishing then asks for a licence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Provenance {
    /// The collection's name, as people say it.
    pub name: String,
    /// An SPDX identifier such as `CC0-1.0`, or the licence in words.
    #[serde(alias = "licence")]
    pub license: String,
    /// Whom to credit, in the words that the artist asks for.
    pub attribution: String,
    /// The address of the original.
    pub source: String,
}

impl Provenance {
    /// The file's name, in a collection and in a dataset alike.
    pub const FILE_NAME: &str = "collection.json";

    /// More than any provenance needs, little enough to read a hostile file whole.
    const MAX_BYTES: u64 = 1 << 20;

    /// Reads `collection.json` in `dir`; a folder without one has an empty provenance.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(Self::FILE_NAME);
        let bytes = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(io_error("read", &path)(error)),
            Ok(facts) if facts.len() > Self::MAX_BYTES => {
                let source = std::io::Error::other(format!("{} bytes, expected at most 1 MiB", facts.len()));
                return Err(io_error("read", &path)(source));
            }
            Ok(_) => std::fs::read(&path).map_err(io_error("read", &path))?,
        };
        serde_json::from_slice(&bytes).map_err(|source| Error::Json {
            line: source.line(),
            path: path.clone(),
            source,
        })
    }
}
