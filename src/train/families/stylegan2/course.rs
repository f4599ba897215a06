//! How a run begins, and in how many parts it takes a batch.

use crate::{
    networks::generators::stylegan2::DiscriminatorEpilogue,
    train::{bounds, schedule::Opening},
};
use serde::{Deserialize, Serialize};

/// What is not the same from the first step to the last, and how much of a batch is in memory at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct Course {
    /// Begin with a phase of so many thousand pictures with smaller batches and a higher learning rate.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().first_kimg, conflicts_with = "resume")]
    pub first_kimg: f64,
    /// Pictures in a step of the first phase [default: half of --batch-size].
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_batch_size: Option<usize>,
    /// Adam's step size in the first phase [default: twice --learning-rate].
    #[arg(long, value_name = "SIZE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_learning_rate: Option<f64>,
    /// Leave the discriminator as it is for so many steps. Its optimizer already learns how large gradients
    /// are, and the augmentation waits.
    #[arg(long, value_name = "STEPS", default_value_t = Self::default().delay_discriminator)]
    pub delay_discriminator: u64,
    /// Take every batch in so many parts, whose gradients are added up. A step is the same up to rounding,
    /// slower, and needs memory for one part only. A part is a multiple of four pictures.
    #[arg(long, value_name = "PARTS", default_value_t = Self::default().accumulate)]
    pub accumulate: usize,
}

impl Default for Course {
    fn default() -> Self {
        Self {
            first_kimg: 0.0,
            first_batch_size: None,
            first_learning_rate: None,
            delay_discriminator: 0,
            accumulate: 1,
        }
    }
}

impl Course {
    /// Pictures that the discriminator compares with each other: they stay in one part.
    pub(super) const GROUP: usize = DiscriminatorEpilogue::GROUP_SIZE;

    /// The first phase, if there is one, of a run with batches of `batch_size`.
    pub(super) fn opening(&self, batch_size: usize) -> Option<Opening> {
        let half = || (batch_size / 2).next_multiple_of(Self::GROUP);
        let first_batch_size = self.first_batch_size.unwrap_or_else(half);
        (self.first_kimg > 0.0).then(|| Opening {
            steps: (self.first_kimg * 1000.0 / first_batch_size as f64).ceil() as u64,
            batch_size: first_batch_size,
        })
    }

    /// Adam's step size in the step of this number, where it is `learning_rate` after the first phase.
    pub(super) fn learning_rate(&self, step: u64, batch_size: usize, learning_rate: f64) -> f64 {
        match self.opening(batch_size) {
            Some(opening) if step < opening.steps => self.first_learning_rate.unwrap_or(2.0 * learning_rate),
            _ => learning_rate,
        }
    }

    /// The most pictures of a part, where batches are of `batch_size`.
    pub(super) fn part(&self, batch_size: usize) -> usize {
        batch_size / self.accumulate
    }

    /// Checks every field, for batches of `batch_size`, which is valid.
    ///
    /// # Errors
    /// In words.
    pub(super) fn validate(&self, batch_size: usize) -> Result<(), String> {
        bounds::not_negative("first_kimg", self.first_kimg)?;
        if let Some(first) = self.first_batch_size {
            bounds::within("first_batch_size", first, Self::GROUP, batch_size)?;
            if !first.is_multiple_of(Self::GROUP) {
                return Err(format!(
                    "first_batch_size is {first}, expected a multiple of four"
                ));
            }
        }
        if let Some(rate) = self.first_learning_rate {
            bounds::more_than_zero("first_learning_rate", rate)?;
        }
        bounds::within("accumulate", self.accumulate, 1, batch_size / Self::GROUP)?;
        if !batch_size.is_multiple_of(self.accumulate * Self::GROUP) {
            return Err(format!(
                "accumulate is {}, expected a number of parts that are each a multiple of four of the {batch_size} \
                 pictures of a batch",
                self.accumulate
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_phase_ends_after_its_pictures() {
        let mut course = Course::default();
        assert_eq!(course.opening(16), None);
        assert_eq!(course.learning_rate(0, 16, 0.003), 0.003);
        course.first_kimg = 0.1;
        let opening = course.opening(16).unwrap();
        assert_eq!((opening.steps, opening.batch_size), (13, 8), "104 pictures");
        assert_eq!(course.opening(12).unwrap().batch_size, 8);
        assert_eq!(course.opening(4).unwrap().batch_size, 4);
        assert_eq!(course.learning_rate(12, 16, 0.003), 0.006);
        assert_eq!(course.learning_rate(13, 16, 0.003), 0.003);
        course.first_learning_rate = Some(0.01);
        course.first_batch_size = Some(4);
        assert_eq!(course.learning_rate(24, 16, 0.003), 0.01);
        assert_eq!(course.learning_rate(25, 16, 0.003), 0.003);
    }
}
