//! What a dataset's traits are called, for the words of a model.

use crate::{
    data::{Dataset, Phrasebook, Subject},
    weights::manifest::KnownTrait,
};

/// What the captions of `dataset` are about, as far as a manifest may hold it.
pub(super) fn known_traits(dataset: &Dataset) -> Vec<KnownTrait> {
    let pictures = || (0..dataset.len()).map(|index| dataset.traits(index));
    let book = Phrasebook::new(pictures());
    let values: Vec<_> = pictures().map(|traits| book.values(traits)).collect();
    let mut left = KnownTrait::MAX_VALUES;
    let mut fitting = |texts: Vec<String>| -> Vec<String> {
        let short = |text: &String| text.chars().count() <= KnownTrait::MAX_CHARS;
        let texts: Vec<String> = texts.into_iter().filter(short).take(left).collect();
        left -= texts.len();
        texts
    };
    let known = |subject: Subject| KnownTrait {
        optional: values.iter().any(|picture| picture[subject.property] == 0),
        name: subject.name,
        noun: subject.noun,
        kinds: fitting(subject.kinds),
        colors: fitting(subject.colors),
    };
    let short = |subject: &Subject| subject.name.chars().count() <= KnownTrait::MAX_CHARS;
    let subjects = book.subjects().into_iter().filter(short);
    subjects.map(known).take(KnownTrait::MAX).collect()
}
