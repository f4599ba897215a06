//! The classes of a run, and which of them are averaged in a step.

use super::settings::TrainSettings;
use crate::{
    data::Dataset,
    networks::generators::Class,
    train::{
        Error,
        classes::{check_classes, classes_of},
    },
};

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
