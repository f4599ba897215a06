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
use js_sys::{ArrayBuffer, Uint8Array};
use leptos::{ev, prelude::*};
use recipe::{Entry, MAX_AVATARS, MAX_CHARS, Recipe};
use wasm_bindgen_futures::{JsFuture, spawn_local};

/// The file of recipes in an export, and the export itself.
const RECIPES: &str = "recipes.json";
const EXPORT: &str = "guise-avatars.zip";

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
                shelf.entries.set(stored());
            }
        });
        shelf
    }

    /// How many avatars are on it.
    pub fn count(self) -> usize {
        self.entries
            .with(|entries| entries.iter().filter(|entry| !entry.is_removed.get()).count())
    }

    /// Whether an avatar is on it.
    fn has(self, model: &str, link: &str) -> bool {
        self.entries.with(|entries| {
            let here = entries.iter().find(|entry| entry.is_of(model, link));
            here.is_some_and(|entry| !entry.is_removed.get())
        })
    }

    /// Puts the avatar close up onto the shelf, or takes it off. What came of it is to be said there.
    pub fn toggle(self, studio: Studio) {
        let told = untrack(move || self.toggled(studio));
        studio.said.set(told);
    }

    fn toggled(self, studio: Studio) -> String {
        let (Some(look), Some(avatar)) = (studio.look_of_close_up(), studio.close_up()) else {
            return "Still being drawn. You can keep it as soon as it is done.".into();
        };
        let (model, link) = (studio.shown_model(), look.to_fragment());
        let name = avatar.name;
        let here = self
            .entries
            .with(|entries| entries.iter().find(|entry| entry.is_of(&model, &link)).cloned());
        let was_kept = here.as_ref().is_some_and(|entry| !entry.is_removed.get());
        if !was_kept && self.count() >= MAX_AVATARS {
            return format!("Your shelf is full: it has room for {MAX_AVATARS}. Remove one to keep № {name}.");
        }
        match here {
            Some(entry) => entry.is_removed.set(was_kept),
            None => {
                let png = Uint8Array::new(&avatar.drawn().png).to_vec();
                let Some(entry) = Entry::new(model, &look, &png, studio.draws_pixel_art()) else {
                    return "This avatar cannot be kept: its link is too long.".into();
                };
                self.entries.update(|entries| entries.push(entry));
            }
        }
        match (was_kept, self.store()) {
            (true, _) => format!("№ {name} is no longer among your avatars."),
            (false, true) => format!("№ {name} is kept on this device, below the wall."),
            (false, false) => format!("№ {name} is kept until you leave. {}", no_room()),
        }
    }

    /// Removes an avatar, or brings it back.
    fn put(self, entry: &Entry, is_removed: bool) {
        entry.is_removed.set(is_removed);
        let stored = self.store();
        self.said.set(match (is_removed, stored) {
            (true, _) => format!("№ {} is removed. You can still bring it back.", entry.name),
            (false, true) => format!("№ {} is back.", entry.name),
            (false, false) => format!("№ {} is back until you leave. {}", entry.name, no_room()),
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
        let recipes = recipe::write(entries.iter().map(|entry| entry.recipe.clone()).collect());
        let mut all = vec![(RECIPES.to_string(), recipes.unwrap_or_default().into_bytes())];
        for (place, entry) in entries.iter().enumerate() {
            // Avatars of two models may have one name.
            let name = format!("{:03}-guise-{}.png", place + 1, entry.name);
            all.push((name, entry.to_png()));
        }
        let archive = Uint8Array::from(zip::stored(&all).as_slice());
        let saved = files::file(EXPORT, "application/zip", &archive).and_then(|it| files::save(&it).ok());
        self.said.set(match saved {
            Some(()) => format!("Saved as {EXPORT}."),
            None => "This browser could not make that file.".into(),
        });
    }

    /// Puts the avatars of an export, or of its recipes alone, onto the shelf as well.
    fn import(self, file: web_sys::File) {
        let name = file.name();
        if file.size() > 2.0 * MAX_CHARS as f64 {
            return self.said.set(not_recipes(&name));
        }
        spawn_local(async move {
            let content = JsFuture::from(file.array_buffer()).await;
            let content = content.map(|it| Uint8Array::new(&ArrayBuffer::from(it)).to_vec());
            let told = content.map_or_else(|_| format!("{name} could not be read."), |it| self.add(&name, &it));
            self.said.set(told);
        });
    }

    fn add(self, name: &str, content: &[u8]) -> String {
        let text = std::str::from_utf8(zip::first(content, RECIPES).unwrap_or(content)).ok();
        let Some((entries, wrong)) = text.and_then(recipe::read) else {
            return not_recipes(name);
        };
        let (mut added, mut known, mut left) = (0, 0, 0);
        for entry in entries {
            let Recipe { model, link, .. } = &entry.recipe;
            if untrack(|| self.has(model, link)) {
                known += 1;
            } else if untrack(|| self.count()) >= MAX_AVATARS {
                left += 1;
            } else {
                added += 1;
                self.entries.update(|entries| {
                    // One that was removed makes room for itself.
                    entries.retain(|here| !here.is_of(model, link));
                    entries.push(entry.clone());
                });
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
            told += &format!(" They stay until you leave. {}", no_room());
        }
        told
    }

    /// Shows an avatar again, as its link does.
    fn show(self, studio: Studio, entry: &Entry) {
        match studio.visit(&entry.recipe.model, |has_several| entry.look(has_several)) {
            true => self.said.set(String::new()),
            false => self.said.set(format!(
                "№ {} is by the model “{}”, which this site does not have.",
                entry.name, entry.recipe.model
            )),
        }
    }
}

/// A number of avatars for people.
pub fn counted(count: usize) -> String {
    match count {
        1 => "1 avatar".into(),
        count => format!("{count} avatars"),
    }
}

fn no_room() -> &'static str {
    "This browser has no room for it, or does not let this page keep anything."
}

fn not_recipes(name: &str) -> String {
    format!("{name} is no export of avatars. Choose {EXPORT}, or the {RECIPES} in it.")
}

/// What the browser has kept. What was changed from outside so that it cannot be read is left out.
fn stored() -> Vec<Entry> {
    let text = storage::load(Item::Shelf).unwrap_or_default();
    recipe::read(&text).map(|(entries, _)| entries).unwrap_or_default()
}
