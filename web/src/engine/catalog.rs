//! The models of a site: `models/index.json` says where they are, and the manifest of each what it is.

use super::{
    facts::{linked_license, words_files},
    fetch::fetch,
    load,
};
use crate::protocol::ModelCard;
use guise::weights::manifest::Manifest;
use serde::Deserialize;
use web_sys::RequestCache;

/// The list's path in a site.
const LIST: &str = "models/index.json";

/// The longest list that is read.
const MAX_BYTES: usize = 1 << 16;

/// A site is not expected to have more; those beyond are left out.
const MAX_MODELS: usize = 100;

#[derive(Deserialize)]
struct List {
    models: Vec<String>,
}

/// The names of a site's models; none where it has no list that can be read.
pub async fn names(site: &str) -> Vec<String> {
    let mut json = vec![];
    let url = format!("{site}{LIST}");
    let cache = RequestCache::NoCache;
    if fetch(LIST, &url, MAX_BYTES, cache, &mut json, async |_| {})
        .await
        .is_err()
    {
        return vec![];
    }
    let list: Option<List> = serde_json::from_slice(&json).ok();
    let mut names = vec![];
    for path in list.map(|list| list.models).unwrap_or_default() {
        let name = path
            .strip_prefix("models/")
            .and_then(|path| path.strip_suffix('/'));
        let name = name.filter(|name| is_name(name) && !names.iter().any(|other| other == name));
        names.extend(name.map(String::from));
        if names.len() == MAX_MODELS {
            break;
        }
    }
    names
}

/// Whether `name` is a folder as sites name them: it leads nowhere else.
fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=60).contains(&name.len()) && name.bytes().all(is_plain)
}

/// What the bundle in the folder at the address `bundle` is; nothing if its manifest cannot be read.
pub async fn card(bundle: &str) -> Option<ModelCard> {
    let manifest: Manifest = load::manifest(bundle).await.ok()?;
    let bytes = |files: &[&guise::weights::manifest::File]| files.iter().map(|file| file.bytes).sum();
    let parts = &manifest.parts;
    let mut to_draw = vec![&parts.generator.file];
    to_draw.extend(manifest.self_check.as_ref().map(|it| &it.pictures));
    Some(ModelCard {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        resolution: parts.generator.config.resolution(),
        draw_bytes: bytes(&to_draw),
        words_bytes: bytes(&words_files(&manifest)),
        license: linked_license(&manifest.art.license),
    })
}
