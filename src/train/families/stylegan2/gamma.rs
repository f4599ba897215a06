//! The weight of the R1 penalty: its default, and what raises it when the samples collapse.

use crate::train::{Error, Visitor};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Weight of the R1 penalty for pictures of side `resolution`, where none is given.
///
/// The papers' rule, `0.0002 resolution^2 / batch_size`, is for photographs. The flat art of avatar
/// collections collapses with it: it takes about 200 times as much.
pub fn default_r1_gamma(resolution: usize, batch_size: usize) -> f64 {
    0.045 * (resolution * resolution) as f64 / batch_size as f64
}

/// What `--r1-gamma` says.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum R1Gamma {
    /// The weight itself.
    Weight(f64),
    /// A race finds it before the run begins; a run stores what was found, and never this.
    Race(Auto),
}

/// The word for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Auto {
    /// `auto`.
    Auto,
}

impl R1Gamma {
    /// `auto`.
    pub const AUTO: Self = Self::Race(Auto::Auto);
}

impl From<f64> for R1Gamma {
    fn from(weight: f64) -> Self {
        Self::Weight(weight)
    }
}

impl FromStr for R1Gamma {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::AUTO),
            _ => match text.parse() {
                Ok(weight) => Ok(Self::Weight(weight)),
                Err(_) => Err("expected a number, or auto".into()),
            },
        }
    }
}

/// What to do when the generator draws nearly the same picture for every seed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum OnCollapse {
    /// Say so, and go on.
    #[default]
    Warn,
    /// Say so, and stop at that checkpoint.
    Stop,
    /// Say so, and go on with twice the --r1-gamma, at most four times.
    RaiseGamma,
}

/// How often the weight was raised, and when last. Whole numbers, so that a checkpoint gives back exactly
/// what it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Raises {
    times: i64,
    /// Pictures that were shown until the last time.
    at: i64,
    /// The bits of the weight that is raised. A run that is given another begins to count anew: what its user
    /// says is what holds.
    of: i64,
}

impl Raises {
    /// It is raised this often at most, to 16 times what it was.
    pub const MOST: i64 = 4;
    /// What it is multiplied with each time.
    const FACTOR: f64 = 2.0;
    /// Pictures that must be shown between two raises, for the first to have had time to help.
    const PAUSE: i64 = 5000;

    /// How often the weight `r1_gamma` was raised.
    pub fn times(&self, r1_gamma: f64) -> i64 {
        match self.of == bits(r1_gamma) {
            true => self.times,
            false => 0,
        }
    }

    /// What has become of the weight `r1_gamma`.
    pub fn raised(&self, r1_gamma: f64) -> f64 {
        r1_gamma * Self::FACTOR.powi(self.times(r1_gamma) as i32)
    }

    /// Whether the weight `r1_gamma` was raised after exactly `images_seen` pictures.
    pub fn was_raised_at(&self, images_seen: u64, r1_gamma: f64) -> bool {
        self.times(r1_gamma) > 0 && self.at as u64 == images_seen
    }

    /// Raises the weight `r1_gamma` after `images_seen` pictures, if that was not done often enough already
    /// or a moment ago.
    pub fn raise(&mut self, images_seen: u64, r1_gamma: f64) {
        let times = self.times(r1_gamma);
        let since = images_seen as i64 - self.at;
        if times < Self::MOST && (times == 0 || since >= Self::PAUSE) {
            *self = Self {
                times: times + 1,
                at: images_seen as i64,
                of: bits(r1_gamma),
            };
        }
    }

    /// Shows its numbers to a checkpoint; one of before there were any leaves them at zero.
    pub(in crate::train) fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.number("gamma_raises", &mut self.times, 0..=Self::MOST)?;
        visitor.number("gamma_raised_at", &mut self.at, 0..=1 << 60)?;
        visitor.number("gamma_raised", &mut self.of, i64::MIN..=i64::MAX)
    }
}

fn bits(value: f64) -> i64 {
    value.to_bits().cast_signed()
}

impl fmt::Display for R1Gamma {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Weight(weight) => weight.fmt(f),
            Self::Race(Auto::Auto) => f.write_str("auto"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        data::Dataset,
        train::{Family, Run, TrainState, checkpoint, families::stylegan2::tests::tiny},
        weights::collect,
    };
    use burn::{module::Param, tensor::Device};
    use futures::executor::block_on;
    use image::{Rgb, RgbImage};
    use std::path::Path;

    #[test]
    fn it_is_raised_now_and_then_and_not_without_end() {
        let mut raises = Raises::default();
        let after = |raises: &mut Raises, images| {
            raises.raise(images, 3.0);
            raises.raised(3.0)
        };
        assert_eq!(raises.raised(3.0), 3.0);
        assert_eq!(after(&mut raises, 20_000), 6.0);
        assert!(raises.was_raised_at(20_000, 3.0) && !raises.was_raised_at(20_016, 3.0));
        // The same checkpoint once more, and one too soon after it.
        assert_eq!(after(&mut raises, 20_000), 6.0);
        assert_eq!(after(&mut raises, 24_999), 6.0);
        assert_eq!(after(&mut raises, 25_000), 12.0);
        assert_eq!(after(&mut raises, 35_000), 24.0);
        assert_eq!(after(&mut raises, 45_000), 48.0);
        assert_eq!(after(&mut raises, 90_000), 48.0, "four times are enough");
        assert_eq!(raises.times(3.0), Raises::MOST);
    }

    #[test]
    fn what_the_user_says_counts_from_then_on() {
        let mut raises = Raises::default();
        raises.raise(20_000, 3.0);
        assert_eq!(raises.raised(5.0), 5.0);
        assert!(!raises.was_raised_at(20_000, 5.0));
        raises.raise(21_000, 5.0);
        assert_eq!((raises.raised(5.0), raises.raised(3.0)), (10.0, 3.0));
    }

    /// Eight pictures of two colors in other places each.
    fn dataset(dir: &Path) -> Dataset {
        std::fs::create_dir(dir.join("00000")).unwrap();
        for i in 0..8u32 {
            let picture = RgbImage::from_fn(16, 16, |x, y| match x / 2 % 4 == i % 4 || y / 4 == i / 2 {
                true => Rgb([255, 30 * i as u8, 0]),
                false => Rgb([0, 0, 30 * i as u8]),
            });
            picture.save(dir.join(format!("00000/img{i:08}.png"))).unwrap();
        }
        std::fs::write(dir.join("dataset.json"), r#"{"labels": null}"#).unwrap();
        Dataset::open(dir).unwrap()
    }

    /// A generator that draws nothing but gray, at a regular checkpoint: the penalty weighs twice as much
    /// from then on, also after the checkpoint was read back.
    #[test]
    fn a_collapse_raises_the_weight_and_a_checkpoint_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let (device, dataset) = (Device::flex(), dataset(dir.path()));
        let mut settings = tiny();
        settings.recipe.r1_interval = 1;
        settings.recipe.noise = false;
        let collapsed = || {
            let mut state = TrainState::init(&settings, &device);
            for block in &mut state.g_ema.synthesis.blocks {
                let weight = block.to_rgb.weight.val();
                block.to_rgb.weight = Param::from_tensor(weight.zeros_like());
            }
            state
        };
        let look = |state: &mut TrainState, images, on_collapse| {
            let mut settings = settings.clone();
            settings.recipe.on_collapse = on_collapse;
            state
                .before_checkpoint(&settings, images, &dataset, &device)
                .unwrap();
            state.r1_gamma(&settings)
        };
        let mut state = collapsed();
        assert_eq!(look(&mut state, 30_000, OnCollapse::Warn), 0.2);
        assert_eq!(
            look(&mut state, 10_000, OnCollapse::RaiseGamma),
            0.2,
            "it has just begun"
        );
        assert_eq!(look(&mut state, 30_000, OnCollapse::RaiseGamma), 0.4);

        let runs = dir.path().join("runs");
        let run = Run::create(&runs, settings.clone()).unwrap();
        let progress = checkpoint::Progress::default();
        checkpoint::save(&run.dir, 30, &mut state, progress).unwrap();
        let (found, _) = checkpoint::resume(&run.dir, collapsed).unwrap();
        let read = found.unwrap().0;
        assert_eq!((read.raises, read.r1_gamma(&settings)), (state.raises, 0.4));

        // It is what the step weighs the penalty with.
        let advance = |state: TrainState, r1_gamma: f64| {
            let mut settings = settings.clone();
            settings.recipe.r1_gamma = Some(r1_gamma.into());
            let places: Vec<usize> = (0..4).collect();
            let (state, _) = Family::advance(state, &settings, 0, &places, &dataset, &device).unwrap();
            block_on(collect(&state.discriminator)).unwrap()
        };
        let raised = advance(read, 0.2);
        assert_eq!(raised, advance(collapsed(), 0.4));
        assert_ne!(raised, advance(collapsed(), 0.2));
    }

    #[test]
    fn a_weight_is_a_number_or_auto() {
        assert_eq!("3".parse(), Ok(R1Gamma::Weight(3.0)));
        assert_eq!("auto".parse(), Ok(R1Gamma::AUTO));
        assert!("fast".parse::<R1Gamma>().unwrap_err().contains("or auto"));
        for (gamma, text) in [(R1Gamma::Weight(2.5), "2.5"), (R1Gamma::AUTO, "\"auto\"")] {
            assert_eq!(serde_json::to_string(&gamma).unwrap(), text);
            assert_eq!(serde_json::from_str::<R1Gamma>(text).unwrap(), gamma);
        }
        assert_eq!(
            serde_json::from_str::<R1Gamma>("3").unwrap(),
            R1Gamma::Weight(3.0)
        );
    }
}
