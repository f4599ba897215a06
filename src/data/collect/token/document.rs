//! What says something about a token, and where its picture is.

use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::super::traits::{CONTAINERS, IMAGES, key};
use super::super::address::Address;
use super::super::failure::Failure;
use super::super::kind::{Kind, kind};
use super::super::reach::{Fetched, Reach};
use super::super::record::{Part, Record};
use super::super::sink::{Memory, Spool, hex};
use super::super::web::Request;
use super::{Document, Json, MAX_JSON_BYTES};

/// A document, found.
pub(super) enum Said {
    /// The one that is known.
    Same(Part),
    New(Json, Part, Option<Address>),
    /// It is the picture.
    Picture(Spool, Part),
    /// It is the picture, and the one that is known.
    SamePicture,
}

/// Reads what says something about a token, as far as it is not known.
pub(super) fn read(
    reach: &Reach,
    folder: &Path,
    document: Document,
    known: Option<&Record>,
) -> Result<Said, Failure> {
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

/// Whether a document has a place for traits.
pub(super) fn has_traits(map: &Json) -> bool {
    map.keys().any(|name| CONTAINERS.contains(&&*key(name)))
}

/// Where a document says that its picture is, from the clearest key to the vaguest. A file's name comes last:
/// it is one of the maker's disk.
pub(super) fn images(map: &Json, base: Option<&Address>) -> Vec<Result<Address, String>> {
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
pub(super) fn kept(mut map: Json, picture: &str) -> Vec<u8> {
    map.retain(|name, _| !IMAGES.contains(&&*key(name)));
    map.insert("image".into(), picture.into());
    let mut text = serde_json::to_vec_pretty(&map).unwrap_or_default();
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let kept: Value = serde_json::from_slice(&kept(map, "1.png")).unwrap();
        assert_eq!(kept, serde_json::json!({"name": "A", "image": "1.png"}));
    }
}
