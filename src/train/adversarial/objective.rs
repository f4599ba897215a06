//! What the two networks of an adversarial training are asked for.

use burn::tensor::{
    Tensor,
    activation::{relu, softplus},
};
use serde::{Deserialize, Serialize};

/// The losses of both networks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Every picture is judged by itself (Goodfellow et al. 2014), with the R1 penalty on real pictures.
    #[default]
    NonSaturating,
    /// Every generated picture is judged beside a real one, so that drawing a few kinds of pictures well is
    /// not enough, with the penalty on real and on generated pictures (Huang et al. 2024, R3GAN).
    Relativistic,
}

impl Objective {
    /// The discriminator's loss, `logits [n, 1] -> [1]`: [`discriminator_loss`], or
    /// `E[softplus(-(D(real) - D(fake)))]` over pairs.
    pub fn discriminator_loss(self, real_logits: Tensor<2>, fake_logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::NonSaturating => discriminator_loss(real_logits, fake_logits),
            Self::Relativistic => softplus(fake_logits - real_logits, 1.0).mean(),
        }
    }

    /// The generator's loss, `logits [n, 1] -> [1]`: [`generator_loss`], or
    /// `E[softplus(-(D(fake) - D(real)))]` over pairs. What `real_logits` gives is only asked for then.
    pub fn generator_loss(
        self,
        real_logits: impl FnOnce() -> Tensor<2>,
        fake_logits: Tensor<2>,
    ) -> Tensor<1> {
        match self {
            Self::NonSaturating => generator_loss(fake_logits),
            Self::Relativistic => softplus(real_logits() - fake_logits, 1.0).mean(),
        }
    }

    /// Whether generated pictures have the penalty that real ones have.
    pub fn penalizes_fakes(self) -> bool {
        self == Self::Relativistic
    }
}

/// `E[softplus(-D(fake))]`: the non-saturating loss of the generator (Goodfellow et al. 2014), which is the
/// binary cross-entropy to the label of real pictures. `logits [n, 1] -> [1]`.
pub fn generator_loss(fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-fake_logits, 1.0).mean()
}

/// `E[softplus(-D(real))] + E[softplus(D(fake))]`: the binary cross-entropy of both kinds to their labels.
/// `logits [n, 1] -> [1]`.
pub fn discriminator_loss(real_logits: Tensor<2>, fake_logits: Tensor<2>) -> Tensor<1> {
    softplus(-real_logits, 1.0).mean() + softplus(fake_logits, 1.0).mean()
}

/// `-E[D(fake)]`: the hinge loss of the generator (Lim and Ye 2017). `logits [n, 1, ..] -> [1]`.
pub fn hinge_generator_loss<const D: usize>(fake_logits: Tensor<D>) -> Tensor<1> {
    -fake_logits.mean()
}

/// `E[max(0, 1 - D(real))] + E[max(0, 1 + D(fake))]`: the hinge loss of the discriminator. `logits [n, 1, ..]
/// -> [1]`.
pub fn hinge_discriminator_loss<const D: usize>(real_logits: Tensor<D>, fake_logits: Tensor<D>) -> Tensor<1> {
    relu(-real_logits + 1.0).mean() + relu(fake_logits + 1.0).mean()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn logits(values: [f32; 2]) -> Tensor<2> {
        Tensor::from_data([[values[0]], [values[1]]], &Device::flex())
    }

    #[test]
    fn losses_are_those_of_the_papers() {
        let (real, fake) = ([2.0f32, -1.0], [0.5, 1.5]);
        let softplus = |x: f32| (1.0 + x.exp()).ln();
        let mean = |each: &dyn Fn(f32, f32) -> f32| (each(real[0], fake[0]) + each(real[1], fake[1])) / 2.0;
        let discriminator = |objective: Objective| {
            let loss = objective.discriminator_loss(logits(real), logits(fake));
            loss.into_scalar::<f32>()
        };
        let generator = |objective: Objective| {
            let loss = objective.generator_loss(|| logits(real), logits(fake));
            loss.into_scalar::<f32>()
        };
        for (found, expected) in [
            (
                discriminator(Objective::NonSaturating),
                mean(&|real, fake| softplus(-real) + softplus(fake)),
            ),
            (
                discriminator(Objective::Relativistic),
                mean(&|real, fake| softplus(-(real - fake))),
            ),
            (
                generator(Objective::NonSaturating),
                mean(&|_, fake| softplus(-fake)),
            ),
            (
                generator(Objective::Relativistic),
                mean(&|real, fake| softplus(-(fake - real))),
            ),
        ] {
            assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        }
    }

    #[test]
    fn the_hinge_asks_for_no_more_than_a_margin_of_one() {
        let (real, fake) = (logits([2.0, -1.0]), logits([0.5, -1.5]));
        let loss = hinge_discriminator_loss(real, fake.clone()).into_scalar::<f32>();
        assert_eq!(loss, (0.0 + 2.0) / 2.0 + (1.5 + 0.0) / 2.0);
        assert_eq!(hinge_generator_loss(fake).into_scalar::<f32>(), 0.5);
    }

    #[test]
    fn real_pictures_are_judged_again_only_where_they_count() {
        let alone = Objective::NonSaturating.generator_loss(|| unreachable!(), logits([0.0, 0.0]));
        assert!((alone.into_scalar::<f32>() - 2f32.ln()).abs() < 1e-6);
    }
}
