//! My avatars: those that a visitor keeps on this device, to open again, to take home and to bring along.

mod recipe;
mod view;
mod zip;

pub use view::{Keep, Section};

use super::{
    download::files,
    storage::{self, Item},
    studio::Studio,
};
use js_sys::Uint8Array;
use leptos::{ev, prelude::*};
use recipe::{Entry, MAX_AVATARS, MAX_CHARS, Recipe, link_of};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The file of recipes in an export, and the export itself.
const RECIPES: &str = "recipes.json";
const EXPORT: &str = "guise-avatars.zip";
const NO_ROOM: &str = "This browser has no room left, or keeps nothing for this page.";

/// The visitor's own avatars. Copies share it.
#[derive(Clone, Copy)]
pub struct Shelf {
    /// All of them, the oldest first, and those that were removed in this visit.
    entries: RwSignal<Vec<Entry>, LocalStorage>,
    /// What came of what was done with it last.
    said: RwSignal<String>,
}

impl Shelf {
    /// What is kept, and whatever other tabs of this page make of it.
    pub fn open() -> Self {
        let shelf = Self {
            entries: RwSignal::new_local(stored()),
            said: RwSignal::new(String::new()),
        };
        window_event_listener(ev::storage, move |event| {
            if event.key().is_none_or(|key| key == Item::Shelf.key()) {
                shelf.take(stored());
            }
        });
        shelf
    }

    /// How many avatars are on it.
    pub fn count(self) -> usize {
        self.entries
            .with(|entries| entries.iter().filter(|entry| !entry.is_removed.get()).count())
    }

    fn recipes(self) -> Vec<Recipe> {
        self.entries
            .with(|entries| entries.iter().map(|entry| entry.recipe.clone()).collect())
    }

    /// What there is of an avatar, also where it was removed.
    fn entry(self, model: &str, link: &str) -> Option<Entry> {
        let find = |entries: &Vec<Entry>| entries.iter().find(|entry| entry.is_of(model, link)).cloned();
        self.entries.with_untracked(find)
    }

    /// Whether an avatar is on it.
    fn has(self, model: &str, link: &str) -> bool {
        self.entries.track();
        let entry = self.entry(model, link);
        entry.is_some_and(|entry| !entry.is_removed.get())
    }

    /// Has these and no others, in the places of those that are here already.
    fn take(self, entries: Vec<Entry>) {
        let known = |entry: Entry| {
            let known = self
                .entry(&entry.recipe.model, &entry.recipe.link)
                .unwrap_or(entry);
            known.is_removed.set(false);
            known
        };
        self.entries.set(entries.into_iter().map(known).collect());
    }

    /// Puts the avatar close up onto the shelf, or takes it off. What came of it is said at the close-up.
    fn toggle(self, studio: Studio) {
        let Some((look, avatar)) = untrack(move || Some((studio.look_of_close_up()?, studio.close_up()?)))
        else {
            return;
        };
        let (model, link) = (untrack(move || studio.shown_model()), link_of(&look));
        let is_pixel_art = untrack(move || studio.draws_pixel_art());
        spawn_local(async move {
            let here = || self.entry(&model, &link);
            let was_kept = here().is_some_and(|entry| !entry.is_removed.get_untracked());
            if !was_kept && untrack(move || self.count()) >= MAX_AVATARS {
                let name = avatar.name;
                let sentence = "Your shelf is full. Remove an avatar there first, to keep";
                return studio.said.set(format!("{sentence} № {name}."));
            }
            if let Some(entry) = here() {
                entry.is_removed.set(was_kept);
            } else {
                let file = Uint8Array::new(&avatar.drawn().png).to_vec();
                let Some(entry) = Entry::new(model.clone(), &look, &file, is_pixel_art).await else {
                    return studio.said.set("This browser cannot keep it.".into());
                };
                // Making it takes a moment, in which a second click may have come.
                if here().is_none() {
                    self.entries.update(|entries| entries.push(entry));
                }
            }
            let name = avatar.name;
            studio.said.set(match (was_kept, self.store()) {
                (true, _) => format!("№ {name} is no longer among your avatars."),
                (false, true) => format!("№ {name} is kept on this device, below the wall."),
                (false, false) => format!("№ {name} is kept until you leave. {NO_ROOM}"),
            });
        });
    }

    /// Removes an avatar, or brings it back.
    fn put(self, entry: &Entry, is_removed: bool) {
        entry.is_removed.set(is_removed);
        let stored = self.store();
        self.said.set(match (is_removed, stored) {
            (true, _) => format!("№ {} is removed. You can still bring it back.", entry.name),
            (false, true) => format!("№ {} is back.", entry.name),
            (false, false) => format!("№ {} is back until you leave. {NO_ROOM}", entry.name),
        });
    }

    /// Forgets all of them.
    pub fn clear(self) {
        storage::forget(Item::Shelf);
        self.said.set(String::new());
        self.entries.set(vec![]);
    }

    /// Keeps what is on the shelf now; false where the browser does not.
    fn store(self) -> bool {
        let entries = self.on_it();
        if entries.is_empty() {
            storage::forget(Item::Shelf);
            return true;
        }
        let recipes = entries.into_iter().map(|entry| entry.recipe).collect();
        recipe::write(recipes).is_some_and(|text| storage::store(Item::Shelf, &text))
    }

    fn on_it(self) -> Vec<Entry> {
        let mut entries = self.entries.get_untracked();
        entries.retain(|entry| !entry.is_removed.get_untracked());
        entries
    }

    /// Saves pictures and recipes as one file.
    fn export(self) {
        let entries = self.on_it();
        spawn_local(async move {
            self.said.set(match exported(&entries).await {
                Some(()) => format!("Saved as {EXPORT}."),
                None => "This browser could not make that file.".into(),
            });
        });
    }

    /// Puts the avatars of an export, or of its recipes alone, onto the shelf as well.
    fn import(self, file: web_sys::File) {
        let name = file.name();
        if file.size() > 2.0 * MAX_CHARS as f64 {
            return self.said.set(not_recipes(&name));
        }
        spawn_local(async move {
            let told = match JsFuture::from(file.array_buffer()).await {
                Ok(content) => self.add(&name, &Uint8Array::new(&content).to_vec()).await,
                Err(_) => format!("{name} could not be read."),
            };
            self.said.set(told);
        });
    }

    async fn add(self, name: &str, content: &[u8]) -> String {
        let text = std::str::from_utf8(zip::first(content, RECIPES).unwrap_or(content)).ok();
        let Some((entries, mut wrong)) = text.and_then(recipe::read) else {
            return not_recipes(name);
        };
        let (mut added, mut known, mut left) = (0, 0, 0);
        for entry in entries {
            let Recipe { model, link, .. } = &entry.recipe.clone();
            if untrack(|| self.has(model, link)) {
                known += 1;
            } else if untrack(|| self.count()) >= MAX_AVATARS {
                left += 1;
            } else if entry.raster().await.is_none() {
                wrong += 1;
            } else {
                added += 1;
                match self.entry(model, link) {
                    Some(removed) => removed.is_removed.set(false),
                    None => self.entries.update(|entries| entries.push(entry)),
                }
            }
        }
        let mut told = format!("{} from {name}.", counted(added));
        let more = [
            (known, "were here already"),
            (wrong, "could not be read"),
            (left, "found no more room"),
        ];
        for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
            told += &format!(" {count} {what}.");
        }
        if !self.store() {
            told += &format!(" They stay until you leave. {NO_ROOM}");
        }
        told
    }

    /// Shows an avatar again, as its link does.
    fn show(self, studio: Studio, entry: &Entry) {
        match studio.visit(&entry.recipe.model, |names_model| entry.look(names_model)) {
            true => self.said.set(String::new()),
            false => self.said.set(format!(
                "№ {} is by the model “{}”, which this site does not have.",
                entry.name, entry.recipe.model
            )),
        }
    }
}

async fn exported(entries: &[Entry]) -> Option<()> {
    let recipes = recipe::write(entries.iter().map(|entry| entry.recipe.clone()).collect())?;
    let mut all = vec![(RECIPES.to_string(), recipes.into_bytes())];
    for (place, entry) in entries.iter().enumerate() {
        // Avatars of two models may have one name.
        let name = format!("{:03}-guise-{}.png", place + 1, entry.name);
        // One whose picture cannot be read is among the recipes still.
        all.extend(entry.to_png().await.map(|png| (name, png)));
    }
    let archive = Uint8Array::from(zip::stored(&all).as_slice());
    let file = files::file(EXPORT, "application/zip", &archive)?;
    files::save(&file).ok()
}

/// A number of avatars for people.
pub fn counted(count: usize) -> String {
    match count {
        1 => "1 avatar".into(),
        count => format!("{count} avatars"),
    }
}

fn not_recipes(name: &str) -> String {
    format!("{name} is no export of avatars. Choose {EXPORT}, or the {RECIPES} in it.")
}

/// What the browser has kept. What was changed from outside so that it cannot be read is left out.
fn stored() -> Vec<Entry> {
    let text = storage::load(Item::Shelf).unwrap_or_default();
    recipe::read(&text)
        .map(|(entries, _)| entries)
        .unwrap_or_default()
}
