//! What a training run is asked to do; written to `training_options.json`.

use super::{
    GrownFrom, StepStats,
    course::Course,
    gamma::{OnCollapse, R1Gamma, default_r1_gamma},
    race::Race,
};
use crate::{
    data::{Dataset, Provenance},
    networks::generators::{GeneratorConfig, stylegan2::StyleGan2Config},
    train::{
        AugPipe, Effort, Measuring, Objective, RunFacts, RunFolder, RunSettings, Schedule, TrainedOn, bounds,
        classes::classes_of,
    },
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything that determines a run, apart from the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// The dataset.
    #[serde(flatten)]
    pub dataset: TrainedOn,
    /// The art's name, license and attribution, as the dataset states them.
    pub provenance: Provenance,
    /// What it was started on, in words.
    #[serde(default)]
    pub hardware: String,
    /// The shape of both networks.
    pub network: StyleGan2Config,
    /// The run at a lower resolution that the networks were grown from, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grown_from: Option<GrownFrom>,
    /// What tells the network's classes apart, as [`Dataset::classify`] takes it, if it has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// The race that found `r1_gamma`, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub race: Option<Race>,
    /// How it is trained.
    #[serde(flatten)]
    pub recipe: Recipe,
}

/// How a generator is trained: the flags of `guise train stylegan2`, as a run stores them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
pub struct Recipe {
    /// Train until this many thousand real pictures were shown, counted from the start of the run.
    #[arg(long = "kimg", value_name = "KIMG", default_value_t = Self::default().total_kimg)]
    #[serde(default = "Recipe::default_total_kimg")]
    pub total_kimg: f64,
    /// Pictures in a step, a multiple of four, for the minibatch standard deviation.
    #[arg(long, value_name = "N", default_value_t = Self::default().batch_size, conflicts_with = "resume")]
    pub batch_size: usize,
    /// Adam's step size for both networks.
    #[arg(long, value_name = "SIZE", default_value_t = Self::default().learning_rate)]
    pub learning_rate: f64,
    /// What the two networks are asked for.
    #[arg(long, value_enum, default_value_t, conflicts_with = "resume")]
    #[serde(default)]
    pub objective: Objective,
    /// Weight of the R1 penalty, and of R2 where the objective has one, `r1_gamma / 2 E|grad D|^2`. More
    /// keeps shapes whole and varied, less draws finer details. With `auto` several weights are tried first,
    /// on pictures of half the side, and the best of them is taken [default: 0.045 resolution^2 /
    /// batch_size].
    #[arg(long, value_name = "WEIGHT|auto")]
    pub r1_gamma: Option<R1Gamma>,
    /// What to do when the generator draws nearly the same picture for every seed.
    #[arg(long, value_enum, default_value_t)]
    #[serde(default)]
    pub on_collapse: OnCollapse,
    /// How it begins.
    #[command(flatten)]
    #[serde(flatten)]
    pub course: Course,
    /// The penalty is taken every so many steps, with as much more weight.
    #[arg(skip = Self::default().r1_interval)]
    pub r1_interval: usize,
    /// Half-life of the averaged generator in thousands of pictures.
    #[arg(long, default_value_t = Self::default().ema_kimg)]
    pub ema_kimg: f64,
    /// The half-life is at most this share of the pictures seen so far.
    #[arg(skip = Self::default().ema_rampup)]
    pub ema_rampup: f64,
    /// Share of the steps whose pictures take their coarse and fine layers from two latents. More lets
    /// avatars be mixed freely; less leaves shapes that span several layers easier to learn.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().style_mixing_prob)]
    pub style_mixing_prob: f64,
    /// Give the layers per-pixel noise, for art with grain or brush strokes; flat art is better without.
    #[arg(long, conflicts_with = "resume")]
    pub noise: bool,
    /// Show every picture mirrored as often as not. Not for art that has a left and a right.
    #[arg(long)]
    pub mirror: bool,
    /// What the discriminator sees all pictures through, as often as it takes to keep it from learning a
    /// small collection by heart.
    #[arg(long, value_enum, default_value_t)]
    #[serde(default)]
    pub augment: AugPipe,
    /// What --augment keeps: the real pictures that the discriminator takes for real, less those that it does
    /// not, as a share of all.
    #[arg(long, value_name = "SHARE", default_value_t = Self::default().ada_target)]
    #[serde(default = "Recipe::default_ada_target")]
    pub ada_target: f64,
    /// Thousands of pictures in which the probability of --augment can rise from zero to one.
    #[arg(long, value_name = "KIMG", default_value_t = Self::default().ada_kimg)]
    #[serde(default = "Recipe::default_ada_kimg")]
    pub ada_kimg: f64,
    /// Write grid, checkpoint and snapshot every so many thousand pictures.
    #[arg(long, default_value_t = Self::default().snapshot_kimg)]
    pub snapshot_kimg: f64,
    /// Determines initial weights, order of the pictures, latents and noise.
    #[arg(long, default_value_t = Self::default().seed)]
    pub seed: u64,
    /// What is measured while it trains.
    #[command(flatten)]
    #[serde(flatten)]
    pub measuring: Measuring,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            total_kimg: 300.0,
            batch_size: 16,
            learning_rate: 0.003,
            objective: Objective::NonSaturating,
            r1_gamma: None,
            on_collapse: OnCollapse::Warn,
            course: Course::default(),
            r1_interval: 16,
            ema_kimg: 5.0,
            ema_rampup: 0.05,
            style_mixing_prob: 0.3,
            noise: false,
            mirror: false,
            augment: AugPipe::None,
            ada_target: 0.6,
            // The paper's 500 are a fiftieth of its runs. Here they would be longer than a whole run, and the
            // probability would follow too late.
            ada_kimg: 100.0,
            snapshot_kimg: 10.0,
            seed: 0,
            measuring: Measuring::default(),
        }
    }
}

impl Recipe {
    /// Of runs that did not store it.
    fn default_total_kimg() -> f64 {
        Self::default().total_kimg
    }

    /// Of runs of before there was augmentation.
    fn default_ada_target() -> f64 {
        Self::default().ada_target
    }

    /// As [`default_ada_target`](Self::default_ada_target).
    fn default_ada_kimg() -> f64 {
        Self::default().ada_kimg
    }

    /// Weight of the R1 penalty for pictures of side `resolution`, before anything raises it. Where a race is
    /// to find it, what it would be without.
    pub fn r1_gamma(&self, resolution: usize) -> f64 {
        match self.r1_gamma {
            Some(R1Gamma::Weight(weight)) => weight,
            Some(R1Gamma::Race(_)) | None => default_r1_gamma(resolution, self.batch_size),
        }
    }

    /// Adam's step size for both networks in the step of this number.
    pub fn learning_rate(&self, step: u64) -> f64 {
        self.course
            .learning_rate(step, self.batch_size, self.learning_rate)
    }

    /// Pictures that are in memory at once, at most.
    pub fn part_size(&self) -> usize {
        self.course.part(self.batch_size)
    }

    /// Decay of the averaged generator in the step on `batch_size` pictures that ends at `images_seen`.
    pub fn ema_beta(&self, batch_size: usize, images_seen: u64) -> f64 {
        let half_life = (self.ema_kimg * 1000.0).min(images_seen as f64 * self.ema_rampup);
        0.5f64.powf(batch_size as f64 / half_life.max(1e-8))
    }

    /// How long it takes.
    pub fn schedule(&self) -> Schedule {
        Schedule {
            batch_size: self.batch_size,
            total_kimg: self.total_kimg,
            snapshot_kimg: self.snapshot_kimg,
            tick_images: 1000,
            opening: self.course.opening(self.batch_size),
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// In words.
    pub fn validate(&self) -> Result<(), String> {
        self.schedule().validate()?;
        self.measuring.validate()?;
        if !self.batch_size.is_multiple_of(4) {
            return Err(format!(
                "batch_size is {}, expected a multiple of four",
                self.batch_size
            ));
        }
        self.course.validate(self.batch_size)?;
        bounds::within("r1_interval", self.r1_interval, 1, 1 << 20)?;
        bounds::share("style_mixing_prob", self.style_mixing_prob)?;
        bounds::more_than_zero("learning_rate", self.learning_rate)?;
        bounds::share("ada_target", self.ada_target)?;
        bounds::more_than_zero("ada_kimg", self.ada_kimg)?;
        for (field, value) in [
            ("r1_gamma", self.r1_gamma(0)),
            ("ema_kimg", self.ema_kimg),
            ("ema_rampup", self.ema_rampup),
        ] {
            bounds::not_negative(field, value)?;
        }
        if self.on_collapse == OnCollapse::RaiseGamma && self.r1_gamma == Some(R1Gamma::Weight(0.0)) {
            return Err("r1_gamma is 0, expected more than 0, because nothing raises it otherwise".into());
        }
        Ok(())
    }
}

/// The run folder of a generator.
pub type Run = RunFolder<TrainSettings>;

impl TrainSettings {
    /// Momentum of Adam; the papers use none.
    pub const ADAM_BETA_1: f64 = 0.0;
    /// Decay of Adam's second moment.
    pub const ADAM_BETA_2: f64 = 0.99;
    /// Decay of `w_avg` in a step.
    pub const W_AVG_BETA: f64 = 0.998;

    /// What a run on `dataset`, which lies at `data`, is asked to do. Networks that grow from those of
    /// `smaller` have their sizes. The classes are those that the dataset was [sorted](Dataset::classify)
    /// into.
    pub fn new(dataset: &Dataset, data: &Path, smaller: Option<&Run>, recipe: Recipe) -> Self {
        let resolution = dataset.resolution();
        Self {
            dataset: TrainedOn::new(dataset, data),
            provenance: dataset.provenance().clone(),
            hardware: String::new(),
            network: match smaller {
                Some(smaller) => StyleGan2Config {
                    resolution,
                    classes: classes_of(dataset),
                    ..smaller.settings.network.clone()
                },
                None => StyleGan2Config {
                    img_channels: dataset.channels(),
                    classes: classes_of(dataset),
                    ..StyleGan2Config::small(resolution)
                },
            },
            grown_from: None,
            classes: dataset.classes().map(|classes| classes.by().to_owned()),
            race: None,
            recipe: Recipe {
                r1_gamma: Some(recipe.r1_gamma(resolution).into()),
                ..recipe
            },
        }
    }
}

impl From<TrainSettings> for RunFacts {
    fn from(settings: TrainSettings) -> Self {
        let mut before = settings.grown_from.map_or_else(Effort::default, |from| Effort {
            kimg: from.total_kimg,
            duration_secs: from.duration_secs,
        });
        // Its networks were thrown away, its time was not.
        before.duration_secs += settings.race.map_or(0.0, |race| race.duration_secs);
        Self {
            generator: GeneratorConfig::StyleGan2(settings.network),
            dataset: settings.dataset,
            provenance: settings.provenance,
            hardware: settings.hardware,
            before,
        }
    }
}

impl RunSettings for TrainSettings {
    type Stats = StepStats;

    const KINDS: &[&str] = &["stylegan2"];
    const FILES: &[&str] = &[];

    fn collection(&self) -> &str {
        &self.provenance.name
    }

    fn schedule(&self) -> Schedule {
        self.recipe.schedule()
    }

    fn seed(&self) -> u64 {
        self.recipe.seed
    }

    fn measuring(&self) -> Option<&Measuring> {
        Some(&self.recipe.measuring)
    }

    fn begins(&self) -> Result<(), String> {
        let Some(from) = &self.grown_from else {
            return Ok(());
        };
        Err(format!(
            "it was grown from {}, and lacks what it began with",
            from.run.display()
        ))
    }

    fn validate(&self) -> Result<(), String> {
        self.dataset.validate()?;
        self.network.validate().map_err(|error| error.to_string())?;
        // Datasets are RGB, or RGB with alpha.
        bounds::within("img_channels", self.network.img_channels, 3, 4)?;
        self.recipe.validate()?;
        if self.classes.is_some() == self.network.classes.is_empty() {
            return Err(format!(
                "classes is {:?}, expected what tells the network's {} classes apart",
                self.classes,
                self.network.classes.len()
            ));
        }
        if matches!(self.recipe.r1_gamma, Some(R1Gamma::Race(_))) {
            return Err("r1_gamma is auto, expected a number: a race is run before a run begins".into());
        }
        if let Some(race) = &self.race {
            bounds::not_negative("race.duration_secs", race.duration_secs)?;
        }
        match &self.grown_from {
            Some(from) => from.validate(self.network.resolution),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
pub(in crate::train) mod tests;
