//! A CLIP of one collection: Radford et al., "Learning Transferable Visual Models From Natural Language
//! Supervision" (2021), with towers that fit a page.
//!
//! The image tower is a small convolutional network over pictures of the collection's own size. It runs with
//! autodiff in every step of guidance, so it is made of nothing but 3x3 convolutions, their rectifiers and
//! halvings. The text tower is a published sentence encoder, kept as it is, and a small learned projection,
//! for each clause of a text. Differences from the paper: the towers themselves, and that several pictures
//! may fit one caption.

mod clauses;
mod image;
mod text;

pub use clauses::{MAX_CLAUSES, clauses, unread_clauses};
pub use image::{ImageTower, ImageTowerConfig};
pub use text::{TextProjection, TextTower, TextTowerConfig, Unread};
