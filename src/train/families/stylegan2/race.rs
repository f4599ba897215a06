//! Finding the weight of the R1 penalty: short trainings with several weights, on smaller pictures.

use super::{TrainSettings, TrainState, gamma::default_r1_gamma};
use crate::{
    data::Dataset,
    metrics::{Features, kid},
    networks::{
        encoders::{Eyes, random::RandomFeatures},
        generators::stylegan2::StyleGan2Config,
    },
    train::{
        Error, RelativeVariety, StepFigures,
        adversarial::{batch, check, drawn, pictures},
        bounds,
        classes::classes_at,
        measure::seen,
        trainer::Order,
    },
};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// What was tried, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Race {
    /// Side of the pictures in pixels.
    pub resolution: usize,
    /// Thousands of pictures that each lane was shown.
    pub kimg: f64,
    /// One for each weight.
    pub lanes: Vec<Lane>,
    /// Training time of all of them.
    pub duration_secs: f64,
}

/// A weight that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lane {
    /// The weight, for pictures of the race's side.
    pub r1_gamma: f64,
    /// What its samples are like; none when a loss stopped being a number.
    pub score: Option<Score>,
}

/// What samples are like.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// The kernel distance to the collection, by fixed random convolutions.
    pub distance: f64,
    /// See [`RelativeVariety`].
    pub shapes: f64,
    /// See [`RelativeVariety`].
    pub colors: f64,
}

impl Score {
    fn variety(&self) -> f64 {
        self.shapes.min(self.colors)
    }

    /// Whether the samples are no collapse.
    pub fn is_varied(&self) -> bool {
        self.variety() >= RelativeVariety::LEAST
    }
}

/// How a race gets on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment<'a> {
    /// So many pictures were shown, in all lanes together.
    Shown(u64),
    /// A lane is over.
    Over(&'a Lane),
}

impl Race {
    /// The weights, as multiples of the default.
    const FACTORS: [f64; 4] = [0.25, 1.0, 4.0, 16.0];
    /// Thousands of pictures for each lane, where no other number is given.
    pub const KIMG: f64 = 10.0;
    /// Pictures of either kind that the distance is between, at most; fewer where they are large.
    const COMPARED: usize = 256;

    fn compared(side: usize) -> usize {
        (Self::COMPARED * 128 * 128 / (side * side)).clamp(64, Self::COMPARED)
    }

    /// Tries several weights for what `settings` ask for, each for `kimg` thousand pictures; none when `stop`
    /// was set. Nothing is written.
    ///
    /// All lanes begin with the same networks and see the same pictures. They have no first phase and no
    /// delay, which would be most of such a short training.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset or themselves, or when the losses of all
    /// lanes stop being numbers.
    pub fn run(
        settings: &TrainSettings,
        kimg: f64,
        dataset: &Dataset,
        device: &Device,
        stop: &AtomicBool,
        mut emit: impl FnMut(Moment),
    ) -> Result<Option<Self>, Error> {
        bounds::more_than_zero("race_kimg", kimg).map_err(Error::Settings)?;
        let recipe = &settings.recipe;
        let shape = [settings.network.resolution, settings.network.img_channels];
        check(dataset, shape, recipe.batch_size)?;
        let start = Instant::now();
        let track = Track::new(settings, kimg, dataset, device)?;
        let mut race = Self {
            resolution: track.resolution,
            kimg,
            lanes: vec![],
            duration_secs: 0.0,
        };
        for factor in Self::FACTORS {
            let r1_gamma = factor * default_r1_gamma(race.resolution, recipe.batch_size);
            let before = track.images() * race.lanes.len() as u64;
            let over = track.lane(r1_gamma, stop, |shown| emit(Moment::Shown(before + shown)))?;
            let Some(lane) = over else {
                return Ok(None);
            };
            emit(Moment::Over(&lane));
            race.lanes.push(lane);
        }
        race.duration_secs = start.elapsed().as_secs_f64();
        match race.winner() {
            Some(_) => Ok(Some(race)),
            None => Err(Error::Settings(
                "r1_gamma is auto, and the losses are no numbers with any weight: a lower --learning-rate helps".into(),
            )),
        }
    }

    /// The weights that are tried for a network like `network` with batches of `batch_size`, the side of the
    /// pictures, and how many of them are shown in all.
    pub fn plan(network: &StyleGan2Config, batch_size: usize, kimg: f64) -> ([f64; 4], usize, u64) {
        let side = side(network);
        let weights = Self::FACTORS.map(|factor| factor * default_r1_gamma(side, batch_size));
        (
            weights,
            side,
            steps(kimg, batch_size) * (batch_size * weights.len()) as u64,
        )
    }

    /// The best lane: of those whose samples are varied, the one with the least distance to the collection;
    /// the most varied where all have collapsed.
    pub fn winner(&self) -> Option<&Lane> {
        let scored = self.lanes.iter().filter_map(|lane| Some((lane, lane.score?)));
        let nearest = scored
            .clone()
            .filter(|(_, score)| score.is_varied())
            .min_by(|(_, a), (_, b)| a.distance.total_cmp(&b.distance));
        let most_varied = || scored.max_by(|(_, a), (_, b)| a.variety().total_cmp(&b.variety()));
        nearest.or_else(most_varied).map(|(lane, _)| lane)
    }

    /// The best weight, for pictures of side `resolution`: it grows with their area, as the default does.
    pub fn r1_gamma(&self, resolution: usize) -> Option<f64> {
        let grown = (resolution as f64 / self.resolution as f64).powi(2);
        Some(self.winner()?.r1_gamma * grown)
    }
}

/// The side of the pictures of a race: half of what is to be drawn, where such a network can be.
fn side(network: &StyleGan2Config) -> usize {
    let half = StyleGan2Config {
        resolution: network.resolution / 2,
        ..network.clone()
    };
    match network.resolution.is_multiple_of(2) && half.validate().is_ok() {
        true => half.resolution,
        false => network.resolution,
    }
}

fn steps(kimg: f64, batch_size: usize) -> u64 {
    (kimg * 1000.0 / batch_size as f64).ceil() as u64
}

/// What is the same for all lanes.
struct Track<'a> {
    /// Of the smaller network.
    settings: TrainSettings,
    resolution: usize,
    steps: u64,
    dataset: &'a Dataset,
    device: &'a Device,
    /// Pictures of the collection, as small.
    real: Vec<Vec<f32>>,
    eyes: Eyes<'static>,
    /// What they see in those.
    features: Features,
}

impl<'a> Track<'a> {
    fn new(
        settings: &TrainSettings,
        kimg: f64,
        dataset: &'a Dataset,
        device: &'a Device,
    ) -> Result<Self, Error> {
        let mut settings = settings.clone();
        let resolution = side(&settings.network);
        settings.network.resolution = resolution;
        let recipe = &mut settings.recipe;
        recipe.course.first_kimg = 0.0;
        recipe.course.delay_discriminator = 0;
        let steps = steps(kimg, recipe.batch_size);
        let count = dataset.len().min(Race::compared(resolution));
        let places: Vec<usize> = (0..count).map(|i| i * dataset.len() / count).collect();
        let mut real = vec![];
        for places in places.chunks(recipe.batch_size) {
            let some = batch((recipe.seed, 0), false, places, dataset, device)?;
            real.push(smaller(some, resolution));
        }
        let eyes = Eyes::Random(RandomFeatures::new(device));
        Ok(Self {
            features: seen(&eyes, real.iter().cloned()),
            eyes,
            real: real.into_iter().flat_map(pictures).collect(),
            settings,
            resolution,
            steps,
            dataset,
            device,
        })
    }

    /// Pictures that a lane is shown.
    fn images(&self) -> u64 {
        self.steps * self.settings.recipe.batch_size as u64
    }

    /// Trains with the weight `r1_gamma`, unless `stop` is set; `shown` is told how many pictures were.
    fn lane(
        &self,
        r1_gamma: f64,
        stop: &AtomicBool,
        mut shown: impl FnMut(u64),
    ) -> Result<Option<Lane>, Error> {
        let mut settings = self.settings.clone();
        settings.recipe.r1_gamma = Some(r1_gamma.into());
        let recipe = &settings.recipe;
        let mut state = TrainState::init(&settings, self.device);
        let mut order = Order::new(recipe.seed);
        for step in 0..self.steps {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let first = step * recipe.batch_size as u64;
            let places = order.places(first, recipe.batch_size, self.dataset.len());
            let seed = (recipe.seed, step);
            let real = batch(seed, recipe.mirror, &places, self.dataset, self.device)?;
            let classes = classes_at(&places, self.dataset);
            let (next, stats) = state.advance(&settings, step, smaller(real, self.resolution), &classes);
            if !stats.is_finite() {
                shown(self.images());
                return Ok(Some(Lane {
                    r1_gamma,
                    score: None,
                }));
            }
            state = next;
            shown(first + recipe.batch_size as u64);
        }
        Ok(Some(Lane {
            r1_gamma,
            score: self.score(&state),
        }))
    }

    fn score(&self, state: &TrainState) -> Option<Score> {
        let recipe = &self.settings.recipe;
        let latents = (recipe.seed, "race", 0, Race::compared(self.resolution));
        let sheets: Vec<_> = drawn(&state.g_ema, latents, 1.0, recipe.part_size(), self.device).collect();
        let features = seen(&self.eyes, sheets.iter().cloned());
        let pictures: Vec<_> = sheets.into_iter().flat_map(pictures).collect();
        let variety = RelativeVariety::of(&pictures, &self.real, self.resolution, self.images());
        let [features, real] = [&features, &self.features].map(|it| it.standardized(&self.features));
        let score = Score {
            distance: kid(&features, &real, self.device),
            shapes: variety.shapes,
            colors: variety.colors,
        };
        let is_finite = score.distance.is_finite() && score.variety().is_finite();
        is_finite.then_some(score)
    }
}

/// `images [n, c, h, w]` in a smaller square: each pixel is the mean of those that it stands for.
fn smaller(images: Tensor<4>, side: usize) -> Tensor<4> {
    let [n, c, h, _] = images.dims();
    let factor = h / side;
    images
        .reshape([n * c * side, factor, side, factor])
        .mean_dim(1)
        .mean_dim(3)
        .reshape([n, c, side, side])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn race(scores: &[Option<[f64; 3]>]) -> Race {
        let score = |[distance, shapes, colors]: [f64; 3]| Score {
            distance,
            shapes,
            colors,
        };
        let lanes = scores.iter().zip([1.0, 2.0, 3.0, 4.0]);
        Race {
            resolution: 16,
            kimg: 1.0,
            lanes: lanes
                .map(|(found, r1_gamma)| Lane {
                    r1_gamma,
                    score: found.map(score),
                })
                .collect(),
            duration_secs: 0.0,
        }
    }

    #[test]
    fn the_nearest_of_the_varied_wins_and_its_weight_grows_with_the_area() {
        let varied = race(&[
            Some([0.1, 0.4, 0.9]),
            Some([0.3, 0.8, 0.9]),
            Some([0.2, 0.7, 0.6]),
            None,
        ]);
        assert_eq!(varied.winner().unwrap().r1_gamma, 3.0);
        assert_eq!(varied.r1_gamma(32), Some(12.0));
        let collapsed = race(&[Some([0.1, 0.1, 0.9]), Some([0.3, 0.4, 0.3]), None]);
        assert_eq!(collapsed.winner().unwrap().r1_gamma, 2.0, "the most varied");
        assert_eq!(race(&[None, None]).r1_gamma(32), None);
    }

    #[test]
    fn a_race_is_at_half_the_side_where_that_can_be() {
        for (resolution, expected) in [(64, 32), (32, 16), (16, 16)] {
            assert_eq!(side(&StyleGan2Config::small(resolution)), expected);
        }
        let (weights, side, images) = Race::plan(&StyleGan2Config::small(32), 16, 0.1);
        assert_eq!((side, images), (16, 4 * 112));
        assert_eq!(weights, [0.18, 0.72, 2.88, 11.52]);
    }

    #[test]
    fn a_smaller_picture_has_the_means_of_its_pixels() {
        let values: Vec<f32> = (0..32).map(|value| value as f32).collect();
        let data = burn::tensor::TensorData::new(values, [1, 2, 4, 4]);
        let small = smaller(Tensor::from_data(data, &Device::flex()), 2).into_data();
        let small: Vec<f32> = small.iter::<f32>().collect();
        assert_eq!(small, [2.5, 4.5, 10.5, 12.5, 18.5, 20.5, 26.5, 28.5]);
    }
}
