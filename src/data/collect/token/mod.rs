//! One token: what its source says about it, and how it becomes a picture with JSON beside it.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use url::Url;

use super::super::files::{Links, read_regular};
use super::address::Address;
use super::failure::Failure;
use super::kind::{Kind, kind};
use super::reach::{Fetched, Reach};
use super::record::{Missing, Part, Record, now, write};
use super::sink::Spool;
use document::{Said, has_traits, images, kept, read};

mod document;
mod name;

pub(super) use name::file_name;

/// More JSON than a token has, a picture inside it aside.
pub(super) const MAX_JSON_BYTES: u64 = 48 << 20;
/// What stands for the address of a picture that is in a document.
const INSIDE: &str = "data:";
/// A token that names more pictures has only these tried.
const MAX_IMAGES: usize = 8;

pub(super) type Json = Map<String, Value>;

/// What a source says about one token.
#[derive(Debug)]
pub(super) struct Token {
    /// As the source calls it.
    pub id: String,
    /// What may say more about it: the first that can be had counts.
    pub documents: Vec<Document>,
    /// Where its picture is if no document says it.
    pub images: Vec<Address>,
}

/// What says something about a token.
#[derive(Debug)]
pub(super) enum Document {
    /// JSON, or the picture itself.
    At(Address),
    /// An answer of OpenSea's API, which needs its key.
    OpenSea(Url),
    /// What the source said itself, and where it stands.
    Here(Json, Option<Address>),
    /// It should be there.
    Failed(Failure),
}

/// What became of a token.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What is there now; nothing if it is not there.
    pub record: Option<Record>,
    /// Whether that is new or has changed.
    pub is_new: bool,
    /// Bytes that were fetched for it.
    pub bytes: u64,
    pub missing: Vec<Missing>,
}

impl From<Missing> for Outcome {
    fn from(missing: Missing) -> Self {
        Self {
            missing: vec![missing],
            ..Self::default()
        }
    }
}

/// Fetches what is new of `token` into `folder`, where `known` is of an earlier run. The error ends the run:
/// it is of the machine or its user. Whatever else goes wrong is missing in the outcome.
pub(super) fn fetch(
    reach: &Reach,
    folder: &Path,
    token: Token,
    known: Option<Record>,
    terms: &str,
) -> Result<Outcome, Failure> {
    let Token {
        id,
        documents,
        images: own,
    } = token;
    let mut outcome = Outcome::default();
    let missing = |what: &str, from: &str, failure: Failure| Missing {
        token: id.clone(),
        what: what.into(),
        from: from.into(),
        reason: failure.reason,
    };
    let mut said = None;
    for document in documents {
        let from = document.to_string();
        match read(reach, folder, document, known.as_ref()) {
            Ok(found) => {
                said = Some(found);
                break;
            }
            Err(failure) if failure.is_ours => return Err(failure),
            Err(failure) => outcome.missing.push(missing("metadata", &from, failure)),
        }
    }
    let known_picture = known.as_ref().map(|known| &known.picture);
    let own = own.into_iter().map(Ok);
    let find = |candidates: Vec<_>| choose(reach, folder, candidates, known_picture);
    let (picture, metadata, json) = match said {
        Some(Said::Picture(spool, part)) => (Ok(Some((spool, part))), None, None),
        Some(Said::SamePicture) => (Ok(None), None, None),
        Some(Said::Same(part)) => {
            let picture = match known_picture {
                // Inside of documents that are as they were, so are pictures.
                Some(picture) if picture.from == INSIDE => Ok(None),
                picture => {
                    let address = picture.and_then(|picture| Address::parse(&picture.from, None).ok());
                    find(address.map(Ok).into_iter().chain(own).collect())
                }
            };
            (picture, Some(part), None)
        }
        Some(Said::New(map, part, base)) => {
            // Only where an answer has no traits, those that could not be had are missing.
            if has_traits(&map) {
                outcome.missing.clear();
            }
            outcome.bytes += part.bytes;
            let picture = find(images(&map, base.as_ref()).into_iter().chain(own).collect());
            (picture, Some(part), Some(map))
        }
        // Without a document nothing more can be said.
        None if own.len() == 0 && !outcome.missing.is_empty() => return Ok(outcome),
        None => (find(own.collect()), None, None),
    };
    let new = match picture {
        Ok(new) => new,
        Err((from, failure)) if failure.is_ours => return Err(failure.of(&from)),
        Err((from, failure)) => {
            outcome.missing.push(missing("picture", &from, failure));
            return Ok(outcome);
        }
    };
    let name = file_name(&id);
    let picture = match (new, known_picture) {
        (Some((spool, part)), known) => {
            outcome.bytes += part.bytes;
            let Kind::Picture(extension) = kind(spool.head()) else {
                return Err(Failure::lasting("what is no picture was chosen for one"));
            };
            let file = format!("{name}.{extension}");
            if known.is_none_or(|known| known.sha256 != part.sha256 || known.file != file) {
                spool.keep(&folder.join(&file))?;
                outcome.is_new = true;
            }
            Part { file, ..part }
        }
        (None, Some(known)) => known.clone(),
        (None, None) => return Ok(outcome),
    };
    let replaced = known_picture.filter(|known| known.file != picture.file);
    let file = format!("{name}.json");
    outcome.is_new |= keep_json(&folder.join(&file), json, &picture.file, replaced.is_some())?;
    if let Some(replaced) = replaced {
        let _ = fs::remove_file(folder.join(&replaced.file));
    }
    let is_partial = !outcome.missing.is_empty();
    outcome.record = Some(Record {
        token: id,
        fetched: now(),
        terms: terms.into(),
        picture,
        metadata: metadata.map(|part| Part { file, ..part }),
        is_partial,
    });
    Ok(outcome)
}

/// Writes the JSON of a token, if it is new or its picture has another name. Says whether that changed it.
fn keep_json(path: &Path, new: Option<Json>, picture: &str, is_renamed: bool) -> Result<bool, Failure> {
    let there = read_regular(path, Links::Refused, MAX_JSON_BYTES).ok();
    let old = || there.as_ref().and_then(|text| serde_json::from_slice(text).ok());
    let Some(map) = new.or_else(|| old().filter(|_| is_renamed)) else {
        return Ok(false);
    };
    let text = kept(map, picture);
    if there.as_ref() == Some(&text) {
        return Ok(false);
    }
    let written = write(path, &text);
    written.map_err(|error| Failure::disk(std::io::Error::other(error.to_string())))?;
    Ok(true)
}

type Chosen = Option<(Spool, Part)>;

/// The first of these addresses that has a picture; nothing if it is the known one. The error is the first
/// one's, because the others are worse pictures.
fn choose(
    reach: &Reach,
    folder: &Path,
    candidates: Vec<Result<Address, String>>,
    known: Option<&Part>,
) -> Result<Chosen, (String, Failure)> {
    let mut first = None;
    for candidate in candidates.into_iter().take(MAX_IMAGES) {
        let (from, found) = match candidate {
            Err(reason) => (String::new(), Err(Failure::lasting(reason))),
            Ok(address) => (address.to_string(), picture(reach, folder, &address, known)),
        };
        match found {
            Ok(found) => return Ok(found),
            Err(failure) if failure.is_ours => return Err((from, failure)),
            Err(failure) => _ = first.get_or_insert((from, failure)),
        }
    }
    Err(first.unwrap_or_else(|| {
        (
            String::new(),
            Failure::lasting("nothing says where its picture is"),
        )
    }))
}

fn picture(reach: &Reach, folder: &Path, address: &Address, known: Option<&Part>) -> Result<Chosen, Failure> {
    let mut spool = Spool::new(folder, reach.max_bytes).map_err(Failure::disk)?;
    match reach.fetch(address, known, &mut spool)? {
        Fetched::Unchanged => Ok(None),
        Fetched::New(part) => match kind(spool.head()) {
            Kind::Picture(_) => Ok(Some((spool, part))),
            Kind::Json => Err(Failure::lasting("it is JSON, expected a picture")),
            Kind::Other(what) => Err(Failure::lasting(format!("it is {what}"))),
        },
    }
}

impl std::fmt::Display for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::OpenSea(url) => f.write_str(url.as_str()),
            Self::Here(..) => f.write_str("data:"),
            Self::Failed(_) => Ok(()),
        }
    }
}
