//! A [`Look`] as the part of an address after `#`, and back.

use super::{FRAMES, Kept, Look, Packed, Theme, class_from, digits, effort_from, effort_name};
use crate::protocol::Words;
use js_sys::{decode_uri_component, encode_uri_component};
use std::collections::BTreeMap;

/// Longer words are left out of a link, which would grow beyond what chats and browsers pass on; no tower
/// reads as many.
pub const MAX_LINKED_CHARS: usize = 2_000;

/// The longest fragment: the latents of eight avatars and of two more that they come from, of models that
/// Guise trains.
const MAX_CHARS: usize = 65_536;

impl Look {
    /// Reads what [`Look::to_fragment`] writes: `#seed=48213&variety=0.70`, and after it, where there is
    /// more,
    ///
    /// - `&model=pixel-art`, which stands first where a site has several models,
    /// - `&kind=2`, where they are of one class,
    /// - `&words=pink%20hair&without=hat&effort=draft&count=4`, and `&picture=yes`,
    /// - `&vary=100~70` or `&mix=100~70.W483~AQgA…`, avatars as [`Kept`] has them,
    /// - `&drawn=AQgA….AQgA…`, a latent for each avatar,
    /// - `&keep=100~70`, and `&open=3`.
    ///
    /// Nothing for a fragment that contradicts itself, has parts that are not known, or is too long.
    pub fn from_fragment(fragment: &str) -> Option<Self> {
        if fragment.len() > MAX_CHARS {
            return None;
        }
        let mut parts = BTreeMap::new();
        for part in fragment.strip_prefix('#')?.split('&') {
            let (name, value) = part.split_once('=')?;
            if parts.insert(name, value).is_some() {
                return None;
            }
        }
        let mut look = Self {
            model: match parts.remove("model") {
                Some(name) => Some(model_from(name)?),
                None => None,
            },
            seed: digits(parts.remove("seed")?).filter(|&seed| seed <= Self::MAX_SEED)?,
            variety: decimal(parts.remove("variety")?)?,
            class: match parts.remove("kind") {
                Some(class) => Some(class_from(class)?),
                None => None,
            },
            theme: None,
            words: None,
            picture: false,
            count: Self::DEFAULT_COUNT,
            drawn: vec![],
            kept: None,
            open: None,
        };
        if let Some(prompt) = parts.remove("words") {
            let words = Words {
                prompt: decoded(prompt)?,
                without: decoded(parts.remove("without")?)?,
                effort: effort_from(parts.remove("effort")?)?,
            };
            if length(&words) > MAX_LINKED_CHARS {
                return None;
            }
            look.words = Some(words);
            look.count = digits(parts.remove("count")?).filter(|count| (1..=FRAMES).contains(count))? as u8;
            look.picture = match parts.remove("picture") {
                None => false,
                Some("yes") => true,
                Some(_) => return None,
            };
        }
        if let Some(of) = parts.remove("vary") {
            look.theme = Some(Theme::Variations(Kept::parse(of)?));
        } else if let Some(two) = parts.remove("mix") {
            let (first, second) = two.split_once('.')?;
            look.theme = Some(Theme::Mix {
                first: Kept::parse(first)?,
                second: Kept::parse(second)?,
            });
        }
        if let Some(latents) = parts.remove("drawn") {
            look.drawn = latents.split('.').map(Packed::parse).collect::<Option<_>>()?;
        }
        if let Some(kept) = parts.remove("keep") {
            look.kept = Some(Kept::parse(kept)?);
        }
        if let Some(place) = parts.remove("open") {
            look.open = Some(digits(place)?.try_into().ok()?);
        }
        (parts.is_empty() && look.is_sound()).then_some(look)
    }

    /// Whether its parts go together.
    fn is_sound(&self) -> bool {
        let is_mix = matches!(self.theme, Some(Theme::Mix { .. }));
        let by_chance = self.theme.is_none() && self.words.is_none();
        let first_shape = self.latents().next().map(Packed::shape);
        self.drawn.len() <= FRAMES as usize
            && !(is_mix && self.words.is_some())
            && (!by_chance || self.drawn.is_empty())
            && self.open.is_none_or(|place| usize::from(place) < self.count())
            && self.latents().all(|latent| Some(latent.shape()) == first_shape)
    }

    /// The fragment that leads back to this look. Words that are too long are left out.
    pub fn to_fragment(&self) -> String {
        let mut fragment = self.wall_fragment();
        if !self.drawn.is_empty() {
            let latents: Vec<_> = self.drawn.iter().map(Packed::as_str).collect();
            fragment += &format!("&drawn={}", latents.join("."));
        }
        if let Some(kept) = &self.kept {
            fragment += &format!("&keep={kept}");
        }
        if let Some(place) = self.open {
            fragment += &format!("&open={place}");
        }
        fragment
    }

    /// The part of it that says what is to hang on the wall. Two looks with one such part differ at most in
    /// what a visitor does with the same avatars, and in whether these are finished.
    pub fn wall_fragment(&self) -> String {
        let model = self.model.as_ref();
        let mut fragment = format!(
            "#{}seed={}&variety={}.{:02}",
            model.map(|name| format!("model={name}&")).unwrap_or_default(),
            self.seed,
            self.variety / 100,
            self.variety % 100
        );
        if let Some(class) = self.class {
            fragment += &format!("&kind={class}");
        }
        if let Some(words) = &self.words {
            let linked = |text: &str| match self.fits_a_link() {
                true => String::from(encode_uri_component(text)),
                false => String::new(),
            };
            fragment += &format!(
                "&words={}&without={}&effort={}&count={}",
                linked(&words.prompt),
                linked(&words.without),
                effort_name(words.effort),
                self.count
            );
        }
        if self.picture {
            fragment += "&picture=yes";
        }
        match &self.theme {
            None => {}
            Some(Theme::Variations(of)) => fragment += &format!("&vary={of}"),
            Some(Theme::Mix { first, second }) => fragment += &format!("&mix={first}.{second}"),
        }
        fragment
    }

    /// Whether its words are short enough for a link.
    pub fn fits_a_link(&self) -> bool {
        self.words
            .as_ref()
            .is_none_or(|words| length(words) <= MAX_LINKED_CHARS)
    }
}

/// A model's name as sites give them: nothing else could be one, and nothing else comes into addresses.
pub fn model_from(text: &str) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    ((1..=60).contains(&text.len()) && text.bytes().all(is_plain)).then(|| text.into())
}

fn length(words: &Words) -> usize {
    words.prompt.chars().count() + words.without.chars().count()
}

fn decoded(text: &str) -> Option<String> {
    Some(decode_uri_component(text).ok()?.into())
}

/// A variety as `0.70`.
fn decimal(text: &str) -> Option<u8> {
    let (whole, hundredths) = text.split_once('.')?;
    let hundredths = digits(hundredths).filter(|_| hundredths.len() == 2)?;
    match whole {
        "0" => Some(hundredths as u8),
        "1" if hundredths == 0 => Some(100),
        _ => None,
    }
}
