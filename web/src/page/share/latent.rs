//! Avatars as a link carries them: by their seed, or by what they are drawn from.

use super::{super::base64, Name, class_from, variety_from};
use crate::protocol::Latent;

/// An avatar that can be drawn again, as `100~70` (a seed, and the variety in hundredths), as `100~70~2` (the
/// same of one class) or as `W483~AQgA…` (a name, and a [`Packed`] latent).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// By chance.
    Seed {
        /// The seed.
        seed: u32,
        /// The truncation psi in hundredths, 0 to 100.
        variety: u8,
        /// The class that it is drawn as, by its place; nothing where its seed decides.
        class: Option<u8>,
    },
    /// Of anything else.
    Drawn {
        /// What it is called.
        name: Name,
        /// What it is drawn from.
        latent: Packed,
    },
}

impl Kept {
    /// Reads what [`Kept`]'s `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('~')?;
        let name = Name::parse(name)?;
        Some(match name.is_seed() {
            true => {
                let (variety, class) = match rest.split_once('~') {
                    Some((variety, class)) => (variety, Some(class_from(class)?)),
                    None => (rest, None),
                };
                Self::Seed {
                    seed: name.number,
                    variety: variety_from(variety)?,
                    class,
                }
            }
            false => Self::Drawn {
                name,
                latent: Packed::parse(rest)?,
            },
        })
    }

    /// What it is called.
    pub fn name(&self) -> Name {
        match *self {
            Self::Seed { seed, .. } => Name::of_seed(seed),
            Self::Drawn { name, .. } => name,
        }
    }

    /// What the engine draws it from.
    pub fn latent(&self) -> Latent {
        match self {
            Self::Seed { seed, variety, class } => Latent::Seed {
                seed: (*seed).into(),
                truncation_psi: f32::from(*variety) / 100.0,
                class: class.map(usize::from),
            },
            Self::Drawn { latent, .. } => Latent::Drawn(latent.unpack()),
        }
    }

    /// The latent, if it does not follow from a seed.
    pub fn packed(&self) -> Option<&Packed> {
        match self {
            Self::Seed { .. } => None,
            Self::Drawn { latent, .. } => Some(latent),
        }
    }
}

impl std::fmt::Display for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seed {
                seed,
                variety,
                class: None,
            } => write!(f, "{seed}~{variety}"),
            Self::Seed {
                seed,
                variety,
                class: Some(class),
            } => write!(f, "{seed}~{variety}~{class}"),
            Self::Drawn { name, latent } => write!(f, "{name}~{}", latent.as_str()),
        }
    }
}

/// A latent `[layers, width]` as text that needs no escaping in an address: base64url of
///
/// - a byte that names the format, 1, the width as two bytes, and the number of layers as one,
/// - for each layer, the place of its row among the rows that differ, as a byte: 0, 1, and so on as they
///   come,
/// - and each of those rows: a scale as four bytes, and the row in whole steps of `scale / 127`, a signed
///   byte a value.
///
/// Numbers are little-endian. With eight bits a value, a picture differs from the exact latent's by a few of
/// 255 levels. An avatar whose layers are all alike takes about 200 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    text: String,
    shape: (usize, usize),
}

impl Packed {
    const FORMAT: u8 = 1;
    /// More than the largest latents take, 18 layers of 512 that all differ.
    const MAX_CHARS: usize = 16_384;
    const MAX_WIDTH: usize = 2_048;
    const MAX_LAYERS: usize = 64;
    /// Far beyond what latents of trained networks are, and far from infinity.
    const MAX_SCALE: f32 = 1e6;

    /// Packs a latent of rows of this width; nothing if it is none, or too large.
    pub fn new(latent: &[f32], width: usize) -> Option<Self> {
        if !(1..=Self::MAX_WIDTH).contains(&width) || !latent.len().is_multiple_of(width) {
            return None;
        }
        let mut rows: Vec<&[f32]> = vec![];
        let mut places = vec![];
        for row in latent.chunks_exact(width).take(Self::MAX_LAYERS + 1) {
            let place = rows.iter().position(|&known| known == row).unwrap_or(rows.len());
            if place == rows.len() {
                rows.push(row);
            }
            places.push(place as u8);
        }
        let [low, high] = (width as u16).to_le_bytes();
        let mut bytes = vec![Self::FORMAT, low, high, places.len() as u8];
        bytes.extend(places);
        for row in rows {
            let scale = row.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            // A row of zeros has no scale to divide by.
            let step = if scale > 0.0 { 127.0 / scale } else { 0.0 };
            bytes.extend(scale.to_le_bytes());
            bytes.extend(row.iter().map(|value| (value * step).round() as i8 as u8));
        }
        // Reading it again checks what is in it by the one rule there is.
        Self::parse(&base64::encode(&bytes)?)
    }

    /// Checks text that claims to be a latent.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base64::decode(text, Self::MAX_CHARS)?;
        let (shape, _) = read(&bytes)?;
        Some(Self {
            text: text.into(),
            shape,
        })
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How many rows it has, and how wide they are.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// The latent, row by row.
    pub fn unpack(&self) -> Vec<f32> {
        base64::decode(&self.text, Self::MAX_CHARS)
            .and_then(|bytes| read(&bytes))
            .map(|(_, latent)| latent)
            .expect("the text was checked when it came")
    }
}

/// The shape and the values of a packed latent.
fn read(bytes: &[u8]) -> Option<((usize, usize), Vec<f32>)> {
    let (&[format, low, high, layers], rest) = bytes.split_first_chunk()?;
    let (width, layers) = (usize::from(u16::from_le_bytes([low, high])), usize::from(layers));
    let (places, rows) = rest.split_at_checked(layers)?;
    let is_sound = format == Packed::FORMAT
        && (1..=Packed::MAX_WIDTH).contains(&width)
        && (1..=Packed::MAX_LAYERS).contains(&layers);
    // Checked before it is a divisor below.
    if !is_sound || !rows.len().is_multiple_of(4 + width) {
        return None;
    }
    let rows: Vec<_> = rows
        .chunks_exact(4 + width)
        .map(|row| {
            let (&scale, steps) = row.split_first_chunk()?;
            let scale = f32::from_le_bytes(scale);
            let step = (0.0..=Packed::MAX_SCALE)
                .contains(&scale)
                .then_some(scale / 127.0)?;
            Some(steps.iter().map(move |&value| f32::from(value as i8) * step))
        })
        .collect::<Option<_>>()?;
    let mut latent = Vec::with_capacity(layers * width);
    let mut seen = 0;
    for &place in places {
        latent.extend(rows.get(usize::from(place))?.clone());
        seen = seen.max(usize::from(place) + 1);
    }
    // A row that no layer has would only make the text longer.
    (seen == rows.len()).then_some(((layers, width), latent))
}
