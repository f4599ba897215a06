//! Which picture of a collection a path, an address or a token's own name means.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::super::data_uri::unescaped;

/// How sure it is that a document means a picture. What is surer wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Certainty {
    /// By its own name or number: it names no picture.
    Guess,
    /// It names a file that is there with another extension, such as the PNG that a WebP was made of.
    Stem,
    /// It names a file that is there once, in another folder than it says.
    Name,
    /// The path that it gives.
    Path,
}

/// How some addresses end for every token.
const SAME_FOR_ALL: &[&str] = &[
    "image",
    "img",
    "picture",
    "preview",
    "original",
    "thumbnail",
    "media",
    "content",
    "full",
    "raw",
    "file",
];
/// Of more pictures with one name the nearest is not looked for, which would take a hostile collection for
/// ever.
const MAX_NAMESAKES: usize = 1000;

/// The pictures of a collection by their names.
pub(super) struct Names {
    paths: Vec<PathBuf>,
    by_path: HashMap<String, usize>,
    by_name: HashMap<String, Vec<usize>>,
    by_stem: HashMap<String, Vec<usize>>,
}

impl Names {
    /// `paths` are relative to the collection.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let (mut by_path, mut by_name, mut by_stem) =
            <(HashMap<_, _>, HashMap<_, Vec<_>>, HashMap<_, Vec<_>>)>::default();
        for (index, path) in paths.iter().enumerate() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            by_path.entry(composed(&slashed(path))).or_insert(index);
            by_name.entry(composed(&name)).or_default().push(index);
            by_stem.entry(folded(stem(&name))).or_default().push(index);
        }
        Self {
            paths,
            by_path,
            by_name,
            by_stem,
        }
    }

    /// The path of a picture, relative to the collection.
    pub fn path(&self, picture: usize) -> &Path {
        &self.paths[picture]
    }

    pub fn into_paths(self) -> Vec<PathBuf> {
        self.paths
    }

    /// The picture that `image`, in a document in `folder`, names; nothing if it is an address that names no
    /// file, such as a hash.
    ///
    /// # Errors
    /// In words, when it names a picture that is not there, that is there several times or outside the
    /// collection.
    pub fn named(&self, image: &str, folder: &Path) -> Result<Option<(usize, Certainty)>, String> {
        let shown: String = image.chars().take(100).collect();
        let address = image.split_once("://");
        if address.is_none()
            && let Some(found) = self.at(image, folder)?
        {
            return Ok(Some((found, Certainty::Path)));
        }
        // The text as it stands comes first, because files have such names as `Cat #7.png`.
        let rest = address.map_or(image, |(_, rest)| rest);
        let verbatim = rest.split(['/', '\\']).filter(|part| !part.is_empty());
        let parts = [verbatim.map(str::to_string).collect(), parts_of_address(rest)];
        for path in &parts {
            let Some(name) = path.last() else {
                return Ok(None);
            };
            if let Some(found) = self.nearest(name, stem(name), folder, path)? {
                return Ok(Some(found));
            }
        }
        match (address, parts[1].last()) {
            (_, Some(name)) if is_hash(stem(name)) => Ok(None),
            (Some(_), Some(name)) if SAME_FOR_ALL.contains(&folded(stem(name)).as_str()) => Ok(None),
            (Some(_), _) => Err(format!(
                "its picture is at {shown:?}: download it beside the JSON first"
            )),
            (None, _) => Err(format!("its picture {shown:?} is not in the collection")),
        }
    }

    /// The picture that has the name of the document `document`.
    pub fn own(&self, document: &Path) -> Result<Option<usize>, String> {
        let name = document.file_name().unwrap_or_default().to_string_lossy();
        let own = name.rsplit_once('.').map_or(&*name, |(own, _)| own);
        self.guess(own, document.parent().unwrap_or(Path::new("")))
    }

    /// The picture that has this name or number.
    pub fn guess(&self, name: &str, folder: &Path) -> Result<Option<usize>, String> {
        let found = self.nearest(name, name, folder, &[])?;
        Ok(found.map(|(picture, _)| picture))
    }

    /// A path as it stands, beside the JSON as the standard has it, or below the collection as many tools
    /// write it.
    fn at(&self, image: &str, folder: &Path) -> Result<Option<usize>, String> {
        let decoded = String::from_utf8_lossy(&unescaped(image)).replace('\\', "/");
        let mut is_inside = false;
        for image in [image, &decoded] {
            for base in [folder, Path::new("")] {
                let path = inside(base, image);
                is_inside |= path.is_some();
                if let Some(&found) = path.and_then(|path| self.by_path.get(&composed(&slashed(&path)))) {
                    return Ok(Some(found));
                }
            }
        }
        if is_inside {
            Ok(None)
        } else {
            Err("its `image` leads outside the collection".into())
        }
    }

    /// The picture that is called `name`, or else has this stem. Of several it is the one that is nearest to
    /// `folder`, and of those the one whose folders are called like the end of `path`.
    fn nearest(
        &self,
        name: &str,
        stem: &str,
        folder: &Path,
        path: &[String],
    ) -> Result<Option<(usize, Certainty)>, String> {
        let by_name = self
            .by_name
            .get(&composed(name))
            .map(|found| (found, Certainty::Name));
        let by_stem = || {
            self.by_stem
                .get(&folded(stem))
                .map(|found| (found, Certainty::Stem))
        };
        let Some((found, certainty)) = by_name.or_else(by_stem) else {
            return Ok(None);
        };
        let beside = self.by_path.get(&composed(&slashed(&folder.join(name))));
        if let Some(beside) = beside.filter(|_| certainty == Certainty::Name) {
            return Ok(Some((*beside, certainty)));
        }
        let found = &found[..found.len().min(MAX_NAMESAKES)];
        let closeness = |index: &usize| {
            let parent = self.paths[*index].parent().unwrap_or(Path::new(""));
            let shared = parent.iter().zip(folder).take_while(|(a, b)| a == b).count();
            let wanted = path.iter().rev().skip(1);
            let alike = parent.iter().rev().zip(wanted);
            let alike = alike
                .take_while(|(a, b)| a.to_string_lossy() == b.as_str())
                .count();
            (shared, parent == folder, alike)
        };
        let best = found.iter().map(closeness).max();
        let best: Vec<usize> = found
            .iter()
            .copied()
            .filter(|index| Some(closeness(index)) == best)
            .collect();
        match best[..] {
            [one] if found.len() < MAX_NAMESAKES => Ok(Some((one, certainty))),
            _ => {
                let count = match best.len() {
                    MAX_NAMESAKES.. => "very many".to_string(),
                    2 => "two".to_string(),
                    many => many.to_string(),
                };
                let shown: Vec<String> = best
                    .iter()
                    .take(3)
                    .map(|index| slashed(&self.paths[*index]))
                    .collect();
                let more = if best.len() > shown.len() { ", ..." } else { "" };
                Err(format!(
                    "{count} pictures have its name: {}{more}",
                    shown.join(", ")
                ))
            }
        }
    }
}

/// The decoded parts of what follows an address's scheme, without query and fragment. A gateway may be told
/// the file's name in the query.
fn parts_of_address(rest: &str) -> Vec<String> {
    let decode = |part: &str| String::from_utf8_lossy(&unescaped(part)).into_owned();
    let rest = rest.split('#').next().unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let name = query.split('&').find_map(|pair| pair.strip_prefix("filename="));
    let parts = path.split(['/', '\\']).chain(name);
    parts.filter(|part| !part.is_empty()).map(decode).collect()
}

/// Whether a name is that of a content, as IPFS and many servers have them.
fn is_hash(name: &str) -> bool {
    name.len() >= 32
        && name.bytes().any(|byte| byte.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// A file's name without its extension, if that is one: `Mr. Smith` and `v1.5` have none.
fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=5).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && extension.bytes().any(|byte| byte.is_ascii_alphabetic()) =>
        {
            stem
        }
        _ => name,
    }
}

/// Letters with their accents in one piece, however the file system keeps them.
fn composed(text: &str) -> String {
    text.nfc().collect()
}

fn folded(text: &str) -> String {
    composed(text).to_lowercase()
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

/// The path with forward slashes, as reasons and logs name it.
pub(super) fn slashed(path: &Path) -> String {
    let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[&str]) -> Names {
        Names::new(paths.iter().map(PathBuf::from).collect())
    }

    /// The picture that `image` in a document in `folder` means, or why none.
    fn named(paths: &[&str], folder: &str, image: &str) -> String {
        match names(paths).named(image, Path::new(folder)) {
            Ok(Some((index, certainty))) => format!("{certainty:?} {}", paths[index]),
            Ok(None) => "no name".into(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn a_path_or_an_address_means_one_picture() {
        let art = &[
            "1.png",
            "images/2.png",
            "images/M\u{fc}ller & Co.webp",
            "pixel/2.png",
            "a b.jpg",
            "pixel/Cat #7.png",
        ];
        for (folder, image, expected) in [
            ("", "1.png", "Path 1.png"),
            ("json", "1.png", "Path 1.png"),
            ("json", "../images/2.png", "Path images/2.png"),
            ("json", "images/2.png", "Path images/2.png"),
            ("images", "./2.png", "Path images/2.png"),
            ("json", "images\\2.png", "Path images/2.png"),
            ("json", "a%20b.jpg", "Path a b.jpg"),
            ("json", "ipfs://Qm/1.png?ext=png", "Name 1.png"),
            ("json", "https://a.b/a%20b.jpg#x", "Name a b.jpg"),
            ("json", "https://a.b/ipfs/Qm?filename=1.png", "Name 1.png"),
            ("json", "ipfs://Qm/1.gif", "Stem 1.png"),
            ("json", "ipfs://Qm/1", "Stem 1.png"),
            // The same letters in another form of Unicode, and in capitals.
            (
                "json",
                "mU\u{308}LLER & co.png",
                "Stem images/M\u{fc}ller & Co.webp",
            ),
            (
                "json",
                "ipfs://Qm/2.png",
                "two pictures have its name: images/2.png, pixel/2.png",
            ),
            ("json", "ipfs://Qm/pixel/2.png", "Name pixel/2.png"),
            ("pixel/json", "ipfs://Qm/images/2.png", "Name pixel/2.png"),
            ("pixel", "ipfs://Qm/2.png", "Name pixel/2.png"),
            ("json", "3.png", "its picture \"3.png\" is not in the collection"),
            (
                "json",
                "ipfs://Qm/3.png",
                "its picture is at \"ipfs://Qm/3.png\": download it beside the JSON first",
            ),
            ("json", "../../1.png", "its `image` leads outside the collection"),
            ("json", "/1.png", "its `image` leads outside the collection"),
            (
                "json",
                "ipfs://QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o",
                "no name",
            ),
            ("json", "https://a.b/tokens/7/image.png", "no name"),
            ("json", "https://", "no name"),
            (
                "json",
                "image.png",
                "its picture \"image.png\" is not in the collection",
            ),
            ("json", "ipfs://Qm/Cat #7.png", "Name pixel/Cat #7.png"),
            ("json", "old/Cat #7.png", "Name pixel/Cat #7.png"),
        ] {
            assert_eq!(named(art, folder, image), expected, "{image} in {folder:?}");
        }
        let many = &["a/1.png", "b/1.png", "c/1.png", "d/1.png"];
        let reason = named(many, "", "x/1.png");
        assert_eq!(reason, "4 pictures have its name: a/1.png, b/1.png, c/1.png, ...");
    }

    #[test]
    fn a_document_may_share_its_name_with_a_picture() {
        let names = names(&["17.png", "v1.5.png", "images/a.webp"]);
        for (document, expected) in [
            ("17.json", Some(0)),
            ("meta/17", Some(0)),
            ("17.png.json", Some(0)),
            ("v1.5.json", Some(1)),
            ("17.5.json", None),
            ("json/A.JSON", Some(2)),
            ("b.json", None),
        ] {
            assert_eq!(names.own(Path::new(document)), Ok(expected), "{document}");
        }
        assert_eq!(names.guess("17", Path::new("")), Ok(Some(0)));
    }
}
