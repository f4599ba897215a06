//! Checkpoints, which hold everything to resume, and snapshots, which hold what is published.
//!
//! Both are burnpack files. A checkpoint is a folder that is written beside its place and renamed, so
//! that it is there whole or not at all.

use super::{Error, Run, TrainState, file_error, io_error};
use crate::networks::generators::stylegan2::Generator;
use burn::{module::Module, tensor::Device};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The part of a checkpoint that is no tensor.
#[derive(Serialize, Deserialize)]
pub(super) struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Training time up to here.
    pub duration_secs: f64,
}

impl Progress {
    /// Writes it into the checkpoint folder `dir`.
    pub fn write(&self, dir: &Path) -> Result<(), Error> {
        let path = dir.join(STATE);
        let text = serde_json::to_vec(self).expect("progress is plain data");
        fs::write(&path, text).map_err(io_error("write", &path))
    }

    /// Reads it from the checkpoint folder `dir`.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(STATE);
        let text = fs::read(&path).map_err(io_error("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| file_error("read", &path, error))
    }
}

const STATE: &str = "state.json";
const GENERATOR: &str = "generator.bpk";
const DISCRIMINATOR: &str = "discriminator.bpk";
const G_EMA: &str = "g_ema.bpk";
const GENERATOR_OPTIMIZER: &str = "generator_optimizer.bpk";
const DISCRIMINATOR_OPTIMIZER: &str = "discriminator_optimizer.bpk";

/// A run keeps this many checkpoints, so that one that turns out bad has a predecessor.
const KEPT: usize = 2;

/// Writes a checkpoint and the snapshot that goes with it; gives the checkpoint's folder.
pub(super) fn save(run: &Run, state: &TrainState, duration_secs: f64) -> Result<PathBuf, Error> {
    let kimg = state.images_seen(&run.settings) / 1000;
    let dir = put(&run.dir, kimg, |dir| write(dir, state, duration_secs))?;

    let snapshot = run.dir.join(format!("snapshot{kimg:06}.bpk"));
    let partial = run.dir.join(format!(".snapshot{kimg:06}.bpk"));
    fs::copy(dir.join(G_EMA), &partial).map_err(io_error("write", &partial))?;
    fs::rename(&partial, &snapshot).map_err(io_error("rename", &partial))?;
    Ok(dir)
}

/// Puts a checkpoint into the run folder `run`, there whole or not at all: `write` fills a folder that is then
/// renamed, and old ones go.
pub(super) fn put(
    run: &Path,
    kimg: u64,
    write: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let dir = run.join(format!("checkpoint{kimg:06}"));
    let partial = run.join(format!(".checkpoint{kimg:06}.partial"));
    remove_if_there(&partial)?;
    let written = fs::create_dir(&partial)
        .map_err(io_error("create", &partial))
        .and_then(|()| write(&partial))
        .and_then(|()| reach_the_disk(&partial));
    if written.is_err() {
        // The disk may be full: give back what the half checkpoint takes.
        let _ = fs::remove_dir_all(&partial);
    }
    written?;
    remove_if_there(&dir)?;
    fs::rename(&partial, &dir).map_err(io_error("rename", &partial))?;

    let all = numbered(run, "checkpoint", "")?;
    for (_, old) in &all[..all.len().saturating_sub(KEPT)] {
        remove_if_there(old)?;
    }
    Ok(dir)
}

/// A rename may reach the disk before the bytes that it names.
fn reach_the_disk(dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))?.flatten() {
        fs::File::open(entry.path())
            .and_then(|file| file.sync_all())
            .map_err(io_error("write", &entry.path()))?;
    }
    Ok(())
}

fn write(dir: &Path, state: &TrainState, duration_secs: f64) -> Result<(), Error> {
    let file = |name: &str| dir.join(name);
    let failed = |name: &str| {
        let path = file(name);
        move |error: burn::store::RecordError| file_error("write", &path, error)
    };
    state
        .generator
        .valid()
        .save_file(file(GENERATOR))
        .map_err(failed(GENERATOR))?;
    state
        .discriminator
        .valid()
        .save_file(file(DISCRIMINATOR))
        .map_err(failed(DISCRIMINATOR))?;
    state
        .g_ema
        .clone()
        .save_file(file(G_EMA))
        .map_err(failed(G_EMA))?;
    state
        .generator_optimizer
        .save(file(GENERATOR_OPTIMIZER))
        .map_err(failed(GENERATOR_OPTIMIZER))?;
    state
        .discriminator_optimizer
        .save(file(DISCRIMINATOR_OPTIMIZER))
        .map_err(failed(DISCRIMINATOR_OPTIMIZER))?;
    Progress {
        step: state.step,
        duration_secs,
    }
    .write(dir)
}

/// The newest checkpoint's folder, if the run has one.
pub(super) fn latest(run: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(numbered(run, "checkpoint", "")?.pop().map(|(_, path)| path))
}

/// The state in the checkpoint folder `dir`, and the training time up to it in seconds.
pub(super) fn load(run: &Run, dir: &Path, device: &Device) -> Result<(TrainState, f64), Error> {
    let progress = Progress::read(dir)?;
    let file = |name: &str| dir.join(name);
    let failed = |name: &str| {
        let path = file(name);
        move |error: burn::store::RecordError| file_error("read", &path, error)
    };
    let state = TrainState::init(&run.settings, device);
    let state = TrainState {
        generator: state
            .generator
            .try_load_file(file(GENERATOR))
            .map_err(failed(GENERATOR))?,
        discriminator: state
            .discriminator
            .try_load_file(file(DISCRIMINATOR))
            .map_err(failed(DISCRIMINATOR))?,
        g_ema: state.g_ema.try_load_file(file(G_EMA)).map_err(failed(G_EMA))?,
        generator_optimizer: state
            .generator_optimizer
            .load(file(GENERATOR_OPTIMIZER))
            .map_err(failed(GENERATOR_OPTIMIZER))?,
        discriminator_optimizer: state
            .discriminator_optimizer
            .load(file(DISCRIMINATOR_OPTIMIZER))
            .map_err(failed(DISCRIMINATOR_OPTIMIZER))?,
        step: progress.step,
    };
    Ok((state, progress.duration_secs))
}

/// The averaged generator of the run's newest snapshot, and how many kimg it was trained for.
///
/// # Errors
///
/// [`Error::File`] when the run has no snapshot yet or the newest one does not fit its settings.
pub fn load_snapshot(run: &Run, device: &Device) -> Result<(Generator, u64), Error> {
    let (kimg, path) = numbered(&run.dir, "snapshot", ".bpk")?.pop().ok_or_else(|| {
        file_error(
            "find a snapshot in",
            &run.dir,
            "train it first, to at least one tick",
        )
    })?;
    let generator = run
        .settings
        .network
        .init_generator(device)
        .try_load_file(&path)
        .map_err(|error| file_error("read", &path, error))?;
    Ok((generator, kimg))
}

/// Entries of `dir` named `<prefix><number><suffix>`, in the order of their numbers.
fn numbered(dir: &Path, prefix: &str, suffix: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .map_err(io_error("list", dir))?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name
                .to_str()?
                .strip_prefix(prefix)?
                .strip_suffix(suffix)?
                .parse()
                .ok()?;
            Some((number, entry.path()))
        })
        .collect();
    found.sort();
    Ok(found)
}

fn remove_if_there(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io_error("remove", dir)(error)),
        _ => Ok(()),
    }
}
