//! What a kind of training is: its settings, its state, and its step. Everything else is shared.

use super::{Error, RunFolder, RunSettings, checkpoint::State};
use crate::{data::Dataset, networks::generators::Generate};
use burn::tensor::Device;
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt::Debug, path::Path};

/// What a step measures.
pub trait StepFigures: Debug + Copy + Serialize + DeserializeOwned {
    /// Whether every number that training needs is finite; it cannot recover from one that is not.
    fn is_finite(&self) -> bool;

    /// What a line of statistics says about `steps`, of which there is at least one.
    fn mean(steps: &[Self]) -> Self;
}

/// A kind of training. What a step changes is its [`State`], which also says how it is saved.
pub trait Family: State + Sized {
    /// What it is asked to do.
    type Settings: RunSettings;

    /// What is found out whenever a checkpoint is written.
    type Report;

    /// How many pictures an epoch shows.
    fn epoch_len(&self, dataset: &Dataset) -> usize;

    /// The step number `step`, counted from zero, with the pictures of these places in the epoch.
    ///
    /// All randomness follows from the seed and `step`, so that a resumed run goes on exactly as if it had
    /// never stopped. When a figure is not finite the step ends there, and the state is to be thrown away.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] when a picture cannot be read.
    fn advance(
        self,
        settings: &Self::Settings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, <Self::Settings as RunSettings>::Stats), Error>;

    /// What draws pictures as they are now, where this trains something that does.
    fn generator(&self) -> Option<Box<dyn Generate>> {
        None
    }

    /// Called before a checkpoint that is written at a regular moment, so that what it changes is in there.
    /// Not at others, such as when the user stops the run: a run that was stopped must go on as the one that
    /// was not.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from finding out what it must.
    fn before_checkpoint(
        &mut self,
        _settings: &Self::Settings,
        _images_seen: u64,
        _dataset: &Dataset,
        _device: &Device,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Writes what goes with the `checkpoint` after so many pictures, and says what was found out.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from being written.
    fn report(
        &self,
        run: &RunFolder<Self::Settings>,
        checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<Self::Report, Error>;
}
