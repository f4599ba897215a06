//! The dataset reader: the folder layout of StyleGAN's dataset tool (square PNGs below numbered folders and
//! `dataset.json`), or a zip of it, with the captions of a Hugging Face imagefolder (`metadata.jsonl`).

mod classes;
mod place;
mod png;

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::path::Path;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use sha2::{Digest, Sha256};

pub use self::classes::Classes;
use self::place::Place;
use self::png::Shape;
use super::{Error, Provenance, Trait, io_error};
use crate::art::{PixelArt, on_gray, values_from_pixel};

/// Datasets whose pixels fit into this much memory are decoded once.
const CACHE_BYTES: usize = 1 << 30;
/// A million pictures with long captions have less.
const MAX_JSON_BYTES: u64 = 1 << 28;
/// No grid with its palette is longer.
const MAX_PIXEL_ART_BYTES: u64 = 1 << 16;
/// No caption with its traits is longer.
const MAX_LINE_BYTES: u64 = 1 << 20;

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
    /// The collection that the picture is from, where a dataset was prepared from several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub collection: String,
}

/// An opened dataset: pictures of one size, all with alpha or all without, each with a caption.
#[derive(Debug)]
pub struct Dataset {
    place: Place,
    shape: Shape,
    entries: Vec<Entry>,
    digest: String,
    provenance: Provenance,
    pixel_art: Option<PixelArt>,
    notes: Vec<String>,
    /// Whether `dataset.json` has labels.
    has_labels: bool,
    classes: Option<Classes>,
    /// One cell a picture, or none when the whole set would not fit.
    cache: Vec<OnceLock<Vec<u8>>>,
}

impl Dataset {
    /// Written last by `guise prepare`, so that a folder with it is complete.
    pub const LABELS_FILE_NAME: &str = "dataset.json";
    /// The captions.
    pub const METADATA_FILE_NAME: &str = "metadata.jsonl";
    /// Grid and palette, for pixel art. Other trainers know no file of this name and read the pictures alone.
    pub const PIXEL_ART_FILE_NAME: &str = "pixel_art.json";

    /// Opens the dataset in the folder or zip `path`.
    ///
    /// Reads every JSON file, and of every picture its header and which parts the file has, no pixels: a
    /// picture of another size or kind or half a picture, a caption without a picture or a folder that is no
    /// dataset is found here, before hours of training are.
    ///
    /// # Errors
    /// The first file that is wrong, with what it is and what was expected.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let not_a_dataset = |reason: String| Error::NotADataset {
            path: path.to_path_buf(),
            reason,
        };
        let place = Place::open(path)?;
        let json_error = |name: &str| {
            let path = place.path_of(name);
            move |source: serde_json::Error| Error::Json {
                line: source.line(),
                path,
                source,
            }
        };
        let labels = place.text(Self::LABELS_FILE_NAME, MAX_JSON_BYTES, |reader| {
            serde_json::from_reader::<_, Labels>(reader).map_err(json_error(Self::LABELS_FILE_NAME))
        })?;
        let labels = labels.ok_or_else(|| {
            not_a_dataset(format!(
                "it has no {}; make one with `guise prepare`, or run that again if it was interrupted",
                Self::LABELS_FILE_NAME
            ))
        })?;
        let mut notes = vec![];
        let has_labels = labels.labels.is_some();
        if has_labels {
            let path = place.path_of(Self::LABELS_FILE_NAME);
            notes.push(format!(
                "the class labels in {} {}",
                path.display(),
                classes::UNUSED_LABELS
            ));
        }

        let names = place.pictures()?;
        if names.is_empty() {
            return Err(not_a_dataset("it holds no PNG".into()));
        }
        let mut digest = Sha256::new();
        let mut shape = None;
        for name in &names {
            shape = Some(png::inspect(&place, name, shape, &mut digest)?);
        }
        let shape: Shape = shape.expect("there is a picture");
        if shape.channels == 4 {
            notes.push("its pictures have alpha, so what is trained on them draws transparent ones".into());
        }

        let metadata = place.path_of(Self::METADATA_FILE_NAME);
        let mut captions = place
            .text(Self::METADATA_FILE_NAME, MAX_JSON_BYTES, |reader| {
                read_captions(&metadata, reader)
            })?
            .unwrap_or_default();
        let entries: Vec<Entry> = names
            .into_iter()
            .map(|file_name| {
                captions.remove(&file_name).unwrap_or(Entry {
                    file_name,
                    text: String::new(),
                    attributes: vec![],
                    collection: String::new(),
                })
            })
            .collect();
        if let Some(name) = captions.keys().min() {
            return Err(not_a_dataset(format!(
                "{} has a caption for {name:?}, and that picture is missing",
                Self::METADATA_FILE_NAME
            )));
        }
        let provenance = place.text(Provenance::FILE_NAME, Provenance::MAX_BYTES, |reader| {
            serde_json::from_reader(reader).map_err(json_error(Provenance::FILE_NAME))
        })?;
        let pixel_art: Option<PixelArt> =
            place.text(Self::PIXEL_ART_FILE_NAME, MAX_PIXEL_ART_BYTES, |reader| {
                serde_json::from_reader(reader).map_err(json_error(Self::PIXEL_ART_FILE_NAME))
            })?;
        if let Some(art) = &pixel_art
            && let Err(error) = art.validate().and_then(|()| art.cell(shape.side))
        {
            let name = Self::PIXEL_ART_FILE_NAME;
            return Err(not_a_dataset(format!("in its {name}, {error}")));
        }

        let fits = entries
            .len()
            .saturating_mul(shape.channels * shape.side * shape.side)
            < CACHE_BYTES;
        let cache = if fits {
            entries.iter().map(|_| OnceLock::new()).collect()
        } else {
            vec![]
        };
        Ok(Self {
            place,
            shape,
            entries,
            digest: digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            provenance: provenance.unwrap_or_default(),
            pixel_art,
            notes,
            has_labels,
            classes: None,
            cache,
        })
    }

    /// Tells these pictures from others: a SHA-256 of all names and of the checksums in the PNGs, in
    /// hexadecimal. A folder and its zip have the same; captions do not count.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// What there is to say about what the dataset holds and how it is used, each as a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The number of pictures; at least one.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Never true of an opened dataset.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The side of every picture in pixels.
    pub fn resolution(&self) -> usize {
        self.shape.side
    }

    /// Channels of every picture: 3, or 4 with alpha.
    pub fn channels(&self) -> usize {
        self.shape.channels
    }

    /// The picture as its file has it, planes first: `[channels, resolution, resolution]`, 0 to 255.
    ///
    /// # Errors
    /// When the picture cannot be decoded or has changed its kind since the dataset was opened.
    ///
    /// # Panics
    /// When `index` is not below [`len`](Self::len).
    pub fn read(&self, index: usize) -> Result<Vec<u8>, Error> {
        let name = &self.entries[index].file_name;
        match self.cache.get(index) {
            None => png::decode(&self.place, name, self.shape),
            Some(cell) => match cell.get() {
                Some(pixels) => Ok(pixels.clone()),
                None => {
                    let pixels = png::decode(&self.place, name, self.shape)?;
                    Ok(cell.get_or_init(|| pixels).clone())
                }
            },
        }
    }

    /// The picture's colors for what knows no alpha, on middle gray where they are transparent: `[3,
    /// resolution, resolution]`, 0 to 255.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn read_on_gray(&self, index: usize) -> Result<Vec<u8>, Error> {
        let mut planes = self.read(index)?;
        let area = self.resolution().pow(2);
        if self.channels() == 4 {
            for place in 0..area {
                let pixel = std::array::from_fn(|channel| planes[channel * area + place]);
                for (channel, color) in on_gray(pixel).into_iter().enumerate() {
                    planes[channel * area + place] = color;
                }
            }
            planes.truncate(3 * area);
        }
        Ok(planes)
    }

    /// The pictures at these places as networks take them, one after another: `[channels, side, side]` each,
    /// in `[-1, 1]`, on middle gray where they are transparent; see
    /// [`values_from_pixel`](crate::art::values_from_pixel).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn images(&self, places: &[usize]) -> Result<Vec<f32>, Error> {
        let (channels, area) = (self.channels(), self.resolution().pow(2));
        let mut values = vec![0.0; places.len() * channels * area];
        for (&place, values) in places.iter().zip(values.chunks_exact_mut(channels * area)) {
            let planes = self.read(place)?;
            for place in 0..area {
                let at = |channel: usize| planes.get(channel * area + place).copied().unwrap_or(255);
                let pixel = values_from_pixel(std::array::from_fn(at));
                for (channel, value) in pixel.into_iter().take(channels).enumerate() {
                    values[channel * area + place] = value;
                }
            }
        }
        Ok(values)
    }

    /// The same for whatever knows colors only: `[3, side, side]` each, on middle gray where they are
    /// transparent.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn colors(&self, places: &[usize]) -> Result<Vec<f32>, Error> {
        let area = self.resolution().pow(2);
        let values = self.images(places)?;
        let pictures = values.chunks_exact(self.channels() * area);
        Ok(pictures
            .flat_map(|picture| &picture[..3 * area])
            .copied()
            .collect())
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

    /// The grid that all pictures lie on and the colors that they have, if they are pixel art.
    pub fn pixel_art(&self) -> Option<&PixelArt> {
        self.pixel_art.as_ref()
    }

    /// Whose pictures these are.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }
}

/// `dataset.json`: which pictures belong to which class, for networks that ask for one.
#[derive(Deserialize)]
struct Labels {
    /// None where it is null.
    #[serde(default)]
    labels: Option<IgnoredAny>,
}

/// Reads `metadata.jsonl`, by file name.
fn read_captions(path: &Path, mut reader: &mut dyn BufRead) -> Result<HashMap<String, Entry>, Error> {
    let mut captions = HashMap::new();
    let mut line = vec![];
    for number in 1.. {
        line.clear();
        let length = (&mut reader)
            .take(MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut line)
            .map_err(io_error("read", path))?;
        if length == 0 {
            break;
        }
        if length as u64 > MAX_LINE_BYTES {
            let reason = format!("line {number} is longer than {MAX_LINE_BYTES} bytes");
            return Err(io_error("read", path)(std::io::Error::other(reason)));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let entry: Entry = serde_json::from_slice(&line).map_err(|source| Error::Json {
            path: path.to_path_buf(),
            line: number,
            source,
        })?;
        captions.insert(entry.file_name.clone(), entry);
    }
    Ok(captions)
}

#[cfg(test)]
mod tests;
