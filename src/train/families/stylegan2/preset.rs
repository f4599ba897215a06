//! Recipes of papers, by name.

use super::{Recipe, course::Course};
use crate::train::AugPipe;

/// A recipe by its name.
#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
pub enum Preset {
    /// For collections of tokens: augmentation of color, detail and noise only, a high --r1-gamma (200 at 256
    /// pixels), feature maps half as wide, a discriminator that waits for 200 steps, and a first phase of 20
    /// kimg.
    #[value(name = "dogegan-xl")]
    DogeGanXl,
}

impl Preset {
    /// The middle of the paper's 100, 200 and 400.
    const R1_GAMMA_AT_256: f64 = 200.0;

    /// What it sets for pictures of side `resolution`. The weight of the R1 penalty grows with their area, as
    /// the default does. How long the first phase and the delay are is our choice.
    pub fn recipe(self, resolution: usize) -> Recipe {
        let Self::DogeGanXl = self;
        Recipe {
            r1_gamma: Some((Self::R1_GAMMA_AT_256 * (resolution as f64 / 256.0).powi(2)).into()),
            augment: AugPipe::Nft,
            course: Course {
                first_kimg: 20.0,
                delay_discriminator: 200,
                ..Course::default()
            },
            ..Recipe::default()
        }
    }

    /// By how much it multiplies the width of the feature maps.
    pub fn fmaps(self) -> f64 {
        let Self::DogeGanXl = self;
        0.5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_penalty_follows_the_side_and_everything_is_valid() {
        let recipe = |side| Preset::DogeGanXl.recipe(side);
        assert_eq!(recipe(256).r1_gamma(256), 200.0);
        assert_eq!(recipe(64).r1_gamma(64), 12.5);
        recipe(64).validate().unwrap();
        let opening = recipe(64).schedule().opening.unwrap();
        assert_eq!((opening.steps, opening.batch_size), (2500, 8));
        assert_eq!(recipe(64).learning_rate(0), 2.0 * recipe(64).learning_rate(2500));
    }
}
