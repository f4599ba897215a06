//! Collections and datasets on disk: prepare, captions, the dataset reader; and the reader of pictures.
//!
//! A *collection* is what an artist has: a folder of pictures with ERC-721 style JSON beside them.
//! A *dataset* is what a trainer reads: square PNGs of one size with a caption each.

use std::path::{Path, PathBuf};

mod captions;
mod collect;
mod data_uri;
mod dataset;
mod files;
mod phrasing;
mod picture;
mod prepare;
mod printable;
mod provenance;
mod svg;
mod terms;
mod traits;

pub use captions::caption;
pub use collect::{
    ApiKey, CollectEvent, CollectOptions, CollectSummary, Ids, Missing, Rights, Source, collect,
};
pub use dataset::{Classes, Dataset, Entry};
pub use files::{Links, open_regular, read_regular, unfinished};
pub use phrasing::{Claim, Phrase, Phrasebook, Property, Subject, Values, Words};
pub use picture::{Animation, Colors, Picture, PictureFile, PictureLimits};
pub use prepare::{
    Background, PixelArtChoice, PrepareEvent, PrepareOptions, PrepareSummary, Skipped, prepare, prepare_all,
};
pub use printable::printable;
pub use provenance::Provenance;
pub use svg::draw_for_parent;
pub use terms::Terms;
pub use traits::Trait;

/// What goes wrong with a collection or a dataset as a whole.
///
/// A single bad picture in a collection is no error: it is skipped with a reason. A single bad picture in a
/// dataset is one, because nothing but `guise prepare` should have written it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", shown(path))]
    Io {
        /// What was being done, as a verb: "read", "write", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A JSON file does not hold what it must.
    #[error("{}, line {line}", shown(path))]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What the parser expected.
        source: serde_json::Error,
    },
    /// The folder is not a finished dataset.
    #[error("{} is not a dataset: {reason}", shown(path))]
    NotADataset {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong, and what to do.
        reason: String,
    },
    /// A picture is no picture, broken or too large.
    #[error("cannot read the picture {}: {reason}", shown(path))]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What was expected and what was found.
        reason: String,
    },
    /// Not one file of a collection can be used.
    #[error("{} holds no usable picture{}", shown(path), first_reasons(skipped))]
    NothingUsable {
        /// The collection.
        path: PathBuf,
        /// What it holds instead.
        skipped: Vec<Skipped>,
    },
    /// A setting or a folder cannot be used as asked.
    #[error("{0}")]
    Setting(String),
}

/// A path as messages may show it.
fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

/// Attaches what was being done, and to which file, to an error of the operating system.
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io {
        action,
        path: path.to_path_buf(),
        source,
    }
}

/// The first few of many reasons.
fn first_reasons(skipped: &[Skipped]) -> String {
    const SHOWN: usize = 5;
    let mut text = String::new();
    for Skipped { source, reason } in skipped.iter().take(SHOWN) {
        text += &format!("\n  {source}: {reason}");
    }
    if skipped.len() > SHOWN {
        text += &format!("\n  and {} more", skipped.len() - SHOWN);
    }
    text
}
