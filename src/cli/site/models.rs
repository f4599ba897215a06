//! The bundles of a site.

use super::place::Piece;
use crate::{
    cli::{
        bundle::{self, CARD, SHEET, TEXT_TOWER_LICENSE},
        files::read_at_most,
    },
    weights::{Manifest, manifest::File},
};
use anyhow::{Context, ensure};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The list of a site's models.
pub(super) const LIST: &str = "models/index.json";

/// The largest of the files that publishing puts beside a bundle without listing it.
const MAX_BESIDE_BYTES: u64 = 64 << 20;

/// A bundle that is what its manifest says.
#[derive(Debug)]
pub(super) struct Model {
    /// Where it was found.
    pub dir: PathBuf,
    /// Its name in addresses, of its own in the site.
    pub slug: String,
    pub manifest: Manifest,
    /// Its files in the site, the manifest last: what it lists is there before it.
    pub pieces: Vec<Piece>,
}

impl Model {
    /// Its folder in the site.
    pub fn path(&self) -> String {
        format!("models/{}/", self.slug)
    }

    /// The path in the site of one of the files that publishing puts beside a bundle, if it has it.
    fn beside(&self, name: &str) -> Option<String> {
        let path = self.path() + name;
        self.pieces
            .iter()
            .any(|piece| piece.file.name == path)
            .then_some(path)
    }

    /// The path in the site of its model card, if it has one.
    pub fn card(&self) -> Option<String> {
        self.beside(CARD)
    }

    /// The path in the site of its text tower's license, if that travels with it.
    pub fn text_tower_license(&self) -> Option<String> {
        self.beside(TEXT_TOWER_LICENSE)
    }
}

/// Reads the bundles in `dirs` and checks every file that they list.
pub(super) fn read(dirs: &[PathBuf]) -> anyhow::Result<Vec<Model>> {
    let mut models: Vec<Model> = vec![];
    for dir in dirs {
        let slug = unique(&slug(dir), |slug| models.iter().any(|model| model.slug == slug));
        models.push(read_one(dir, slug)?);
    }
    Ok(models)
}

fn read_one(dir: &Path, slug: String) -> anyhow::Result<Model> {
    let manifest = bundle::manifest(dir)?;
    let place = |name: &str| format!("models/{slug}/{name}");
    let mut pieces = vec![];
    for file in manifest.files() {
        let contents = bundle::read(dir, file)?;
        file.verify(&contents)
            .with_context(|| format!("{} is damaged: publish or copy it again", dir.display()))?;
        pieces.push(Piece::copied(place(&file.name), dir.join(&file.name), file));
    }
    // The manifest does not list these, and the licenses of the weights ask for them.
    for name in [CARD, SHEET, TEXT_TOWER_LICENSE] {
        let path = dir.join(name);
        let listed = manifest.files().any(|file| file.name == name);
        if let (Ok(facts), false) = (fs::symlink_metadata(&path), listed) {
            // Nothing says what it must be, so behind a link it might be any file of this machine.
            ensure!(facts.is_file(), "{} is no regular file", path.display());
            let file = File::describe(name, &read_at_most(&path, MAX_BESIDE_BYTES)?);
            pieces.push(Piece::copied(place(name), path, &file));
        }
    }
    let json = read_at_most(&dir.join(Manifest::FILE_NAME), Manifest::MAX_BYTES)?;
    ensure!(
        Manifest::parse(&json).is_ok_and(|read| read == manifest),
        "{} was changed while it was read",
        dir.display()
    );
    pieces.push(Piece::made(place(Manifest::FILE_NAME), json));
    Ok(Model {
        dir: dir.to_owned(),
        slug,
        manifest,
        pieces,
    })
}

/// The name of a folder in addresses: lower-case letters, digits and hyphens.
fn slug(dir: &Path) -> String {
    // A path such as `.` has no name of its own.
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        match c.is_ascii_alphanumeric() {
            true => slug.push(c),
            false if slug.is_empty() || slug.ends_with('-') => {}
            false => slug.push('-'),
        }
    }
    slug.truncate(60);
    match slug.trim_end_matches('-') {
        "" => "model".into(),
        slug => slug.into(),
    }
}

/// `slug`, with a number if that is taken.
fn unique(slug: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|number| format!("{slug}-{number}"));
    std::iter::once(slug.to_owned())
        .chain(numbered)
        .find(|slug| !taken(slug))
        .unwrap_or_default()
}

/// The model that visitors see: the `wish`, a folder as it was given or a name in the site, or the first.
pub(super) fn choose<'a>(models: &'a [Model], wish: Option<&str>) -> anyhow::Result<&'a Model> {
    let found = match wish {
        None => models.first(),
        Some(wish) => models
            .iter()
            .find(|model| model.slug == wish || model.dir == Path::new(wish)),
    };
    found.with_context(|| {
        let names: Vec<_> = models.iter().map(|model| model.slug.as_str()).collect();
        format!(
            "--default is {:?}, expected one of {}",
            wish.unwrap_or_default(),
            names.join(", ")
        )
    })
}

/// `models/index.json`: where the models are, by paths that begin at the site's folder. What each of them is
/// stands in its own manifest and nowhere else. The web build writes the same list (web/finish.mjs).
#[derive(Serialize)]
struct List {
    models: Vec<String>,
}

/// The list of `models`.
pub(super) fn list(models: &[Model]) -> anyhow::Result<Piece> {
    let list = List {
        models: models.iter().map(Model::path).collect(),
    };
    let mut json = serde_json::to_vec_pretty(&list)?;
    json.push(b'\n');
    Ok(Piece::made(LIST, json))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_have_names_for_addresses() {
        for (folder, expected) in [
            ("/nowhere/pixel-art", "pixel-art"),
            ("/nowhere/My Models (v2)/", "my-models-v2"),
            ("/nowhere/../Ärger.und-Ö", "rger-und"),
            ("/nowhere/---", "model"),
            ("/", "model"),
        ] {
            assert_eq!(slug(Path::new(folder)), expected);
        }
        assert_eq!(unique("a", |_| false), "a");
        assert_eq!(unique("a", |it| ["a", "a-2"].contains(&it)), "a-3");
    }
}
