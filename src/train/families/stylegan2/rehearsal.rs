//! A training step of a small network, to find out whether a device trains as plain Rust does.
//!
//! The step is taken with several seeds, and one that agrees is enough. Rectifiers have a kink: where
//! rounding moves a unit across it, the penalty and with it the step become others, though both devices
//! compute rightly. That was seen with one seed in twelve. A kernel that computes wrongly does so with every
//! seed.

use super::{Recipe, StepStats, TrainSettings, TrainState};
use crate::{
    data::Provenance,
    networks::generators::stylegan2::StyleGan2Config,
    ops::random,
    train::TrainedOn,
    weights::{self, Tensors, collect},
};
use burn::tensor::Device;
use futures::executor::block_on;
use std::path::PathBuf;

/// The seeds of the steps.
const SEEDS: [u64; 3] = [4, 9, 11];

/// What a step of both networks comes to, with each seed.
pub struct Rehearsal {
    steps: Vec<Step>,
}

/// The losses and the penalty, and every weight before and after.
struct Step {
    stats: StepStats,
    before: Tensors,
    after: Tensors,
}

/// How far two rehearsals are from each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Parity {
    /// The largest relative difference of a loss, a mean logit or the penalty.
    pub losses: f64,
    /// The largest relative difference of a tensor's weights after the step, by their norms.
    pub weights: f64,
    /// The same of what the step changed in them.
    pub updates: f64,
    /// The tensor whose change differs most.
    pub worst: String,
}

impl Parity {
    /// Losses and weights agree to this when both devices compute rightly, whatever the order of their sums.
    pub const TOLERANCE: f64 = 1e-3;

    /// Adam's first step is the sign of the gradient, so that a gradient near zero may turn it around. One
    /// weight in four hundred that turns comes to this.
    pub const UPDATE_TOLERANCE: f64 = 0.1;

    /// Whether the devices train alike. What is not a number never is.
    pub fn holds(&self) -> bool {
        self.losses <= Self::TOLERANCE
            && self.weights <= Self::TOLERANCE
            && self.updates <= Self::UPDATE_TOLERANCE
    }
}

impl Rehearsal {
    /// Takes the steps on `device`. Everything random in them is the same on every device.
    ///
    /// # Errors
    ///
    /// [`weights::Error::Device`] when the device cannot hand a weight back.
    pub fn run(device: &Device) -> Result<Self, weights::Error> {
        let steps = SEEDS.iter().map(|&seed| Step::take(seed, device));
        Ok(Self {
            steps: steps.collect::<Result<_, _>>()?,
        })
    }

    /// How far this one is from `expected`, with the first seed that agrees; with the first seed if none
    /// does.
    pub fn parity(&self, expected: &Self) -> Parity {
        let pairs = self.steps.iter().zip(&expected.steps);
        let mut all = pairs.map(|(step, expected)| step.parity(expected));
        let first = all.next().expect("there are seeds");
        if first.holds() {
            return first;
        }
        all.find(Parity::holds).unwrap_or(first)
    }
}

impl Step {
    fn take(seed: u64, device: &Device) -> Result<Self, weights::Error> {
        Self::of(&settings(seed), device)
    }

    /// The first step of a run with these settings, on pictures of noise.
    fn of(settings: &TrainSettings, device: &Device) -> Result<Self, weights::Error> {
        let state = TrainState::init(settings, device);
        let before = tensors(&state)?;
        random::seed(settings.recipe.seed);
        let side = settings.network.resolution;
        let real = random::normal([settings.recipe.batch_size, 3, side, side], 0.5, device);
        let (state, stats) = state.advance(settings, 0, real, &[]);
        Ok(Self {
            stats,
            before,
            after: tensors(&state)?,
        })
    }

    fn parity(&self, expected: &Self) -> Parity {
        let figures = |stats: &StepStats| {
            [
                stats.generator_loss,
                stats.discriminator_loss,
                stats.real_logit,
                stats.fake_logit,
                stats.r1_penalty.unwrap_or(0.0),
                stats.r2_penalty.unwrap_or(0.0),
            ]
        };
        let pairs = figures(&self.stats).into_iter().zip(figures(&expected.stats));
        let losses = pairs.map(|(a, b)| (a - b).abs() / b.abs().max(1e-3));
        let mut parity = Parity {
            losses: largest(losses),
            weights: 0.0,
            updates: 0.0,
            worst: String::new(),
        };
        let mut updates = vec![];
        let mut weights = vec![];
        for (name, expected_after) in &expected.after {
            let values = |tensors: &Tensors| -> Vec<f32> { tensors[name].iter::<f32>().collect() };
            let after: Vec<f32> = expected_after.iter::<f32>().collect();
            weights.push(distance(&values(&self.after), &after));
            let change = |after: &[f32], before: Vec<f32>| -> Vec<f32> {
                after
                    .iter()
                    .zip(before)
                    .map(|(after, before)| after - before)
                    .collect()
            };
            let expected_change = change(&after, values(&expected.before));
            let found = change(&values(&self.after), values(&self.before));
            // What only rounding changes, such as a buffer that is averaged with itself, has no update to
            // compare.
            let least = LEAST_CHANGE * norm(&after);
            updates.push((distance_from(&found, &expected_change, least), name));
        }
        parity.weights = largest(weights.into_iter());
        parity.updates = largest(updates.iter().map(|(update, _)| *update));
        let worst = updates.iter().max_by(|(a, _), (b, _)| a.total_cmp(b));
        parity.worst = worst.map_or_else(String::new, |(_, name)| (*name).clone());
        parity
    }
}

/// The largest of these; NaN if one of them is.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |most, value| {
        if value <= most || most.is_nan() {
            most
        } else {
            value
        }
    })
}

/// Relative to the weights themselves: a step of Adam changes even the mapping by thirty times as much, and
/// rounding by a hundredth of this.
const LEAST_CHANGE: f64 = 3e-6;

/// `|a - b| / |b|`.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    distance_from(a, b, 1e-9)
}

/// `|a - b| / |b|`, where `|b|` is taken as at least `least`.
fn distance_from(a: &[f32], b: &[f32], least: f64) -> f64 {
    let differences: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    norm(&differences) / norm(b).max(least).max(1e-12)
}

fn norm(values: &[f32]) -> f64 {
    values
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt()
}

fn tensors(state: &TrainState) -> Result<Tensors, weights::Error> {
    let mut all = Tensors::new();
    for (network, tensors) in [
        ("generator", block_on(collect(&state.generator))?),
        ("discriminator", block_on(collect(&state.discriminator))?),
        ("g_ema", block_on(collect(&state.g_ema))?),
    ] {
        all.extend(
            tensors
                .into_iter()
                .map(|(name, data)| (format!("{network}.{name}"), data)),
        );
    }
    Ok(all)
}

/// A network with layers of every kind, widths that leave lanes over, and a step that includes the penalty.
fn settings(seed: u64) -> TrainSettings {
    TrainSettings {
        dataset: TrainedOn {
            data: PathBuf::new(),
            dataset_len: 0,
            dataset_digest: String::new(),
            pixel_art: None,
        },
        provenance: Provenance::default(),
        hardware: String::new(),
        network: StyleGan2Config {
            z_dim: 24,
            w_dim: 24,
            num_mapping_layers: 2,
            resolution: 16,
            img_channels: 3,
            channel_base: 320,
            channel_max: 24,
            classes: vec![],
        },
        grown_from: None,
        classes: None,
        race: None,
        recipe: Recipe {
            batch_size: 8,
            r1_gamma: Some(1.0.into()),
            style_mixing_prob: 1.0,
            noise: true,
            seed,
            ..Recipe::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::Objective;

    #[test]
    fn the_same_device_twice_is_the_same_step() {
        let device = Device::flex();
        let [once, again] = [(), ()].map(|()| Rehearsal::run(&device).unwrap());
        let parity = once.parity(&again);
        assert_eq!(parity.weights, 0.0);
        assert!(parity.holds() && once.steps.iter().all(|step| step.stats.r1_penalty.is_some()));
    }

    /// Losses, penalty, weights, and the average of `w`, with the minibatch standard deviation within the
    /// same groups. Per-pixel noise is left out, because layers draw it for what they are given.
    #[test]
    fn a_step_in_parts_is_the_step_at_once() {
        let device = Device::flex();
        for objective in [Objective::NonSaturating, Objective::Relativistic] {
            let settings = |accumulate: usize| {
                let mut settings = settings(4);
                let recipe = &mut settings.recipe;
                (recipe.batch_size, recipe.noise, recipe.objective) = (24, false, objective);
                recipe.course.accumulate = accumulate;
                settings
            };
            let at_once = Step::of(&settings(1), &device).unwrap();
            assert!(at_once.stats.r1_penalty.is_some_and(|penalty| penalty > 0.0));
            for accumulate in [2, 3, 6] {
                let in_parts = Step::of(&settings(accumulate), &device).unwrap();
                let parity = in_parts.parity(&at_once);
                assert!(
                    parity.losses < 1e-5 && parity.weights < 1e-4 && parity.holds(),
                    "{objective:?}, {accumulate}: {parity:?}"
                );
            }
        }
    }

    /// Both objectives judge the same pictures. Generated ones have their penalty in one of them, and without
    /// its weight the discriminator would take another step.
    #[test]
    fn a_relativistic_step_has_its_losses_and_both_penalties() {
        let device = Device::flex();
        let step = |objective, r1_gamma: f64| {
            let mut settings = settings(4);
            settings.recipe.objective = objective;
            settings.recipe.r1_gamma = Some(r1_gamma.into());
            Step::of(&settings, &device).unwrap()
        };
        let plain = step(Objective::NonSaturating, 1.0);
        let relative = step(Objective::Relativistic, 1.0);
        assert_eq!(plain.stats.real_logit, relative.stats.real_logit);
        let loss = relative.stats.discriminator_loss;
        // Of a mean over pairs the convex loss is less than the mean over the losses of pairs.
        let pair = relative.stats.fake_logit - relative.stats.real_logit;
        assert!(loss > (1.0 + pair.exp()).ln() && loss < plain.stats.discriminator_loss);
        assert_eq!(plain.stats.r2_penalty, None);
        let [r1, r2] = [relative.stats.r1_penalty, relative.stats.r2_penalty].map(Option::unwrap);
        assert!(r1 > 0.0 && r2 > 0.0 && r1 != r2);
        let unweighted = step(Objective::Relativistic, 1e-9);
        let name = "discriminator.from_rgb.weight";
        assert_ne!(relative.after[name], unweighted.after[name]);
        assert_eq!(step(Objective::Relativistic, 0.0).stats.r2_penalty, None);
    }

    /// The discriminator keeps every bit for as long as it waits, and the generator learns.
    #[test]
    fn a_discriminator_that_waits_is_left_as_it_is() {
        let mut settings = settings(4);
        settings.recipe.course.delay_discriminator = 1;
        let step = Step::of(&settings, &Device::flex()).unwrap();
        for (name, after) in &step.after {
            let is_same = *after == step.before[name];
            match name.split_once('.').unwrap().0 {
                "discriminator" => assert!(is_same, "{name}"),
                "generator" if name.ends_with("weight") => assert!(!is_same, "{name}"),
                _ => (),
            }
        }
        settings.recipe.course.delay_discriminator = 0;
        let step = Step::of(&settings, &Device::flex()).unwrap();
        let name = "discriminator.from_rgb.weight";
        assert_ne!(step.after[name], step.before[name]);
    }

    #[test]
    fn a_wrong_weight_a_wrong_loss_and_nan_are_seen() {
        let device = Device::flex();
        let right = Step::take(1, &device).unwrap();
        let mut wrong = Step::take(1, &device).unwrap();
        wrong.stats.generator_loss *= 1.01;
        assert!(!wrong.parity(&right).holds());

        // A step in the other direction moves the weights by little, but it is another step.
        let mut wrong = Step::take(1, &device).unwrap();
        let name = "discriminator.from_rgb.weight";
        let (before, after) = (&right.before[name], &right.after[name]);
        let turned: Vec<f32> = before
            .iter::<f32>()
            .zip(after.iter::<f32>())
            .map(|(b, a)| 2.0 * b - a)
            .collect();
        let data = burn::tensor::TensorData::new(turned, after.shape().clone());
        wrong.after.insert(name.into(), data);
        let parity = wrong.parity(&right);
        assert!(parity.updates > 1.9 && !parity.holds(), "{parity:?}");

        let mut wrong = Step::take(1, &device).unwrap();
        wrong.stats.discriminator_loss = f64::NAN;
        assert!(!wrong.parity(&right).holds());
    }

    #[test]
    fn a_unit_that_turns_with_one_seed_is_forgiven_and_one_that_always_does_is_not() {
        let device = Device::flex();
        let [right, mut other] = [(), ()].map(|()| Rehearsal::run(&device).unwrap());
        other.steps[0].stats.discriminator_loss *= 1.01;
        assert!(other.parity(&right).holds());
        for step in &mut other.steps {
            step.stats.generator_loss *= 1.01;
        }
        assert!(!other.parity(&right).holds());
    }
}
