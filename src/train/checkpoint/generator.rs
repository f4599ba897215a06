//! A generator's checkpoints, and its snapshots, which hold what is published. All are burnpack files.

use super::{Found, Progress, check_optimizer, newest, newest_sound, numbered, put};
use crate::{
    networks::generators::Generator,
    train::{Error, Run, TrainState, file_error, run::write_with},
};
use burn::{module::Module, store::RecordError, tensor::Device};
use std::{
    io,
    path::{Path, PathBuf},
};

const GENERATOR: &str = "generator.bpk";
const DISCRIMINATOR: &str = "discriminator.bpk";
const G_EMA: &str = "g_ema.bpk";
const GENERATOR_OPTIMIZER: &str = "generator_optimizer.bpk";
const DISCRIMINATOR_OPTIMIZER: &str = "discriminator_optimizer.bpk";

const FILES: [&str; 6] = [
    DISCRIMINATOR,
    DISCRIMINATOR_OPTIMIZER,
    G_EMA,
    GENERATOR,
    GENERATOR_OPTIMIZER,
    Progress::FILE,
];

/// Writes a checkpoint and the snapshot that goes with it; gives the checkpoint's folder.
pub fn save(run: &Run, state: &TrainState, duration_secs: f64) -> Result<PathBuf, Error> {
    let kimg = state.images_seen(&run.settings) / 1000;
    run.keep_stats()?;
    let dir = put(&run.dir, kimg, &FILES, |dir| write(dir, state, duration_secs))?;
    let snapshot = run.dir.join(format!("snapshot{kimg:06}.bpk"));
    write_with(&snapshot, |file| {
        io::copy(&mut std::fs::File::open(dir.join(G_EMA))?, file).map(drop)
    })?;
    Ok(dir)
}

fn write(dir: &Path, state: &TrainState, duration_secs: f64) -> Result<(), Error> {
    let file = |name: &str| dir.join(name);
    let failed = |name: &str| {
        let path = file(name);
        move |error: RecordError| file_error("write", &path, error)
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

/// The state of the newest sound checkpoint, and the training time up to it in seconds; the run must be held.
///
/// # Errors
///
/// As [`newest_sound`].
pub fn resume(run: &Run, device: &Device) -> Result<Found<(TrainState, f64)>, Error> {
    newest_sound(&run.dir, &FILES, |dir| load(run, dir, device))
}

/// The state of the newest checkpoint of a run that is only read, and the training time up to it in seconds.
///
/// # Errors
///
/// As [`newest`].
pub fn open(run: &Run, device: &Device) -> Result<(TrainState, f64), Error> {
    load(run, &newest(&run.dir, &FILES)?, device)
}

fn load(run: &Run, dir: &Path, device: &Device) -> Result<(TrainState, f64), Error> {
    let progress = Progress::read(dir)?;
    let file = |name: &str| dir.join(name);
    let failed = |name: &str| {
        let path = file(name);
        move |error: RecordError| file_error("read", &path, error)
    };
    let state = TrainState::init(&run.settings, device);
    let generator = state
        .generator
        .try_load_file(file(GENERATOR))
        .map_err(failed(GENERATOR))?;
    let discriminator = state
        .discriminator
        .try_load_file(file(DISCRIMINATOR))
        .map_err(failed(DISCRIMINATOR))?;
    check_optimizer(&file(GENERATOR_OPTIMIZER), &generator, progress.step)?;
    check_optimizer(&file(DISCRIMINATOR_OPTIMIZER), &discriminator, progress.step)?;
    let state = TrainState {
        generator,
        discriminator,
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
    super::sums::open(&path)?;
    let generator = run
        .settings
        .network
        .init_generator(device)
        .try_load_file(&path)
        .map_err(|error| file_error("read", &path, error))?;
    Ok((Generator::StyleGan2(generator), kimg))
}
