//! Checkpoints, which hold everything to resume: folders of a run that are there whole or not at all.
//!
//! One is written beside its place, listed in `SHA256SUMS`, read once more, and renamed. Where another has
//! its place already, that one is first renamed in its turn, so that at every moment one of the two is on the
//! disk, whole.

mod state;
mod sums;
mod tensors;

pub use state::{State, Visitor};
pub(super) use sums::sum;

use super::{Error, advice, file_error, io_error};
use serde::{Deserialize, Serialize};
use state::Numbers;
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
};
use sums::SUMS;
use tensors::check_optimizer;

/// The part of a checkpoint that is no tensor.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Training time up to here.
    pub duration_secs: f64,
}

/// What its file holds.
#[derive(Serialize, Deserialize)]
struct ProgressFile {
    #[serde(flatten)]
    progress: Progress,
    /// Checkpoints of before there were any have none.
    #[serde(default, skip_serializing_if = "Numbers::is_empty")]
    numbers: Numbers,
}

impl Progress {
    /// Its file's name.
    pub const FILE: &str = "state.json";
    const MAX_BYTES: u64 = 1 << 16;
    /// More steps than any training takes, few enough to count their pictures.
    const MAX_STEPS: u64 = 1 << 40;

    /// Writes it into the checkpoint folder `dir`, with the numbers of the state.
    fn write(self, dir: &Path, numbers: &Numbers) -> Result<(), Error> {
        let path = dir.join(Self::FILE);
        let file = ProgressFile {
            progress: self,
            numbers: numbers.clone(),
        };
        let text = serde_json::to_vec(&file).expect("progress is plain data");
        fs::write(&path, text).map_err(io_error("write", &path))
    }

    /// Reads both from the checkpoint folder `dir`.
    fn read(dir: &Path) -> Result<(Self, Numbers), Error> {
        let path = dir.join(Self::FILE);
        let wrong = |reason: String| file_error("read", &path, reason);
        let text = sums::read(&path, Self::MAX_BYTES)?;
        let file: ProgressFile = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        let ProgressFile { progress, numbers } = file;
        if progress.step > Self::MAX_STEPS {
            return Err(wrong(format!(
                "step is {}, expected at most {}",
                progress.step,
                Self::MAX_STEPS
            )));
        }
        Ok((progress, numbers))
    }
}

/// A run keeps this many checkpoints, so that one that turns out bad has a predecessor.
const KEPT: usize = 2;

/// How the names of checkpoints begin; the thousands of pictures follow, in six digits or more.
const PREFIX: &str = "checkpoint";
/// Ends the hidden name of a checkpoint that is being written.
const PARTIAL: &str = ".partial";
/// Ends the hidden name of a checkpoint whose successor takes its place in this moment.
const ASIDE: &str = ".aside";
/// Ends the hidden name of a checkpoint that is being removed.
const GONE: &str = ".gone";

/// The folder of the checkpoint `kimg`, or of what is to become one, by its ending.
fn folder(run: &Path, kimg: u64, ending: &str) -> PathBuf {
    match ending {
        "" => run.join(format!("{PREFIX}{kimg:06}")),
        _ => run.join(format!(".{PREFIX}{kimg:06}{ending}")),
    }
}

/// Writes a checkpoint into the run folder `run`; gives the checkpoint's folder.
///
/// # Errors
///
/// [`Error::File`] when a number in it is not finite; the checkpoints before it stay.
pub(super) fn save(
    run: &Path,
    kimg: u64,
    state: &mut impl State,
    progress: Progress,
) -> Result<PathBuf, Error> {
    let files = state::files(state)?;
    put(run, kimg, &files, |dir| state::write(dir, state, progress))
}

/// The state of the newest sound checkpoint, read into what `fresh` gives; the run must be held.
///
/// # Errors
///
/// [`Error::NoCheckpoint`] when all are damaged, or there were some and none is left.
pub(super) fn resume<S: State>(run: &Path, fresh: impl Fn() -> S) -> Result<Found<(S, Progress)>, Error> {
    // A run that has none yet is spared the networks that would only say their names.
    if latest(run)?.is_none() {
        return newest_sound(run, &[], |_| Ok((fresh(), Progress::default())));
    }
    let mut first = fresh();
    let files = state::files(&mut first)?;
    // The networks that said their names are also those that the newest checkpoint is read into.
    let first = Cell::new(Some(first));
    newest_sound(run, &files, |dir| {
        state::read(dir, first.take().unwrap_or_else(&fresh))
    })
}

/// The state of the newest checkpoint of a run that is only read, read into `state`.
///
/// # Errors
///
/// [`Error::File`] when there is none, or it is damaged.
pub(super) fn open<S: State>(run: &Path, mut state: S) -> Result<(S, Progress), Error> {
    let files = state::files(&mut state)?;
    state::read(&newest(run, &files)?, state)
}

/// Makes sure that `path` is a regular file.
///
/// # Errors
///
/// [`Error::File`] when it is a link or something else, [`Error::Io`] when it is not there.
pub(super) fn check_regular(path: &Path) -> Result<(), Error> {
    sums::open(path).map(drop)
}

/// Puts a checkpoint of these `files` into the run folder `run`: `write` fills a folder that is then renamed,
/// and old ones go.
///
/// # Errors
///
/// [`Error::File`] when a number in it is not finite; the checkpoints before it stay.
fn put(
    run: &Path,
    kimg: u64,
    files: &[String],
    write: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let [dir, partial, aside] = ["", PARTIAL, ASIDE].map(|ending| folder(run, kimg, ending));
    remove_if_there(&partial)?;
    let written = fs::create_dir(&partial)
        .map_err(io_error("create", &partial))
        .and_then(|()| write(&partial))
        .and_then(|()| check_numbers(run, &partial, files))
        .and_then(|()| reach_the_disk(&partial))
        .and_then(|()| sums::write(&partial, files));
    if written.is_err() {
        // The disk may be full: give back what the half checkpoint takes.
        let _ = fs::remove_dir_all(&partial);
    }
    written?;
    let replaces = dir.exists();
    if replaces {
        rename(&dir, &aside)?;
    }
    rename(&partial, &dir)?;
    sync_folder(run);
    if replaces {
        remove(run, kimg, &aside)?;
    }
    let all = numbered(run, PREFIX, "")?;
    for (kimg, old) in &all[..all.len().saturating_sub(KEPT)] {
        remove(run, *kimg, old)?;
    }
    Ok(dir)
}

/// A network that holds a number that is not finite is no progress, whatever its last loss was.
fn check_numbers(run: &Path, dir: &Path, files: &[String]) -> Result<(), Error> {
    for name in files.iter().filter(|name| name.ends_with(".bpk")) {
        if let Err(error) = tensors::check_finite(&dir.join(name)) {
            let Error::File { reason, .. } = error else {
                return Err(error);
            };
            let reason = format!("{name}: {reason}; {}", advice(latest(run)?.as_deref()));
            return Err(file_error("write a checkpoint in", run, reason));
        }
    }
    Ok(())
}

/// A rename may reach the disk before the bytes that it names.
fn reach_the_disk(dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))?.flatten() {
        fs::File::open(entry.path())
            .and_then(|file| file.sync_all())
            .map_err(io_error("write", &entry.path()))?;
    }
    sync_folder(dir);
    Ok(())
}

/// Waits until the names in a folder are on the disk, where the system can.
fn sync_folder(dir: &Path) {
    // Some systems open no folders: they are left to order their writes themselves.
    let _ = fs::File::open(dir).and_then(|file| file.sync_all());
}

fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(io_error("rename", from))
}

/// Removes a checkpoint under a name that says so: half removed, it must look like none.
fn remove(run: &Path, kimg: u64, dir: &Path) -> Result<(), Error> {
    let gone = folder(run, kimg, GONE);
    remove_if_there(&gone)?;
    rename(dir, &gone)?;
    remove_if_there(&gone)
}

/// Puts in order what a kill left of writing and removing checkpoints in the folder `run`, which must be
/// held.
pub(super) fn tidy(run: &Path) -> Result<(), Error> {
    let hidden = format!(".{PREFIX}");
    for (kimg, aside) in numbered(run, &hidden, ASIDE)? {
        let dir = folder(run, kimg, "");
        // Between the two renames the old one is all there is; afterwards it is not needed.
        match dir.exists() {
            true => remove(run, kimg, &aside)?,
            false => rename(&aside, &dir)?,
        }
    }
    for ending in [PARTIAL, GONE] {
        for (_, dir) in numbered(run, &hidden, ending)? {
            remove_if_there(&dir)?;
        }
    }
    Ok(())
}

/// The newest checkpoint's folder, if the run has one, sound or not.
pub(super) fn latest(run: &Path) -> Result<Option<PathBuf>, Error> {
    Ok(numbered(run, PREFIX, "")?.pop().map(|(_, path)| path))
}

/// Whether all `files` are in the checkpoint `dir` as they were written; `false` when it is of before there
/// were sums, and nothing says how they were.
///
/// # Errors
///
/// [`Error::File`] when it is damaged.
fn check(run: &Path, dir: &Path, files: &[String]) -> Result<bool, Error> {
    let all = numbered(run, PREFIX, "")?;
    let mut older = all.iter().map(|(_, path)| path).take_while(|path| *path != dir);
    let has_sums = fs::symlink_metadata(dir.join(SUMS)).is_ok();
    if has_sums {
        sums::check(dir, files)?;
    } else if older.any(|path| path.join(SUMS).exists()) {
        let reason = "it is missing, and it is written last: the checkpoint is not whole";
        return Err(file_error("read", &dir.join(SUMS), reason));
    } else {
        for name in files {
            sums::open(&dir.join(name))?;
        }
    }
    for name in files.iter().filter(|name| name.ends_with(".bpk")) {
        tensors::check_finite(&dir.join(name))?;
    }
    Ok(has_sums)
}

/// The newest checkpoint of a run that is only read.
///
/// # Errors
///
/// [`Error::File`] when there is none, or it is damaged.
fn newest(run: &Path, files: &[String]) -> Result<PathBuf, Error> {
    let missing = || file_error("find a checkpoint in", run, "train it first, to at least one");
    let dir = latest(run)?.ok_or_else(missing)?;
    check(run, &dir, files).map_err(|error| match error {
        Error::File { action, path, reason } => {
            let reason = format!("{reason}; to resume the run goes on from the checkpoint before");
            Error::File { action, path, reason }
        }
        error => error,
    })?;
    Ok(dir)
}

/// What [`newest_sound`] found: nothing, or what `load` made of a checkpoint, and what there is to say about
/// it.
pub(super) type Found<T> = (Option<T>, Vec<String>);

/// The newest checkpoint that is whole and that `load` takes. Newer ones that are damaged keep their files
/// under another name. The run must be held.
///
/// # Errors
///
/// [`Error::NoCheckpoint`] when all are damaged, or there were some and none is left; then nothing is
/// renamed.
fn newest_sound<T>(
    run: &Path,
    files: &[String],
    load: impl Fn(&Path) -> Result<T, Error>,
) -> Result<Found<T>, Error> {
    let mut damaged: Vec<(PathBuf, Error)> = vec![];
    for (_, dir) in numbered(run, PREFIX, "")?.into_iter().rev() {
        match check(run, &dir, files).and_then(|has_sums| Ok((has_sums, load(&dir)?))) {
            Ok((has_sums, loaded)) => {
                let mut notes = vec![];
                for (bad, error) in damaged {
                    let kept = set_aside(&bad)?;
                    notes.push(format!(
                        "{error}; the run goes on from {}, and the damaged checkpoint is kept as {}",
                        dir.display(),
                        kept.display()
                    ));
                }
                if !has_sums {
                    notes.push(format!(
                        "{} has no {SUMS}, as older versions wrote none: only what can be seen without is checked",
                        dir.display()
                    ));
                }
                return Ok((Some(loaded), notes));
            }
            // Damage is in the files; what the system refuses may work in a moment.
            Err(error @ Error::File { .. }) => damaged.push((dir, error)),
            Err(error) => return Err(error),
        }
    }
    let mut reasons: Vec<String> = damaged.iter().map(|(_, error)| error.to_string()).collect();
    if reasons.is_empty() && had_one(run)? {
        reasons.push("there were some, and they are not there any more".into());
    }
    if reasons.is_empty() {
        return Ok((None, vec![]));
    }
    Err(Error::NoCheckpoint {
        run: run.to_owned(),
        reasons,
    })
}

/// Whether something in the folder tells of a checkpoint that once was.
fn had_one(run: &Path) -> Result<bool, Error> {
    let mut names = fs::read_dir(run).map_err(io_error("list", run))?.flatten();
    Ok(names.any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(PREFIX) || name.starts_with("snapshot")
    }))
}

/// Renames a damaged checkpoint, so that nothing takes it for one; gives its new name.
fn set_aside(dir: &Path) -> Result<PathBuf, Error> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut kept = dir.with_file_name(format!("{name}.damaged"));
    for number in 2.. {
        if fs::symlink_metadata(&kept).is_err() {
            break;
        }
        kept = dir.with_file_name(format!("{name}.damaged-{number}"));
    }
    rename(dir, &kept)?;
    Ok(kept)
}

/// Entries of `dir` named `<prefix><number><suffix>`, in the order of their numbers.
pub(super) fn numbered(dir: &Path, prefix: &str, suffix: &str) -> Result<Vec<(u64, PathBuf)>, Error> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .map_err(io_error("list", dir))?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let digits = name.to_str()?.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            Some((is_number.then(|| digits.parse().ok())??, entry.path()))
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

#[cfg(test)]
mod tests;
