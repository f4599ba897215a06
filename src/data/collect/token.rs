//! One token: what its source says about it, and how it becomes a picture with JSON beside it.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

use super::super::files::{Links, read_regular};
use super::super::traits::{CONTAINERS, IMAGES, key};
use super::address::Address;
use super::failure::Failure;
use super::kind::{Kind, kind};
use super::reach::{Fetched, Reach};
use super::record::{Missing, Part, Record, now, write};
use super::sink::{Memory, Spool, hex};
use super::web::Request;

/// More JSON than a token has, a picture inside it aside.
pub(super) const MAX_JSON_BYTES: u64 = 48 << 20;
/// A token that names more pictures has only these tried.
const MAX_IMAGES: usize = 8;
/// A longer name of a token is not taken for its files.
const MAX_NAME: usize = 80;

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

/// A document, found.
enum Said {
    /// The one that is known.
    Same(Part),
    New(Json, Part, Option<Address>),
    /// It is the picture.
    Picture(Spool, Part),
    /// It is the picture, and the one that is known.
    SamePicture,
}

/// Fetches what is new of `token` into `folder`. The error is of the disk; whatever else goes wrong is
/// missing in the outcome.
pub(super) fn fetch(
    reach: &Reach,
    folder: &Path,
    token: Token,
    known: Option<Record>,
    terms: &str,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let id = token.id.clone();
    let missing = |what: &str, from: &str, failure: &Failure| Missing {
        token: id.clone(),
        what: what.into(),
        from: from.into(),
        reason: failure.reason.clone(),
    };
    let mut said = None;
    for document in token.documents {
        let from = document.to_string();
        match read(reach, folder, document, known.as_ref()) {
            Ok(found) => {
                said = Some(found);
                break;
            }
            Err(failure) if failure.is_ours => return Err(failure),
            Err(failure) => outcome.missing.push(missing("metadata", &from, &failure)),
        }
    }
    let name = file_name(&token.id);
    let (mut json, mut metadata, mut candidates) = (None, None, vec![]);
    let mut bytes = 0;
    let mut is_same_picture = false;
    let picture = match said {
        Some(Said::Picture(spool, part)) => Some((spool, part)),
        Some(Said::SamePicture) => {
            is_same_picture = true;
            None
        }
        Some(Said::Same(part)) => {
            let from = known
                .as_ref()
                .map(|known| Address::parse(&known.picture.from, None));
            candidates.extend(from.and_then(Result::ok).map(Ok));
            metadata = Some(part);
            None
        }
        Some(Said::New(map, part, base)) => {
            candidates = images(&map, base.as_ref());
            bytes += part.bytes;
            // Where an answer has no traits, what could not be had stays missing.
            if CONTAINERS
                .iter()
                .any(|container| map.keys().any(|name| key(name) == **container))
            {
                outcome.missing.clear();
            }
            json = Some(map);
            metadata = Some(part);
            None
        }
        None => None,
    };
    candidates.extend(token.images.into_iter().map(Ok));
    if picture.is_none() && !is_same_picture && candidates.is_empty() && !outcome.missing.is_empty() {
        // Without the document nothing more can be said.
        return Ok(outcome);
    }
    let known_picture = known.as_ref().map(|known| &known.picture);
    let picture = match picture {
        Some(picture) => Ok(Some(picture)),
        None if is_same_picture => Ok(None),
        // Pictures inside of documents are as they were if the documents are.
        None if json.is_none()
            && metadata.is_some()
            && known_picture.is_some_and(|it| it.from == "data:") =>
        {
            Ok(None)
        }
        None => choose(reach, folder, candidates, known_picture),
    };
    let (new, picture) = match (picture, known_picture) {
        (Ok(Some((spool, part))), _) => {
            let Kind::Picture(extension) = kind(spool.head()) else {
                return Err(Failure::lasting("a picture that is none was chosen"));
            };
            let file = format!("{name}.{extension}");
            (Some(spool), Part { file, ..part })
        }
        (Ok(None), Some(known)) => (None, known.clone()),
        (Ok(None), None) => return Ok(outcome),
        (Err((from, failure)), _) if failure.is_ours => return Err(failure.of(&from)),
        (Err((from, failure)), _) => {
            outcome.missing.push(missing("picture", &from, &failure));
            return Ok(outcome);
        }
    };
    let same_bytes =
        known_picture.is_some_and(|known| known.sha256 == picture.sha256 && known.file == picture.file);
    if let Some(spool) = new {
        bytes += picture.bytes;
        if !same_bytes {
            spool.keep(&folder.join(&picture.file))?;
            outcome.is_new = true;
        }
    }
    let old = known_picture
        .map(|known| known.file.clone())
        .filter(|file| *file != picture.file);
    let file = format!("{name}.json");
    if json.is_none() && old.is_some() && metadata.is_some() {
        // Only the picture's name has changed.
        let text = read_regular(&folder.join(&file), Links::Refused, MAX_JSON_BYTES);
        json = text.ok().and_then(|text| serde_json::from_slice(&text).ok());
    }
    if let Some(map) = json {
        let text = document(map, &picture.file);
        let path = folder.join(&file);
        let is_there = read_regular(&path, Links::Refused, MAX_JSON_BYTES);
        if !is_there.is_ok_and(|there| there == text) {
            write(&path, &text).map_err(|error| Failure::disk(std::io::Error::other(error.to_string())))?;
            outcome.is_new = true;
        }
    }
    if let Some(old) = old {
        let _ = fs::remove_file(folder.join(old));
    }
    outcome.bytes = bytes;
    outcome.record = Some(Record {
        token: token.id,
        fetched: now(),
        terms: terms.into(),
        picture,
        metadata: metadata.map(|part| Part { file, ..part }),
        is_partial: !outcome.missing.is_empty(),
    });
    Ok(outcome)
}

fn read(reach: &Reach, folder: &Path, document: Document, known: Option<&Record>) -> Result<Said, Failure> {
    let known_document = known.and_then(|known| known.metadata.as_ref());
    let part_of = |from: &str, map: &Json| {
        let text = serde_json::to_vec(map).unwrap_or_default();
        Part {
            from: from.into(),
            sha256: hex(&Sha256::digest(&text)),
            bytes: text.len() as u64,
            ..Part::default()
        }
    };
    let (map, part, base) = match document {
        Document::Failed(failure) => return Err(failure),
        Document::Here(map, base) => {
            let part = part_of("data:", &map);
            (map, part, base)
        }
        Document::OpenSea(url) => {
            let mut memory = Memory::new(MAX_JSON_BYTES);
            let request = Request::get(url.clone()).key(reach.key.as_ref());
            reach.web.fetch(&[request], &mut memory)?;
            let Some(Value::Object(map)) = map_of(&memory.bytes)?.remove("nft") else {
                return Err(Failure::lasting("its answer has no \"nft\""));
            };
            let part = part_of(url.as_str(), &map);
            (map, part, None)
        }
        Document::At(address) => {
            // Of a picture without JSON, the address is the picture's.
            let there = known_document.or(known.map(|known| &known.picture));
            let mut spool = Spool::new(folder, reach.max_bytes).map_err(Failure::disk)?;
            let part = match (reach.fetch(&address, there, &mut spool)?, known_document) {
                (Fetched::New(part), _) => part,
                (Fetched::Unchanged, Some(part)) => return Ok(Said::Same(part.clone())),
                (Fetched::Unchanged, None) => return Ok(Said::SamePicture),
            };
            match kind(spool.head()) {
                Kind::Picture(_) => return Ok(Said::Picture(spool, part)),
                Kind::Json => (map_of(&spool.bytes(MAX_JSON_BYTES)?)?, part, Some(address)),
                Kind::Other(what) => {
                    return Err(Failure::lasting(format!(
                        "it is {what}, expected JSON or a picture"
                    )));
                }
            }
        }
    };
    Ok(match known_document {
        Some(known) if known.sha256 == part.sha256 && known.from == part.from => Said::Same(part),
        _ => Said::New(map, part, base),
    })
}

fn map_of(bytes: &[u8]) -> Result<Json, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::lasting(format!("it is no JSON of a token: {error}")))
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

/// Where a document says that its picture is, from the clearest key to the vaguest. A file's name comes last:
/// it is one of the maker's disk.
fn images(map: &Json, base: Option<&Address>) -> Vec<Result<Address, String>> {
    let place = |name: &str| {
        let name = key(name);
        let place = IMAGES.iter().position(|image| *image == name)?;
        Some(if place == 0 { IMAGES.len() } else { place })
    };
    let mut found: Vec<(usize, &str)> = map
        .iter()
        .filter_map(|(name, value)| Some((place(name)?, value.as_str()?)))
        .filter(|(_, image)| !image.trim().is_empty())
        .collect();
    found.sort_by_key(|(place, _)| *place);
    let file = map
        .get("properties")
        .and_then(|it| it.get("files"))
        .and_then(|it| it.get(0));
    let file = file.and_then(|file| file.get("uri").unwrap_or(file).as_str());
    let images = found.into_iter().map(|(_, image)| image).chain(file);
    images.map(|image| Address::parse(image, base)).collect()
}

/// The JSON to keep beside a picture: all that the token says, with the picture's place here.
fn document(mut map: Json, picture: &str) -> Vec<u8> {
    map.retain(|name, _| !IMAGES.contains(&&*key(name)));
    map.insert("image".into(), picture.into());
    let mut text = serde_json::to_vec_pretty(&map).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What the files of a token are called: as the token, where that is a plain name. Anything else gets what
/// is plain of it and its hash, so that no name climbs out, collides or means a device.
pub(super) fn file_name(id: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    // Windows takes these for devices.
    let is_device = |name: &str| {
        let stem = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        matches!(stem, "con" | "prn" | "aux" | "nul" | "com" | "lpt")
    };
    let is_reserved = matches!(
        id,
        "collection" | "provenance" | "failed" | "skipped" | "dataset" | "metadata"
    );
    if (1..=MAX_NAME).contains(&id.len()) && id.bytes().all(is_plain) && !is_device(id) && !is_reserved {
        return id.into();
    }
    let lower = id.to_lowercase();
    let plain: String = lower
        .bytes()
        .filter(|byte| is_plain(*byte))
        .take(40)
        .map(char::from)
        .collect();
    format!("{plain}-{}", &hex(&Sha256::digest(id))[..12])
        .trim_start_matches('-')
        .into()
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_stay_in_the_folder() {
        for plain in ["17", "ape_17-b", &"9".repeat(78)] {
            assert_eq!(file_name(plain), plain);
        }
        let mut seen = HashSet::new();
        for id in [
            "../../etc/passwd",
            "..",
            ".",
            "",
            "a/b",
            "a\\b",
            "a\0b",
            "CON",
            "nul",
            "com1",
            "Ape",
            "ape 17",
            "\u{202e}gnp",
            "collection",
            "\u{e4}",
            &"9".repeat(300),
            ".hidden",
            "a:b",
            "17.png",
        ] {
            let name = file_name(id);
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
                "{name}"
            );
            assert!(
                !name.is_empty() && name.len() < 64 && seen.insert(name.clone()),
                "{id:?}: {name}"
            );
            assert_eq!(file_name(id), name);
        }
    }

    #[test]
    fn documents_name_pictures_in_many_ways() {
        let base = Address::parse("https://a.example/json/1", None).unwrap();
        let found = |text: &str| -> Vec<String> {
            let map = serde_json::from_str(text).unwrap();
            let images = images(&map, Some(&base)).into_iter();
            images
                .map(|image| image.map_or_else(|reason| reason, |it| it.to_string()))
                .collect()
        };
        assert_eq!(
            found(r#"{"file_name": "1.png", "image_url": "https://b.example/1", "image": "../1.gif"}"#),
            [
                "https://a.example/1.gif",
                "https://b.example/1",
                "https://a.example/json/1.png"
            ]
        );
        assert_eq!(found(r#"{"image": "", "image_data": "<svg/>"}"#), ["data:"]);
        assert_eq!(
            found(r#"{"properties": {"files": [{"uri": "https://b.example/2"}]}}"#),
            ["https://b.example/2"]
        );
        assert!(found(r#"{"image": "file:///etc/passwd"}"#)[0].contains("not followed"));
        assert!(found(r#"{"image": 7}"#).is_empty());
        let map: Json =
            serde_json::from_str(r#"{"name": "A", "imageUrl": "x", "svg_image_data": "<svg/>"}"#).unwrap();
        let kept: Value = serde_json::from_slice(&document(map, "1.png")).unwrap();
        assert_eq!(kept, serde_json::json!({"name": "A", "image": "1.png"}));
    }
}
