//! The folder of a run, which explains itself: settings, statistics, grids, checkpoints, snapshots.

mod curves;
mod events;
mod hold;
mod lines;

pub use curves::{Curve, Group, Moment, read_curves};

use super::{Error, Figures, Measuring, Schedule, StepFigures, checkpoint, file_error, io_error};
use crate::{
    art::pixel_from_values,
    data::{Links, read_regular, unfinished},
};
use atomic_write_file::AtomicWriteFile;
use burn::tensor::Tensor;
use hold::{Hidden, Lock, clear_hidden};
use lines::each_line;
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

/// One line of `stats.jsonl`: averages since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tick<T> {
    /// Thousands of real pictures shown since the start of the run.
    pub kimg: f64,
    /// Training time since the start of the run, over all its sittings.
    pub duration_secs: f64,
    /// Seconds for a thousand pictures since the line before.
    pub secs_per_kimg: f64,
    /// Averages of what the steps measured.
    #[serde(flatten)]
    pub stats: T,
    /// What was measured at this moment, where a checkpoint was.
    #[serde(flatten, deserialize_with = "measures")]
    pub figures: Figures,
}

/// Those of the fields that no other part of a [`Tick`] knows that are measures; lines of other versions may
/// have more.
fn measures<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Figures, D::Error> {
    let fields = BTreeMap::<String, serde_json::Value>::deserialize(deserializer)?;
    let measured = fields.into_iter().filter_map(|(name, value)| {
        let is_measure = Group::of(&name) == Group::Metrics;
        Some((name, value.as_f64()?)).filter(|_| is_measure)
    });
    Ok(measured.collect())
}

impl<T> Tick<T> {
    /// Real pictures shown since the start of the run.
    fn images_seen(&self) -> u64 {
        (self.kimg * 1000.0).round() as u64
    }
}

/// What a kind of training is asked to do, as its run folder holds it.
pub trait RunSettings: Serialize + DeserializeOwned {
    /// What a step of it measures.
    type Stats: StepFigures;

    /// The names of the kinds that have these settings.
    const KINDS: &[&str];

    /// Further files in its folders, besides settings and statistics.
    const FILES: &[&str];

    /// Which of the [`KINDS`](Self::KINDS) it is: its name in the names of folders.
    fn kind(&self) -> &'static str {
        Self::KINDS[0]
    }

    /// The collection's name, as people say it; may be empty.
    fn collection(&self) -> &str;

    /// How long it takes.
    fn schedule(&self) -> Schedule;

    /// Determines everything random in it.
    fn seed(&self) -> u64;

    /// What is measured of drawn pictures while it trains, where it trains something that draws.
    fn measuring(&self) -> Option<&Measuring> {
        None
    }

    /// Whether a run may begin without any checkpoint.
    ///
    /// # Errors
    /// Why not, in words.
    fn begins(&self) -> Result<(), String> {
        Ok(())
    }

    /// Checks what a hand may have edited.
    ///
    /// # Errors
    /// In words.
    fn validate(&self) -> Result<(), String>;
}

const SETTINGS: &str = "training_options.json";
/// Settings are no longer than this.
const MAX_SETTINGS_BYTES: u64 = 1 << 20;

/// What the run in the folder `dir` trains, by its [kind](RunSettings::kind).
///
/// # Errors
///
/// [`Error::Io`] when it holds no settings, [`Error::File`] when they are no JSON object.
pub fn run_kind(dir: &Path) -> Result<String, Error> {
    let (path, text) = read_settings(dir)?;
    kind_of(&path, &text)
}

fn read_settings(dir: &Path) -> Result<(PathBuf, Vec<u8>), Error> {
    let path = dir.join(SETTINGS);
    let text = read_regular(&path, Links::Followed, MAX_SETTINGS_BYTES);
    let text = text.map_err(io_error("read", &path))?;
    Ok((path, text))
}

fn kind_of(path: &Path, settings: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Kind {
        kind: Option<String>,
        image_tower: Option<serde::de::IgnoredAny>,
    }
    let found: Kind = serde_json::from_slice(settings).map_err(|error| file_error("read", path, error))?;
    // Runs of before there were many kinds did not store theirs: they trained a CLIP or a StyleGAN2.
    let before = match found.image_tower {
        Some(_) => "clip",
        None => "stylegan2",
    };
    Ok(found.kind.unwrap_or_else(|| before.to_owned()))
}

/// A run folder such as `00012-stylegan2-pixel-art`.
///
/// One that was [created](Self::create) or [resumed](Self::resume) is held until it is dropped: no other
/// training can write into it. To [open](Self::open) one is enough to read it.
#[derive(Debug)]
pub struct RunFolder<S> {
    /// Where it is.
    pub dir: PathBuf,
    /// What it was asked to do.
    pub settings: S,
    /// A new folder, until it is shown. Dropped before the lock, which lies in it.
    hidden: Option<Hidden>,
    lock: Option<Lock>,
}

impl<S: RunSettings> RunFolder<S> {
    /// Marks a folder as a run, and holds its settings.
    pub const SETTINGS: &str = SETTINGS;
    const STATS: &str = curves::STATS;

    /// Makes a hidden folder in `runs`, which gets its number when the trainer has opened it: a start that
    /// fails leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when a setting is not valid, [`Error::Io`] when nothing can be written there.
    pub fn create(runs: &Path, settings: S) -> Result<Self, Error> {
        settings.validate().map_err(Error::Settings)?;
        fs::create_dir_all(runs).map_err(io_error("create", runs))?;
        clear_hidden(runs);
        let (hidden, lock) = Hidden::new(runs)?;
        let run = Self {
            dir: hidden.path().to_owned(),
            settings,
            hidden: Some(hidden),
            lock: Some(lock),
        };
        run.write_settings()?;
        Ok(run)
    }

    /// Whether there is a run of this kind in `dir`.
    pub fn is_there(dir: &Path) -> bool {
        run_kind(dir).is_ok_and(|kind| S::KINDS.contains(&&*kind))
    }

    /// Opens the folder of an earlier run to read it.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when it holds no settings, [`Error::File`] when they are not valid or of another kind.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let (path, text) = read_settings(dir)?;
        let kind = kind_of(&path, &text)?;
        if !S::KINDS.contains(&&*kind) {
            return Err(file_error(
                "read",
                &path,
                format!("the run trains {kind}, expected {}", S::KINDS.join(" or ")),
            ));
        }
        let settings: S = serde_json::from_slice(&text).map_err(|error| file_error("read", &path, error))?;
        settings
            .validate()
            .map_err(|error| file_error("read", &path, error))?;
        Ok(Self {
            dir: dir.to_owned(),
            settings,
            hidden: None,
            lock: None,
        })
    }

    /// Opens the folder of an earlier run to go on with it, and removes what a kill left there.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and [`Error::Busy`] when another training holds it.
    pub fn resume(dir: &Path) -> Result<Self, Error> {
        // No run, no lock: a folder of something else is left as it is.
        Self::open(dir)?;
        let lock = Lock::take(dir)?;
        let run = Self {
            lock: Some(lock),
            // Once more: the training that held it may have changed them.
            ..Self::open(dir)?
        };
        checkpoint::tidy(dir)?;
        for entry in fs::read_dir(dir).map_err(io_error("list", dir))?.flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(Self::is_leftover) {
                let path = entry.path();
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        if let Some(runs) = dir.parent().filter(|runs| !runs.as_os_str().is_empty()) {
            clear_hidden(runs);
        }
        Ok(run)
    }

    /// Whether a file of this name is one that a training was still writing when it was killed.
    fn is_leftover(name: &str) -> bool {
        let numbered = |name: &str, prefix: &str, suffix: &str| {
            let number = name
                .strip_prefix(prefix)
                .and_then(|name| name.strip_suffix(suffix));
            number.is_some_and(|number| number.parse::<u64>().is_ok())
        };
        let of_ours = |name: &str| {
            [Self::SETTINGS, Self::STATS].contains(&name)
                || S::FILES.contains(&name)
                || numbered(name, "fakes", ".png")
                || numbered(name, "snapshot", ".bpk")
        };
        // Older versions called a snapshot so while they wrote it.
        unfinished(name).is_some_and(of_ours) || numbered(name, ".snapshot", ".bpk")
    }

    /// Whether this training may write into it.
    pub(super) fn is_held(&self) -> bool {
        self.lock.is_some()
    }

    /// Gives a new folder its number and its name. From here on it can be resumed.
    pub(super) fn show(&mut self) -> Result<(), Error> {
        let Some(hidden) = self.hidden.take() else {
            return Ok(());
        };
        let runs = hidden
            .path()
            .parent()
            .expect("it was made in a folder")
            .to_owned();
        let name: String = match self.settings.collection() {
            "" => "collection",
            name => name,
        }
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
        let kind = self.settings.kind();
        self.dir = hidden.show(&runs, |number| format!("{number:05}-{kind}-{name}"))?;
        Ok(())
    }

    /// Writes the settings again, after a resumed run was given others.
    pub fn write_settings(&self) -> Result<(), Error> {
        #[derive(Serialize)]
        struct OfKind<'a, S> {
            kind: &'static str,
            #[serde(flatten)]
            settings: &'a S,
        }
        let settings = OfKind {
            kind: self.settings.kind(),
            settings: &self.settings,
        };
        let text = serde_json::to_vec_pretty(&settings).expect("settings are plain data");
        write_whole(&self.dir.join(Self::SETTINGS), &text)
    }

    /// Where the statistics are.
    pub fn stats_path(&self) -> PathBuf {
        self.dir.join(Self::STATS)
    }

    /// All lines of the statistics; an unfinished last line, as a power cut leaves it, is passed over.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when they are there and cannot be read.
    pub fn ticks(&self) -> Result<Vec<Tick<S::Stats>>, Error> {
        let mut ticks = vec![];
        self.each_line(|_, tick| {
            ticks.extend(tick);
            true
        })?;
        Ok(ticks)
    }

    /// Gives every line of the statistics to `go_on`, with the place where it ends, until that says no.
    fn each_line(&self, mut go_on: impl FnMut(u64, Option<Tick<S::Stats>>) -> bool) -> Result<(), Error> {
        each_line(&self.stats_path(), |end, line| {
            Ok(go_on(
                end,
                line.and_then(|line| serde_json::from_slice(line).ok()),
            ))
        })
    }

    /// Appends a line to the statistics, and the same to TensorBoard's events.
    pub fn append(&self, tick: &Tick<S::Stats>) -> Result<(), Error> {
        let path = self.stats_path();
        let mut line = serde_json::to_vec(tick).expect("statistics are plain data");
        line.push(b'\n');
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(io_error("write", &path))?;
        let fields = serde_json::from_slice(&line).expect("a line of statistics is an object");
        events::append(&self.dir, tick.images_seen(), &fields)
    }

    /// Cuts off the lines after `images_seen` pictures, which a resumed run will write again, and what a kill
    /// left of a line. What stays keeps its bytes.
    pub(super) fn rewind(&self, images_seen: u64) -> Result<(), Error> {
        let mut kept = 0;
        self.each_line(|end, tick| match tick {
            Some(tick) if tick.images_seen() > images_seen => false,
            Some(_) => {
                kept = end;
                true
            }
            None => true,
        })?;
        let path = self.stats_path();
        if fs::metadata(&path).is_ok_and(|facts| facts.len() > kept) {
            fs::OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(|file| file.set_len(kept))
                .map_err(io_error("write", &path))?;
        }
        events::rewind(&self.dir, images_seen)
    }

    /// Waits until the statistics are on the disk, because a checkpoint that is there says that they are.
    pub(super) fn keep_stats(&self) -> Result<(), Error> {
        let path = self.stats_path();
        match fs::File::open(&path).and_then(|file| file.sync_all()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("write", &path)(error)),
            _ => Ok(()),
        }
    }
}

/// Writes `images [n, channels, h, w]` in `[-1, 1]` as a square grid to the PNG file `path`, with alpha where
/// they have it.
pub(super) fn write_grid(path: &Path, images: Tensor<4>) -> Result<(), Error> {
    let [n, c, h, w] = images.dims();
    let columns = (n as f64).sqrt().floor() as usize;
    let rows = n / columns;
    let grid = images
        .narrow(0, 0, rows * columns)
        .reshape([rows, columns, c, h, w])
        .permute([0, 3, 1, 4, 2]); // [rows, h, columns, w, c]
    let values: Vec<f32> = grid.into_data().iter::<f32>().collect();
    let at = |pixel: &[f32], channel: usize| pixel.get(channel).copied().unwrap_or(1.0);
    let bytes = values
        .chunks_exact(c)
        .flat_map(|pixel| pixel_from_values(std::array::from_fn(|channel| at(pixel, channel))))
        .collect();
    let picture = image::RgbaImage::from_raw((columns * w) as u32, (rows * h) as u32, bytes)
        .map(image::DynamicImage::from)
        .map(|picture| {
            if c == 4 {
                picture
            } else {
                picture.into_rgb8().into()
            }
        })
        .ok_or_else(|| file_error("write", path, "too large"))?;
    let mut png = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut png, image::ImageFormat::Png)
        .map_err(|error| file_error("write", path, error))?;
    write_whole(path, png.get_ref())
}

/// Writes a file beside its place and renames it there, so that it is never half there.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write_whole`], for what is not in memory.
pub(super) fn write_with(
    path: &Path,
    write: impl FnOnce(&mut AtomicWriteFile) -> std::io::Result<()>,
) -> Result<(), Error> {
    AtomicWriteFile::open(path)
        .and_then(|mut file| {
            write(&mut file)?;
            file.commit()
        })
        .map_err(io_error("write", path))
}

#[cfg(test)]
mod tests;
