//! The folder of a run, which explains itself: settings, statistics, grids, checkpoints, snapshots.

use super::{Error, TrainSettings, file_error, io_error};
use atomic_write_file::AtomicWriteFile;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    fs,
    io::Write,
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
}

/// What a kind of training is asked to do, as its run folder holds it.
pub trait RunSettings: Serialize + DeserializeOwned {
    /// What a step of it measures.
    type Stats: Serialize + DeserializeOwned;

    /// The kind's name in the names of its folders.
    const KIND: &str;

    /// The collection's name, as people say it; may be empty.
    fn collection(&self) -> &str;

    /// Checks what a hand may have edited.
    ///
    /// # Errors
    /// In words.
    fn validate(&self) -> Result<(), String>;
}

/// A run folder such as `00012-stylegan2-pixel-art`.
#[derive(Debug, Clone)]
pub struct RunFolder<S> {
    /// Where it is.
    pub dir: PathBuf,
    /// What it was asked to do.
    pub settings: S,
}

/// The run folder of a generator.
pub type Run = RunFolder<TrainSettings>;

impl<S: RunSettings> RunFolder<S> {
    /// Marks a folder as a run, and holds its settings.
    pub const SETTINGS: &str = "training_options.json";
    const STATS: &str = "stats.jsonl";

    /// Creates the next free numbered folder in `runs` and writes the settings into it.
    pub fn create(runs: &Path, settings: S) -> Result<Self, Error> {
        fs::create_dir_all(runs).map_err(io_error("create", runs))?;
        let number = |name: &str| {
            name.split_once('-')
                .and_then(|(number, _)| number.parse::<u32>().ok())
        };
        let mut next = fs::read_dir(runs)
            .map_err(io_error("list", runs))?
            .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
            .max()
            .map_or(0, |last| last + 1);
        let name: String = match settings.collection() {
            "" => "collection",
            name => name,
        }
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
        let dir = loop {
            let dir = runs.join(format!("{next:05}-{}-{name}", S::KIND));
            match fs::create_dir(&dir) {
                Ok(()) => break dir,
                // Another run took the number in the meantime.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => next += 1,
                Err(error) => return Err(io_error("create", &dir)(error)),
            }
        };
        let run = Self { dir, settings };
        run.write_settings()?;
        Ok(run)
    }

    /// Opens the folder of an earlier run.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(Self::SETTINGS);
        let text = fs::read(&path).map_err(io_error("read", &path))?;
        let settings: S = serde_json::from_slice(&text).map_err(|error| file_error("read", &path, error))?;
        settings
            .validate()
            .map_err(|error| file_error("read", &path, error))?;
        Ok(Self {
            dir: dir.to_owned(),
            settings,
        })
    }

    /// Writes the settings again, after a resumed run was given others.
    pub fn write_settings(&self) -> Result<(), Error> {
        let text = serde_json::to_vec_pretty(&self.settings).expect("settings are plain data");
        write_whole(&self.dir.join(Self::SETTINGS), &text)
    }

    /// Where the statistics are.
    pub fn stats_path(&self) -> PathBuf {
        self.dir.join(Self::STATS)
    }

    /// All lines of the statistics; an unfinished last line, as a power cut leaves it, is passed over.
    pub fn ticks(&self) -> Result<Vec<Tick<S::Stats>>, Error> {
        let path = self.stats_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Appends a line to the statistics.
    pub fn append(&self, tick: &Tick<S::Stats>) -> Result<(), Error> {
        let path = self.stats_path();
        let mut line = serde_json::to_vec(tick).expect("statistics are plain data");
        line.push(b'\n');
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(&line))
            .map_err(io_error("write", &path))
    }

    /// Drops the lines after `kimg`, which a resumed run will write again.
    pub fn rewind(&self, kimg: f64) -> Result<(), Error> {
        let kept: Vec<Tick<S::Stats>> = self
            .ticks()?
            .into_iter()
            .filter(|tick| tick.kimg <= kimg)
            .collect();
        let mut text = Vec::new();
        for tick in &kept {
            serde_json::to_writer(&mut text, tick).expect("statistics are plain data");
            text.push(b'\n');
        }
        write_whole(&self.stats_path(), &text)
    }
}

impl Run {
    /// Writes `images [n, 3, h, w]` in `[-1, 1]` as a square grid to `fakesNNNNNN.png`.
    pub fn write_grid(&self, kimg: f64, images: Tensor<4>) -> Result<(), Error> {
        let [n, c, h, w] = images.dims();
        let columns = (n as f64).sqrt().floor() as usize;
        let rows = n / columns;
        let grid = images
            .narrow(0, 0, rows * columns)
            .reshape([rows, columns, c, h, w])
            .permute([0, 3, 1, 4, 2]); // [rows, h, columns, w, c]
        let path = self.dir.join(format!("fakes{:06}.png", kimg as u64));
        let bytes: Vec<u8> = grid
            .into_data()
            .iter::<f32>()
            .map(|value| (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8)
            .collect();
        let picture = image::RgbImage::from_raw((columns * w) as u32, (rows * h) as u32, bytes)
            .ok_or_else(|| file_error("write", &path, format!("{c} channels, expected 3")))?;
        let mut png = std::io::Cursor::new(Vec::new());
        picture
            .write_to(&mut png, image::ImageFormat::Png)
            .map_err(|error| file_error("write", &path, error))?;
        write_whole(&path, png.get_ref())
    }
}

/// Writes a file beside its place and renames it there, so that nobody ever sees half of it.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    AtomicWriteFile::open(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.commit()
        })
        .map_err(io_error("write", path))
}
