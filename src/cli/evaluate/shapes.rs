//! The shapes in which people put a sentence.

use crate::pipeline::lexicon::{LANGUAGES, translated};
use clap::ValueEnum;
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How a sentence says what it claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    /// "blue shirt, pink hair", as captions have it.
    Commas,
    /// "female blue shirt pink hair".
    Joined,
    /// "a guy whose hair is blue and who wears an orange shirt".
    Sentence,
    /// "Cute avatar of BLUE shrit and pink hair, trending on artstation, 4k".
    Noisy,
    /// "pink hair, not wearing glasses".
    Denied,
    /// "pelo rosa y camisa azul", in one of the languages that are read.
    Foreign,
}

/// What sentences begin with, which says nothing that is asked for.
const PEOPLE: &[&str] = &[
    "man",
    "woman",
    "guy",
    "girl",
    "person",
    "grandmother",
    "someone",
    "teenager",
];

/// What is typed around a wish.
const BEFORE: &[&str] = &[
    "cute avatar of",
    "please draw me",
    "portrait of a",
    "I want a nice",
    "1girl,",
    "pfp:",
];
const BEHIND: &[&str] = &[
    ", trending on artstation",
    ", 4k, highly detailed",
    " please!!",
    ", masterpiece, best quality",
    " in pixel art style",
    " 2024",
];

/// Ways to deny.
const DENIALS: &[&str] = &[
    "not wearing",
    "without",
    "doesn't have",
    "no",
    "never with",
    "w/o",
    "lacks",
];

impl Shape {
    /// A sentence that claims `labels`, such as "pink hair"; none where this shape has no words for them.
    pub(super) fn sentence(self, labels: &[&str], rng: &mut ChaCha8Rng) -> Option<String> {
        let mut of = |words: &[&'static str]| *words.choose(rng).unwrap_or(&"");
        match self {
            Self::Commas => Some(labels.join(", ")),
            Self::Joined => {
                let person = of(&[&["", "female", "male"], PEOPLE].concat());
                Some(format!("{person} {}", labels.join(" ")).trim().to_owned())
            }
            Self::Sentence => Some(said(labels, rng)),
            Self::Noisy => {
                let (before, behind) = (of(BEFORE), of(BEHIND));
                let plain = match rng.random_bool(0.5) {
                    true => said(labels, rng),
                    false => labels.join(" and "),
                };
                Some(format!("{before} {}{behind}", mistyped(&plain, rng)))
            }
            Self::Denied => {
                let denied = |label: &&str| label.starts_with("no ");
                let denial = of(DENIALS);
                let place = labels.iter().position(denied)?;
                let mut parts: Vec<String> = labels.iter().map(|label| label.to_string()).collect();
                parts[place] = labels[place].replacen("no", denial, 1);
                let joint = of(&[", ", " and ", ", "]);
                Some(parts.join(joint))
            }
            Self::Foreign => {
                let language = rng.random_range(0..LANGUAGES.len());
                let phrases: Option<Vec<String>> =
                    labels.iter().map(|label| translated(label, language)).collect();
                let [comma, and] = match language {
                    4 | 5 => ["\u{3001}", "\u{3001}"],
                    0 => [", ", " und "],
                    2 => [", ", " et "],
                    1 => [", ", " y "],
                    _ => [", ", " e "],
                };
                let joint = if rng.random_bool(0.5) { comma } else { and };
                Some(phrases?.join(joint))
            }
        }
    }
}

/// `labels` as a sentence about a person.
fn said(labels: &[&str], rng: &mut ChaCha8Rng) -> String {
    let person = PEOPLE.choose(rng).unwrap_or(&"person");
    let mut text = format!("a {person}");
    for (number, label) in labels.iter().enumerate() {
        let article = if label.ends_with("hair") || label.ends_with('s') || label.ends_with("skin") {
            ""
        } else {
            "a "
        };
        let parted = label.rsplit_once(' ').filter(|(first, _)| *first != "no");
        let joint = if number == 0 { "" } else { " and" };
        text += &match (parted, rng.random_range(0..4)) {
            (Some((value, noun)), 0) => format!("{joint} whose {noun} is {value}"),
            (None, _) if label.starts_with("no ") => format!("{joint} with {label}"),
            (_, 1) => format!(" with {article}{label}"),
            (_, 2) if number > 0 => format!("{joint} {article}{label}"),
            _ => format!("{joint} with {article}{label}"),
        };
    }
    text
}

/// `text` with one typing error in a longer word, and another word in capitals.
fn mistyped(text: &str, rng: &mut ChaCha8Rng) -> String {
    let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let long = |words: &[String], least: usize| -> Vec<usize> {
        (0..words.len())
            .filter(|&index| words[index].chars().count() >= least)
            .collect()
    };
    if let Some(&index) = long(&words, 4).choose(rng) {
        words[index] = words[index].to_uppercase();
    }
    if let Some(&index) = long(&words, 5).choose(rng) {
        let mut letters: Vec<char> = words[index].chars().collect();
        let at = rng.random_range(1..letters.len() - 1);
        match rng.random_range(0..3) {
            0 => letters.swap(at, at + 1),
            1 => _ = letters.remove(at),
            _ => letters.insert(at, letters[at]),
        }
        words[index] = letters.into_iter().collect();
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn sentences_have_their_shape() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut say = |shape: Shape, labels: &[&str]| shape.sentence(labels, &mut rng);
        let labels = ["pink hair", "blue shirt"];
        assert_eq!(say(Shape::Commas, &labels).unwrap(), "pink hair, blue shirt");
        for _ in 0..50 {
            let joined = say(Shape::Joined, &labels).unwrap();
            assert!(
                joined.ends_with("pink hair blue shirt") && !joined.contains(','),
                "{joined}"
            );
            let sentence = say(Shape::Sentence, &labels).unwrap();
            let parts = ["pink", "hair", "blue", "shirt"];
            assert!(
                sentence.starts_with("a ") && parts.iter().all(|part| sentence.contains(part)),
                "{sentence}"
            );
            assert_eq!(say(Shape::Denied, &labels), None, "nothing is denied");
            let denied = say(Shape::Denied, &["no glasses", "pink hair"]).unwrap();
            assert!(
                denied.contains("glasses") && denied.ends_with("pink hair"),
                "{denied}"
            );
            let foreign = say(Shape::Foreign, &labels).unwrap();
            assert!(
                !foreign.contains("shirt,") && !foreign.contains("hair"),
                "{foreign}"
            );
            let noisy = say(Shape::Noisy, &labels).unwrap();
            assert!(noisy.len() > 30 && noisy.to_lowercase() != noisy, "{noisy}");
        }
        assert_eq!(
            say(Shape::Foreign, &["halter top"]),
            None,
            "no language has a word for it"
        );
    }
}
