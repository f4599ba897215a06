//! What a collection holds: every picture, and what its documents say about it.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::collect::{FAILED_FILE_NAME, PROVENANCE_FILE_NAME};
use super::super::{Error, Provenance, Trait};
use super::documents::{self, Image, Kind, Token};
use super::names::{Certainty, Names, slashed};
use super::{Dataset, SKIPPED_FILE_NAME, Skipped};

/// One picture to prepare.
#[derive(Debug)]
pub(in super::super) struct Source {
    /// The path inside the collection, as reasons and logs name it.
    pub name: String,
    pub place: Place,
    pub traits: Vec<Trait>,
    /// A caption that says it better than the traits.
    pub text: Option<String>,
    /// The collection's name, where there are several.
    pub collection: String,
}

/// Where a picture's bytes are.
#[derive(Debug)]
pub(in super::super) enum Place {
    File(PathBuf),
    /// In a document, as a `data:` URI at these bytes of its text: read when it is drawn, because all of them
    /// together may be more than fits into memory.
    Inline(Arc<Path>, Range<usize>),
}

/// A token whose picture is not in the collection but at an address.
#[derive(Debug)]
pub(in super::super) struct Elsewhere {
    /// What names it in the collection: its own name or number.
    pub name: String,
    pub addresses: Vec<String>,
    pub traits: Vec<Trait>,
    pub text: Option<String>,
}

/// A collection, read.
#[derive(Debug)]
pub(in super::super) struct Collection {
    /// The pictures, ordered by path.
    pub sources: Vec<Source>,
    pub provenance: Provenance,
}

/// So many reasons are told of one document; the rest is counted.
const MAX_REASONS: usize = 100;

/// Lists the pictures of the collection in `dir` and reads its documents. What cannot be used goes to
/// `skipped`.
///
/// A document names its picture, or, failing that, has its name or number. Either is only ever looked up
/// among the files found here, so that no path or link in it can reach outside. A picture that is named
/// belongs to the document that names it, whatever others have its name.
pub(super) fn find(dir: &Path, skipped: &mut Vec<Skipped>) -> Result<Collection, Error> {
    find_with(dir, skipped, None)
}

/// As [`find`], with the tokens whose pictures are at addresses: they are skipped where they are not wanted.
pub(in super::super) fn find_with(
    dir: &Path,
    skipped: &mut Vec<Skipped>,
    elsewhere: Option<&mut Vec<Elsewhere>>,
) -> Result<Collection, Error> {
    let (pictures, documents) = list(dir, skipped)?;
    let mut reader = Reader {
        said: pictures.iter().map(|_| Said::default()).collect(),
        names: Names::new(pictures),
        inline: vec![],
        told: documents.iter().map(|_| 0).collect(),
        documents: documents.iter().map(|(path, _)| path.clone()).collect(),
        skipped,
        elsewhere,
    };
    let mut provenance = Provenance::default();
    for (index, (document, kind)) in documents.into_iter().enumerate() {
        let is_provenance = document == Path::new(Provenance::FILE_NAME);
        let path: Arc<Path> = dir.join(&document).into();
        let text = match documents::read(&path) {
            Ok(text) => text,
            Err(reason) => {
                reader.skip(index, reason);
                continue;
            }
        };
        if is_provenance {
            match Provenance::parse(&text) {
                Ok(found) => provenance = found,
                Err(reason) => reader.skip(index, reason),
            }
        }
        reader.document(index, kind, &text, &path);
    }
    let mut sources = reader.finish(dir);
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Collection { sources, provenance })
}

/// What our own commands leave beside pictures and does not describe them.
const RECORDS: [&str; 3] = [SKIPPED_FILE_NAME, FAILED_FILE_NAME, PROVENANCE_FILE_NAME];

type Listed = (Vec<PathBuf>, Vec<(PathBuf, Kind)>);

/// The paths of all pictures and documents, relative to `dir`, in order.
fn list(dir: &Path, skipped: &mut Vec<Skipped>) -> Result<Listed, Error> {
    let (mut pictures, mut documents) = (vec![], vec![]);
    let walk = walkdir::WalkDir::new(dir)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            // Hidden files are the desktop's and the version control's, not the artist's.
            entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
        });
    for entry in walk {
        let relative = |path: &Path| path.strip_prefix(dir).unwrap_or(path).to_path_buf();
        let entry = match entry {
            Err(error) if error.depth() == 0 => {
                return Err(Error::Io {
                    action: "list",
                    path: dir.to_path_buf(),
                    source: error.into(),
                });
            }
            Err(error) => {
                let name = error.path().map(|path| slashed(&relative(path)));
                let reason = format!("cannot be listed: {error}");
                skipped.push(Skipped::new(&name.unwrap_or_default(), &reason));
                continue;
            }
            Ok(entry) => entry,
        };
        let path = relative(entry.path());
        let mut skip = |reason| skipped.push(Skipped::new(&slashed(&path), reason));
        if entry.file_type().is_dir() || RECORDS.iter().any(|name| path == Path::new(name)) {
            continue;
        } else if entry.file_type().is_symlink() {
            skip("a symbolic link, which is not followed: copy the file here");
        } else if !entry.file_type().is_file() {
            skip("not a regular file");
        } else if let Some(kind) = documents::kind(entry.path()) {
            documents.push((path, kind));
        } else {
            pictures.push(path);
        }
    }
    Ok((pictures, documents))
}

/// What is known about one picture.
#[derive(Debug, Default)]
struct Said {
    traits: Option<Claim<Vec<Trait>>>,
    text: Option<Claim<String>>,
}

/// Something that a document says.
#[derive(Debug)]
struct Claim<T> {
    what: T,
    certainty: Certainty,
    document: usize,
}

/// Keeps the surer of two claims, or else the first. Returns the documents of both, that of the kept one
/// first, if they disagree.
fn settle<T: PartialEq>(
    slot: &mut Option<Claim<T>>,
    what: Option<T>,
    certainty: Certainty,
    document: usize,
) -> Option<(usize, usize)> {
    let new = Claim {
        what: what?,
        certainty,
        document,
    };
    let Some(kept) = slot else {
        *slot = Some(new);
        return None;
    };
    let agree = kept.what == new.what;
    let other = if new.certainty > kept.certainty {
        std::mem::replace(kept, new)
    } else {
        new
    };
    (!agree).then_some((kept.document, other.document))
}

enum Located {
    Picture(usize, Certainty),
    Inline(Range<usize>),
}

struct Reader<'a> {
    names: Names,
    /// One for each picture.
    said: Vec<Said>,
    inline: Vec<Source>,
    documents: Vec<PathBuf>,
    /// How many reasons each document has.
    told: Vec<usize>,
    skipped: &'a mut Vec<Skipped>,
    elsewhere: Option<&'a mut Vec<Elsewhere>>,
}

impl Reader<'_> {
    fn document(&mut self, index: usize, kind: Kind, text: &str, path: &Arc<Path>) {
        let document = self.documents[index].clone();
        let is_map = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        // Neither has to say anything about single pictures; what a marketplace reads about a whole
        // collection shows a logo besides.
        let is_provenance = is_map && document == Path::new(Provenance::FILE_NAME);
        let is_labels =
            is_map && document == Path::new(Dataset::LABELS_FILE_NAME) && text.contains("\"labels\"");
        // Only a document with one token may have the name of its picture, so the first waits for the second.
        let (mut count, mut first) = (0, None);
        let read = documents::tokens(text, kind, &mut |token| match token {
            Err(reason) => self.skip(index, reason),
            Ok(token) if is_provenance && token.traits.is_empty() => {}
            Ok(token) => {
                count += 1;
                if count == 1 {
                    first = Some(token);
                    return;
                }
                for token in first.take().into_iter().chain([token]) {
                    self.token(index, token, None, path);
                }
            }
        });
        if let Some(token) = first {
            self.token(index, token, Some(&document), path);
        }
        if let Err(reason) = read
            && !is_provenance
            && !is_labels
        {
            self.skip(index, reason);
        }
    }

    /// Gives a picture what a token says; `own` is the document if it may have the picture's name.
    fn token(&mut self, index: usize, token: Token, own: Option<&Path>, path: &Arc<Path>) {
        if let Some(unread) = &token.unread {
            self.skip(index, unread.clone());
        }
        let (picture, certainty) = match self.locate(index, &token, own) {
            Err(reason) => return self.lost(index, token, own, reason),
            Ok(Located::Picture(picture, certainty)) => (picture, certainty),
            Ok(Located::Inline(place)) => {
                return self.inline.push(Source {
                    name: slashed(&self.documents[index]),
                    place: Place::Inline(path.clone(), place),
                    traits: token.traits,
                    text: token.text,
                    collection: String::new(),
                });
            }
        };
        let said = &mut self.said[picture];
        let traits = (!token.traits.is_empty()).then_some(token.traits);
        let disagreements = [
            ("other traits", settle(&mut said.traits, traits, certainty, index)),
            (
                "another caption",
                settle(&mut said.text, token.text, certainty, index),
            ),
        ];
        for (what, disagreement) in disagreements {
            if let Some((winner, loser)) = disagreement {
                let picture = slashed(self.names.path(picture));
                let winner = slashed(&self.documents[winner]);
                self.skip(loser, format!("{picture} has {what}, from {winner}"));
            }
        }
    }

    fn locate(&self, index: usize, token: &Token, own: Option<&Path>) -> Result<Located, String> {
        let folder = self.documents[index].parent().unwrap_or(Path::new(""));
        let mut missing = None;
        for image in &token.images {
            match image {
                Image::Inline(place) => return Ok(Located::Inline(place.clone())),
                Image::Named(image) => match self.names.named(image, folder) {
                    Ok(Some((picture, certainty))) => return Ok(Located::Picture(picture, certainty)),
                    Ok(None) => {}
                    Err(reason) => missing = missing.or(Some(reason)),
                },
            }
        }
        if let Some(reason) = missing {
            return Err(reason);
        }
        let own = own.map(|own| self.names.own(own));
        let ids = token.ids.iter().map(|id| self.names.guess(id, folder));
        for guess in own.into_iter().chain(ids) {
            if let Some(picture) = guess? {
                return Ok(Located::Picture(picture, Certainty::Guess));
            }
        }
        Err("no picture has its name, and it names none".into())
    }

    /// A token without a picture here: it is elsewhere, or skipped.
    fn lost(&mut self, index: usize, token: Token, own: Option<&Path>, reason: String) {
        let named = token.images.into_iter().filter_map(|image| match image {
            Image::Named(address) if address.contains("://") => Some(address),
            _ => None,
        });
        let addresses: Vec<String> = named.collect();
        let own = own
            .and_then(Path::file_stem)
            .map(|own| own.to_string_lossy().into_owned());
        match (&mut self.elsewhere, own.or(token.ids.into_iter().next())) {
            (Some(elsewhere), Some(name)) if !addresses.is_empty() => elsewhere.push(Elsewhere {
                name,
                addresses,
                traits: token.traits,
                text: token.text,
            }),
            _ => self.skip(index, reason),
        }
    }

    fn skip(&mut self, document: usize, reason: String) {
        self.told[document] += 1;
        if self.told[document] <= MAX_REASONS {
            self.skipped
                .push(Skipped::new(&slashed(&self.documents[document]), &reason));
        }
    }

    fn finish(mut self, dir: &Path) -> Vec<Source> {
        for (document, told) in self.documents.iter().zip(&self.told) {
            if *told > MAX_REASONS {
                let reason = format!("and {} more like these", told - MAX_REASONS);
                self.skipped.push(Skipped::new(&slashed(document), &reason));
            }
        }
        let paths = self.names.into_paths();
        let files = paths.into_iter().zip(self.said).map(|(path, said)| Source {
            name: slashed(&path),
            place: Place::File(dir.join(path)),
            traits: said.traits.map(|claim| claim.what).unwrap_or_default(),
            text: said.text.map(|claim| claim.what),
            collection: String::new(),
        });
        self.inline.extend(files);
        self.inline
    }
}
