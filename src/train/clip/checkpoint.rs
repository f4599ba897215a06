//! A CLIP's checkpoints, in the form of a generator's.

use super::{ClipRun, ClipState, Towers};
use crate::{
    networks::NetworkConfig,
    train::{
        Error,
        checkpoint::{Found, Progress, check_optimizer, newest, newest_sound, put},
        file_error,
    },
};
use burn::{module::Module, tensor::Device};
use std::path::{Path, PathBuf};

const TOWERS: &str = "towers.bpk";
const OPTIMIZER: &str = "optimizer.bpk";

const FILES: [&str; 3] = [OPTIMIZER, Progress::FILE, TOWERS];

/// Writes a checkpoint; gives its folder.
pub(super) fn save(run: &ClipRun, state: &ClipState, duration_secs: f64) -> Result<PathBuf, Error> {
    let kimg = state.images_seen(&run.settings) / 1000;
    run.keep_stats()?;
    put(&run.dir, kimg, &FILES, |dir| {
        let (towers, optimizer) = (dir.join(TOWERS), dir.join(OPTIMIZER));
        let valid = state.towers.valid();
        valid
            .save_file(&towers)
            .map_err(|error| file_error("write", &towers, error))?;
        state
            .optimizer
            .save(&optimizer)
            .map_err(|error| file_error("write", &optimizer, error))?;
        Progress {
            step: state.step,
            duration_secs,
        }
        .write(dir)
    })
}

/// The state of the newest sound checkpoint, and the training time up to it in seconds; the run must be held.
///
/// # Errors
///
/// As [`newest_sound`].
pub(super) fn resume(run: &ClipRun, device: &Device) -> Result<Found<(ClipState, f64)>, Error> {
    newest_sound(&run.dir, &FILES, |dir| load(run, dir, device))
}

fn load(run: &ClipRun, dir: &Path, device: &Device) -> Result<(ClipState, f64), Error> {
    let progress = Progress::read(dir)?;
    let state = ClipState::init(&run.settings, device);
    let towers = read(state.towers, dir)?;
    let optimizer = dir.join(OPTIMIZER);
    check_optimizer(&optimizer, &towers, progress.step)?;
    let state = ClipState {
        towers,
        optimizer: state
            .optimizer
            .load(&optimizer)
            .map_err(|error| file_error("read", &optimizer, error))?,
        step: progress.step,
    };
    Ok((state, progress.duration_secs))
}

fn read(towers: Towers, dir: &Path) -> Result<Towers, Error> {
    let path = dir.join(TOWERS);
    towers
        .try_load_file(&path)
        .map_err(|error| file_error("read", &path, error))
}

/// The towers of the run's newest checkpoint.
///
/// # Errors
///
/// [`Error::File`] when the run has no checkpoint yet, or the newest one is damaged or does not fit its settings.
pub fn load_towers(run: &ClipRun, device: &Device) -> Result<Towers, Error> {
    let dir = newest(&run.dir, &FILES)?;
    let settings = &run.settings;
    let towers = Towers {
        image: settings.image_tower.init(device),
        text: settings.text_tower.init_projection(device),
    };
    read(towers, &dir)
}
