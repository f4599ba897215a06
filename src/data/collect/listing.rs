//! The tokens of a source, a page at a time, so that a large collection is never in memory whole.

use std::collections::VecDeque;

use serde_json::Value;

use super::super::traits::{CONTAINERS, IMAGES, key};
use super::address::Address;
use super::contract::Contract;
use super::failure::Failure;
use super::folder::Folder;
use super::kind::{Kind, kind};
use super::opensea::OpenSea;
use super::options::{CollectOptions, Ids, MAX_TOKENS};
use super::reach::{Fetched, Reach};
use super::sink::Spool;
use super::source::Source;
use super::token::{Document, Json, MAX_JSON_BYTES, Token};

/// Tokens of a page, where the source has no pages itself.
const PAGE: usize = 100;

/// What a source says about the collection as a whole.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub name: String,
    /// As the source states it; empty if it states none.
    pub license: String,
    pub attribution: String,
    /// How many tokens there are, if it is known before they are listed.
    pub total: Option<u64>,
    /// What else it says, to be kept in `collection.json`.
    pub said: Json,
}

/// The tokens of a source that are still to come.
pub(super) enum Listing {
    OpenSea(OpenSea),
    Contract(Contract),
    /// An address for each number.
    Numbered(String, Box<dyn Iterator<Item = u64> + Send>),
    Listed(VecDeque<Token>),
    Folder(Folder),
}

impl Listing {
    /// Asks the source about the collection. `folder` is where files are put for a while.
    pub fn open(
        reach: &Reach,
        source: &Source,
        options: &CollectOptions,
        folder: &std::path::Path,
    ) -> Result<(Self, Facts), Failure> {
        match source {
            Source::OpenSea(slug) => {
                let (opened, facts) = OpenSea::open(reach, &options.opensea_api, slug)?;
                Ok((Self::OpenSea(opened), facts))
            }
            Source::Contract { chain, address } => {
                let rpc = options.rpc.as_ref().ok_or_else(|| {
                    Failure::lasting(
                        "a contract is asked through an endpoint of its chain: name one with --rpc URL",
                    )
                })?;
                let (opened, facts) =
                    Contract::open(reach, rpc, (*chain, address), options.tokens.clone(), folder)?;
                Ok((Self::Contract(opened), facts))
            }
            Source::Address(text) => addresses(reach, text, options.tokens.clone(), folder),
            Source::Folder(dir) => {
                let (opened, facts) = Folder::open(dir)?;
                Ok((Self::Folder(opened), facts))
            }
        }
    }

    /// The next tokens; nothing behind the last.
    pub fn page(&mut self, reach: &Reach) -> Result<Option<Vec<Token>>, Failure> {
        let some = |page: Vec<Token>| (!page.is_empty()).then_some(page);
        match self {
            Self::OpenSea(opened) => opened.page(reach),
            Self::Contract(opened) => opened.page(reach),
            Self::Numbered(template, ids) => {
                Ok(some(ids.take(PAGE).map(|id| numbered(template, id)).collect()))
            }
            Self::Listed(tokens) => Ok(some(tokens.drain(..tokens.len().min(PAGE)).collect())),
            Self::Folder(opened) => Ok(some(opened.page(PAGE))),
        }
    }
}

fn numbered(template: &str, id: u64) -> Token {
    Token {
        id: id.to_string(),
        documents: vec![document(&template.replace("{id}", &id.to_string()), None)],
        images: vec![],
    }
}

/// What is at an address, or why nothing can be.
pub(super) fn document(address: &str, base: Option<&Address>) -> Document {
    match Address::parse(address, base) {
        Ok(address) => Document::At(address),
        Err(reason) => Document::Failed(Failure::lasting(reason)),
    }
}

/// The tokens that an address stands for: one for each number, a folder of IPFS, or a document.
fn addresses(
    reach: &Reach,
    text: &str,
    ids: Option<Ids>,
    folder: &std::path::Path,
) -> Result<(Listing, Facts), Failure> {
    let is_template = text.contains("{id}") && !text.starts_with("data:");
    if let Some(ids) = ids {
        let template = match is_template {
            true => text.to_string(),
            false => format!("{}/{{id}}", text.trim_end_matches('/')),
        };
        let facts = Facts {
            total: Some(ids.count()),
            ..Facts::default()
        };
        return Ok((Listing::Numbered(template, Box::new(ids.into_iter())), facts));
    }
    if is_template {
        return Err(Failure::lasting(
            "say which numbers {id} stands for, such as --tokens 1-10000",
        ));
    }
    let address = Address::parse(text, None).map_err(Failure::lasting)?;
    let mut tokens = None;
    if let Address::Ipfs { cid, path, .. } = &address {
        match reach.ipfs.list(&reach.web, cid, path, MAX_TOKENS as usize) {
            Ok(names) => tokens = Some(in_folder(&address, names)),
            Err(failure) if failure.reason.contains("it is a file") => {}
            Err(failure) => return Err(failure),
        }
    }
    let tokens = match tokens {
        Some(tokens) => tokens,
        None => in_document(reach, address, folder)?,
    };
    let facts = Facts {
        total: Some(tokens.len() as u64),
        ..Facts::default()
    };
    Ok((Listing::Listed(tokens.into()), facts))
}

/// The tokens of a folder of IPFS: documents and pictures of one name belong together.
fn in_folder(address: &Address, names: Vec<String>) -> Vec<Token> {
    let Address::Ipfs { cid, path, .. } = address else {
        return vec![];
    };
    let mut tokens: std::collections::BTreeMap<String, Token> = Default::default();
    for name in names {
        // What holds all tokens at once says nothing that the others do not.
        if name.starts_with(['_', '.']) || name == "metadata.json" {
            continue;
        }
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, "json"));
        let token = tokens.entry(stem.into()).or_insert_with(|| Token {
            id: stem.into(),
            documents: vec![],
            images: vec![],
        });
        let mut path = path.clone();
        path.push(name.clone());
        let file = Address::Ipfs {
            cid: *cid,
            path,
            given: None,
        };
        match extension.eq_ignore_ascii_case("json") {
            true => token.documents.push(Document::At(file)),
            false => token.images.push(file),
        }
    }
    tokens.into_values().collect()
}

/// The tokens of one document: a list of them, a map of them, one token, or one picture.
fn in_document(reach: &Reach, address: Address, folder: &std::path::Path) -> Result<Vec<Token>, Failure> {
    let name = address.name().unwrap_or_default();
    let own = name.rsplit_once('.').map_or(&*name, |(own, _)| own);
    let own = if own.is_empty() {
        "1".into()
    } else {
        own.to_string()
    };
    let mut spool = Spool::new(folder, reach.max_bytes).map_err(Failure::disk)?;
    let Fetched::New(_) = reach.fetch(&address, None, &mut spool)? else {
        return Err(Failure::lasting("it is not there"));
    };
    let value = match kind(spool.head()) {
        Kind::Json => serde_json::from_slice::<Value>(&spool.bytes(MAX_JSON_BYTES)?)
            .map_err(|error| Failure::lasting(format!("it is no JSON: {error}")))?,
        Kind::Picture(_) => {
            return Ok(vec![Token {
                id: own,
                documents: vec![],
                images: vec![address],
            }]);
        }
        Kind::Other(what) => {
            return Err(Failure::lasting(format!(
                "it is {what}, expected JSON or a picture"
            )));
        }
    };
    let found = tokens_in(value, &own, &address, 0);
    match found.is_empty() {
        true => Err(Failure::lasting(
            "it is JSON that names no token, expected a list of maps with \"image\"",
        )),
        false => Ok(found),
    }
}

fn tokens_in(value: Value, own: &str, base: &Address, depth: usize) -> Vec<Token> {
    let here = |id: String, map: Json| Token {
        id,
        documents: vec![Document::Here(map, Some(base.clone()))],
        images: vec![],
    };
    match value {
        Value::Array(items) => {
            let mut tokens: Vec<Token> = vec![];
            let maps = items.into_iter().filter_map(|item| match item {
                Value::Object(map) => Some(map),
                _ => None,
            });
            for (place, map) in maps.enumerate() {
                tokens.push(here(id_of(&map).unwrap_or_else(|| place.to_string()), map));
            }
            tokens
        }
        Value::Object(map) if is_token(&map) => vec![here(id_of(&map).unwrap_or_else(|| own.into()), map)],
        Value::Object(map) if depth < 3 => {
            let lists = map
                .iter()
                .find(|(_, value)| value.as_array().is_some_and(|it| it.iter().any(Value::is_object)));
            if let Some((_, list)) = lists {
                return tokens_in(list.clone(), own, base, depth + 1);
            }
            let entries = map.into_iter();
            entries
                .flat_map(|(name, value)| match value {
                    Value::Object(inner) if is_token(&inner) => vec![here(name, inner)],
                    Value::Object(inner) => tokens_in(Value::Object(inner), own, base, depth + 1),
                    _ => vec![],
                })
                .collect()
        }
        _ => vec![],
    }
}

fn is_token(map: &Json) -> bool {
    map.iter().any(|(name, value)| {
        let name = key(name);
        IMAGES.contains(&&*name) || CONTAINERS.contains(&&*name) && (value.is_array() || value.is_object())
    })
}

fn id_of(map: &Json) -> Option<String> {
    let wanted = ["token_id", "tokenId", "identifier", "edition", "id"];
    wanted.iter().find_map(|name| match map.get(*name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A license as a source states it: its name, or the address of its text.
pub(super) fn license_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.trim().chars().take(1000).collect(),
        Some(Value::Object(map)) => {
            let wanted = ["id", "spdx", "name", "type", "url"];
            let found = wanted.iter().find_map(|name| map.get(*name)?.as_str());
            found.unwrap_or_default().trim().chars().take(1000).collect()
        }
        _ => String::new(),
    }
}
