//! Where a bundle is written, whole or not at all.
//!
//! A folder belongs to others until it is known to be ours, file by file: what a valid manifest lists, and
//! what publishing puts beside it, under their names. Nothing else is ever removed.

use super::FILES;
use crate::{
    cli::{
        bundle::{CARD, SHEET, TEXT_TOWER_LICENSE},
        files::read_at_most,
        folder::{lock, reach_the_disk},
    },
    weights::Manifest,
};
use anyhow::{Context, bail, ensure};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

/// The folder that a bundle is written to.
pub(super) struct Place {
    pub dir: PathBuf,
    parent: PathBuf,
    /// The folder's own name.
    pub name: String,
}

impl Place {
    /// Checks, before any work, that a bundle may be written to `dir`.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        // Behind a link, the folder that it leads to is replaced and not the link.
        let dir = match fs::canonicalize(dir) {
            Ok(real) => real,
            Err(_) => dir.to_owned(),
        };
        let Some(name) = dir.file_name().and_then(|name| name.to_str()) else {
            bail!(
                "--out is {}, expected the name of a folder such as models/NAME",
                dir.display()
            );
        };
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let there = parent.ancestors().find(|folder| folder.exists());
        ensure!(
            there.is_none_or(Path::is_dir),
            "cannot write {}: {} is no folder",
            dir.display(),
            there.unwrap_or(parent).display()
        );
        let place = Self {
            name: name.to_owned(),
            parent: parent.to_owned(),
            dir,
        };
        files_of_bundle(&place.dir)?;
        Ok(place)
    }

    /// Writes everything beside its place, then puts it there.
    ///
    /// On Linux and macOS the new folder and the old one change places in one step, so that a program that
    /// reads the bundle always finds one. Elsewhere, and on file systems that cannot do that, there is none
    /// for the moment between two renames.
    pub fn write(&self, files: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
        let [partial, old] =
            ["partial", "old"].map(|kind| self.parent.join(format!(".{}.{kind}", self.name)));
        let context = || format!("cannot put the bundle at {}", self.dir.display());
        fs::create_dir_all(&self.parent).with_context(context)?;
        if !self.dir.exists() && old.exists() {
            // An earlier publishing was ended between its two renames.
            fs::rename(&old, &self.dir).with_context(context)?;
        }
        let _lock = self.lock_partial(&partial)?;
        for left_over in [&partial, &old] {
            remove(left_over, &files_of_ours(left_over)?).with_context(context)?;
        }
        fs::create_dir_all(&partial).with_context(context)?;
        let _lock = self.lock_partial(&partial)?;

        let written = write_files(&partial, files).and_then(|()| {
            // What was put there in the meantime is not ours.
            let replaced = files_of_bundle(&self.dir)?;
            let _lock = lock(&self.dir)?;
            put(&partial, &self.dir, &old).with_context(context)?;
            Ok(replaced)
        });
        let replaced = match written {
            Ok(replaced) => replaced,
            Err(error) => {
                // The disk may be full: give back what half a bundle takes.
                let _ = remove(&partial, &files_of_ours(&partial).unwrap_or_default());
                return Err(error);
            }
        };
        for old in [&partial, &old] {
            if remove(old, &replaced).is_err() {
                eprintln!("{} was left: it holds more than the old bundle", old.display());
            }
        }
        reach_the_disk(&self.parent).with_context(context)
    }

    /// Makes sure that no other process writes to the same place.
    fn lock_partial(&self, partial: &Path) -> anyhow::Result<Option<File>> {
        lock(partial).with_context(|| format!("cannot write to {} now", self.dir.display()))
    }
}

/// The files of the bundle in `dir`, none if there is no folder or an empty one.
///
/// # Errors
///
/// When there is anything else in it, by its name.
fn files_of_bundle(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = entries(dir)?;
    let Some(first) = entries.first() else {
        return Ok(vec![]);
    };
    let help = "name another folder with --out, or move it away";
    let json = dir.join(Manifest::FILE_NAME);
    ensure!(
        entries.contains(&json),
        "{} is there already and is no model, because it holds {} and no {}: {help}",
        dir.display(),
        first.display(),
        Manifest::FILE_NAME
    );
    let manifest = read_at_most(&json, Manifest::MAX_BYTES)
        .and_then(|json| Ok(Manifest::parse(&json)?))
        .with_context(|| format!("{} is there already and is no model: {help}", dir.display()))?;
    only(dir, entries, &names(Some(&manifest)), help)
}

/// The files that an earlier publishing left in the hidden folder `dir`, which may be half of a bundle.
fn files_of_ours(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let manifest = read_at_most(&dir.join(Manifest::FILE_NAME), Manifest::MAX_BYTES);
    let manifest = manifest.ok().and_then(|json| Manifest::parse(&json).ok());
    only(dir, entries(dir)?, &names(manifest.as_ref()), "move it away")
}

/// What publishing writes, and what a bundle's own manifest lists.
fn names(manifest: Option<&Manifest>) -> BTreeSet<String> {
    let fixed = [Manifest::FILE_NAME, CARD, SHEET, TEXT_TOWER_LICENSE];
    let listed = manifest.into_iter().flat_map(Manifest::files);
    let listed = listed.map(|file| file.name.clone());
    let usual = fixed.iter().chain(FILES).map(|&name| name.to_owned());
    listed.chain(usual).collect()
}

/// `entries`, if all are regular files with one of the `names`.
fn only(
    dir: &Path,
    entries: Vec<PathBuf>,
    names: &BTreeSet<String>,
    help: &str,
) -> anyhow::Result<Vec<PathBuf>> {
    for entry in &entries {
        let name = entry.file_name().unwrap_or_default();
        let ours = name.to_str().is_some_and(|name| names.contains(name))
            && fs::symlink_metadata(entry).is_ok_and(|metadata| metadata.is_file());
        ensure!(
            ours,
            "{} would be replaced, but {} is no file of its model: {help}",
            dir.display(),
            entry.display()
        );
    }
    Ok(entries)
}

/// Everything in `dir`, sorted; nothing if there is no such folder.
fn entries(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let context = || format!("cannot look into {}", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        other => other.with_context(context)?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.with_context(context)?;
    paths.sort();
    Ok(paths)
}

/// Writes `files` into `dir` and sees that they reach the disk.
fn write_files(dir: &Path, files: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
    for (name, contents) in files {
        let path = dir.join(name);
        let write = || {
            let mut file = File::create(&path)?;
            file.write_all(contents)?;
            // A rename may reach the disk before the bytes that it names.
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    reach_the_disk(dir).with_context(|| format!("cannot write {}", dir.display()))
}

/// Removes the folder `dir`, if there is one and it holds no more than `files`, some of which may have been
/// elsewhere.
fn remove(dir: &Path, files: &[PathBuf]) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    };
    for file in files {
        let name = file.file_name().unwrap_or_default();
        gone(fs::remove_file(dir.join(name)))?;
    }
    gone(fs::remove_dir(dir))
}

/// Puts the folder `new` at `dir`. What was there is afterwards at `new`, or at `old`.
fn put(new: &Path, dir: &Path, old: &Path) -> io::Result<()> {
    if !dir.exists() {
        return fs::rename(new, dir);
    }
    match exchange(new, dir) {
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        other => return other,
    }
    fs::rename(dir, old)?;
    fs::rename(new, dir).inspect_err(|_| {
        // Without the new bundle, the old one is better than none.
        let _ = fs::rename(old, dir);
    })
}

/// Has two folders change places in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    use rustix::{
        fs::{CWD, RenameFlags, renameat_with},
        io::Errno,
    };
    renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).map_err(|error| match error {
        Errno::INVAL | Errno::NOSYS | Errno::NOTSUP => ErrorKind::Unsupported.into(),
        other => other.into(),
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};
    use tempfile::TempDir;

    /// The files of the tiny bundle.
    fn bundle() -> Vec<(&'static str, Vec<u8>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
        let names = [
            "model.json",
            "generator.gguf",
            "upscaler.gguf",
            "image_tower.gguf",
            "text_tower.gguf",
            "vocabulary.txt",
        ];
        names
            .map(|name| (name, fs::read(folder.join(name)).unwrap()))
            .into()
    }

    fn names_in(dir: &Path) -> Vec<String> {
        let entries = entries(dir).unwrap();
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        entries.iter().map(name).collect()
    }

    fn refused(dir: &Path) -> String {
        format!("{:#}", Place::new(dir).err().expect("it is refused"))
    }

    #[test]
    fn only_a_bundle_is_replaced() {
        let parent = TempDir::new().unwrap();
        let dir = parent.path().join("model");
        let write = || Place::new(&dir)?.write(&bundle());
        write().unwrap();
        let whole = names_in(&dir);
        assert_eq!(whole.len(), 6);
        // What publishing adds is ours as well, and what an older bundle had and this one has not goes.
        for name in [CARD, SHEET, TEXT_TOWER_LICENSE] {
            fs::write(dir.join(name), "old").unwrap();
        }
        write().unwrap();
        assert_eq!(names_in(&dir), whole);
        assert_eq!(names_in(parent.path()), ["model"], "nothing is left beside it");

        fs::write(dir.join("precious.txt"), "x").unwrap();
        assert!(refused(&dir).contains("precious.txt is no file of its model"));
        fs::remove_file(dir.join("precious.txt")).unwrap();
        fs::create_dir(dir.join(CARD)).unwrap();
        assert!(refused(&dir).contains("README.md is no file of its model"));
        fs::remove_dir(dir.join(CARD)).unwrap();
        fs::write(dir.join("model.json"), "not a model").unwrap();
        assert!(refused(&dir).contains("is no model"));
        assert_eq!(names_in(&dir), whole, "nothing was touched");
        fs::remove_file(dir.join("model.json")).unwrap();
        assert!(refused(&dir).contains("is no model, because it holds"));
        fs::remove_dir_all(&dir).unwrap();
        fs::write(&dir, "a file").unwrap();
        refused(&dir);
        assert!(refused(&dir.join("below")).contains("is no folder"));
    }

    #[test]
    fn what_comes_while_it_is_published_is_kept() {
        let parent = TempDir::new().unwrap();
        let dir = parent.path().join("model");
        let place = Place::new(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("precious.txt"), "x").unwrap();
        let error = format!("{:#}", place.write(&bundle()).unwrap_err());
        assert!(error.contains("precious.txt"), "{error}");
        assert_eq!(names_in(&dir), ["precious.txt"]);
        assert_eq!(names_in(parent.path()), ["model"]);
    }

    #[test]
    fn leftovers_of_a_publishing_that_was_ended_go() {
        let parent = TempDir::new().unwrap();
        let (dir, partial) = (parent.path().join("model"), parent.path().join(".model.partial"));
        let write = || Place::new(&dir)?.write(&bundle());
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("generator.gguf"), "half").unwrap();
        write().unwrap();
        assert_eq!(names_in(parent.path()), ["model"]);
        // One that was ended between two renames.
        fs::rename(&dir, parent.path().join(".model.old")).unwrap();
        write().unwrap();
        assert_eq!(names_in(parent.path()), ["model"]);
        // A file of others in a folder of that name stays.
        fs::create_dir(&partial).unwrap();
        fs::write(partial.join("precious.txt"), "x").unwrap();
        let error = format!("{:#}", write().unwrap_err());
        assert!(error.contains("precious.txt"), "{error}");
        assert!(partial.join("precious.txt").exists());
        // While another process writes, nothing happens.
        #[cfg(unix)]
        {
            fs::remove_file(partial.join("precious.txt")).unwrap();
            let _other = lock(&partial).unwrap();
            let error = format!("{:#}", write().unwrap_err());
            assert!(error.contains("another guise is writing there"), "{error}");
        }
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    #[test]
    fn a_reader_always_finds_a_bundle() {
        let parent = TempDir::new().unwrap();
        let (dir, link) = (parent.path().join("model"), parent.path().join("link"));
        std::os::unix::fs::symlink(&dir, &link).unwrap();
        let write = |at: &Path| Place::new(at).unwrap().write(&bundle()).unwrap();
        write(&dir);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::Relaxed) {
                    assert!(
                        dir.join("model.json").exists(),
                        "there was none after {seen} looks"
                    );
                    seen += 1;
                }
                seen
            });
            (0..50).for_each(|_| write(&link));
            done.store(true, Ordering::Relaxed);
            assert!(reader.join().unwrap() > 100);
        });
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names_in(parent.path()), ["link", "model"]);
    }
}
