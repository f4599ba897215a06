//! The files of a collection that say something about its pictures: JSON, JSON lines and tables.
//!
//! A token is a picture and what is said about it. Tokens are handed on one by one; of the file itself
//! nothing stays.

use std::borrow::Cow;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use serde_json::Value;

use super::super::data_uri::{self, is_inline};
use super::super::files::{Links, open_regular, read_regular};
use super::super::printable::readable;
use super::super::traits::{CONTAINERS, IMAGES, Reading, Trait, key};
use super::MAX_FILE_BYTES;
use raw::Raw;

mod raw;
mod table;

/// Numbers and names of a token.
const IDS: &[&str] = &["edition", "tokenid", "id", "identifier"];
/// Sentences about a picture, as image folders have them.
const TEXTS: &[&str] = &["text", "caption"];
/// A longer text is no path and no address.
const MAX_PATH_CHARS: usize = 4096;
/// The traits of one token, as JSON.
const MAX_TRAITS_BYTES: usize = 256 << 10;
/// Far more than a sentence.
const MAX_TEXT_CHARS: usize = 2000;
/// A picture inside JSON is held in memory several times while it is decoded.
const MAX_INLINE_BYTES: usize = 32 << 20;
/// How deep tokens may lie in a file: in a list, in a map of tokens, in an answer of a server.
const MAX_DEPTH: usize = 5;
/// More than any collection has.
const MAX_TOKENS: usize = 1_000_000;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    /// One JSON value a line.
    Lines,
    /// Comma-separated values.
    Table,
}

/// What a document says about one picture.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    /// Where the picture may be, the clearest first.
    pub images: Vec<Image>,
    /// Names of the token, by which its picture may be guessed.
    pub ids: Vec<String>,
    pub traits: Vec<Trait>,
    /// A caption.
    pub text: Option<String>,
    /// What else it says that was not understood, as a sentence fragment.
    pub unread: Option<String>,
}

/// Where a picture is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Image {
    /// A path or an address.
    Named(String),
    /// In the document, at these bytes of its [text](read).
    Inline(Range<usize>),
}

/// How a document is written, by its extension or by its first letter: tokens downloaded from the web are
/// often called just `17`.
pub(super) fn kind(path: &Path) -> Option<Kind> {
    let Some(extension) = path.extension() else {
        let mut start = vec![];
        let file = open_regular(path, Links::Refused);
        let read = file.and_then(|file| file.take(64).read_to_end(&mut start));
        let start = start
            .strip_prefix(b"\xef\xbb\xbf")
            .unwrap_or(&start)
            .trim_ascii_start();
        let is_json = read.is_ok() && matches!(start.first(), Some(b'{' | b'['));
        return is_json.then_some(Kind::Json);
    };
    match extension.to_ascii_lowercase().to_str()? {
        "json" => Some(Kind::Json),
        "jsonl" | "ndjson" => Some(Kind::Lines),
        "csv" | "tsv" => Some(Kind::Table),
        _ => None,
    }
}

/// The text of a document, which may begin with a byte order mark.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let bytes = read_regular(path, Links::Refused, MAX_FILE_BYTES)
        .map_err(|error| format!("cannot be read: {error}"))?;
    let Some(unit) = wide_unit(&bytes) else {
        return String::from_utf8(bytes).map_err(|error| format!("not UTF-8: {}", error.utf8_error()));
    };
    let units = bytes.chunks(2).map(|pair| match pair {
        [first, second] => unit([*first, *second]),
        _ => 0xdc00, // Half a letter is as wrong as an unpaired surrogate.
    });
    char::decode_utf16(units)
        .collect::<Result<_, _>>()
        .map_err(|_| "not UTF-8, and UTF-16 that is broken: save it as UTF-8".into())
}

/// How to read a text in UTF-16, which Windows writes: by its byte order mark, or by the zeros beside plain
/// letters.
fn wide_unit(bytes: &[u8]) -> Option<fn([u8; 2]) -> u16> {
    match bytes {
        [0xff, 0xfe, ..] => Some(u16::from_le_bytes),
        [0xfe, 0xff, ..] => Some(u16::from_be_bytes),
        [first, 0, ..] if *first != 0 => Some(u16::from_le_bytes),
        [0, second, ..] if *second != 0 => Some(u16::from_be_bytes),
        _ => None,
    }
}

/// Reads the tokens of a document whose text is `text`, and calls `each` with them, or with what one of them
/// has wrong.
///
/// # Errors
/// In words, when the file as a whole is not what its name says or says nothing about pictures.
pub(super) fn tokens(
    text: &str,
    kind: Kind,
    each: &mut dyn FnMut(Result<Token, String>),
) -> Result<(), String> {
    let inner = text.trim_start_matches('\u{feff}');
    if kind == Kind::Table {
        return table::tokens(inner, each);
    }
    let mut walk = Walk {
        text,
        each,
        tokens: 0,
        others: 0,
    };
    match Raw::new(inner) {
        Ok(raw) if kind == Kind::Json => walk.value(raw, None, 0),
        // JSON lines are often called JSON.
        Err(error) if kind == Kind::Json && (error.line() < 2 || !begins_with_a_value(inner)) => {
            return Err(format!("not JSON: {error}"));
        }
        _ => walk.lines(inner),
    }
    let Walk { tokens, others, .. } = walk;
    if tokens == 0 {
        return Err("JSON with neither `attributes` nor `image`".into());
    }
    if others > 0 {
        each(Err(format!("{others} of its entries are no tokens")));
    }
    if tokens > MAX_TOKENS {
        each(Err(format!("only its first {MAX_TOKENS} tokens are read")));
    }
    Ok(())
}

fn begins_with_a_value(text: &str) -> bool {
    text.lines().next().is_some_and(|line| Raw::new(line).is_ok())
}

struct Walk<'t, 'e> {
    text: &'t str,
    each: &'e mut dyn FnMut(Result<Token, String>),
    tokens: usize,
    /// Entries of lists that cannot be tokens.
    others: usize,
}

impl<'t> Walk<'t, '_> {
    fn lines(&mut self, text: &'t str) {
        for (number, line) in text
            .lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
        {
            match Raw::new(line) {
                Ok(raw) => self.value(raw, None, 1),
                Err(error) => {
                    let error = error.to_string();
                    let (what, _) = error.split_once(" at line").unwrap_or((&error, ""));
                    (self.each)(Err(format!("line {} is not JSON: {what}", number + 1)));
                }
            }
        }
    }

    /// A token, or what holds tokens. `name` is the key that it stands under.
    fn value(&mut self, raw: Raw<'t>, name: Option<&str>, depth: usize) {
        if depth > MAX_DEPTH || self.tokens > MAX_TOKENS {
            return;
        }
        for item in raw.items() {
            if item.is_list() || item.is_map() {
                self.value(item, None, depth + 1);
            } else {
                self.others += 1;
            }
        }
        if !raw.is_map() {
            return;
        }
        if let Some(token) = self.token(raw, name) {
            self.tokens += 1;
            if self.tokens <= MAX_TOKENS {
                (self.each)(Ok(token));
            }
            return;
        }
        for (name, inner) in raw.fields() {
            if inner.is_list() || inner.is_map() {
                self.value(inner, Some(&name), depth + 1);
            }
        }
    }

    fn token(&self, raw: Raw<'t>, name: Option<&str>) -> Option<Token> {
        let mut images: Vec<(usize, Image)> = vec![];
        let mut containers: Vec<(usize, Raw)> = vec![];
        let (mut texts, mut ids) = (vec![], vec![]);
        for (name, value) in raw.fields() {
            let name = key(&name);
            let place = |keys: &[&str]| keys.iter().position(|key| *key == name);
            if let Some(place) = place(IMAGES) {
                images.extend(self.image(value).map(|image| (place, image)));
            } else if let Some(place) = place(CONTAINERS) {
                containers.push((place, value));
            } else if place(TEXTS).is_some() {
                texts.extend(value.parse::<String>());
            } else if place(IDS).is_some() && value.text().len() < MAX_PATH_CHARS {
                ids.extend(value.parse::<String>().or_else(|| {
                    let digits = value.text().bytes().all(|byte| byte.is_ascii_digit());
                    digits.then(|| value.text().to_string())
                }));
            }
        }
        let says = |raw: &Raw| raw.is_list() || raw.is_map() || raw.is_text();
        if images.is_empty() && !containers.iter().any(|(_, raw)| says(raw)) {
            return None;
        }
        images.sort_by_key(|(place, _)| *place);
        containers.sort_by_key(|(place, _)| *place);
        let mut token = Token {
            images: images.into_iter().map(|(_, image)| image).collect(),
            ids: name.map(str::to_string).into_iter().chain(ids).collect(),
            ..Token::default()
        };
        let mut reading = Reading::default();
        for (_, raw) in containers {
            let value: Option<Value> = (raw.text().len() <= MAX_TRAITS_BYTES)
                .then(|| raw.parse())
                .flatten();
            let Some(value) = value else {
                reading.unread += 1;
                continue;
            };
            if reading.traits.is_empty() {
                reading.add(&value);
            }
            if token.images.is_empty() {
                token.images.extend(first_file(&value));
            }
        }
        token.say(reading, texts.first());
        Some(token)
    }

    fn image(&self, raw: Raw<'t>) -> Option<Image> {
        let image = raw.joined()?;
        let image = image.trim();
        if is_inline(image) {
            let start = raw.text().as_ptr() as usize - self.text.as_ptr() as usize;
            return Some(Image::Inline(start..start + raw.text().len()));
        }
        named(image)
    }
}

/// The path or the address `image`; a longer one than can be is cut, and then names nothing.
fn named(image: &str) -> Option<Image> {
    (!image.is_empty()).then(|| Image::Named(image.chars().take(MAX_PATH_CHARS).collect()))
}

/// The first file that Metaplex lists in its `properties`.
fn first_file(properties: &Value) -> Option<Image> {
    let file = properties.get("files")?.get(0)?;
    named(file.get("uri").or(file.get("src")).unwrap_or(file).as_str()?)
}

impl Token {
    /// Adds traits and a caption.
    fn say(&mut self, reading: Reading, text: Option<&String>) {
        self.traits = reading.traits;
        if reading.unread > 0 {
            self.unread = Some(format!(
                "{} of its attributes cannot be read: expected {}, at most 64 of at most 200 letters",
                reading.unread, r#"{"trait_type": "hair", "value": "pink"}"#
            ));
        }
        let text = text.map(|text| readable(text)).filter(|text| !text.is_empty());
        let chars = text.as_ref().map_or(0, |text| text.chars().count());
        if chars > MAX_TEXT_CHARS {
            self.unread = Some(format!(
                "its caption has {chars} letters, expected at most {MAX_TEXT_CHARS}"
            ));
        } else {
            self.text = text;
        }
    }
}

/// The picture that is inside the document at `path`, at these bytes of its text.
pub(in super::super) fn inline(path: &Path, place: &Range<usize>) -> Result<Vec<u8>, String> {
    if place.len() > MAX_INLINE_BYTES {
        return Err(format!(
            "too big: a picture of {} bytes inside JSON, expected at most {} MiB; write it as a file",
            place.len(),
            MAX_INLINE_BYTES >> 20
        ));
    }
    const CHANGED: &str = "it was changed while it was read: run the command again";
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut file = open_regular(path, Links::Refused).map_err(unreadable)?;
    let mut start = vec![];
    (&mut file).take(2).read_to_end(&mut start).map_err(unreadable)?;
    let text: Cow<str> = if wide_unit(&start).is_some() {
        let whole = read(path)?;
        Cow::Owned(whole.get(place.clone()).ok_or(CHANGED)?.to_string())
    } else {
        // Only the picture, because its neighbors may be many.
        let mut bytes = vec![0; place.len()];
        file.seek(SeekFrom::Start(place.start as u64))
            .map_err(unreadable)?;
        file.read_exact(&mut bytes).map_err(unreadable)?;
        Cow::Owned(String::from_utf8(bytes).map_err(|_| CHANGED)?)
    };
    let raw = Raw::new(&text).map_err(|_| CHANGED)?;
    let image = raw.joined().ok_or(CHANGED)?;
    data_uri::decode(image.trim())
}

#[cfg(test)]
mod tests;
