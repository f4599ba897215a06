//! The dataset reader: the folder layout of StyleGAN's dataset tool (square PNGs below numbered folders and
//! `dataset.json`) with the captions of a Hugging Face imagefolder (`metadata.jsonl`).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use image::{ColorType, ImageDecoder, ImageReader};
use serde::{Deserialize, Serialize};

use super::{Error, Provenance, Trait, io_error};

/// Datasets whose pixels fit into this much memory are decoded once.
const CACHE_BYTES: usize = 1 << 30;

/// One line of `metadata.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The picture's path inside the dataset, with forward slashes.
    pub file_name: String,
    /// The caption.
    #[serde(default)]
    pub text: String,
    /// The traits that the caption was made from; other tools' datasets have none.
    #[serde(default)]
    pub attributes: Vec<Trait>,
}

/// An opened dataset: pictures of one size, each with a caption.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    resolution: usize,
    entries: Vec<Entry>,
    provenance: Provenance,
    /// One cell a picture, or none when the whole set would not fit.
    cache: Vec<OnceLock<Vec<u8>>>,
}

impl Dataset {
    /// Written last by `guise prepare`, so that a folder with it is complete.
    pub const LABELS_FILE_NAME: &str = "dataset.json";
    /// The captions.
    pub const METADATA_FILE_NAME: &str = "metadata.jsonl";

    /// Opens the dataset in `dir`.
    ///
    /// Reads every JSON file and every picture's header, no pixels: a picture of another size, a caption
    /// without a picture or a folder that is no dataset is found here, before hours of training are.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let not_a_dataset = |reason: String| Error::NotADataset {
            path: dir.to_path_buf(),
            reason,
        };
        let labels_path = dir.join(Self::LABELS_FILE_NAME);
        if !labels_path.is_file() {
            return Err(not_a_dataset(format!(
                "it has no {}; make one with `guise prepare`, or run that again if it was interrupted",
                Self::LABELS_FILE_NAME
            )));
        }
        let labels = File::open(&labels_path).map_err(io_error("read", &labels_path))?;
        serde_json::from_reader::<_, serde::de::IgnoredAny>(BufReader::new(labels)).map_err(|source| {
            Error::Json {
                line: source.line(),
                path: labels_path,
                source,
            }
        })?;

        let names = picture_names(dir)?;
        let Some(first) = names.first() else {
            return Err(not_a_dataset("it holds no PNG".into()));
        };
        let resolution = side(&dir.join(first), None)?;
        for name in &names[1..] {
            side(&dir.join(name), Some(resolution))?;
        }

        let mut captions = read_captions(&dir.join(Self::METADATA_FILE_NAME))?;
        let entries: Vec<Entry> = names
            .into_iter()
            .map(|file_name| {
                captions.remove(&file_name).unwrap_or(Entry {
                    file_name,
                    text: String::new(),
                    attributes: vec![],
                })
            })
            .collect();
        if let Some(name) = captions.keys().min() {
            return Err(not_a_dataset(format!(
                "{} has a caption for {name:?}, and that picture is missing",
                Self::METADATA_FILE_NAME
            )));
        }

        let fits = entries.len().saturating_mul(3 * resolution * resolution) < CACHE_BYTES;
        let cache = if fits {
            entries.iter().map(|_| OnceLock::new()).collect()
        } else {
            vec![]
        };
        Ok(Self {
            dir: dir.to_path_buf(),
            resolution,
            entries,
            provenance: Provenance::read(dir)?,
            cache,
        })
    }

    /// The number of pictures; at least one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never true of an opened dataset.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The side of every picture in pixels, a power of two.
    pub fn resolution(&self) -> usize {
        self.resolution
    }

    /// The picture as RGB bytes, planes first: `[3, resolution, resolution]`, 0 to 255.
    ///
    /// # Errors
    /// When the picture cannot be decoded or has changed its size since the dataset was opened.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn read(&self, index: usize) -> Result<Vec<u8>, Error> {
        let path = self.dir.join(&self.entries[index].file_name);
        match self.cache.get(index) {
            None => decode(&path, self.resolution),
            Some(cell) => match cell.get() {
                Some(pixels) => Ok(pixels.clone()),
                None => {
                    let pixels = decode(&path, self.resolution)?;
                    Ok(cell.get_or_init(|| pixels).clone())
                }
            },
        }
    }

    /// The picture's caption; empty when the dataset has none for it.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn caption(&self, index: usize) -> &str {
        &self.entries[index].text
    }

    /// The picture's traits; empty when the dataset names none.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn traits(&self, index: usize) -> &[Trait] {
        &self.entries[index].attributes
    }

    /// Whose pictures these are.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}

/// The paths of all PNGs below `dir`, with forward slashes, in order.
fn picture_names(dir: &Path) -> Result<Vec<String>, Error> {
    let mut names = vec![];
    for found in walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name() {
        let found = found.map_err(|error| {
            let path = error.path().unwrap_or(dir).to_path_buf();
            Error::Io {
                action: "list",
                path,
                source: error.into(),
            }
        })?;
        let is_png = found
            .path()
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        if !is_png || !found.file_type().is_file() {
            continue;
        }
        let relative = found.path().strip_prefix(dir).unwrap_or(found.path());
        let name = relative
            .iter()
            .map(|part| part.to_str())
            .collect::<Option<Vec<_>>>();
        names.push(name.map(|parts| parts.join("/")).ok_or_else(|| Error::Picture {
            path: found.path().to_path_buf(),
            reason: "its name is not UTF-8; rename it".into(),
        })?);
    }
    Ok(names)
}

/// Reads `metadata.jsonl`, by file name; a dataset without one has no captions.
fn read_captions(path: &Path) -> Result<HashMap<String, Entry>, Error> {
    let file = match File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        opened => opened.map_err(io_error("read", path))?,
    };
    let mut captions = HashMap::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(io_error("read", path))?;
        if line.trim().is_empty() {
            continue;
        }
        let entry: Entry = serde_json::from_str(&line).map_err(|source| Error::Json {
            path: path.to_path_buf(),
            line: number + 1,
            source,
        })?;
        captions.insert(entry.file_name.clone(), entry);
    }
    Ok(captions)
}

fn picture_error(path: &Path, reason: String) -> Error {
    Error::Picture {
        path: path.to_path_buf(),
        reason,
    }
}

/// Opens a PNG and reads its header.
fn open_png(path: &Path) -> Result<impl ImageDecoder, Error> {
    let reader = ImageReader::open(path).map_err(io_error("read", path))?;
    let mut reader = reader;
    reader.set_format(image::ImageFormat::Png);
    reader
        .into_decoder()
        .map_err(|error| picture_error(path, format!("not a readable PNG: {error}")))
}

/// The side of the square picture in `path`, read from its header.
fn side(path: &Path, expected: Option<usize>) -> Result<usize, Error> {
    let decoder = open_png(path)?;
    check_header(path, &decoder, expected)
}

fn check_header(path: &Path, decoder: &impl ImageDecoder, expected: Option<usize>) -> Result<usize, Error> {
    let (width, height) = decoder.dimensions();
    let side = width as usize;
    match expected {
        Some(expected) if (side, height as usize) != (expected, expected) => Err(picture_error(
            path,
            format!("it is {width}x{height}, expected {expected}x{expected} like the first"),
        )),
        None if width != height || !side.is_power_of_two() || !(4..=1024).contains(&side) => {
            Err(picture_error(
                path,
                format!(
                    "it is {width}x{height}, expected a square whose side is a power of two from 4 to 1024; use `guise prepare`"
                ),
            ))
        }
        _ => Ok(side),
    }
}

/// Decodes a picture of the dataset into planes.
fn decode(path: &Path, resolution: usize) -> Result<Vec<u8>, Error> {
    let decoder = open_png(path)?;
    check_header(path, &decoder, Some(resolution))?;
    if !matches!(decoder.color_type(), ColorType::Rgb8 | ColorType::L8) {
        let found = decoder.color_type();
        return Err(picture_error(
            path,
            format!("its pixels are {found:?}, expected 8-bit RGB; use `guise prepare`"),
        ));
    }
    let picture = image::DynamicImage::from_decoder(decoder)
        .map_err(|error| picture_error(path, format!("cannot be decoded: {error}")))?
        .into_rgb8();
    let mut planes = Vec::with_capacity(3 * resolution * resolution);
    for channel in 0..3 {
        planes.extend(picture.pixels().map(|pixel| pixel.0[channel]));
    }
    Ok(planes) // [3, resolution, resolution]
}

#[cfg(test)]
mod tests;
