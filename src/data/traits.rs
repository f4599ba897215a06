//! ERC-721 style metadata: what a collection's JSON says about one picture.

use serde::{Deserialize, Serialize};

/// One named property of a picture, such as `hair color: pink`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait {
    /// What the property is of: `hair`, `background`.
    pub trait_type: String,
    /// What it is, in words.
    pub value: String,
}
