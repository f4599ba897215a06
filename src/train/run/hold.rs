//! Whose a run folder is: one training holds it at a time, and a new one is hidden until its run has begun.

use crate::train::{Error, io_error};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Held by a training for as long as it runs. It stays in the folder, because removing it would let two hold
/// it.
const LOCK: &str = ".lock";
/// How new run folders are called until they have a number.
const HIDDEN: &str = ".starting-";

/// The right to write into a run folder. The system takes it back when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "an open file is what holds the lock")] File);

impl Lock {
    /// # Errors
    /// [`Error::Busy`] when another training holds the folder.
    pub fn take(dir: &Path) -> Result<Self, Error> {
        let path = dir.join(LOCK);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // A pipe in its place must not make us wait, nor a link lead elsewhere.
            options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
        }
        let mut file = options.open(&path).map_err(io_error("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                let _ = (&mut file).take(20).read_to_string(&mut process);
                return Err(Error::Busy {
                    run: dir.to_owned(),
                    process: process.trim().parse().ok(),
                });
            }
            // Some network file systems have no locks: training there is better than none.
            Err(TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        // For the one that is turned away; a failure to say it is no failure to hold it.
        let _ = file
            .set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self(file))
    }
}

/// A new run folder that is not to be seen yet. Dropped, it is gone; killed, it is gone at the next start.
#[derive(Debug)]
pub(super) struct Hidden(TempDir);

impl Hidden {
    /// Makes one in the folder `runs`, and holds it.
    pub fn new(runs: &Path) -> Result<(Self, Lock), Error> {
        loop {
            let mut builder = tempfile::Builder::new();
            builder.prefix(HIDDEN);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                // As any other folder, because it will be one.
                builder.permissions(fs::Permissions::from_mode(0o777));
            }
            let dir = builder
                .tempdir_in(runs)
                .map_err(io_error("create a folder in", runs))?;
            match Lock::take(dir.path()) {
                // Another start may have taken it for a leftover before it was held.
                Ok(lock) if dir.path().join(LOCK).exists() => return Ok((Self(dir), lock)),
                Ok(_) | Err(Error::Busy { .. }) => {}
                Err(_) if !dir.path().exists() => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives the folder the next free number in `runs`: `name` makes a name of a number.
    pub fn show(self, runs: &Path, name: impl Fn(u32) -> String) -> Result<PathBuf, Error> {
        let number = |name: &str| name.split_once('-')?.0.parse::<u32>().ok();
        let mut next = fs::read_dir(runs)
            .map_err(io_error("list", runs))?
            .filter_map(|entry| number(entry.ok()?.file_name().to_str()?))
            .max()
            .map_or(0, |last| last.saturating_add(1));
        loop {
            let dir = runs.join(name(next));
            // Looked for first, because a folder can take the place of an empty one.
            if !dir.exists() {
                match fs::rename(self.path(), &dir) {
                    Ok(()) => {
                        // It is no temporary folder any more.
                        let _ = self.0.keep();
                        return Ok(dir);
                    }
                    // Another run took the number in the meantime.
                    Err(_) if dir.exists() => {}
                    Err(error) => return Err(io_error("create", &dir)(error)),
                }
            }
            next += 1;
        }
    }
}

/// Removes what killed starts left in the folder `runs`: folders that nothing holds.
pub(super) fn clear_hidden(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name
            .to_str()
            .and_then(|name| name.strip_prefix(HIDDEN))
            .is_some_and(|ending| {
                ending.len() == 6 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
            });
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let dir = entry.path();
        // Without a lock it was made in this moment, or its process was killed in the moment in which it was
        // made.
        let age = entry.metadata().and_then(|facts| facts.modified());
        let is_new = age.is_ok_and(|made| made.elapsed().is_ok_and(|age| age < Duration::from_secs(60)));
        let (lock, is_free) = match dir.join(LOCK).exists() {
            true => {
                let lock = Lock::take(&dir).ok();
                let is_free = lock.is_some();
                (lock, is_free)
            }
            false => (None, !is_new),
        };
        if is_free {
            // What cannot be removed does no harm.
            let _ = fs::remove_dir_all(&dir);
        }
        drop(lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_held_once() {
        let dir = tempfile::tempdir().unwrap();
        let lock = Lock::take(dir.path()).unwrap();
        let error = Lock::take(dir.path()).unwrap_err().to_string();
        let shown = dir.path().to_str().unwrap();
        assert!(
            error.contains(shown) && error.contains(&std::process::id().to_string()),
            "{error}"
        );
        drop(lock);
        Lock::take(dir.path()).unwrap();
    }

    #[test]
    fn a_new_folder_has_no_number_before_it_is_shown() {
        let runs = tempfile::tempdir().unwrap();
        fs::create_dir(runs.path().join("00007-stylegan2-x")).unwrap();
        let names = || {
            let mut names: Vec<_> = fs::read_dir(runs.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        let (dropped, _lock) = Hidden::new(runs.path()).unwrap();
        assert_eq!(names().len(), 2);
        assert!(names()[0].starts_with(HIDDEN), "{:?}", names());
        drop(dropped);
        assert_eq!(names(), ["00007-stylegan2-x"]);

        let (hidden, lock) = Hidden::new(runs.path()).unwrap();
        let dir = hidden
            .show(runs.path(), |number| format!("{number:05}-clip-y"))
            .unwrap();
        assert_eq!(names(), ["00007-stylegan2-x", "00008-clip-y"]);
        assert!(Lock::take(&dir).is_err(), "it is held under its new name as well");
        drop(lock);
    }

    #[test]
    fn only_folders_that_a_killed_start_left_are_cleared() {
        let runs = tempfile::tempdir().unwrap();
        let (held, _lock) = Hidden::new(runs.path()).unwrap();
        let left = runs.path().join(".starting-a1B2c3");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(LOCK), "1\n").unwrap();
        let foreign = [".starting-mine", ".cache", "00000-stylegan2-x"].map(|name| runs.path().join(name));
        for dir in &foreign {
            fs::create_dir(dir).unwrap();
        }
        let new = runs.path().join(".starting-d4E5f6");
        fs::create_dir(&new).unwrap();
        clear_hidden(runs.path());
        assert!(!left.exists());
        assert!(held.path().exists() && new.exists() && foreign.iter().all(|dir| dir.exists()));
    }
}
