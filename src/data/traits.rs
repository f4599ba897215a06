//! The traits of one picture, in all the shapes in which generators write them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::printable::readable;

/// One named property of a picture, such as `hair color: pink`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait {
    /// What the property is of: `hair`, `background`.
    pub trait_type: String,
    /// What it is, in words.
    pub value: String,
}

/// Longer texts are no names of traits.
const MAX_CHARS: usize = 200;
/// More traits than any collection has.
const MAX_TRAITS: usize = 64;
/// Lists within lists, groups within groups, JSON within texts: deeper ones are no traits.
const MAX_DEPTH: usize = 6;

// Keys are compared as `key` writes them: lower case, letters and digits only.
/// Keys under which the traits of a whole token stand.
pub(super) const CONTAINERS: &[&str] = &["attributes", "traits", "properties"];
/// What a token says about where its picture is, from the clearest key to the vaguest, as [`key`] writes
/// them.
pub(super) const IMAGES: &[&str] = &[
    "filename",
    "image",
    "imagedata",
    "imageurl",
    "imageuri",
    "svgimagedata",
    "displayuri",
    "artifacturi",
    "thumbnailuri",
];
/// Keys that can only be the name of a trait.
const NAMES: &[&str] = &["traittype", "traitname", "trait", "key"];
/// Keys that are the name of a trait where something else is its value.
const OTHER_NAMES: &[&str] = &[
    "name",
    "type",
    "property",
    "attribute",
    "category",
    "layer",
    "label",
    "title",
];
const VALUES: &[&str] = &["value", "traitvalue", "attributevalue", "val"];
/// What stands among traits and tells about the token, the file or the market.
pub(super) const NOT_SEEN: &[&str] = &[
    "animationurl",
    "artist",
    "author",
    "authors",
    "backgroundcolor",
    "collection",
    "compiler",
    "content",
    "count",
    "creator",
    "creators",
    "date",
    "description",
    "displaytype",
    "dna",
    "edition",
    "externalurl",
    "files",
    "frequency",
    "id",
    "image",
    "license",
    "maxvalue",
    "mimetype",
    "name",
    "order",
    "origins",
    "percentage",
    "rank",
    "rarity",
    "score",
    "tokenid",
    "weight",
    "youtubeurl",
];

/// The traits that were found, and how much was not understood.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub traits: Vec<Trait>,
    /// How many pieces look like traits and are in no known shape, or too long, or too many.
    pub unread: usize,
}

impl Reading {
    /// Adds what stands under `attributes`, `traits` or `properties`.
    pub fn add(&mut self, value: &Value) {
        self.all(value, 0);
    }

    /// Adds a trait whose name and value are known, such as a cell of a table.
    pub fn named(&mut self, name: &str, value: &str) {
        let (name, value) = (readable(name), readable(value));
        let value = match value.to_lowercase().as_str() {
            "" => return,
            "true" | "yes" => name.clone(),
            _ if is_number(&value) || is_address(&value) => return,
            _ => value,
        };
        let fits = |text: &str| text.chars().count() <= MAX_CHARS;
        if !fits(&name) || !fits(&value) || self.traits.len() >= MAX_TRAITS {
            self.unread += 1;
        } else if !value.is_empty() {
            self.traits.push(Trait {
                trait_type: name,
                value,
            });
        }
    }

    fn all(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null => {}
            _ if depth > MAX_DEPTH => self.unread += 1,
            Value::Array(items) => items.iter().for_each(|item| self.item(item, depth + 1)),
            Value::Object(map) => self.map(map, depth + 1),
            Value::String(text) if text.trim().is_empty() => {}
            Value::String(text) => match json_inside(text) {
                Some(inside) => self.all(&inside, depth + 1),
                None => self.unread += 1,
            },
            Value::Bool(_) | Value::Number(_) => self.unread += 1,
        }
    }

    /// One entry of a list.
    fn item(&mut self, value: &Value, depth: usize) {
        match value {
            Value::String(text) => match (json_inside(text), text.split_once(':')) {
                (Some(inside), _) => self.all(&inside, depth),
                // `hair: pink`, but no address.
                (None, Some((name, value))) if !value.starts_with("//") => self.named(name, value),
                (None, _) => self.named("", text),
            },
            Value::Object(map) => self.object(map, depth),
            _ => self.all(value, depth),
        }
    }

    /// One entry of a list that is an object: a name and a value, or the one as the key of the other.
    fn object(&mut self, map: &Map<String, Value>, depth: usize) {
        let first = |names: &[&str]| names.iter().find_map(|name| get(map, name));
        let words = |name: Option<&Value>| name.and_then(in_words).unwrap_or_default();
        let name = first(NAMES);
        match (first(VALUES), get(map, "name")) {
            _ if is_counted(map) => {}
            (Some(value), _) => self.value(&words(name.or(first(OTHER_NAMES))), value, depth),
            // `{"type": "hair", "name": "pink"}`, or the value alone with how rare it is.
            (None, Some(value)) => self.value(&words(name.or(first(&OTHER_NAMES[1..]))), value, depth),
            (None, None) if name.is_some() => {}
            (None, None) => self.map(map, depth),
        }
    }

    /// Names and values as keys and values.
    fn map(&mut self, map: &Map<String, Value>, depth: usize) {
        let holds_traits = |value: &Value| value.is_array() || value.is_object();
        let inner = CONTAINERS.iter().find_map(|name| get(map, name));
        if let Some(inner) = inner.filter(|inner| holds_traits(inner)) {
            return self.all(inner, depth);
        }
        let has = |names: &[&str]| names.iter().any(|name| get(map, name).is_some());
        if has(VALUES) && (has(NAMES) || has(OTHER_NAMES)) {
            return self.object(map, depth);
        }
        for (name, value) in map {
            let known = key(name);
            let kind = value.as_str().unwrap_or_default();
            let is_media = ["category", "type"].contains(&known.as_str())
                && ["image", "video", "audio", "html", "vr"].contains(&kind);
            if !NOT_SEEN.contains(&known.as_str()) && !is_media {
                self.value(name, value, depth);
            }
        }
    }

    /// The value of the trait `name`, whatever it is made of.
    fn value(&mut self, name: &str, value: &Value, depth: usize) {
        match value {
            // Numbers (a rank, a birthday) cannot be seen in a picture, and neither can what is false.
            Value::Null | Value::Number(_) | Value::Bool(false) => {}
            Value::Bool(true) => self.named(name, name),
            Value::String(text) => self.named(name, text),
            _ if depth > MAX_DEPTH => self.unread += 1,
            Value::Array(values) => {
                for value in values {
                    self.value(name, value, depth + 1);
                }
            }
            Value::Object(map) => {
                if is_counted(map) {
                    return;
                }
                if let Some(text) = in_words(value) {
                    self.named(name, &text);
                } else if let Some(inner) = VALUES.iter().find_map(|name| get(map, name)) {
                    let name = get(map, "name").and_then(in_words).unwrap_or(name.to_string());
                    self.value(&name, inner, depth + 1);
                } else if let Some(inner) = get(map, "name") {
                    self.value(name, inner, depth + 1);
                } else {
                    // A group, such as `"head": {"hair": "pink", "hat": "cap"}`.
                    self.map(map, depth + 1);
                }
            }
        }
    }
}

/// A key without its case, spaces and underscores: `trait_type`, `traitType` and `Trait Type` are one.
pub(super) fn key(name: &str) -> String {
    let letters = name.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn get<'a>(map: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    map.iter()
        .find(|(name, _)| key(name) == wanted)
        .map(|(_, value)| value)
}

/// A text, or one in many languages: the English one, or else the first.
fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) if !map.is_empty() => {
            let is_language = |tag: &String| {
                let (language, region) = tag.split_once(['-', '_']).unwrap_or((tag, ""));
                language.len() == 2 && region.len() <= 4 && tag.is_ascii()
            };
            let english = map.iter().find(|(tag, _)| tag.starts_with("en"));
            let (_, said) = english.or(map.iter().next())?;
            let said = said.as_str()?;
            map.keys().all(is_language).then(|| said.to_string())
        }
        _ => None,
    }
}

/// Whether a trait is one that markets count or compare, such as a date, a level or a boost.
fn is_counted(map: &Map<String, Value>) -> bool {
    let kind = get(map, "displaytype")
        .and_then(Value::as_str)
        .unwrap_or_default();
    ["number", "date", "boost", "rank"]
        .iter()
        .any(|counted| kind.to_lowercase().contains(counted))
}

/// The value of a text that is itself a JSON list or object.
fn json_inside(text: &str) -> Option<Value> {
    let text = text.trim();
    text.starts_with(['[', '{'])
        .then(|| serde_json::from_str(text).ok())
        .flatten()
}

/// `17`, `-1.5e3`, `80%`, `#12`, `2 / 7` and dates, but not `Infinity`, `3D` or `NaN`, which are also words.
fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    digits > 0
        && text
            .chars()
            .all(|letter| letter.is_ascii_digit() || ".,+-eE%#/: ".contains(letter))
}

fn is_address(text: &str) -> bool {
    let is_account = |rest: &str| rest.len() >= 40 && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.contains("://") || text.strip_prefix("0x").is_some_and(is_account)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(json: &str) -> Reading {
        let mut reading = Reading::default();
        reading.add(&serde_json::from_str(json).unwrap());
        reading
    }

    fn pairs(json: &str) -> String {
        let reading = reading(json);
        assert_eq!(reading.unread, 0, "{json}");
        let pairs = reading.traits.iter();
        let pairs: Vec<String> = pairs
            .map(|named| format!("{}={}", named.trait_type, named.value))
            .collect();
        pairs.join(", ")
    }

    #[test]
    fn reads_the_shapes_that_generators_write() {
        for (json, expected) in [
            // OpenSea, HashLips, Metaplex, thirdweb and Manifold.
            (
                r#"[{"trait_type": "Hair", "value": " Pink "}, {"trait_type": "Hat", "value": true}]"#,
                "Hair=Pink, Hat=Hat",
            ),
            // Rarible, Tezos, Flow, Reservoir and others with names of their own for the two.
            (r#"[{"key": "hair", "value": "pink"}]"#, "hair=pink"),
            (r#"[{"name": "hair", "value": "pink"}]"#, "hair=pink"),
            (r#"[{"traitType": "hair", "Value": "pink"}]"#, "hair=pink"),
            (r#"[{"type": "hair", "name": "pink"}]"#, "hair=pink"),
            (r#"[{"trait_type": "hair", "name": "pink"}]"#, "hair=pink"),
            (
                r#"[{"trait_type": "hair", "key": "hair", "value": "pink"}]"#,
                "hair=pink",
            ),
            (
                r#"{"traits": [{"name": "hair", "value": "pink", "displayType": null}]}"#,
                "hair=pink",
            ),
            // Lists within lists, JSON within a text, one object for each trait, plain words.
            (r#"[[{"trait_type": "hair", "value": "pink"}], []]"#, "hair=pink"),
            (
                r#""[{\"trait_type\": \"hair\", \"value\": \"pink\"}]""#,
                "hair=pink",
            ),
            (
                r#"[{"hair": "long pink hair"}, {"hat": "cap", "type": "Alien"}]"#,
                "hair=long pink hair, hat=cap, type=Alien",
            ),
            (
                r#"["Red", "hair: pink", {"value": "Robot"}]"#,
                "=Red, hair=pink, =Robot",
            ),
            (r#"[{"name": "long hair", "rarity": "rare"}]"#, "=long hair"),
            // A map, and what ERC-1155 and NFT.Storage put into `properties`.
            (
                r#"{"hair": "pink", "hat": ["cap", "bow"], "legs": null}"#,
                "hair=pink, hat=cap, hat=bow",
            ),
            (r#"{"trait_type": "hair", "value": "pink"}"#, "hair=pink"),
            (
                r#"{"h": {"name": "Hair", "value": "pink", "type": "string"}, "hat": {"value": "cap"}}"#,
                "Hair=pink, hat=cap",
            ),
            (
                r#"{"head": {"glasses": "round", "hair": "pink"}}"#,
                "glasses=round, hair=pink",
            ),
            (
                r#"{"files": [{"uri": "0.png", "type": "image/png"}], "category": "image", "creators": [{"address": "x"}]}"#,
                "",
            ),
            // Other languages.
            (
                r#"[{"trait_type": {"ja": "髪", "en": "hair"}, "value": {"ja": "桃色", "en-US": "pink"}}]"#,
                "hair=pink",
            ),
            (r#"{"hair": {"de": "rosa"}}"#, "hair=rosa"),
            // What cannot be seen.
            (
                r#"[{"trait_type": "Rank", "value": 17}, {"trait_type": "Rank", "value": "17"}, {"trait_type": "Rank", "value": 1e300},
                    {"trait_type": "Pipe", "value": false}, {"trait_type": "x"}, {"trait_type": "x", "value": null},
                    {"trait_type": "born", "value": "2022-01-05"}, {"trait_type": "site", "value": "https://a.b/c"},
                    {"display_type": "date", "trait_type": "born", "value": "May"},
                    {"display_type": "boost_percentage", "trait_type": "luck", "value": "high"}]"#,
                "",
            ),
            (
                r#"[{"display_type": 3, "trait_type": "hair", "value": "pink"}]"#,
                "hair=pink",
            ),
            (
                r#"[{"trait_type": "eyes", "value": "Infinity"}, {"trait_type": "hat", "value": "NaN"}]"#,
                "eyes=Infinity, hat=NaN",
            ),
            (
                r#"[{"trait_type": "glasses", "value": "3D"}, {"trait_type": "hat", "value": "Yes"}]"#,
                "glasses=3D, hat=hat",
            ),
            (
                r#"[{"trait_type": "ha\u202eir", "value": "\u001b[31mpink\n"}]"#,
                "hair=[31mpink",
            ),
            ("null", ""),
            ("[]", ""),
            ("\" \"", ""),
        ] {
            assert_eq!(pairs(json), expected, "{json}");
        }
    }

    #[test]
    fn counts_what_it_does_not_understand() {
        let long = format!(r#"[{{"trait_type": "hair", "value": "{}"}}]"#, "x".repeat(201));
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        for json in ["3", "\"pink hair\"", "[1, \"blue\"]", &long, &deep] {
            assert_eq!(reading(json).unread, 1, "{json}");
        }
        let many: Vec<String> = (0..70).map(|n| format!("\"word{n}x\"")).collect();
        let reading = reading(&format!("[{}]", many.join(",")));
        assert_eq!((reading.traits.len(), reading.unread), (MAX_TRAITS, 6));
    }
}
