//! From a marketplace, a contract, an address or a folder to a collection: pictures with JSON beside them,
//! and where each of them came from.
//!
//! What a source says about its tokens ([`listing`]) is a stream of pages. Each token is fetched by itself
//! ([`token`]), several at a time, through one door to everything outside ([`reach`]). Nothing that comes in
//! is believed: not what is where, not of which type, not how large or how long. A picture is written as it
//! arrives and gets its name when it is whole, and only then a line in `provenance.jsonl`, which a later run
//! reads: so a run that is killed at any moment goes on from there, and memory does not grow with pictures.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use url::Url;

use super::files::{Links, read_regular};
use super::terms::Terms;
use super::{Error, Provenance, io_error, printable};
use failure::Failure;
use listing::{Facts, Listing};
use reach::Reach;
use record::Records;
use token::{Outcome, Token};
use workers::{News, Workers};

mod address;
mod contract;
mod failure;
mod folder;
mod guard;
mod ipfs;
mod kind;
mod listing;
mod opensea;
mod options;
mod pace;
mod reach;
mod record;
mod sink;
mod source;
mod token;
mod web;
mod workers;

pub use options::{CollectOptions, Ids};
pub use record::{FAILED_FILE_NAME, Missing, PROVENANCE_FILE_NAME};
pub use source::Source;
pub use web::ApiKey;

/// What the user knows about the rights to a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    /// The license, best an SPDX identifier.
    pub license: Option<String>,
    /// Whom to credit.
    pub attribution: Option<String>,
}

/// What collecting tells while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CollectEvent {
    /// The source has been asked about the collection.
    Opened {
        /// How many tokens it has, if it says so.
        total: Option<u64>,
        /// Whether this goes on with a run that was interrupted.
        is_continued: bool,
    },
    /// A token is done.
    Done {
        /// The bytes that were fetched for it.
        bytes: u64,
        /// What of it is missing.
        missing: Vec<Missing>,
    },
}

/// What became of a collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CollectSummary {
    /// The tokens that the source has listed.
    pub tokens: u64,
    /// How many of them are new or have changed.
    pub new: u64,
    /// How many of them were there before.
    pub unchanged: u64,
    /// The bytes that were fetched.
    pub bytes: u64,
    /// Pictures from IPFS that could not be checked against their CIDs.
    pub unchecked: u64,
    /// How many pictures and documents are missing.
    pub missing: u64,
    /// How many tokens of earlier runs the source no longer lists. They are kept.
    pub gone: u64,
    /// What is known about the rights.
    pub provenance: Provenance,
    /// Whether the user has stopped it.
    pub is_stopped: bool,
}

/// Collects `source` into the folder `out`, or what is new of it. What cannot be had is listed in
/// `failed.jsonl` and is no error.
///
/// # Errors
/// When a setting is wrong, the folder cannot be written or holds something else, or the source itself cannot
/// be asked.
pub fn collect(
    source: &Source,
    out: &Path,
    options: &CollectOptions,
    (rights, key): (&Rights, Option<ApiKey>),
    stop: &Arc<AtomicBool>,
    listen: &mut dyn FnMut(CollectEvent),
) -> Result<CollectSummary, Error> {
    options.check()?;
    if let Source::Folder(folder) = source {
        check_apart(folder, out)?;
    }
    let named = match source {
        Source::Address(text) => Url::parse(text).ok().filter(Url::has_host),
        _ => None,
    };
    let reach = Arc::new(Reach::new(options, named.as_ref(), key, stop.clone()));
    let mut records = Records::open(out, &source.to_string())?;
    let summary = run(source, options, rights, (reach, &mut records), stop, listen)?;
    if !summary.is_stopped {
        records.finish(summary.missing > 0)?;
    }
    Ok(summary)
}

fn run(
    source: &Source,
    options: &CollectOptions,
    rights: &Rights,
    (reach, records): (Arc<Reach>, &mut Records),
    stop: &AtomicBool,
    listen: &mut dyn FnMut(CollectEvent),
) -> Result<CollectSummary, Error> {
    let mut summary = CollectSummary::default();
    let is_stopped = |summary: CollectSummary| {
        Ok(CollectSummary {
            is_stopped: true,
            ..summary
        })
    };
    let (listing, facts) = match Listing::open(&reach, source, options, &records.dir) {
        Err(_) if stop.load(Ordering::Relaxed) => return is_stopped(summary),
        opened => opened.map_err(ended)?,
    };
    let total = facts.total;
    summary.provenance = write_provenance(&records.dir, source, rights, facts)?;
    listen(CollectEvent::Opened {
        total,
        is_continued: records.is_continued,
    });
    let terms = match &*summary.provenance.license {
        "" => "unknown",
        license => license,
    };
    let workers = Workers::start(reach, listing, options.concurrency, (&records.dir, terms));
    let mut waiting: VecDeque<Token> = VecDeque::new();
    let mut names: HashMap<String, String> = HashMap::new();
    let mut listed: HashSet<String> = HashSet::new();
    let (mut is_listed, mut is_asked, mut fetching) = (false, false, 0);
    loop {
        while fetching < options.concurrency
            && let Some(token) = waiting.pop_front()
        {
            let known = records.known(&token.id);
            if known.as_ref().is_some_and(|known| records.is_of_this_run(known)) {
                summary.unchanged += 1;
                listen(CollectEvent::Done {
                    bytes: 0,
                    missing: vec![],
                });
                continue;
            }
            workers.fetch(token, known);
            fetching += 1;
        }
        if !is_listed && !is_asked && waiting.len() < options.concurrency {
            workers.list();
            is_asked = true;
        }
        if is_listed && fetching == 0 {
            break;
        }
        let news = workers.news();
        if stop.load(Ordering::Relaxed) {
            return is_stopped(summary);
        }
        match news {
            None => {}
            Some(News::Listed(page)) => {
                is_asked = false;
                let page = page.map_err(ended)?;
                is_listed = page.is_none();
                for token in page
                    .into_iter()
                    .flatten()
                    .filter(|it| listed.insert(it.id.clone()))
                {
                    summary.tokens += 1;
                    match namesake(&mut names, &token) {
                        None => waiting.push_back(token),
                        Some(missing) => settle(records, &mut summary, missing.into(), listen)?,
                    }
                }
            }
            Some(News::Fetched(outcome)) => {
                fetching -= 1;
                settle(records, &mut summary, outcome.map_err(ended)?, listen)?;
            }
        }
    }
    summary.gone = records.count_without(&listed);
    Ok(summary)
}

/// What ends a run: the source or the machine, not a single token.
fn ended(failure: Failure) -> Error {
    Error::Setting(failure.reason)
}

/// What is guarded stays usable when a thread that held it has panicked.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two tokens whose files would have one name: the second is missing, rather than the first lost.
fn namesake(seen: &mut HashMap<String, String>, token: &Token) -> Option<Missing> {
    let name = token::file_name(&token.id);
    let first = seen.insert(name.clone(), token.id.clone())?;
    seen.insert(name, first.clone());
    Some(Missing {
        token: printable(&token.id),
        what: "token".into(),
        from: String::new(),
        reason: format!("its files would be called as those of {}", printable(&first)),
    })
}

/// Notes what became of a token.
fn settle(
    records: &mut Records,
    summary: &mut CollectSummary,
    outcome: Outcome,
    listen: &mut dyn FnMut(CollectEvent),
) -> Result<(), Error> {
    for missing in &outcome.missing {
        records.fail(missing)?;
    }
    summary.missing += outcome.missing.len() as u64;
    summary.bytes += outcome.bytes;
    if let Some(record) = outcome.record {
        match outcome.is_new {
            true => summary.new += 1,
            false => summary.unchanged += 1,
        }
        summary.unchecked += u64::from(record.picture.checked == Some(false));
        records.keep(record)?;
    }
    listen(CollectEvent::Done {
        bytes: outcome.bytes,
        missing: outcome.missing,
    });
    Ok(())
}

/// Refuses a folder that would be read and written at the same time.
fn check_apart(source: &Path, out: &Path) -> Result<(), Error> {
    let whole = source.canonicalize().map_err(io_error("open", source))?;
    if !whole.is_dir() {
        return Err(Error::Setting(format!(
            "{} is no folder and no address; expected such as opensea:SLUG, erc721:CHAIN:ADDRESS or ipfs://CID/{{id}}",
            printable(&source.to_string_lossy())
        )));
    }
    let above = out.ancestors().find_map(|path| {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        path.canonicalize().ok()
    });
    let is_inside = above.is_some_and(|above| above.starts_with(&whole));
    match is_inside || out.canonicalize().is_ok_and(|out| whole.starts_with(out)) {
        true => Err(Error::Setting(format!(
            "{} and {} lie in each other; put the collection elsewhere",
            printable(&source.to_string_lossy()),
            printable(&out.to_string_lossy())
        ))),
        false => Ok(()),
    }
}

/// Writes `collection.json`: what the user says counts, then what stands there, because someone may have
/// written it by hand, then what the source says.
fn write_provenance(
    folder: &Path,
    source: &Source,
    rights: &Rights,
    facts: Facts,
) -> Result<Provenance, Error> {
    let path = folder.join(Provenance::FILE_NAME);
    let there = match read_regular(&path, Links::Refused, Provenance::MAX_BYTES) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        there => Some(there.map_err(io_error("read", &path))?),
    };
    let refuse = |reason: String| Error::Setting(format!("{}: {reason}", printable(&path.to_string_lossy())));
    let (mut map, there) = match there {
        None => (facts.said, Provenance::default()),
        Some(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8".into()))?;
            let there = Provenance::parse(&text).map_err(refuse)?;
            let mut map: token::Json =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
                    Error::Setting(format!("{}: {error}", printable(&path.to_string_lossy())))
                })?;
            map.extend(facts.said);
            (map, there)
        }
    };
    let first = |choices: [&str; 3]| {
        let found = choices.into_iter().map(str::trim).find(|text| !text.is_empty());
        found.unwrap_or_default().to_string()
    };
    let name = first([&facts.name, &source.name(), ""]);
    let given = |text: &Option<String>| text.clone().unwrap_or_default();
    let provenance = Provenance {
        name: first([&there.name, &name, ""]),
        license: first([&given(&rights.license), &there.license, &facts.license]),
        attribution: first([
            &given(&rights.attribution),
            &there.attribution,
            &facts.attribution,
        ]),
        source: first([&there.source, &source.page(), ""]),
    };
    if let Ok(Value::Object(ours)) = serde_json::to_value(&provenance) {
        map.remove("licence");
        map.extend(ours);
    }
    map.insert("terms".into(), Terms::of(&provenance.license).in_words().into());
    let mut json = serde_json::to_vec_pretty(&map).unwrap_or_default();
    json.push(b'\n');
    record::write(&path, &json)?;
    // As the file will be read: without what cannot be seen.
    Provenance::parse(&String::from_utf8_lossy(&json)).map_err(Error::Setting)
}
