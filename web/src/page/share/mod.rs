//! The part of the address after `#`: all that decides what the page shows. It is the page's only lasting
//! state, so that a link, a bookmark and the back button all give the same avatars.

mod fragment;
mod latent;

pub use fragment::{MAX_LINKED_CHARS, model_from};
pub use latent::{Kept, Packed};

use crate::protocol::{Effort, Latent, Words};

/// How many avatars hang side by side.
pub const FRAMES: u32 = 8;

/// What the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The name of the model that draws it; nothing for the one that the site shows first.
    pub model: Option<String>,
    /// The seed of the first avatar, the others' follow it one by one; or what decides which of all the
    /// avatars that fit the rest these are.
    pub seed: u32,
    /// The truncation psi in hundredths, 0 to 100.
    pub variety: u8,
    /// The class that they are of, by its place in the model; nothing for all of them.
    pub class: Option<u8>,
    /// Which avatars they come from, if they do.
    pub theme: Option<Theme>,
    /// What they are to show; nothing for avatars by chance.
    pub words: Option<Words>,
    /// Whether a picture that the visitor gave goes with the words. The picture itself is in no link.
    pub picture: bool,
    /// How many are drawn for words, 1 to 8.
    pub count: u8,
    /// What they are drawn from, once that is known and does not simply follow from the rest. Guidance ends a
    /// little differently on every device, so these are what gives the same avatars everywhere.
    pub drawn: Vec<Packed>,
    /// An avatar that waits for another to be mixed with.
    pub kept: Option<Kept>,
    /// The place of the avatar that is looked at close up.
    pub open: Option<u8>,
}

/// What avatars come from, where that is other avatars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Theme {
    /// All are variations of one.
    Variations(Kept),
    /// All have something of each of two.
    Mix {
        /// The one.
        first: Kept,
        /// The other.
        second: Kept,
    },
}

impl Look {
    /// The largest first seed that leaves room for the other seven.
    pub const MAX_SEED: u32 = u32::MAX - FRAMES + 1;
    /// The variety of a first visit: psi 0.7, where most models draw both well and differently.
    pub const DEFAULT_VARIETY: u8 = 70;
    /// How many are drawn for words where nothing else is asked for.
    pub const DEFAULT_COUNT: u8 = 4;

    /// A look that was not there before.
    pub fn random(variety: u8) -> Self {
        Self {
            model: None,
            // Six digits are short enough to read out, and a million starts are enough for a shuffle.
            seed: (js_sys::Math::random() * 1e6) as u32,
            variety,
            class: None,
            theme: None,
            words: None,
            picture: false,
            count: Self::DEFAULT_COUNT,
            drawn: vec![],
            kept: None,
            open: None,
        }
    }

    /// The same wish, to be fulfilled with other avatars, none of which has a number that is on the page
    /// already.
    pub fn afresh(&self) -> Self {
        let mut fresh = Self {
            drawn: vec![],
            open: None,
            ..self.clone()
        };
        while fresh.seed.abs_diff(self.seed) < FRAMES
            || self
                .parents()
                .any(|parent| fresh.place_of(parent.name()).is_some())
        {
            fresh.seed = Self::random(0).seed;
        }
        fresh
    }

    /// The avatars that these come from or wait for.
    fn parents(&self) -> impl Iterator<Item = &Kept> {
        let of_theme = match &self.theme {
            None => [None, None],
            Some(Theme::Variations(of)) => [Some(of), None],
            Some(Theme::Mix { first, second }) => [Some(first), Some(second)],
        };
        of_theme.into_iter().flatten().chain(&self.kept)
    }

    /// Every latent in here.
    pub fn latents(&self) -> impl Iterator<Item = &Packed> {
        self.drawn.iter().chain(self.parents().filter_map(Kept::packed))
    }

    /// The class of what is drawn, and of every avatar that it comes from.
    pub fn classes(&self) -> impl Iterator<Item = Option<u8>> {
        let of = |parent: &Kept| match parent {
            Kept::Seed { class, .. } => *class,
            Kept::Drawn { .. } => None,
        };
        self.parents().map(of).chain([self.class])
    }

    /// How many avatars there are.
    pub fn count(&self) -> usize {
        match (self.drawn.len(), &self.words) {
            (0, Some(_)) => self.count.into(),
            (0, ..) => FRAMES as usize,
            (drawn, ..) => drawn,
        }
    }

    /// The truncation psi.
    pub fn truncation_psi(&self) -> f32 {
        f32::from(self.variety) / 100.0
    }

    /// Whether they are to show something.
    pub fn is_guided(&self) -> bool {
        self.words.is_some()
    }

    /// Whether the variety changes what is drawn.
    pub fn has_variety(&self) -> bool {
        !matches!(self.theme, Some(Theme::Mix { .. })) && !self.misses_words()
    }

    /// Whether there is anything in its words.
    pub fn says_words(&self) -> bool {
        let says = |words: &Words| !(words.prompt.is_empty() && words.without.is_empty());
        self.words.as_ref().is_some_and(says)
    }

    /// Whether what was asked for is not known any more: words that were too long for the link that led here.
    pub fn misses_words(&self) -> bool {
        self.is_guided() && !self.picture && !self.says_words()
    }

    /// Whether drawing these takes what understands words.
    pub fn takes_words(&self) -> bool {
        self.to_draw().is_none() && (self.picture || self.says_words())
    }

    /// The same by chance.
    pub fn without_words(&self) -> Self {
        Self {
            words: None,
            picture: false,
            open: None,
            ..self.clone()
        }
    }

    /// What the avatar at a place is called.
    pub fn name(&self, place: usize) -> Name {
        let kind = match (&self.theme, &self.words) {
            (Some(Theme::Variations(_)), _) => Kind::Variation,
            (Some(Theme::Mix { .. }), _) => Kind::Mix,
            (None, Some(_)) => Kind::Words,
            (None, None) => Kind::Seed,
        };
        Name {
            kind,
            number: self.seed.saturating_add(place as u32),
        }
    }

    /// The place of the avatar of this name.
    fn place_of(&self, name: Name) -> Option<usize> {
        (0..FRAMES as usize).find(|&place| self.name(place) == name)
    }

    /// What the engine draws these from, where that is known.
    pub fn to_draw(&self) -> Option<Vec<Latent>> {
        let by_chance = self.theme.is_none() && self.words.is_none();
        match (self.drawn.is_empty(), by_chance) {
            (false, _) => Some(self.drawn.iter().map(|it| Latent::Drawn(it.unpack())).collect()),
            (true, true) => Some(
                (0..self.count())
                    .map(|place| self.seed_of(place).latent())
                    .collect(),
            ),
            (true, false) => None,
        }
    }

    /// The avatar at a place, if it can be drawn again from what is in here.
    pub fn kept_of(&self, place: usize) -> Option<Kept> {
        let name = self.name(place);
        match self.drawn.get(place) {
            Some(latent) => Some(Kept::Drawn {
                name,
                latent: latent.clone(),
            }),
            None => name.is_seed().then(|| self.seed_of(place)),
        }
    }

    fn seed_of(&self, place: usize) -> Kept {
        Kept::Seed {
            seed: self.name(place).number,
            variety: self.variety,
            class: self.class,
        }
    }

    /// A wall that begins with the avatar at a place, which is close up; `latent` is what it is drawn from,
    /// where that is not its seed, and then nothing else hangs there.
    pub fn only(&self, place: usize, latent: Option<Packed>) -> Self {
        let seed = self.name(place).number;
        if seed > Self::MAX_SEED {
            return self.clone();
        }
        Self {
            seed,
            drawn: latent.into_iter().collect(),
            kept: None,
            open: Some(0),
            ..self.clone()
        }
    }
}

/// What an avatar is called: by its seed where it is by chance, as in № 48213, and otherwise by a letter that
/// says what it comes from and a number, as in № V48213. So no two avatars have one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    kind: Kind,
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Seed,
    Words,
    Variation,
    Mix,
}

impl Name {
    const LETTERS: [(Kind, &str); 3] = [(Kind::Words, "W"), (Kind::Variation, "V"), (Kind::Mix, "M")];

    fn of_seed(seed: u32) -> Self {
        Self {
            kind: Kind::Seed,
            number: seed,
        }
    }

    fn is_seed(self) -> bool {
        self.kind == Kind::Seed
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, text) = Self::LETTERS
            .iter()
            .find_map(|&(kind, letter)| Some((kind, text.strip_prefix(letter)?)))
            .unwrap_or((Kind::Seed, text));
        let number = digits(text)?;
        Some(Self { kind, number })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let letter = Self::LETTERS.iter().find(|(kind, _)| *kind == self.kind);
        write!(f, "{}{}", letter.map_or("", |(_, letter)| letter), self.number)
    }
}

/// A number of digits alone, as links have it.
fn digits(text: &str) -> Option<u32> {
    let is_number = (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

/// A variety in hundredths, 0 to 100.
fn variety_from(text: &str) -> Option<u8> {
    digits(text)
        .filter(|&variety| variety <= 100)
        .map(|variety| variety as u8)
}

/// The place of a class, of which there are at most 256.
fn class_from(text: &str) -> Option<u8> {
    digits(text)?.try_into().ok()
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
