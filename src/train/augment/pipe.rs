//! Which operations the augmentation has, by the names of the paper's ablation.

use serde::{Deserialize, Serialize};

/// The operations that the discriminator sees pictures through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AugPipe {
    /// None: pictures are seen as they are.
    #[default]
    None,
    /// Mirroring, quarter turns and shifts by whole pixels: pixels are moved, never mixed.
    Blit,
    /// Scales, rotations and shifts by parts of a pixel.
    Geom,
    /// Brightness, contrast, lightness turned over, hue, saturation.
    Color,
    /// Four bands of frequencies, louder or quieter.
    Filter,
    /// Noise on every pixel.
    Noise,
    /// A box of half the side is erased.
    Cutout,
    /// blit and geom.
    Bg,
    /// blit, geom and color: the paper's choice.
    Bgc,
    /// blit, geom, color and filter.
    Bgcf,
    /// blit, geom, color, filter and noise.
    Bgcfn,
    /// All of them.
    Bgcfnc,
    /// color, filter and noise: nothing that mirrors, moves or hides what an avatar is made of.
    Nft,
}

/// A kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Blit,
    Geom,
    Color,
    Filter,
    Noise,
    Cutout,
}

/// Every kind, and the preset that has it alone.
pub(super) const KINDS: [(AugPipe, Kind); 6] = [
    (AugPipe::Blit, Kind::Blit),
    (AugPipe::Geom, Kind::Geom),
    (AugPipe::Color, Kind::Color),
    (AugPipe::Filter, Kind::Filter),
    (AugPipe::Noise, Kind::Noise),
    (AugPipe::Cutout, Kind::Cutout),
];

impl AugPipe {
    /// Its name, as flags and settings have it.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// The kinds that it has, in the order in which they are applied.
    pub(super) fn kinds(self) -> &'static [Kind] {
        use Kind::{Blit, Color, Cutout, Filter, Geom, Noise};
        match self {
            Self::None => &[],
            Self::Blit => &[Blit],
            Self::Geom => &[Geom],
            Self::Color => &[Color],
            Self::Filter => &[Filter],
            Self::Noise => &[Noise],
            Self::Cutout => &[Cutout],
            Self::Bg => &[Blit, Geom],
            Self::Bgc => &[Blit, Geom, Color],
            Self::Bgcf => &[Blit, Geom, Color, Filter],
            Self::Bgcfn => &[Blit, Geom, Color, Filter, Noise],
            Self::Bgcfnc => &[Blit, Geom, Color, Filter, Noise, Cutout],
            Self::Nft => &[Color, Filter, Noise],
        }
    }
}
