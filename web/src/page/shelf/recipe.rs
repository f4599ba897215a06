//! An avatar of one's own as it is kept and exported: what it is drawn from, and a small picture of it.
//! Whatever is read of these is hostile until it is checked.

use super::super::{
    base64,
    blob::Picture,
    png,
    raster::Raster,
    share::{Look, Name, model_from},
};
use js_sys::Uint8Array;
use leptos::prelude::ArcRwSignal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What recipes are written in. Others are not read.
const VERSION: u32 = 1;
/// How many avatars a shelf has room for.
pub const MAX_AVATARS: usize = 200;
/// The longest text that is read: more than as many avatars take as there is room for.
pub const MAX_CHARS: usize = 16_000_000;
/// The largest small picture, in pixels to a side, and as text. Pixel art has at most as many.
const MAX_SIDE: u32 = 128;
const MAX_PICTURE_CHARS: usize = 100_000;
/// Other pictures are made so small.
const SMALL_SIDE: u32 = 96;
/// How large pixel art is exported.
const EXPORT_SIDE: u32 = 1024;

/// What an avatar is drawn again from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The name of the model that draws it.
    pub model: String,
    /// The part of its link after `#`, and with it. It names no model, so that it is the same on every site.
    pub link: String,
    /// Whether every pixel of it is meant to be a square.
    pub is_pixel_art: bool,
    /// A small PNG file of it, as base64url.
    picture: String,
}

/// A file of recipes.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recipes<T> {
    version: u32,
    avatars: Vec<T>,
}

/// An avatar on the shelf.
#[derive(Clone)]
pub struct Entry {
    /// What it is drawn again from.
    pub recipe: Recipe,
    /// What it is called.
    pub name: Name,
    /// Its small picture.
    pub picture: Picture,
    /// Whether it was removed. Its place stays until the page is left, so that it can be brought back.
    pub is_removed: ArcRwSignal<bool>,
}

impl Entry {
    /// Makes an entry of a look with an avatar close up, and that avatar's PNG file.
    pub async fn new(model: String, look: &Look, file: &[u8], is_pixel_art: bool) -> Option<Self> {
        let large = Raster::from_png(file, 4096).await?;
        let small = match is_pixel_art {
            true => large.cells(),
            false => large.resized(large.width().min(SMALL_SIDE)),
        };
        let recipe = Recipe {
            model,
            link: link_of(look),
            is_pixel_art,
            picture: base64::encode(&small.to_png().await?)?,
        };
        Self::checked(recipe)
    }

    /// Checks what claims to be a recipe.
    fn checked(recipe: Recipe) -> Option<Self> {
        let look = Look::from_fragment(&recipe.link)?;
        let model = model_from(&recipe.model)?;
        let file = base64::decode(&recipe.picture, MAX_PICTURE_CHARS)?;
        // Browsers show nothing of a file that is damaged; what it may take of memory is known here.
        let (side, height) = png::extent(&file).filter(|&(width, _)| (1..=MAX_SIDE).contains(&width))?;
        let is_sound = side == height && look.model.as_ref().is_none_or(|named| *named == model);
        let recipe = Recipe {
            link: link_of(&look),
            ..recipe
        };
        is_sound.then_some(Self {
            name: look.name(look.open?.into()),
            picture: Picture::new(Uint8Array::from(file.as_slice()).buffer(), side)?,
            is_removed: ArcRwSignal::new(false),
            recipe,
        })
    }

    /// Whether it is of this avatar.
    pub fn is_of(&self, model: &str, link: &str) -> bool {
        self.recipe.model == model && self.recipe.link == link
    }

    /// The look that shows it, and names its model where that does not go without saying.
    pub fn look(&self, names_model: bool) -> Option<Look> {
        let look = Look::from_fragment(&self.recipe.link)?;
        let model = names_model.then(|| self.recipe.model.clone());
        Some(Look { model, ..look })
    }

    /// Its small picture as numbers; nothing if the file of it is damaged.
    pub async fn raster(&self) -> Option<Raster> {
        Raster::from_png(&Uint8Array::new(&self.picture.png).to_vec(), MAX_SIDE).await
    }

    /// A PNG file of it to take home: of pixel art a large one.
    pub async fn to_png(&self) -> Option<Vec<u8>> {
        let small = self.raster().await?;
        let factor = match self.recipe.is_pixel_art {
            true => EXPORT_SIDE / small.width(),
            false => 1,
        };
        small.repeated(factor).to_png().await
    }
}

/// What leads to a look of one avatar, whichever site it is on.
pub fn link_of(look: &Look) -> String {
    let model = None;
    Look {
        model,
        ..look.clone()
    }
    .to_fragment()
}

/// Recipes as text.
pub fn write(recipes: Vec<Recipe>) -> Option<String> {
    let recipes = Recipes {
        version: VERSION,
        avatars: recipes,
    };
    serde_json::to_string(&recipes).ok()
}

/// The entries of a text of recipes, and how many of them could not be read; nothing if it is no such text.
pub fn read(text: &str) -> Option<(Vec<Entry>, usize)> {
    let recipes: Recipes<Value> = (text.len() <= MAX_CHARS).then(|| serde_json::from_str(text).ok())??;
    if recipes.version != VERSION || recipes.avatars.len() > MAX_AVATARS {
        return None;
    }
    let count = recipes.avatars.len();
    let read = |recipe| Entry::checked(serde_json::from_value(recipe).ok()?);
    let mut entries: Vec<_> = recipes.avatars.into_iter().filter_map(read).collect();
    let wrong = count - entries.len();
    // One of each.
    let mut seen = BTreeSet::new();
    entries.retain(|it| seen.insert((it.recipe.model.clone(), it.recipe.link.clone())));
    Some((entries, wrong))
}
