//! The part of the address after `#`: which eight avatars the page shows. It is the page's only
//! lasting state, so that a link, a bookmark and the back button all give the same pictures.

/// How many avatars hang side by side.
pub const FRAMES: u32 = 8;

/// Which eight avatars the page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// The seed of the first avatar; the others follow it one by one.
    pub seed: u32,
    /// The truncation psi in hundredths, 0 to 100.
    pub variety: u8,
}

impl Look {
    /// The largest first seed that leaves room for the other seven.
    pub const MAX_SEED: u32 = u32::MAX - FRAMES + 1;
    /// The variety of a first visit: psi 0.7, where most models draw both well and differently.
    pub const DEFAULT_VARIETY: u8 = 70;

    /// A look that nobody has seen.
    pub fn random(variety: u8) -> Self {
        // Six digits are short enough to read out, and a million starts are enough for a shuffle.
        let seed = (js_sys::Math::random() * 1e6) as u32;
        Self { seed, variety }
    }

    /// Reads `#seed=48213&variety=0.70` in exactly the form that [`Look::to_fragment`] writes.
    pub fn from_fragment(fragment: &str) -> Option<Self> {
        let (seed, variety) = fragment.strip_prefix("#seed=")?.split_once("&variety=")?;
        let (whole, hundredths) = variety.split_once('.')?;
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(seed) || !digits(hundredths) || seed.len() > 10 || hundredths.len() != 2 {
            return None;
        }
        let variety = match whole {
            "0" => hundredths.parse().ok()?,
            "1" if hundredths == "00" => 100,
            _ => return None,
        };
        let seed = seed.parse().ok().filter(|&seed| seed <= Self::MAX_SEED)?;
        Some(Self { seed, variety })
    }

    /// The fragment that leads back to this look.
    pub fn to_fragment(self) -> String {
        format!(
            "#seed={}&variety={}.{:02}",
            self.seed,
            self.variety / 100,
            self.variety % 100
        )
    }

    /// The seeds of the eight avatars.
    pub fn seeds(self) -> Vec<u64> {
        (0..FRAMES).map(|index| u64::from(self.seed + index)).collect()
    }

    /// The truncation psi.
    pub fn truncation_psi(self) -> f32 {
        f32::from(self.variety) / 100.0
    }
}
