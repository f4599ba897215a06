//! How an avatar is to be downloaded: what a visitor chooses, and what is remembered of it.

use super::super::storage::{self, Item};
use serde::{Deserialize, Serialize};

/// Which size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Size {
    /// Pixel art at 1024 pixels, anything else as large as it was drawn or enlarged.
    #[default]
    Full,
    /// Half of that, for pixel art.
    Half,
    /// For a profile at Discord, as it is shown.
    Discord,
    /// For a profile at Discord, as it is kept.
    DiscordLarge,
    /// For a profile at X.
    X,
    /// For a profile at GitHub.
    GitHub,
    /// A phone's wallpaper, with the avatar in its middle.
    Wallpaper,
    /// A side that the visitor types.
    Own,
}

impl Size {
    /// All of them, each with what it is called.
    pub const ALL: [(Self, &str); 8] = [
        (Self::Full, "Full size"),
        (Self::Half, "Half size"),
        (Self::Discord, "Discord, 128"),
        (Self::DiscordLarge, "Discord, 512"),
        (Self::X, "X, 400"),
        (Self::GitHub, "GitHub, 460"),
        (Self::Wallpaper, "Phone wallpaper"),
        (Self::Own, "Another size"),
    ];
}

/// Which kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Format {
    /// Pixels, exactly.
    #[default]
    Png,
    /// Pixels, smaller.
    WebP,
    /// Pixels, for what takes nothing else. It knows no transparency.
    Jpeg,
    /// Areas of one color; of pixel art only.
    Svg,
}

impl Format {
    /// All of them, each with what it is called.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Png, "PNG"),
        (Self::WebP, "WebP"),
        (Self::Jpeg, "JPEG"),
        (Self::Svg, "SVG"),
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        let known = Self::ALL.iter().find(|(format, _)| *format == self);
        known.map_or("", |(_, name)| name)
    }

    /// Its media type.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::WebP => "image/webp",
            Self::Jpeg => "image/jpeg",
            Self::Svg => "image/svg+xml",
        }
    }

    /// How the names of its files end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::WebP => "webp",
            Self::Jpeg => "jpg",
            Self::Svg => "svg",
        }
    }
}

/// What lies behind an avatar, where something can be seen of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Background {
    /// Nothing.
    #[default]
    Transparent,
    /// The color that the avatar stands on.
    Own,
    /// White.
    White,
    /// Black.
    Black,
}

impl Background {
    /// All of them, each with what it is called.
    pub const ALL: [(Self, &str); 4] = [
        (Self::Transparent, "Transparent"),
        (Self::Own, "Its own color"),
        (Self::White, "White"),
        (Self::Black, "Black"),
    ];
}

/// How an avatar is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its size.
    pub size: Size,
    /// The side of [`Size::Own`] in pixels.
    pub side: u32,
    /// The kind of file.
    pub format: Format,
    /// Whether it is cut to a disk.
    pub is_round: bool,
    /// What lies behind it.
    pub background: Background,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            size: Size::default(),
            side: 1024,
            format: Format::default(),
            is_round: false,
            background: Background::default(),
        }
    }
}

impl Choice {
    /// The sides that can be typed.
    pub const SIDES: std::ops::RangeInclusive<u32> = 16..=2048;

    /// What was chosen last.
    pub fn remembered() -> Self {
        let remembered = storage::load(Item::Download).and_then(|text| serde_json::from_str(&text).ok());
        remembered
            .filter(|choice: &Self| Self::SIDES.contains(&choice.side))
            .unwrap_or_default()
    }

    /// Remembers it. Where that is not possible, a later visit begins with the usual one.
    pub fn remember(&self) {
        if let Ok(text) = serde_json::to_string(self) {
            storage::store(Item::Download, &text);
        }
    }
}
