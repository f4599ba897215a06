//! The few small things that the page keeps in the browser for later visits. The models and the page itself
//! lie elsewhere: see [`offline`](super::offline).

use super::address::site_address;
use leptos::prelude::window;

/// What may be kept.
#[derive(Debug, Clone, Copy)]
pub enum Item {
    /// How the last avatar was downloaded.
    Download,
    /// The visitor's own avatars.
    Shelf,
}

impl Item {
    /// The name that it is kept under. Sites on one host do not share it.
    pub fn key(self) -> String {
        let name = match self {
            Self::Download => "download",
            Self::Shelf => "shelf",
        };
        format!("guise {} {name}", site_address())
    }
}

/// Where browsers let this page keep something. Some refuse.
fn place() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// What is kept.
pub fn load(item: Item) -> Option<String> {
    place()?.get_item(&item.key()).ok().flatten()
}

/// Keeps something in the place of what was kept; false if the browser refuses or has no room.
pub fn store(item: Item, text: &str) -> bool {
    place().is_some_and(|place| place.set_item(&item.key(), text).is_ok())
}

/// Forgets it.
pub fn forget(item: Item) {
    if let Some(place) = place() {
        // What cannot be removed cannot be read either.
        let _ = place.remove_item(&item.key());
    }
}
