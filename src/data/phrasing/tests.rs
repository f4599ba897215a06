use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

fn traits(pairs: &[(&str, &str)]) -> Vec<Trait> {
    pairs
        .iter()
        .map(|(name, value)| Trait {
            trait_type: name.to_string(),
            value: value.to_string(),
        })
        .collect()
}

fn pictures() -> Vec<Vec<Trait>> {
    vec![
        traits(&[
            ("hair", "long hair"),
            ("hairColor", "pink"),
            ("clothes", "shirt"),
            ("clothes_colour", "blue"),
            ("glasses", "round sunglasses"),
            ("mouth", "crooked frown"),
            ("skin", "pale"),
            ("Background", "Mint Green"),
        ]),
        traits(&[
            ("hair", "curly hair"),
            ("hair color", "blue"),
            ("clothes", "tank top"),
            ("clothes color", "pink"),
            ("glasses", "none"),
            ("mouth", "smile"),
            ("skin", "very dark"),
            ("background", "peach"),
        ]),
    ]
}

fn book() -> (Phrasebook, Vec<Values>) {
    let pictures = pictures();
    let book = Phrasebook::new(pictures.iter().map(Vec::as_slice));
    let values = pictures.iter().map(|traits| book.values(traits)).collect();
    (book, values)
}

#[test]
fn properties_are_found_whatever_their_spelling() {
    let (book, values) = book();
    let names: Vec<_> = book
        .properties
        .iter()
        .map(|property| property.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "hair",
            "hair color",
            "clothes",
            "clothes color",
            "glasses",
            "mouth",
            "skin",
            "background"
        ]
    );
    assert_eq!(values, [[1; 8].to_vec(), vec![2, 2, 2, 2, 0, 2, 2, 2]]);
    assert_eq!(book.label(1, 1), "pink hair");
    assert_eq!(book.label(3, 2), "pink shirt");
    assert_eq!(book.label(4, 0), "no glasses");
    assert_eq!(book.label(4, 1), "round sunglasses");
    assert_eq!(book.label(6, 2), "very dark skin");
    assert_eq!(book.label(7, 1), "mint green background");
    let wordings = book.wordings(1, 1);
    for said in ["pink hair", "rose locks", "magenta hairdo"] {
        assert!(
            wordings.contains(&said.to_owned()),
            "{said} is not among {wordings:?}"
        );
    }
    assert!(book.wordings(6, 2).contains(&"ebony skin".to_owned()));
    assert_eq!(book.wordings(4, 0)[..2], ["no glasses", "without glasses"]);
    assert!(book.wordings(4, 1).contains(&"round shades".to_owned()));
    assert!(
        Phrasebook::new([])
            .say(&[], Words::Training, &mut rng())
            .is_none()
    );
}

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

#[test]
fn phrases_vary_and_are_true() {
    let (book, values) = book();
    let mut rng = rng();
    let mut texts = BTreeSet::new();
    for _ in 0..2000 {
        let phrase = book.say(&values[0], Words::Training, &mut rng).unwrap();
        assert!(phrase.fits(&values[0]), "{phrase:?}");
        assert!(!phrase.claims.is_empty(), "{phrase:?}");
        // The other picture shares no value but having hair, clothes and a mouth, which is all that may fit
        // both.
        let shared = phrase.claims.iter().all(|claim| claim.values.len() > 1);
        assert_eq!(phrase.fits(&values[1]), shared, "{phrase:?}");
        texts.insert(phrase.text);
    }
    assert!(texts.len() > 1000, "only {} phrases", texts.len());
    for expected in ["pink hair", "no ", "grumpy", "dark blue", "mint"] {
        let said = texts.iter().any(|text| text.contains(expected));
        // Neither missing things nor the other picture's colors are said of this one.
        assert_eq!(said, !matches!(expected, "no " | "dark blue"), "{expected}");
    }
    let mut says = |expected: &str| {
        (0..500).any(|_| {
            let phrase = book.say(&values[1], Words::Training, &mut rng).unwrap();
            phrase.text.contains(expected) && !phrase.fits(&values[0])
        })
    };
    assert!(says("no glasses") && says("happy"));
}

#[test]
fn tests_use_words_that_training_does_not() {
    let (book, values) = book();
    let mut rng = rng();
    let words_of = |text: &str| -> Vec<String> {
        let letters = |c: char| !c.is_alphanumeric();
        text.split(letters).map(str::to_owned).collect()
    };
    let tables = [COLORS, SKIN, NOUNS, INSIDE];
    let moods = MOODS.iter().map(|mood| &mood.adjectives);
    let all: Vec<&Synonyms> = tables.into_iter().flatten().chain(moods).collect();
    let training: BTreeSet<String> = all
        .iter()
        .flat_map(|synonyms| synonyms.training.iter().chain([&synonyms.word]))
        .flat_map(|text| words_of(text))
        .collect();
    for word in all.iter().flat_map(|synonyms| synonyms.test) {
        assert!(!training.contains(*word), "{word} is a word for training");
    }

    let captions: BTreeSet<String> = pictures()
        .iter()
        .flatten()
        .flat_map(|named| words_of(&format!("{} {}", plain(&named.trait_type), plain(&named.value))))
        .collect();
    for _ in 0..200 {
        let phrase = book.say(&values[0], Words::Test, &mut rng).unwrap();
        assert!(phrase.fits(&values[0]) && !phrase.fits(&values[1]), "{phrase:?}");
        let synonyms = book.say(&values[0], Words::Synonyms, &mut rng).unwrap();
        assert!(
            synonyms.fits(&values[0]) && !synonyms.fits(&values[1]),
            "{synonyms:?}"
        );
        for text in [phrase.text, synonyms.text] {
            for word in words_of(&text) {
                assert!(!captions.contains(&word), "{word} is a caption's: {text}");
            }
        }
    }
}
