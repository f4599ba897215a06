//! Captions: a sentence that a person might type, made of a picture's traits.

use super::Trait;

/// Nouns that take no article though they end in no `s`.
const MASS_NOUNS: &[&str] = &[
    "hair",
    "fur",
    "skin",
    "stubble",
    "makeup",
    "freckles",
    "clothing",
    "facial hair",
    "eyewear",
    "headwear",
    "headgear",
    "jewelry",
];
/// Properties whose values are mostly adjectives: `eyes: sleepy` is "sleepy eyes".
const BODY: &[&str] = &[
    "hair", "fur", "skin", "eyes", "eyebrows", "ears", "nose", "mouth", "face", "head", "beard",
];
/// Values that are things, not adjectives, though the property is of the body.
const THINGS: &[&str] = &[
    "smile",
    "smirk",
    "grin",
    "frown",
    "lips",
    "teeth",
    "tongue",
    "cigarette",
    "cigar",
    "pipe",
    "goatee",
    "stubble",
    "mustache",
    "moustache",
    "mohawk",
    "afro",
    "ponytail",
    "pigtails",
    "braids",
    "dreads",
    "dreadlocks",
    "bun",
    "buns",
    "bangs",
    "bob",
    "curls",
    "monocle",
    "glasses",
    "sunglasses",
    "pacifier",
    "mask",
    "beanie",
    "cap",
    "hat",
    "turban",
    "hijab",
    "sideburns",
    "head",
    "knots",
    "cornrows",
    "twists",
    "pompadour",
];
const COLORS: &[&str] = &[
    "black",
    "white",
    "gray",
    "grey",
    "silver",
    "gold",
    "golden",
    "red",
    "orange",
    "yellow",
    "green",
    "turquoise",
    "teal",
    "blue",
    "navy",
    "purple",
    "violet",
    "lavender",
    "pink",
    "peach",
    "brown",
    "auburn",
    "blond",
    "blonde",
    "beige",
    "tan",
    "mint",
    "cream",
    "light",
    "dark",
    "pale",
    "bright",
    "very",
];
/// What a collection says where there is nothing to see.
pub(super) const NOTHING: &[&str] = &[
    "", "none", "no", "nothing", "n/a", "null", "false", "empty", "blank",
];

/// A sentence such as "avatar with long pink hair, a blue shirt and round glasses on a white background".
///
/// A property named like another plus `color` describes that other one; a background comes last. A picture
/// without traits is "avatar".
pub fn caption(traits: &[Trait]) -> String {
    let words: Vec<(String, String)> = traits
        .iter()
        .map(|named| (plain(&named.trait_type), plain(&named.value)))
        .filter(|(name, value)| !NOTHING.contains(&value.as_str()) && *value != format!("no {name}"))
        .collect();
    let color_of = |name: &str| {
        words
            .iter()
            .find(|(other, _)| other.strip_suffix(" color") == Some(name))
            .map(|(_, color)| color.as_str())
    };
    let mut phrases = vec![];
    let mut background = None;
    for (name, value) in &words {
        let (name, value, color) = match name.strip_suffix(" color") {
            // The color is told with the thing that has it; where that is not named, the color stands for it.
            Some(base) if words.iter().any(|(other, _)| other == base) => continue,
            Some(base) => (base, value.as_str(), None),
            None => (name.as_str(), value.as_str(), color_of(name)),
        };
        let phrase = phrase(name, value, color);
        if name == "background" {
            background = Some(phrase);
        } else if !phrases.contains(&phrase) {
            phrases.push(phrase);
        }
    }
    let mut sentence = "avatar".to_string();
    for (index, phrase) in phrases.iter().enumerate() {
        sentence += match index {
            0 => " with ",
            _ if index + 1 == phrases.len() => " and ",
            _ => ", ",
        };
        sentence += phrase;
    }
    if let Some(background) = background {
        sentence += " on ";
        sentence += &background;
    }
    sentence
}

/// `hairColor`, `Hair_Colour` and `hair color` are one: lower case, spaces, American spelling.
pub(super) fn plain(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len());
    let mut after_lower = false;
    for letter in text.chars() {
        if letter == '_' || letter.is_whitespace() || letter.is_control() {
            spaced.push(' ');
        } else {
            if letter.is_uppercase() && after_lower {
                spaced.push(' ');
            }
            spaced.extend(letter.to_lowercase());
        }
        after_lower = letter.is_lowercase();
    }
    spaced
        .split_whitespace()
        .map(|word| if word == "colour" { "color" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// One property as it stands in a sentence, with its article.
pub(super) fn phrase(name: &str, value: &str, color: Option<&str>) -> String {
    let mut words: Vec<&str> = value.split(' ').collect();
    let noun = name.split(' ').next_back().unwrap_or(name);
    let is_adjective = words.iter().all(|word| COLORS.contains(word))
        || noun == "background"
        || BODY.contains(&noun) && !THINGS.contains(&head(&words));
    if is_adjective && !noun.is_empty() && !words.contains(&noun) {
        words.extend(name.split(' '));
    }
    if let Some(color) = color {
        // "long pink hair", but "blue checkered shirt": beside the noun where the value has it.
        let place = words
            .iter()
            .position(|word| !noun.is_empty() && word.ends_with(noun))
            .unwrap_or(0);
        words.splice(place..place, color.split(' '));
    }
    let head = head(&words);
    let plural = head.ends_with('s') && !head.ends_with("ss");
    let phrase = words.join(" ");
    match phrase.chars().next() {
        _ if plural || MASS_NOUNS.contains(&head) => phrase,
        Some('a' | 'e' | 'i' | 'o' | 'u') => format!("an {phrase}"),
        _ => format!("a {phrase}"),
    }
}

/// The noun that a phrase is about: the last word before "with", "in", "looking" and the like.
fn head<'a>(words: &[&'a str]) -> &'a str {
    const AFTER: &[&str] = &[
        "with", "in", "of", "on", "over", "at", "only", "looking", "shaved", "sticking", "and", "from",
    ];
    let nouns = words.iter().zip(words.iter().skip(1));
    let before = nouns
        .filter(|(_, next)| AFTER.contains(next))
        .map(|(noun, _)| *noun)
        .next();
    before.or(words.last().copied()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(traits: &[(&str, &str)]) -> String {
        let traits: Vec<Trait> = traits
            .iter()
            .map(|(name, value)| Trait {
                trait_type: name.to_string(),
                value: value.to_string(),
            })
            .collect();
        caption(&traits)
    }

    #[test]
    fn reads_like_a_sentence() {
        assert_eq!(
            of(&[
                ("hair", "pink"),
                ("clothes", "shirt"),
                ("clothes color", "blue"),
                ("glasses", "round glasses")
            ]),
            "avatar with pink hair, a blue shirt and round glasses"
        );
        assert_eq!(
            of(&[
                ("Background", "Light Blue"),
                ("hair", "tuft of hair"),
                ("hairColor", "orange"),
                ("glasses", "round sunglasses"),
                ("glasses_colour", "dark red"),
                ("eyes", "eyes looking left"),
                ("Mouth", "Bored"),
            ]),
            "avatar with a tuft of orange hair, round dark red sunglasses, eyes looking left and a bored mouth \
             on a light blue background"
        );
    }

    #[test]
    fn articles_and_colors_find_their_place() {
        for (traits, expected) in [
            (
                &[("hair", "hair in two buns"), ("hair color", "navy")][..],
                "navy hair in two buns",
            ),
            (
                &[("clothes", "open vest"), ("clothes color", "orange")],
                "an orange open vest",
            ),
            (&[("clothes", "checkered shirt")], "a checkered shirt"),
            (&[("clothes", "dress")], "a dress"),
            (&[("mouth", "smile"), ("mouth color", "red")], "a red smile"),
            (&[("mouth", "full lips")], "full lips"),
            (&[("beard", "stubble")], "stubble"),
            (
                &[("hair", "hair shaved on one side"), ("hair color", "red")],
                "red hair shaved on one side",
            ),
            (&[("hair", "shaved hair")], "shaved hair"),
            (&[("hair", "bald head")], "a bald head"),
            (&[("face", "angry")], "an angry face"),
            (&[("skin", "very dark")], "very dark skin"),
            (&[("eyes color", "blue")], "blue eyes"),
            (&[("hat", "Yellow")], "a yellow hat"),
            (&[("", "Robot")], "a robot"),
        ] {
            assert_eq!(of(traits), format!("avatar with {expected}"));
        }
    }

    #[test]
    fn says_nothing_about_nothing() {
        assert_eq!(of(&[]), "avatar");
        assert_eq!(
            of(&[("hat", "None"), ("beard", "no beard"), ("pipe", " ")]),
            "avatar"
        );
        assert_eq!(of(&[("background", "white")]), "avatar on a white background");
    }
}
