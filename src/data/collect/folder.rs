//! A folder as the tools of artists leave it: pictures of this machine, with JSON or a table beside them,
//! which may also name pictures that are elsewhere.
//!
//! It is read by the code that `guise prepare` reads it with, so both understand the same.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use super::super::Trait;
use super::super::files::{Links, open_regular};
use super::super::prepare::documents;
use super::super::prepare::sources::{Elsewhere, Place, Source, find_with};
use super::address::Address;
use super::failure::Failure;
use super::kind::{Kind, kind};
use super::listing::Facts;
use super::token::{Document, Json, Token};

/// A folder, as far as it has been listed.
#[derive(Debug)]
pub(super) struct Folder {
    here: VecDeque<(String, Source)>,
    elsewhere: VecDeque<Elsewhere>,
}

impl Folder {
    pub fn open(dir: &Path) -> Result<(Self, Facts), Failure> {
        let (mut skipped, mut elsewhere) = (vec![], vec![]);
        let found = find_with(dir, &mut skipped, Some(&mut elsewhere))
            .map_err(|error| Failure::lasting(error.to_string()))?;
        let pictures: Vec<Source> = found
            .sources
            .into_iter()
            .filter(|source| is_picture(&source.place))
            .collect();
        // A picture is called as its file, or where several are called so, as its path.
        let own = |source: &Source| {
            let name = Path::new(&source.name).file_stem();
            name.unwrap_or_default().to_string_lossy().into_owned()
        };
        let mut namesakes: HashMap<String, usize> = HashMap::new();
        for name in pictures
            .iter()
            .map(own)
            .chain(elsewhere.iter().map(|token| token.name.clone()))
        {
            *namesakes.entry(name.to_lowercase()).or_default() += 1;
        }
        let mut inline = 0;
        let here = pictures.into_iter().map(|source| {
            let name = own(&source);
            let name = match (&source.place, namesakes[&name.to_lowercase()]) {
                (Place::File(_), 1) => name,
                (Place::File(_), _) => source.name.clone(),
                // Several may be in one document.
                (Place::Inline(..), _) => {
                    inline += 1;
                    format!("{}-{inline}", source.name)
                }
            };
            (name, source)
        });
        let here: VecDeque<_> = here.collect();
        let provenance = found.provenance;
        let facts = Facts {
            name: provenance.name,
            license: provenance.license,
            attribution: provenance.attribution,
            total: Some((here.len() + elsewhere.len()) as u64),
            ..Facts::default()
        };
        let this = Self {
            here,
            elsewhere: elsewhere.into(),
        };
        Ok((this, facts))
    }

    /// The next tokens.
    pub fn page(&mut self, most: usize) -> Vec<Token> {
        let mut page = vec![];
        while page.len() < most
            && let Some((id, source)) = self.here.pop_front()
        {
            let (images, failed) = match place(source.place) {
                Ok(image) => (vec![image], None),
                Err(reason) => (vec![], Some(Document::Failed(Failure::lasting(reason)))),
            };
            let said = said(&source.traits, source.text).map(|map| Document::Here(map, None));
            page.push(Token {
                id,
                documents: failed.or(said).into_iter().collect(),
                images,
            });
        }
        while page.len() < most
            && let Some(token) = self.elsewhere.pop_front()
        {
            let addresses = token
                .addresses
                .iter()
                .map(|address| Address::parse(address, None));
            let (images, reasons): (Vec<_>, Vec<_>) = addresses.partition(Result::is_ok);
            let reason = reasons
                .into_iter()
                .find_map(Result::err)
                .filter(|_| images.is_empty());
            let document = match reason {
                Some(reason) => Some(Document::Failed(Failure::lasting(reason))),
                None => said(&token.traits, token.text).map(|map| Document::Here(map, None)),
            };
            page.push(Token {
                id: token.name,
                documents: document.into_iter().collect(),
                images: images.into_iter().flatten().collect(),
            });
        }
        page
    }
}

fn place(place: Place) -> Result<Address, String> {
    Ok(match place {
        Place::File(path) => Address::File(path),
        Place::Inline(document, place) => {
            let bytes = documents::inline(&document, &place)?;
            Address::Inline(format!("data:;base64,{}", BASE64_STANDARD.encode(bytes)))
        }
    })
}

/// What is said about a picture, as JSON of a token.
fn said(traits: &[Trait], text: Option<String>) -> Option<Json> {
    let mut map = Json::new();
    if !traits.is_empty() {
        map.insert("attributes".into(), json!(traits));
    }
    if let Some(text) = text {
        map.insert("text".into(), text.into());
    }
    (!map.is_empty()).then_some(map)
}

/// Whether a file is a picture: the rest of a folder is nothing that is missing.
fn is_picture(place: &Place) -> bool {
    let read = |path: &PathBuf| {
        let mut head = vec![];
        open_regular(path, Links::Refused)?
            .take(4096)
            .read_to_end(&mut head)?;
        std::io::Result::Ok(head)
    };
    match place {
        Place::Inline(..) => true,
        Place::File(path) => read(path).is_ok_and(|head| matches!(kind(&head), Kind::Picture(_))),
    }
}
