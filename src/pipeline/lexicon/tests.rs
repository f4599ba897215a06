use super::*;
use crate::pipeline::Prompt;

fn known(name: &str, noun: &str, kinds: &[&str], colors: &[&str], optional: bool) -> KnownTrait {
    KnownTrait {
        name: name.into(),
        noun: noun.into(),
        kinds: kinds.iter().map(|text| text.to_string()).collect(),
        colors: colors.iter().map(|text| text.to_string()).collect(),
        optional,
    }
}

/// People, as the collection of pixel art has them.
fn people() -> Lexicon {
    let hair = [
        "long hair",
        "hair in a side bun",
        "hair in two buns",
        "long hair over one eye",
        "very long hair",
        "curly hair",
        "messy short hair",
        "short hair",
        "receding hair",
        "flat-top hair",
        "tuft of hair",
    ];
    let hair_colors = [
        "black",
        "dark brown",
        "brown",
        "blond",
        "auburn",
        "orange",
        "red",
        "pink",
        "purple",
        "blue",
        "navy",
        "turquoise",
        "green",
        "gray",
        "white",
    ];
    let clothes = [
        "shirt",
        "checkered shirt",
        "halter top",
        "tank top",
        "turtleneck",
        "shirt with a collar",
    ];
    let clothes_colors = [
        "black",
        "white",
        "gray",
        "beige",
        "red",
        "orange",
        "yellow",
        "green",
        "dark green",
        "light blue",
        "blue",
        "navy",
        "purple",
        "pink",
        "turquoise",
    ];
    let glasses = [
        "small sunglasses",
        "sunglasses",
        "round sunglasses",
        "rectangular glasses",
        "round glasses",
    ];
    let mouth = [
        "open mouth",
        "crooked smile",
        "smile",
        "toothy grin",
        "full lips",
        "frown",
    ];
    let back = [
        "white",
        "light gray",
        "light blue",
        "mint green",
        "peach",
        "lavender",
    ];
    Lexicon::new(&[
        known("hair", "hair", &hair, &hair_colors, true),
        known(
            "hat",
            "hat",
            &["beanie", "cap", "striped beanie", "top hat"],
            &clothes_colors,
            true,
        ),
        known("glasses", "glasses", &glasses, &["black", "red", "blue"], true),
        known("clothes", "shirt", &clothes, &clothes_colors, false),
        known("beard", "beard", &["stubble", "goatee", "full beard"], &[], true),
        known(
            "eyes",
            "eyes",
            &["big eyes", "eyes looking left"],
            &["brown", "black", "blue", "green"],
            false,
        ),
        known("mouth", "mouth", &mouth, &["pink", "red"], false),
        known(
            "skin",
            "skin",
            &[],
            &["pale", "light", "tan", "brown", "dark", "very dark"],
            false,
        ),
        known("background", "background", &[], &back, false),
    ])
    .unwrap()
}

/// Words of a dictionary that the reader does not know.
fn is_word(word: &str) -> bool {
    ["cape", "parrot", "tattoos", "bread", "elvis", "presley"].contains(&word)
}

fn read(lexicon: &Lexicon, text: &str) -> Reading {
    let prompt = Prompt {
        text: text.into(),
        weight: 1.0,
    };
    lexicon.read(&prompt, is_word)
}

/// What is asked for, and what is asked against after " - ".
fn asked(lexicon: &Lexicon, text: &str) -> String {
    let prompts = read(lexicon, text).prompts;
    let (wanted, denied): (Vec<_>, Vec<_>) = prompts.iter().partition(|prompt| prompt.weight > 0.0);
    let texts = |prompts: &[&Prompt]| {
        prompts
            .iter()
            .map(|prompt| &*prompt.text)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match denied.is_empty() {
        true => texts(&wanted),
        false => format!("{} - {}", texts(&wanted), texts(&denied))
            .trim()
            .to_owned(),
    }
}

/// Reads the sentences of a section of `sentences.txt`.
fn check(section: &str) {
    let sections = include_str!("sentences.txt").split("\n[");
    let mut found = sections.filter_map(|text| text.strip_prefix(section)?.strip_prefix("]\n"));
    let lines = found.next().expect("a section").lines();
    let lexicon = people();
    let mut count = 0;
    let mut wrong = vec![];
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("# ")) {
        let (text, expected) = line.split_once(" -> ").expect("a sentence and its reading");
        let found = asked(&lexicon, text);
        if found != expected {
            wrong.push(format!("{text:?}\n  gives    {found:?}\n  expected {expected:?}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 5, "{count} sentences");
}

#[test]
fn things_have_their_own_colors_however_they_are_put() {
    check("things_have_their_own_colors_however_they_are_put");
}

#[test]
fn kinds_are_said_as_training_says_them() {
    check("kinds_are_said_as_training_says_them");
}

#[test]
fn colors_are_those_that_the_thing_has() {
    check("colors_are_those_that_the_thing_has");
}

#[test]
fn what_is_denied_is_denied() {
    check("what_is_denied_is_denied");
}

#[test]
fn noise_and_typing_errors_are_seen_through() {
    check("noise_and_typing_errors_are_seen_through");
}

#[test]
fn sentences_of_all_sorts_are_read() {
    check("sentences_of_all_sorts_are_read");
}

#[test]
fn other_languages_are_read() {
    check("other_languages_are_read");
    let lexicon = people();
    for (language, name) in LANGUAGES.iter().enumerate() {
        for label in ["pink hair", "blue shirt", "red hat", "no glasses", "green eyes"] {
            let text = translated(label, language).unwrap();
            assert_eq!(asked(&lexicon, &text), label, "{name}: {text}");
        }
        assert_eq!(translated("crooked smile", language), None);
    }
}

#[test]
fn what_a_model_does_not_know_is_said() {
    let lexicon = people();
    let said = |text: &str| lexicon.remark(&[read(&lexicon, text)]);
    for text in [
        "pink hair",
        "cute avatar of a woman, hat",
        "teal hair",
        "no glasses",
        "123",
        "avatar",
    ] {
        assert_eq!(said(text), None, "{text}");
    }
    let remark = said("Elvis Presley with pink hair").unwrap();
    assert_eq!(
        remark,
        "this model knows hair, hat, glasses, shirt, beard, eyes, mouth, skin and background, and nothing about \
         \"Elvis Presley\": try words such as \"white hair, turquoise hat\""
    );
    assert_eq!(
        said("bald man").unwrap(),
        "\"receding hair\" is the nearest to \"bald\" that this model knows"
    );
    assert!(
        said("yellow eyes")
            .unwrap()
            .contains("is the nearest to \"yellow eyes\"")
    );
    assert!(
        said("pink beard")
            .unwrap()
            .contains("nothing about \"pink beard\"")
    );
    // What is not known at all is asked for as it was typed.
    for text in ["Elvis Presley", "a parrot, Some tattoos", "", "!!"] {
        let reading = read(&lexicon, text);
        assert_eq!(reading.prompts.len(), 1);
        assert_eq!(reading.prompts[0].text, text);
    }
}

#[test]
fn weights_stay() {
    let lexicon = people();
    let prompt = Prompt {
        text: "pink hair, not smiling".into(),
        weight: -2.0,
    };
    let weights: Vec<f32> = lexicon
        .read(&prompt, is_word)
        .prompts
        .iter()
        .map(|it| it.weight)
        .collect();
    assert_eq!(weights, [-2.0, 1.0]);
}

#[test]
fn any_collection_has_words() {
    let colors = ["black", "light blue", "red"];
    let nouns = Lexicon::new(&[
        known(
            "head",
            "head",
            &["shark head", "cotton candy head", "red panda head"],
            &[],
            false,
        ),
        known("glasses", "glasses", &["square glasses"], &colors, false),
        known("body", "body", &[], &["cosmic", "dark green"], false),
        known(
            "accessory",
            "accessory",
            &["red tie", "red and pink gradient", "purple stripes"],
            &[],
            true,
        ),
    ])
    .unwrap();
    for (text, expected) in [
        ("a shark head with red glasses", "shark head, red glasses"),
        ("SHARK, blue glasses", "shark head, light blue glasses"),
        ("a cosmic body", "cosmic body"),
        ("red panda", "red panda head"),
        ("red glasses, red tie", "red glasses, red tie"),
        (
            "green body cotton candy head",
            "dark green body, cotton candy head",
        ),
    ] {
        assert_eq!(asked(&nouns, text), expected, "{text}");
    }
    assert!(Lexicon::new(&[]).is_none());
    // Unforeseen names take nothing apart.
    let odd = Lexicon::new(&[known("-", "\u{1f451}", &["", " ", "with", "a of"], &["#"], true)]).unwrap();
    for text in ["with a of", "\u{1f451} # -", "pink hair"] {
        assert!(!read(&odd, text).prompts.is_empty());
    }
}

#[test]
fn long_sentences_are_read_in_time() {
    let lexicon = people();
    for text in [
        "pnkk hiarr ".repeat(900),
        "x ".repeat(5000),
        "\u{9aea}".repeat(10_000),
        "no or ".repeat(1600),
        "pink and ".repeat(1100),
    ] {
        let reading = read(&lexicon, &text);
        assert!(!reading.prompts.is_empty() && reading.prompts.len() < 10);
    }
    assert_eq!(asked(&lexicon, &"pink hair and ".repeat(700)), "pink hair");
}
