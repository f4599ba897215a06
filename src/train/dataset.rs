//! Which dataset a run learns from, and whether it is still the one.

use super::{Error, bounds};
use crate::{art::PixelArt, data::Dataset};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The dataset of a run, as its settings hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainedOn {
    /// Its folder or zip.
    pub data: PathBuf,
    /// Pictures in it.
    pub dataset_len: usize,
    /// Its [`digest`](Dataset::digest); runs of before there was one have none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub dataset_digest: String,
    /// The grid and the colors of its pictures, if they are pixel art; runs of before that was looked for
    /// have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_art: Option<PixelArt>,
}

impl TrainedOn {
    /// What tells `dataset`, which lies at `path`, from others.
    pub fn new(dataset: &Dataset, path: &Path) -> Self {
        Self {
            // A run may be resumed from another folder.
            data: path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            dataset_len: dataset.len(),
            dataset_digest: dataset.digest().to_owned(),
            pixel_art: dataset.pixel_art().cloned(),
        }
    }

    /// Checks what a hand may have edited.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        bounds::within("dataset_len", self.dataset_len, 1, u32::MAX as usize)?;
        let is_hex = self.dataset_digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || !matches!(self.dataset_digest.len(), 0 | 64) {
            return Err(format!(
                "dataset_digest is {:?}, expected 64 hexadecimal digits",
                self.dataset_digest
            ));
        }
        match &self.pixel_art {
            Some(art) => art.validate().map_err(|error| error.to_string()),
            None => Ok(()),
        }
    }

    /// Opens the dataset to go on with, and says in a sentence if it is another. To give it again is to agree
    /// to that.
    ///
    /// One whose pictures do not have the run's `resolution` is opened as well: no consent helps, so the
    /// trainer refuses it.
    ///
    /// # Errors
    /// [`Error::Data`] when it cannot be read, [`Error::Settings`] when it is another and was not given.
    pub fn reopen(
        &mut self,
        given: Option<&Path>,
        resolution: usize,
    ) -> Result<(Dataset, Option<String>), Error> {
        let path = given.unwrap_or(&self.data);
        let dataset = Dataset::open(path)?;
        let found = Self::new(&dataset, path);
        let shown = path.display();
        let difference = if found.dataset_len != self.dataset_len {
            let (now, before) = (found.dataset_len, self.dataset_len);
            Some(format!(
                "{shown} has {now} pictures, and the run was trained on {before}"
            ))
        } else if !self.dataset_digest.is_empty() && found.dataset_digest != self.dataset_digest {
            let len = self.dataset_len;
            Some(format!(
                "{shown} has other pictures than those {len} that the run was trained on"
            ))
        } else {
            None
        };
        let difference = difference.filter(|_| dataset.resolution() == resolution);
        if let Some(difference) = difference.as_ref().filter(|_| given.is_none()) {
            return Err(Error::Settings(format!(
                "{difference}: put its pictures back, or add --data {shown} to go on with what is there now"
            )));
        }
        *self = found;
        Ok((
            dataset,
            difference.map(|difference| format!("{difference}: it goes on with what is there now")),
        ))
    }
}
