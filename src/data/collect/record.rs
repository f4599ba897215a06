//! What a collection's folder keeps about its files: where each came from, what failed, and how far the run
//! has come.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use atomic_write_file::AtomicWriteFile;
use serde::{Deserialize, Serialize};

use super::super::files::{Links, open_regular, read_regular};
use super::super::{Error, io_error, shown};
use super::web::Version;

/// Where each file came from, one token a line.
pub const PROVENANCE_FILE_NAME: &str = "provenance.jsonl";
/// What could not be had, one JSON object a line.
pub const FAILED_FILE_NAME: &str = "failed.jsonl";
/// How far a run has come.
const STATE: &str = ".collect.json";
/// Held by a run for as long as it goes on.
const LOCK: &str = ".collect.lock";

/// One file: its name in the collection, and where it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    pub file: String,
    /// The address, or `data:` if it stood in what the source said.
    pub from: String,
    /// In hexadecimal digits, of the bytes that came.
    pub sha256: String,
    pub bytes: u64,
    /// Whether the bytes are known to be those of the address; nothing where an address does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked: Option<bool>,
    #[serde(flatten)]
    pub version: Version,
}

/// One token: its files, when they were fetched, and under which terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub token: String,
    /// When it was fetched or last found to be as it was, as RFC 3339 writes it, in UTC.
    pub fetched: String,
    /// The license that was known then, or `unknown`.
    pub terms: String,
    pub picture: Part,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Part>,
    /// Whether its traits could not be had.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
}

/// Something that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The token, as its source calls it.
    pub token: String,
    /// `picture`, `metadata` or `token`.
    pub what: String,
    /// The address, if there is one.
    pub from: String,
    /// Why, as a sentence fragment that is safe to print.
    pub reason: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    source: String,
    began: String,
    is_finished: bool,
}

/// A collection's folder that a run writes to.
#[derive(Debug)]
pub(super) struct Records {
    pub dir: PathBuf,
    /// When the run began: what was fetched since then is not asked for again.
    began: String,
    source: String,
    /// What is there, by the token.
    known: HashMap<String, Record>,
    provenance: BufWriter<File>,
    failed: BufWriter<File>,
    pub is_continued: bool,
    _lock: File,
}

impl Records {
    /// Opens the folder `dir`, which is made if it is not there, for a run from `source`.
    ///
    /// # Errors
    /// When it cannot be written, when another run writes to it, or when it holds what is not of this source.
    pub fn open(dir: &Path, source: &str) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        let state = read_state(dir)?;
        match &state {
            Some(state) if state.source != source => {
                return Err(Error::Setting(format!(
                    "{} is a collection from {}: choose another folder for {source}",
                    shown(dir),
                    state.source
                )));
            }
            Some(_) => {}
            None => check_new(dir)?,
        }
        let lock = lock(dir)?;
        super::sink::clear(dir).map_err(io_error("clear", dir))?;
        let unfinished = state.filter(|state| !state.is_finished);
        let provenance = dir.join(PROVENANCE_FILE_NAME);
        let known = read_known(&provenance)?;
        let failed = dir.join(FAILED_FILE_NAME);
        let mut records = Self {
            dir: dir.to_owned(),
            is_continued: unfinished.is_some(),
            began: unfinished.map_or_else(now, |state| state.began),
            source: source.into(),
            known,
            provenance: BufWriter::new(create(&provenance, false)?),
            failed: BufWriter::new(create(&failed, true)?),
            _lock: lock,
        };
        if is_cut(&provenance)? {
            // A line that was cut short by a kill must not swallow the next.
            records.append_line(b"")?;
        }
        records.write_state(false)?;
        Ok(records)
    }

    /// What is there of a token, if its files still are.
    pub fn known(&self, token: &str) -> Option<Record> {
        let record = self.known.get(token)?;
        let is_there = |part: &Part| {
            let facts = fs::symlink_metadata(self.dir.join(&part.file));
            facts.is_ok_and(|facts| facts.is_file() && facts.len() > 0)
        };
        let all = record.metadata.iter().chain([&record.picture]).all(is_there);
        let picture = fs::symlink_metadata(self.dir.join(&record.picture.file)).ok()?;
        (all && picture.len() == record.picture.bytes).then(|| record.clone())
    }

    /// Whether this run has fetched all of it already, before it was interrupted.
    pub fn is_of_this_run(&self, record: &Record) -> bool {
        self.is_continued && record.fetched >= self.began && !record.is_partial
    }

    /// Notes a token that is there now.
    pub fn keep(&mut self, record: Record) -> Result<(), Error> {
        let line = serde_json::to_vec(&record).unwrap_or_default();
        self.append_line(&line)?;
        self.known.insert(record.token.clone(), record);
        Ok(())
    }

    fn append_line(&mut self, line: &[u8]) -> Result<(), Error> {
        let path = self.dir.join(PROVENANCE_FILE_NAME);
        let mut write = || {
            self.provenance.write_all(line)?;
            self.provenance.write_all(b"\n")?;
            self.provenance.flush()
        };
        write().map_err(io_error("write", &path))
    }

    /// Notes what could not be had.
    pub fn fail(&mut self, missing: &Missing) -> Result<(), Error> {
        let path = self.dir.join(FAILED_FILE_NAME);
        let mut line = serde_json::to_vec(missing).unwrap_or_default();
        line.push(b'\n');
        let written = self.failed.write_all(&line).and_then(|()| self.failed.flush());
        written.map_err(io_error("write", &path))
    }

    /// How many tokens are known that are not among these.
    pub fn count_without(&self, listed: &HashSet<String>) -> u64 {
        self.known.keys().filter(|token| !listed.contains(*token)).count() as u64
    }

    /// Ends a run that has come to its end: writes what is known in order, each token once.
    pub fn finish(self, has_failures: bool) -> Result<(), Error> {
        let path = self.dir.join(PROVENANCE_FILE_NAME);
        let mut records: Vec<&Record> = self.known.values().collect();
        records.sort_by(|a, b| (a.token.len(), &a.token).cmp(&(b.token.len(), &b.token)));
        let write = || {
            let mut file = AtomicWriteFile::open(&path)?;
            let mut lines = BufWriter::new(&mut file);
            for record in records {
                serde_json::to_writer(&mut lines, record)?;
                lines.write_all(b"\n")?;
            }
            lines.flush()?;
            drop(lines);
            file.commit()
        };
        write().map_err(io_error("write", &path))?;
        if !has_failures {
            let path = self.dir.join(FAILED_FILE_NAME);
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
        self.write_state(true)
    }

    fn write_state(&self, is_finished: bool) -> Result<(), Error> {
        let state = State {
            source: self.source.clone(),
            began: self.began.clone(),
            is_finished,
        };
        let json = serde_json::to_vec(&state).unwrap_or_default();
        write(&self.dir.join(STATE), &json)
    }
}

/// Writes a file beside its place and renames it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(io_error("write", path))
}

fn read_state(dir: &Path) -> Result<Option<State>, Error> {
    let path = dir.join(STATE);
    match read_regular(&path, Links::Refused, 1 << 16) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error("read", &path)(error)),
        // A broken one is of no use: everything is asked for again.
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
    }
}

/// Refuses a folder that holds what this command did not write.
fn check_new(dir: &Path) -> Result<(), Error> {
    let ours = [STATE, LOCK, super::super::Provenance::FILE_NAME];
    for entry in fs::read_dir(dir).map_err(io_error("list", dir))? {
        let name = entry.map_err(io_error("list", dir))?.file_name();
        let name = name.to_string_lossy();
        if !ours.contains(&&*name) {
            return Err(Error::Setting(format!(
                "{} holds {name:?}, which `guise collect` did not write; choose an empty or a new folder",
                shown(dir)
            )));
        }
    }
    Ok(())
}

/// The records of earlier runs; the last of each token counts. A line that cannot be read is of a run that
/// was killed, and its token is fetched again.
fn read_known(path: &Path) -> Result<HashMap<String, Record>, Error> {
    let mut known = HashMap::new();
    let file = match open_regular(path, Links::Refused) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(known),
        file => file.map_err(io_error("read", path))?,
    };
    for line in BufReader::new(file).lines() {
        let line = match line {
            Err(error) if error.kind() == ErrorKind::InvalidData => continue,
            line => line.map_err(io_error("read", path))?,
        };
        let Ok(record) = serde_json::from_str::<Record>(&line) else {
            continue;
        };
        let files = record.metadata.iter().chain([&record.picture]);
        // Names of ours never lead anywhere; others may have written this file.
        if files.map(|part| &part.file).all(|name| is_plain(name)) {
            known.insert(record.token.clone(), record);
        }
    }
    Ok(known)
}

/// Whether the last line of a file has no end.
fn is_cut(path: &Path) -> Result<bool, Error> {
    let read = || {
        let mut file = File::open(path)?;
        let mut last = [b'\n'];
        if file.metadata()?.len() > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(last != [b'\n'])
    };
    read().map_err(io_error("read", path))
}

fn is_plain(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(is_letter)
}

/// Opens a file to write, which must not be a link, to its end or emptied.
fn create(path: &Path, is_emptied: bool) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW);
    }
    let file = options.open(path).map_err(io_error("write", path))?;
    if is_emptied {
        file.set_len(0).map_err(io_error("write", path))?;
    }
    Ok(file)
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join(LOCK);
    let file = create(&path, false)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Setting(format!(
            "another `guise collect` is writing to {}: wait for its end",
            shown(dir)
        ))),
        // Some network file systems have no locks: going on there is better than not.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
    }
}

/// The time as RFC 3339 writes it, in UTC.
pub(super) fn now() -> String {
    rfc_3339(SystemTime::now())
}

fn rfc_3339(time: SystemTime) -> String {
    // `Fri, 27 Nov 2026 22:00:00 GMT`
    let date = httpdate::fmt_http_date(time);
    let words: Vec<&str> = date.split(' ').collect();
    let [_, day, month, year, time, _] = words[..] else {
        return String::new();
    };
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month = months.find(month).map_or(0, |at| at / 3 + 1);
    format!("{year}-{month:02}-{day}T{time}Z")
}

#[cfg(test)]
mod tests;
