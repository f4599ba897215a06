//! Where a site is written: file by file, in place, and only over what an earlier run wrote there.
//!
//! What is ours stands in the site's `SHA256SUMS`: a file is overwritten or removed if it is listed there and
//! still what was written. Files of others stay, and where one is in the way nothing is written at all. The
//! list is written before the files and once more after them, so that a run that was ended leaves none that
//! the next one does not know.

use crate::{
    cli::{
        files::{read_at_most, write_whole},
        folder::{lock, reach_the_disk},
    },
    weights::manifest::File,
};
use anyhow::{Context, bail, ensure};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// The list of the site's files, as `sha256sum -c` reads it.
pub(super) const RECORD: &str = "SHA256SUMS";

/// The first line of our list, by which it is told from those of others.
const MARK: &str = "# Written by guise site, which overwrites these files only.";

/// The largest list that is read.
const MAX_RECORD_BYTES: u64 = 1 << 22;

/// A file of a site.
#[derive(Debug)]
pub(super) struct Piece {
    /// Its path in the site, with slashes, its length and its hash.
    pub file: File,
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Made(Vec<u8>),
    Found(PathBuf),
}

impl Piece {
    /// A file with these contents at `path`.
    pub fn made(path: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        let contents = contents.into();
        Self {
            file: File::describe(path, &contents),
            contents: Contents::Made(contents),
        }
    }

    /// A copy of the file `from`, which `known` describes, at `path`.
    pub fn copied(path: impl Into<String>, from: PathBuf, known: &File) -> Self {
        let file = File {
            name: path.into(),
            ..known.clone()
        };
        Self {
            file,
            contents: Contents::Found(from),
        }
    }

    /// Its contents, checked.
    fn read(&self) -> anyhow::Result<Cow<'_, [u8]>> {
        let path = match &self.contents {
            Contents::Made(contents) => return Ok(contents.into()),
            Contents::Found(path) => path,
        };
        let contents = read_at_most(path, self.file.bytes)?;
        let unchanged = self.file.verify(&contents);
        unchanged.with_context(|| format!("{} was changed while the site was made", path.display()))?;
        Ok(contents.into())
    }
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// How many files are new or were overwritten.
    pub changed: usize,
    /// Files of earlier runs that this site has no use for, and their bytes: kept, or removed when pruned.
    pub old: Vec<(String, u64)>,
    /// Files of earlier runs that others have changed since. They are theirs now.
    pub changed_by_others: Vec<String>,
}

/// Writes `pieces` into `dir`, in this order, and reads all of them once more. With `prune`, what earlier
/// runs wrote and this one does not goes.
///
/// # Errors
///
/// When something of others is in the way, before anything is written.
pub(super) fn write(dir: &Path, pieces: &[Piece], prune: bool) -> anyhow::Result<Written> {
    let mut paths = BTreeSet::new();
    for Piece { file, .. } in pieces {
        ensure!(
            is_plain(&file.name),
            "the site would have a file {:?}, expected a plain name",
            file.name
        );
        ensure!(
            file.name != RECORD && paths.insert(file.name.to_ascii_lowercase()),
            "the site would have two files of the name {}: one is of the page, which has no such file of \
             its own",
            file.name
        );
    }
    let context = || format!("cannot write to {}", dir.display());
    fs::create_dir_all(dir).with_context(context)?;
    let _lock = lock(dir).with_context(context)?;
    let before = Record::read(dir)?;
    let changed = before.changed(dir, pieces)?;
    let mut both = before.clone();
    pieces.iter().for_each(|piece| both.add(&piece.file));
    both.write(dir)?;
    for piece in &changed {
        let path = dir.join(&piece.file.name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(context)?;
        }
        write_whole(&path, &piece.read()?)?;
    }

    let mut after = Record::default();
    pieces.iter().for_each(|piece| after.add(&piece.file));
    let mut written = Written {
        changed: changed.len(),
        ..Written::default()
    };
    for (path, sums) in &before.0 {
        if after.0.contains_key(path) {
            continue;
        }
        match There::look(dir, path)? {
            There::Nothing => {}
            There::File { bytes, sha256 } if sums.contains(&sha256) => {
                written.old.push((path.clone(), bytes));
                match prune {
                    true => remove(dir, path).with_context(context)?,
                    false => {
                        after.0.insert(path.clone(), [sha256].into());
                    }
                }
            }
            There::File { .. } | There::Other(_) => written.changed_by_others.push(path.clone()),
        }
    }
    after.write(dir)?;
    reach_the_disk(dir).with_context(context)?;
    for Piece { file, .. } in pieces {
        let path = dir.join(&file.name);
        let contents = read_at_most(&path, file.bytes)?;
        file.verify(&contents)
            .with_context(|| format!("{} was not written as it should be", path.display()))?;
    }
    Ok(written)
}

/// Paths of earlier and present files with the hashes that they may have.
#[derive(Debug, Clone, Default)]
struct Record(BTreeMap<String, BTreeSet<String>>);

impl Record {
    fn read(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(RECORD);
        let read = || match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Ok(facts) if !facts.is_file() => bail!("it is no regular file"),
            _ => {
                let bytes = read_at_most(&path, MAX_RECORD_BYTES)?;
                Self::parse(&String::from_utf8_lossy(&bytes))
            }
        };
        read().with_context(|| {
            format!(
                "{} is in the way: move it away, or name another folder with --out",
                path.display()
            )
        })
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let mut lines = text.lines();
        ensure!(
            lines.next() == Some(MARK),
            "it was not written by guise site, which begins it with {MARK:?}"
        );
        let mut record = Self::default();
        for line in lines {
            let parts = line.split_once("  ");
            let plain = parts.filter(|(sha256, path)| {
                sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit()) && is_plain(path)
            });
            let Some((sha256, path)) = plain else {
                bail!("it says {line:?}, expected a hash, two spaces and the path of a file of the site")
            };
            record
                .0
                .entry(path.to_owned())
                .or_default()
                .insert(sha256.to_owned());
        }
        Ok(record)
    }

    fn add(&mut self, file: &File) {
        let sums = self.0.entry(file.name.clone()).or_default();
        sums.insert(file.sha256.clone());
    }

    fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let mut text = format!("{MARK}\n");
        for (path, sums) in &self.0 {
            sums.iter()
                .for_each(|sha256| text.push_str(&format!("{sha256}  {path}\n")));
        }
        write_whole(&dir.join(RECORD), text.as_bytes())
    }

    /// Those of `pieces` that do not stand in `dir` yet.
    fn changed<'a>(&self, dir: &Path, pieces: &'a [Piece]) -> anyhow::Result<Vec<&'a Piece>> {
        let (mut changed, mut in_the_way) = (vec![], vec![]);
        for piece in pieces {
            let file = &piece.file;
            match There::look(dir, &file.name)? {
                There::File { sha256, .. } if sha256 == file.sha256 => {}
                There::Nothing => changed.push(piece),
                There::File { sha256, .. } => {
                    match self.0.get(&file.name).is_some_and(|sums| sums.contains(&sha256)) {
                        true => changed.push(piece),
                        false => in_the_way.push(dir.join(&file.name)),
                    }
                }
                There::Other(path) => in_the_way.push(path),
            }
        }
        in_the_way.dedup();
        let named: Vec<_> = in_the_way
            .iter()
            .take(5)
            .map(|path| path.display().to_string())
            .collect();
        let more = match in_the_way.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        ensure!(
            in_the_way.is_empty(),
            "nothing was written, because what guise site did not write, or what was changed since, is in \
             the way: \
             {}{more}. Move it away, or name another folder with --out",
            named.join(", ")
        );
        Ok(changed)
    }
}

/// What is at a place.
enum There {
    Nothing,
    File {
        bytes: u64,
        sha256: String,
    },
    /// A folder, a link, a pipe, or a file that is too large to be ours; or such a thing where a folder
    /// should be.
    Other(PathBuf),
}

impl There {
    /// Looks at `path` below `dir` without following a link.
    fn look(dir: &Path, path: &str) -> anyhow::Result<Self> {
        let mut at = dir.to_owned();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            at.push(part);
            let facts = match fs::symlink_metadata(&at) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::Nothing),
                facts => facts.with_context(|| format!("cannot look at {}", at.display()))?,
            };
            let expected = match parts.peek() {
                Some(_) => facts.is_dir(),
                None => facts.is_file() && facts.len() <= File::MAX_BYTES,
            };
            if !expected {
                return Ok(Self::Other(at));
            }
        }
        let contents = read_at_most(&at, File::MAX_BYTES)?;
        let File { bytes, sha256, .. } = File::describe(path, &contents);
        Ok(Self::File { bytes, sha256 })
    }
}

/// Removes a file, and the folders that are empty without it.
fn remove(dir: &Path, path: &str) -> std::io::Result<()> {
    fs::remove_file(dir.join(path))?;
    let mut path = Path::new(path);
    while let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        if fs::remove_dir(dir.join(folder)).is_err() {
            break;
        }
        path = folder;
    }
    Ok(())
}

/// Whether `path` leads to a file inside the site on every system.
pub(super) fn is_plain(path: &str) -> bool {
    let plain = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    path == super::NO_JEKYLL || path.len() <= 200 && path.split('/').all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn site(index: &str) -> Vec<Piece> {
        vec![Piece::made("a/b.txt", "b"), Piece::made("index.html", index)]
    }

    #[test]
    fn a_run_that_was_ended_is_no_obstacle() {
        let root = TempDir::new().unwrap();
        let dir = root.path().join("site");
        write(&dir, &site("one"), false).unwrap();
        // It writes the first of two files and cannot write the second.
        let lost = Piece::copied(
            "index.html",
            root.path().join("gone"),
            &File::describe("", b"two"),
        );
        write(&dir, &[Piece::made("a/b.txt", "c"), lost], false).unwrap_err();
        assert_eq!(fs::read(dir.join("a/b.txt")).unwrap(), b"c");
        assert_eq!(fs::read(dir.join("index.html")).unwrap(), b"one");
        let written = write(&dir, &site("three"), true).unwrap();
        assert_eq!(written.changed, 2);
        assert_eq!(fs::read(dir.join("index.html")).unwrap(), b"three");
        let record = fs::read_to_string(dir.join(RECORD)).unwrap();
        assert_eq!(record.lines().count(), 3, "one hash for each file: {record}");
        // What neither run wrote is of others.
        fs::write(dir.join("index.html"), "four").unwrap();
        let said = format!("{:#}", write(&dir, &site("five"), false).unwrap_err());
        assert!(said.contains("index.html"), "{said}");
    }

    #[test]
    fn a_source_that_changes_is_noticed() {
        let root = TempDir::new().unwrap();
        let (from, dir) = (root.path().join("from"), root.path().join("site"));
        fs::write(&from, "as it was").unwrap();
        let piece = Piece::copied("x", from.clone(), &File::describe("x", b"as it was"));
        fs::write(&from, "otherwise").unwrap();
        let pieces = [piece, Piece::made("index.html", "")];
        let said = format!("{:#}", write(&dir, &pieces, false).unwrap_err());
        assert!(said.contains("was changed while the site was made"), "{said}");
        assert!(!dir.join("index.html").exists(), "the document comes last");
    }

    #[test]
    fn empty_folders_go_with_their_files() {
        let root = TempDir::new().unwrap();
        write(root.path(), &site("one"), false).unwrap();
        let written = write(root.path(), &site("one")[1..], true).unwrap();
        assert_eq!(written.old, [("a/b.txt".to_owned(), 1)]);
        assert!(!root.path().join("a").exists());
    }

    #[cfg(unix)]
    #[test]
    fn two_runs_do_not_write_at_once() {
        let root = TempDir::new().unwrap();
        let _other = lock(root.path()).unwrap();
        let said = format!("{:#}", write(root.path(), &site("one"), false).unwrap_err());
        assert!(said.contains("another guise is writing there"), "{said}");
    }

    #[test]
    fn names_stay_inside() {
        for path in ["a", "a/b-c_d.e", ".nojekyll", "-", "_headers"] {
            assert!(is_plain(path), "{path}");
        }
        for path in [
            "", "/", "a/", "/a", "a//b", "..", "a/..", ".git/a", "a\\b", "c:", "a b", "\u{e4}",
        ] {
            assert!(!is_plain(path), "{path}");
        }
    }
}
