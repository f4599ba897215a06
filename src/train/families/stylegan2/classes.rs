//! The classes of a run, and which of them a step draws.

use super::settings::TrainSettings;
use crate::{
    data::Dataset,
    networks::generators::Class,
    train::{
        Error,
        classes::{check_classes, classes_of},
        streams::stream,
    },
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

impl TrainSettings {
    /// Sorts the pictures of `dataset` into the classes of this run, if it has classes, and takes over how
    /// many there are of each now.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] when it cannot be sorted so, [`Error::Settings`] when it has other classes.
    pub fn classify(&mut self, dataset: &mut Dataset) -> Result<(), Error> {
        let Some(by) = &self.classes else {
            return Ok(());
        };
        dataset.classify(by, Class::MAX)?;
        self.check_classes(dataset)?;
        self.network.classes = classes_of(dataset);
        Ok(())
    }

    /// Makes sure that `dataset` is sorted into the classes of the network.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when it has others.
    pub fn check_classes(&self, dataset: &Dataset) -> Result<(), Error> {
        check_classes(&self.network.classes, dataset)
    }
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
    pub fn new(settings: &TrainSettings, step: u64, count: usize) -> Self {
        let pictures = settings.network.classes.iter().map(|class| class.pictures);
        Self {
            up_to: pictures
                .scan(0, |sum, count| {
                    *sum += count;
                    Some(*sum)
                })
                .collect(),
            count,
            rng: stream(settings.recipe.seed, "classes", step),
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

/// All classes in turn, `n` pictures a step: rare ones need their average as much as others.
pub(super) fn every_class(settings: &TrainSettings, step: u64, n: usize) -> Vec<usize> {
    let count = settings.network.classes.len().max(1);
    let first = (step % count as u64) as usize * (n % count);
    (0..n).map(|row| (first + row) % count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{RunSettings, families::stylegan2::settings::tests::tiny};

    fn with_classes(pictures: &[u64]) -> TrainSettings {
        let mut settings = tiny();
        settings.classes = Some("trait".into());
        settings.network.classes = (0..)
            .zip(pictures)
            .map(|(index, &pictures)| Class {
                name: format!("c{index}"),
                pictures,
            })
            .collect();
        settings.validate().unwrap();
        settings
    }

    #[test]
    fn a_step_draws_classes_as_often_as_the_dataset_has_them() {
        let settings = with_classes(&[1, 6, 3]);
        let mut counts = [0; 3];
        for step in 0..2000 {
            let mut drawn = DrawnClasses::new(&settings, step, 4);
            let [first, second] = [drawn.next(), drawn.next()];
            assert_eq!(first.len(), 4);
            assert_eq!(
                first,
                DrawnClasses::new(&settings, step, 4).next(),
                "a resumed run draws the same"
            );
            first.iter().chain(&second).for_each(|&class| counts[class] += 1);
        }
        // Five standard errors of 16,000 draws.
        for (count, expected) in counts.into_iter().zip([1600, 9600, 4800]) {
            assert!(i32::abs(count - expected) < 320, "{counts:?}");
        }
        assert!(DrawnClasses::new(&tiny(), 0, 4).next().is_empty());
    }

    #[test]
    fn every_class_has_its_turn() {
        for count in [2, 3, 4, 7] {
            let settings = with_classes(&vec![1; count]);
            let turns: Vec<usize> = (0..count as u64)
                .flat_map(|step| every_class(&settings, step, 4))
                .collect();
            for class in 0..count {
                assert_eq!(
                    turns.iter().filter(|&&turn| turn == class).count(),
                    4,
                    "{turns:?}"
                );
            }
        }
    }

    #[test]
    fn settings_name_what_tells_classes_apart_exactly_where_there_are_classes() {
        let mut settings = with_classes(&[1, 2]);
        settings.classes = None;
        assert!(
            settings
                .validate()
                .unwrap_err()
                .contains("the network's 2 classes")
        );
        let mut settings = with_classes(&[1, 2]);
        settings.network.classes.clear();
        assert!(settings.validate().unwrap_err().starts_with("classes is Some"));
        let mut settings = with_classes(&[1, 2]);
        settings.network.classes[1].name = "a\nb".into();
        assert!(settings.validate().unwrap_err().starts_with("classes[1].name"));
    }
}
