//! What a collection holds: every picture, and the traits that its JSON names.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::traits::{Token, tokens};
use super::super::{Error, Provenance, Trait};
use super::{MAX_FILE_BYTES, Skipped};

/// One picture to prepare.
#[derive(Debug)]
pub(super) struct Source {
    /// The path inside the collection, as reasons and logs name it.
    pub name: String,
    pub place: Place,
    pub traits: Vec<Trait>,
}

/// Where a picture's bytes are.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    /// In the JSON itself, as a `data:` URI.
    Inline(Vec<u8>),
}

/// Lists the pictures of the collection in `dir`, ordered by path, and what cannot be used.
///
/// A JSON names its picture by its `image` or, failing that, by having its name. The field is only ever looked up
/// among the files found here, so that no path or link in it can reach outside.
pub(super) fn find(dir: &Path, skipped: &mut Vec<Skipped>) -> Result<Vec<Source>, Error> {
    let mut pictures: BTreeMap<PathBuf, Vec<Trait>> = BTreeMap::new();
    let mut documents = vec![];
    let walk = walkdir::WalkDir::new(dir)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            // Hidden files are the desktop's and the version control's, not the artist's.
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        });
    for entry in walk {
        let entry = match entry {
            Err(error) if error.depth() == 0 => {
                return Err(Error::Io {
                    action: "list",
                    path: dir.to_path_buf(),
                    source: error.into(),
                });
            }
            Err(error) => {
                let name = error.path().map(|path| name_of(dir, path)).unwrap_or_default();
                skipped.push(Skipped {
                    source: name,
                    reason: format!("cannot be listed: {error}"),
                });
                continue;
            }
            Ok(entry) => entry,
        };
        let relative = entry
            .path()
            .strip_prefix(dir)
            .unwrap_or(entry.path())
            .to_path_buf();
        let skip = |reason: &str| Skipped {
            source: name_of(dir, entry.path()),
            reason: reason.into(),
        };
        if entry.file_type().is_dir() || relative == Path::new(Provenance::FILE_NAME) {
            continue;
        } else if entry.file_type().is_symlink() {
            skipped.push(skip("a symbolic link, which is not followed: copy the file here"));
        } else if !entry.file_type().is_file() {
            skipped.push(skip("not a regular file"));
        } else if is_json(entry.path()) {
            documents.push(relative);
        } else {
            pictures.insert(relative, vec![]);
        }
    }

    let mut by_stem: HashMap<String, Vec<PathBuf>> = HashMap::new();
    for path in pictures.keys() {
        by_stem.entry(stem(path)).or_default().push(path.clone());
    }
    let mut inline = vec![];
    for document in documents {
        let name = name_of(dir, &dir.join(&document));
        let mut skip = |reason: String| {
            skipped.push(Skipped {
                source: name.clone(),
                reason,
            })
        };
        let tokens = match read_limited(&dir.join(&document)).and_then(|bytes| tokens(&bytes)) {
            Err(reason) => {
                skip(reason);
                continue;
            }
            Ok(tokens) => tokens,
        };
        let alone = tokens.len() == 1;
        for token in tokens {
            match locate(&token, &document, alone, &pictures, &by_stem) {
                Err(reason) => skip(reason),
                Ok(Located::Inline(bytes)) => inline.push(Source {
                    name: name.clone(),
                    place: Place::Inline(bytes),
                    traits: token.traits,
                }),
                Ok(Located::Picture(path)) => {
                    // Two that name one picture: the first has its say.
                    if let Some(traits) = pictures.get_mut(&path).filter(|traits| traits.is_empty()) {
                        *traits = token.traits;
                    }
                }
            }
        }
    }
    let mut sources: Vec<Source> = pictures
        .into_iter()
        .map(|(path, traits)| {
            let path = dir.join(path);
            Source {
                name: name_of(dir, &path),
                place: Place::File(path),
                traits,
            }
        })
        .chain(inline)
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sources)
}

enum Located {
    Picture(PathBuf),
    Inline(Vec<u8>),
}

/// Finds the picture of the token in the JSON file `document`; both and the result are relative to the collection.
fn locate(
    token: &Token,
    document: &Path,
    alone: bool,
    pictures: &BTreeMap<PathBuf, Vec<Trait>>,
    by_stem: &HashMap<String, Vec<PathBuf>>,
) -> Result<Located, String> {
    let folder = document.parent().unwrap_or(Path::new(""));
    let beside = |stem: &str| {
        let candidates = by_stem.get(stem)?;
        let same_folder = candidates.iter().find(|path| path.parent() == Some(folder));
        same_folder
            .or_else(|| (candidates.len() == 1).then(|| &candidates[0]))
            .cloned()
    };
    let own_name = || if alone { beside(&stem(document)) } else { None };
    let Some(image) = token.image.as_deref() else {
        return own_name()
            .map(Located::Picture)
            .ok_or_else(|| "no picture has its name".into());
    };
    if let Some(data) = image.strip_prefix("data:") {
        return data_uri(data).map(Located::Inline);
    }
    let shown: String = image.chars().take(100).collect();
    if let Some((_, rest)) = image.split_once("://") {
        // Collections are often downloaded with JSON that still names the address.
        let file = rest.split(['?', '#']).next().unwrap_or(rest);
        return beside(&stem(Path::new(file)))
            .or_else(own_name)
            .map(Located::Picture)
            .ok_or_else(|| format!("its picture is at {shown:?}: download it beside the JSON first"));
    }
    // Beside the JSON as the standard has it, or below the collection as many tools write it.
    let places: Vec<PathBuf> = [folder, Path::new("")]
        .iter()
        .filter_map(|base| inside(base, image))
        .collect();
    if places.is_empty() {
        return Err("its `image` leads outside the collection".into());
    }
    if let Some(path) = places.into_iter().find(|path| pictures.contains_key(path)) {
        return Ok(Located::Picture(path));
    }
    own_name()
        .map(Located::Picture)
        .ok_or_else(|| format!("its picture {shown:?} is not in the collection"))
}

/// Joins a relative path to `base`; nothing when that would leave the collection.
fn inside(base: &Path, image: &str) -> Option<PathBuf> {
    let mut path = base.to_path_buf();
    for part in Path::new(image).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) => path.push(part),
            Component::ParentDir if path.pop() => {}
            _ => return None,
        }
    }
    Some(path)
}

/// The bytes of a `data:` URI without its scheme: `image/png;base64,...` or percent-encoded text.
fn data_uri(data: &str) -> Result<Vec<u8>, String> {
    let (kind, payload) = data.split_once(',').ok_or("its `data:` URI has no comma")?;
    if kind.trim_end().ends_with(";base64") {
        return STANDARD
            .decode(payload.trim())
            .map_err(|error| format!("its `data:` URI is not base64: {error}"));
    }
    let mut bytes = Vec::with_capacity(payload.len());
    let mut rest = payload.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'%', high, low, ..] => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .map(|(high, low)| (high * 16 + low) as u8)
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { tail };
    }
    Ok(bytes)
}

/// Reads a file of at most [`MAX_FILE_BYTES`].
pub(super) fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = vec![];
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!(
            "too big: expected a file of at most {} MB",
            MAX_FILE_BYTES / 1_000_000
        ));
    }
    Ok(bytes)
}

/// JSON by its extension, or by its first letter: tokens downloaded from the web are often called just `17`.
fn is_json(path: &Path) -> bool {
    match path.extension() {
        Some(extension) => extension.eq_ignore_ascii_case("json"),
        None => {
            let mut start = vec![];
            let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut start));
            read.is_ok() && matches!(start.trim_ascii_start().first(), Some(b'{' | b'['))
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn name_of(dir: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(dir).unwrap_or(path);
    relative
        .iter()
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join("/")
}
