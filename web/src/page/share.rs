//! The part of the address after `#`: which avatars the page shows. It is the page's only
//! lasting state, so that a link, a bookmark and the back button all give the same pictures.

use crate::protocol::{Effort, Words};
use js_sys::{decode_uri_component, encode_uri_component};

/// How many avatars hang side by side.
pub const FRAMES: u32 = 8;

/// Which avatars the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The seed of the first avatar; the others follow it one by one.
    pub seed: u32,
    /// The truncation psi in hundredths, 0 to 100.
    pub variety: u8,
    /// The class that they are of, by its place in the model; nothing for all of them.
    pub class: Option<usize>,
    /// What they are to show; nothing for avatars by chance.
    pub words: Option<Words>,
    /// How many are drawn for words, 1 to 8; by chance there are always eight.
    pub count: u8,
}

impl Look {
    /// The largest first seed that leaves room for the other seven.
    pub const MAX_SEED: u32 = u32::MAX - FRAMES + 1;
    /// The variety of a first visit: psi 0.7, where most models draw both well and differently.
    pub const DEFAULT_VARIETY: u8 = 70;
    /// How many are drawn for words where nothing else is asked for.
    pub const DEFAULT_COUNT: u8 = 4;
    /// Longer words are left out of a link, which would grow beyond what chats and browsers pass on.
    const MAX_LINKED: usize = 300;

    /// A look that was not there before.
    pub fn random(variety: u8) -> Self {
        // Six digits are short enough to read out, and a million starts are enough for a shuffle.
        let seed = (js_sys::Math::random() * 1e6) as u32;
        Self {
            seed,
            variety,
            class: None,
            words: None,
            count: Self::DEFAULT_COUNT,
        }
    }

    /// Reads `#seed=48213&variety=0.70`, after it `&kind=2` where they are of one class, and `&words=pink%20hair&without=hat&effort=draft&count=4`
    /// where there are words, in exactly the form that [`Look::to_fragment`] writes.
    pub fn from_fragment(fragment: &str) -> Option<Self> {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = fragment.strip_prefix('#')?.split('&').peekable();
        let mut part = |name: &str| {
            let part = parts.next_if(|part| part.split_once('=').is_some_and(|(found, _)| found == name))?;
            Some(&part[name.len() + 1..])
        };

        let seed = part("seed").filter(|seed| digits(seed) && seed.len() <= 10)?;
        let seed = seed.parse().ok().filter(|&seed| seed <= Self::MAX_SEED)?;
        let (whole, hundredths) = part("variety")?.split_once('.')?;
        if !digits(hundredths) || hundredths.len() != 2 {
            return None;
        }
        let variety = match whole {
            "0" => hundredths.parse().ok()?,
            "1" if hundredths == "00" => 100,
            _ => return None,
        };
        let decoded = |text: &str| Some(String::from(decode_uri_component(text).ok()?));
        let mut look = Self {
            seed,
            variety,
            class: None,
            words: None,
            count: Self::DEFAULT_COUNT,
        };
        if let Some(class) = part("kind") {
            look.class = Some(class.parse().ok().filter(|_| digits(class))?);
        }
        if let Some(prompt) = part("words") {
            look.words = Some(Words {
                prompt: decoded(prompt)?,
                without: decoded(part("without")?)?,
                effort: effort_from(part("effort")?)?,
            });
            look.count = part("count")?
                .parse()
                .ok()
                .filter(|count| (1..=FRAMES as u8).contains(count))?;
        }
        parts.next().is_none().then_some(look)
    }

    /// The fragment that leads back to this look.
    pub fn to_fragment(&self) -> String {
        let mut fragment = format!(
            "#seed={}&variety={}.{:02}",
            self.seed,
            self.variety / 100,
            self.variety % 100
        );
        if let Some(class) = self.class {
            fragment += &format!("&kind={class}");
        }
        if let Some(words) = &self.words
            && words.prompt.len() + words.without.len() <= Self::MAX_LINKED
        {
            fragment += &format!(
                "&words={}&without={}&effort={}&count={}",
                encode_uri_component(&words.prompt),
                encode_uri_component(&words.without),
                effort_name(words.effort),
                self.count
            );
        }
        fragment
    }

    /// How many avatars there are.
    pub fn count(&self) -> usize {
        match self.words {
            Some(_) => self.count.into(),
            None => FRAMES as usize,
        }
    }

    /// The truncation psi.
    pub fn truncation_psi(&self) -> f32 {
        f32::from(self.variety) / 100.0
    }
}

/// An effort as links and the form name it.
pub fn effort_name(effort: Effort) -> &'static str {
    match effort {
        Effort::Draft => "draft",
        Effort::Normal => "normal",
        Effort::Better => "better",
    }
}

/// The effort of a name.
pub fn effort_from(name: &str) -> Option<Effort> {
    [Effort::Draft, Effort::Normal, Effort::Better]
        .into_iter()
        .find(|&effort| effort_name(effort) == name)
}
