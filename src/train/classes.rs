//! The classes of a run, which are those of its dataset.

use super::Error;
use crate::{data::Dataset, networks::generators::Class};

/// The classes that `dataset` was sorted into; none if it was not.
pub(super) fn classes_of(dataset: &Dataset) -> Vec<Class> {
    let all = dataset.classes().map_or(&[][..], |classes| classes.all());
    let class = |(name, pictures): &(String, u64)| Class {
        name: name.clone(),
        pictures: *pictures,
    };
    all.iter().map(class).collect()
}

/// The class of the picture at each place; none where there are no classes.
pub(super) fn classes_at(places: &[usize], dataset: &Dataset) -> Vec<usize> {
    match dataset.classes() {
        Some(classes) => places.iter().map(|&place| classes.of(place)).collect(),
        None => vec![],
    }
}

/// Makes sure that `dataset` is sorted into the classes of a network.
///
/// # Errors
///
/// [`Error::Settings`] when it has others.
pub(super) fn check_classes(expected: &[Class], dataset: &Dataset) -> Result<(), Error> {
    let names = |classes: &[Class]| classes.iter().map(|class| class.name.clone()).collect::<Vec<_>>();
    let [found, expected] = [names(&classes_of(dataset)), names(expected)];
    if found == expected {
        return Ok(());
    }
    let shown = |names: Vec<String>| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    Err(Error::Settings(format!(
        "the classes of the dataset are {}, and those of the run's networks are {}: a run keeps its classes",
        shown(found),
        shown(expected)
    )))
}
