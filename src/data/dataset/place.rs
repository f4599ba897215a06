//! Where the files of a dataset lie: in a folder, or in a zip, which is what NVIDIA's dataset tool writes by
//! default.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zip::ZipArchive;

use crate::data::files::{Links, open_regular};
use crate::data::{Error, io_error};

/// No PNG of a dataset is larger: 1024 x 1024 pixels take 3 MB even where nothing can be compressed.
const MAX_PICTURE_BYTES: u64 = 1 << 25;

/// A picture's file, opened.
pub(super) trait PictureFile: BufRead + Seek {}
impl<T: BufRead + Seek> PictureFile for T {}

/// The files of a dataset. Nothing is ever unpacked to the disk, and no name leaves the folder or the zip.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// Locked, because reading moves through the file. A folder has none.
    zip: Option<Mutex<ZipArchive<BufReader<File>>>>,
}

impl Place {
    /// # Errors
    /// When `path` is neither a folder nor a zip, or cannot be read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let facts = std::fs::metadata(path).map_err(io_error("open the dataset", path))?;
        let zip = if facts.is_dir() {
            None
        } else {
            let file = open_regular(path, Links::Followed).map_err(io_error("open the dataset", path))?;
            let zip = ZipArchive::new(BufReader::new(file)).map_err(|error| Error::NotADataset {
                path: path.to_path_buf(),
                reason: format!(
                    "expected a folder, or a zip of NVIDIA's dataset tool, and as a zip: {error}"
                ),
            })?;
            Some(Mutex::new(zip))
        };
        Ok(Self {
            path: path.to_path_buf(),
            zip,
        })
    }

    /// How messages call the file `name`.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The names of all PNGs, with forward slashes, in the order of their parts: a zip and its folder give
    /// the same.
    pub fn pictures(&self) -> Result<Vec<String>, Error> {
        let mut names = match &self.zip {
            None => self.pictures_of_folder()?,
            Some(zip) => self.pictures_of_zip(&zip.lock().unwrap_or_else(PoisonError::into_inner))?,
        };
        names.sort_by(|a, b| a.split('/').cmp(b.split('/')));
        Ok(names)
    }

    fn pictures_of_folder(&self) -> Result<Vec<String>, Error> {
        let mut names = vec![];
        for found in walkdir::WalkDir::new(&self.path).min_depth(1) {
            let found = found.map_err(|error| Error::Io {
                action: "list",
                path: error.path().unwrap_or(&self.path).to_path_buf(),
                source: error.into(),
            })?;
            if !is_png(found.path()) || found.file_type().is_dir() {
                continue;
            }
            let wrong = |reason: &str| Error::Picture {
                path: found.path().to_path_buf(),
                reason: reason.into(),
            };
            if found.file_type().is_symlink() {
                return Err(wrong(
                    "a symbolic link, which is not followed: copy the picture here",
                ));
            }
            if !found.file_type().is_file() {
                return Err(wrong("not a regular file: expected a picture"));
            }
            let relative = found.path().strip_prefix(&self.path).unwrap_or(found.path());
            let parts: Option<Vec<_>> = relative.iter().map(|part| part.to_str()).collect();
            let parts = parts.ok_or_else(|| wrong("its name is not UTF-8; rename it"))?;
            names.push(parts.join("/"));
        }
        Ok(names)
    }

    fn pictures_of_zip(&self, zip: &ZipArchive<BufReader<File>>) -> Result<Vec<String>, Error> {
        let mut names = vec![];
        for name in zip.file_names() {
            let name = name.map_err(|error| self.damaged(&error))?;
            let stays_inside = name
                .split('/')
                .all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']));
            // A folder's own entry ends in a slash.
            if name.ends_with('/') || !is_png(Path::new(&*name)) {
                continue;
            }
            if !stays_inside {
                return Err(Error::NotADataset {
                    path: self.path.clone(),
                    reason: format!("it holds {name:?}, expected names such as 00000/img00000000.png"),
                });
            }
            names.push(name.into_owned());
        }
        Ok(names)
    }

    /// Opens a picture. One in a zip is unpacked in memory, and its checksum must be right.
    pub fn picture(&self, name: &str) -> Result<Box<dyn PictureFile>, Error> {
        let Some(zip) = &self.zip else {
            let path = self.path_of(name);
            let file = open_regular(&path, Links::Refused).map_err(io_error("read", &path))?;
            return Ok(Box::new(BufReader::new(file)));
        };
        let wrong = |reason: String| Error::Picture {
            path: self.path_of(name),
            reason,
        };
        let mut zip = zip.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = zip.by_name(name).map_err(|error| wrong(error.to_string()))?;
        let mut bytes = vec![];
        entry
            .take(MAX_PICTURE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| wrong(format!("cannot be unpacked: {error}")))?;
        if bytes.len() as u64 > MAX_PICTURE_BYTES {
            return Err(wrong(format!(
                "too big: expected at most {MAX_PICTURE_BYTES} bytes"
            )));
        }
        Ok(Box::new(Cursor::new(bytes)))
    }

    /// Gives the text file `name` to `read`, or nothing where there is none; what it has beyond `limit` bytes
    /// is an error.
    pub fn text<T>(
        &self,
        name: &str,
        limit: u64,
        read: impl FnOnce(&mut dyn BufRead) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let path = self.path_of(name);
        let too_big = || {
            let reason = format!("it is too big: expected at most {limit} bytes");
            io_error("read", &path)(std::io::Error::new(ErrorKind::FileTooLarge, reason))
        };
        let Some(zip) = &self.zip else {
            let file = match open_regular(&path, Links::Refused) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                opened => opened.map_err(io_error("read", &path))?,
            };
            if file.metadata().map_err(io_error("read", &path))?.len() > limit {
                return Err(too_big());
            }
            return read(&mut BufReader::new(file.take(limit))).map(Some);
        };
        let mut zip = zip.lock().unwrap_or_else(PoisonError::into_inner);
        if zip.index_for_name(name).is_none() {
            return Ok(None);
        }
        let entry = zip.by_name(name).map_err(|error| self.damaged(&error))?;
        if entry.size() > limit {
            return Err(too_big());
        }
        read(&mut BufReader::new(entry.take(limit))).map(Some)
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> Error {
        Error::NotADataset {
            path: self.path.clone(),
            reason: format!("the zip is damaged: {error}"),
        }
    }
}

fn is_png(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}
