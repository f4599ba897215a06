//! The classes of a run, which are those of its dataset, and which of them a step draws.

use super::{Error, streams::stream};
use crate::{data::Dataset, networks::generators::Class};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

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

/// The classes of the pictures that a step draws: each as often as the dataset has it.
pub(super) struct DrawnClasses {
    /// Pictures of the dataset up to and including each class.
    up_to: Vec<u64>,
    count: usize,
    rng: ChaCha8Rng,
}

impl DrawnClasses {
    /// For the step of this number, in batches of `count` pictures.
    pub fn new(classes: &[Class], (seed, step): (u64, u64), count: usize) -> Self {
        let pictures = classes.iter().map(|class| class.pictures);
        Self {
            up_to: pictures
                .scan(0, |sum, count| {
                    *sum += count;
                    Some(*sum)
                })
                .collect(),
            count,
            rng: stream(seed, "classes", step),
        }
    }

    /// A class for each picture of a batch; none where there are no classes.
    pub fn next(&mut self) -> Vec<usize> {
        let Some(&total) = self.up_to.last() else {
            return vec![];
        };
        let mut draw = || {
            let picture = self.rng.random_range(0..total);
            self.up_to.partition_point(|&up_to| up_to <= picture)
        };
        (0..self.count).map(|_| draw()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_draws_classes_as_often_as_the_dataset_has_them() {
        let classes: Vec<Class> = [1, 6, 3]
            .map(|pictures| Class {
                name: pictures.to_string(),
                pictures,
            })
            .to_vec();
        let mut counts = [0; 3];
        for step in 0..2000 {
            let mut drawn = DrawnClasses::new(&classes, (7, step), 4);
            let [first, second] = [drawn.next(), drawn.next()];
            assert_eq!(first.len(), 4);
            assert_eq!(
                first,
                DrawnClasses::new(&classes, (7, step), 4).next(),
                "a resumed run draws the same"
            );
            first.iter().chain(&second).for_each(|&class| counts[class] += 1);
        }
        // Five standard errors of 16,000 draws.
        for (count, expected) in counts.into_iter().zip([1600, 9600, 4800]) {
            assert!(i32::abs(count - expected) < 320, "{counts:?}");
        }
        assert!(DrawnClasses::new(&[], (7, 0), 4).next().is_empty());
    }
}
