//! The loop around the steps: data, ticks, grids, checkpoints.

use super::{
    Error, GrownFrom, Run, RunSettings, StepStats, Tick, TrainState, checkpoint,
    step::{Stream, rng},
};
use crate::{data::Dataset, networks::generators::stylegan2::NoiseMode};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, seq::SliceRandom};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// What a running trainer tells the one that watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A step ended; so many real pictures were shown since the start of the run.
    Step {
        /// Pictures shown.
        images_seen: u64,
        /// What the step measured.
        stats: StepStats,
    },
    /// A checkpoint, its snapshot and a grid were written.
    Checkpoint(PathBuf),
}

/// Why a run that did not fail came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All pictures that were asked for were shown.
    Finished,
    /// It was asked to stop; a checkpoint was written.
    Stopped,
}

/// A run, its dataset and its networks.
pub struct Trainer {
    run: Run,
    dataset: Dataset,
    device: Device,
    state: TrainState,
    duration_secs: f64,
    /// The order of the pictures in the epoch of this number.
    order: (u64, Vec<u32>),
    notes: Vec<String>,
}

/// Makes sure that the run can be trained on the dataset.
fn check(run: &Run, dataset: &Dataset) -> Result<(), Error> {
    assert!(run.is_held(), "a run is created or resumed to be trained");
    let settings = &run.settings;
    settings.validate().map_err(Error::Settings)?;
    if dataset.resolution() != settings.network.resolution {
        return Err(Error::Settings(format!(
            "the dataset's pictures are {0}x{0}, the run's networks draw {1}x{1}",
            dataset.resolution(),
            settings.network.resolution
        )));
    }
    if dataset.len() < settings.batch_size {
        return Err(Error::Settings(format!(
            "the dataset has {} pictures, expected at least a batch of {}",
            dataset.len(),
            settings.batch_size
        )));
    }
    Ok(())
}

impl Trainer {
    /// Pictures on a side of the sample grid.
    const GRID_SIDE: usize = 8;
    /// A line of statistics is written every so many pictures.
    const TICK_IMAGES: u64 = 1000;
    /// Truncation of the sample grids.
    const GRID_PSI: f32 = 0.7;

    /// Starts `run`, a new one, with the coarse layers of `smaller`, a run at a lower resolution, as its newest checkpoint
    /// has them.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when it has no checkpoint or a damaged one, and what [`Trainer::open`] gives.
    ///
    /// # Panics
    ///
    /// As [`Trainer::open`], and when its networks cannot grow into the run's, see
    /// [`grows_from`](crate::networks::generators::stylegan2::StyleGan2Config::grows_from).
    pub fn grow(mut run: Run, dataset: Dataset, smaller: &Run, device: &Device) -> Result<Self, Error> {
        check(&run, &dataset)?;
        let [from, to] = [smaller, &run].map(|run| &run.settings.network);
        assert!(
            to.grows_from(from),
            "the one that starts the run checks this first"
        );
        let resolution = from.resolution;
        let (state, duration_secs) = checkpoint::open(smaller, device)?;
        let before = smaller.settings.grown_from.as_ref();
        run.settings.grown_from = Some(GrownFrom {
            run: smaller.dir.clone(),
            resolution,
            total_kimg: state.images_seen(&smaller.settings) as f64 / 1000.0
                + before.map_or(0.0, |it| it.total_kimg),
            duration_secs: duration_secs + before.map_or(0.0, |it| it.duration_secs),
        });
        let state = TrainState::grown_from(state, &run.settings, device);
        // From here on it is a run like any other, which can be resumed before its first kimg is over.
        checkpoint::save(&run, &state, 0.0)?;
        Self::begin(run, dataset, device, (state, 0.0), vec![])
    }

    /// Continues `run` from its newest checkpoint, or starts it if there is none. A new run gets its numbered folder here.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset or themselves, [`Error::NoCheckpoint`] when there were
    /// checkpoints and none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(run: Run, dataset: Dataset, device: &Device) -> Result<Self, Error> {
        check(&run, &dataset)?;
        let (found, notes) = checkpoint::resume(&run, device)?;
        let state = match (found, &run.settings.grown_from) {
            (Some(state), _) => state,
            (None, None) => (TrainState::init(&run.settings, device), 0.0),
            (None, Some(from)) => {
                return Err(Error::NoCheckpoint {
                    run: run.dir,
                    reasons: vec![format!(
                        "it was grown from {}, and lacks what it began with",
                        from.run.display()
                    )],
                });
            }
        };
        Self::begin(run, dataset, device, state, notes)
    }

    fn begin(
        mut run: Run,
        dataset: Dataset,
        device: &Device,
        (state, duration_secs): (TrainState, f64),
        notes: Vec<String>,
    ) -> Result<Self, Error> {
        run.rewind(state.images_seen(&run.settings))?;
        run.write_settings()?;
        run.show()?;
        Ok(Self {
            run,
            dataset,
            device: device.clone(),
            state,
            duration_secs,
            order: (u64::MAX, vec![]),
            notes,
        })
    }

    /// The run, in its folder.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What there is to say about the checkpoint that the run goes on from, each as a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Real pictures shown since the start of the run.
    pub fn images_seen(&self) -> u64 {
        self.state.images_seen(&self.run.settings)
    }

    /// Trains until as many pictures were shown as the settings say or `stop` is set, and leaves a checkpoint either way.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from going on; the last checkpoint stays usable.
    pub fn train(mut self, stop: &AtomicBool, mut emit: impl FnMut(Event)) -> Result<Ended, Error> {
        let total_images = self.run.settings.total_images();
        let batch_size = self.run.settings.batch_size as u64;
        let snapshot_images = ((self.run.settings.snapshot_kimg * 1000.0) as u64).max(batch_size);
        let mut tick = TickMeter::start();
        while self.images_seen() < total_images && !stop.load(Ordering::Relaxed) {
            let real = self.next_batch()?;
            let (state, stats) = self.state.advance(&self.run.settings, real);
            self.state = state;
            let images_seen = self.images_seen();
            if !stats.is_finite() {
                return Err(Error::NotFinite {
                    step: self.state.step + 1,
                    kimg: images_seen as f64 / 1000.0,
                    measured: format!("{stats:?}"),
                    checkpoint: checkpoint::latest(&self.run.dir)?,
                });
            }
            tick.add(stats);
            emit(Event::Step { images_seen, stats });
            let crossed = |interval: u64| images_seen / interval > (images_seen - batch_size) / interval;
            if crossed(Self::TICK_IMAGES) {
                self.write_tick(&mut tick, images_seen)?;
            }
            if crossed(snapshot_images) && images_seen < total_images {
                self.save(&mut tick, &mut emit)?;
            }
        }
        self.save(&mut tick, &mut emit)?;
        Ok(if self.images_seen() < total_images {
            Ended::Stopped
        } else {
            Ended::Finished
        })
    }

    fn save(&mut self, tick: &mut TickMeter, emit: &mut impl FnMut(Event)) -> Result<(), Error> {
        // The statistics go as far as the snapshot, so that a model card can say what it took.
        self.write_tick(tick, self.images_seen())?;
        let dir = checkpoint::save(&self.run, &self.state, self.duration_secs)?;
        self.write_grid()?;
        emit(Event::Checkpoint(dir));
        Ok(())
    }

    fn write_tick(&mut self, tick: &mut TickMeter, images_seen: u64) -> Result<(), Error> {
        self.duration_secs += tick.lap();
        let batch_size = self.run.settings.batch_size;
        if let Some((secs_per_image, stats)) = tick.take(batch_size) {
            self.run.append(&Tick {
                kimg: images_seen as f64 / 1000.0,
                duration_secs: self.duration_secs,
                secs_per_kimg: secs_per_image * 1000.0,
                stats,
            })?;
        }
        Ok(())
    }

    /// The pictures of the next step, `[batch_size, 3, resolution, resolution]` in `[-1, 1]`.
    ///
    /// Every epoch shows every picture once, in an order that the seed and the epoch's number determine.
    fn next_batch(&mut self) -> Result<Tensor<4>, Error> {
        let settings = &self.run.settings;
        let (n, side) = (settings.batch_size, settings.network.resolution);
        let len = self.dataset.len() as u64;
        let mut values = Vec::with_capacity(n * 3 * side * side);
        let mut mirror_rng = rng(settings.seed, Stream::Mirror(self.state.step));
        for position in self.images_seen()..self.images_seen() + n as u64 {
            let epoch = position / len;
            if self.order.0 != epoch {
                let mut order: Vec<u32> = (0..len as u32).collect();
                order.shuffle(&mut rng(settings.seed, Stream::Order(epoch)));
                self.order = (epoch, order);
            }
            let index = self.order.1[(position % len) as usize] as usize;
            let pixels = self.dataset.read(index)?;
            let scale = |&byte: &u8| byte as f32 / 127.5 - 1.0;
            if settings.mirror && mirror_rng.random_bool(0.5) {
                pixels
                    .chunks_exact(side)
                    .for_each(|row| values.extend(row.iter().rev().map(scale)));
            } else {
                values.extend(pixels.iter().map(scale));
            }
        }
        Ok(Tensor::from_data(
            TensorData::new(values, [n, 3, side, side]),
            &self.device,
        ))
    }

    /// The averaged generator's pictures of latents that stay the same for the whole run.
    fn write_grid(&self) -> Result<(), Error> {
        let settings = &self.run.settings;
        let kimg = self.images_seen() as f64 / 1000.0;
        let mut rng = rng(settings.seed, Stream::Grid);
        let count = Self::GRID_SIDE * Self::GRID_SIDE;
        let z: Vec<f32> = (0..count * settings.network.z_dim)
            .map(|_| rng.sample::<f32, _>(rand_distr::StandardNormal))
            .collect();
        let z = Tensor::<2>::from_data(TensorData::new(z, [count, settings.network.z_dim]), &self.device);
        // In batches, so that the memory of a grid stays below that of a step.
        let images = z
            .split(settings.batch_size, 0)
            .into_iter()
            .map(|z| self.state.g_ema.forward(z, Self::GRID_PSI, NoiseMode::Const))
            .collect();
        self.run.write_grid(kimg, Tensor::cat(images, 0))
    }
}

/// Sums up the steps between two lines of statistics.
struct TickMeter {
    lap_start: Instant,
    secs: f64,
    steps: Vec<StepStats>,
}

impl TickMeter {
    fn start() -> Self {
        Self {
            lap_start: Instant::now(),
            secs: 0.0,
            steps: vec![],
        }
    }

    fn add(&mut self, stats: StepStats) {
        self.steps.push(stats);
    }

    /// Seconds since the last lap.
    fn lap(&mut self) -> f64 {
        let secs = self.lap_start.elapsed().as_secs_f64();
        self.lap_start = Instant::now();
        self.secs += secs;
        secs
    }

    /// Seconds for a picture and averages of the steps since the last call, if there were any.
    fn take(&mut self, batch_size: usize) -> Option<(f64, StepStats)> {
        let steps = std::mem::take(&mut self.steps);
        let secs = std::mem::take(&mut self.secs);
        if steps.is_empty() {
            return None;
        }
        let mean = |values: &mut dyn Iterator<Item = f64>| {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            (count > 0.0).then(|| sum / count)
        };
        let all = |field: fn(&StepStats) -> f64| mean(&mut steps.iter().map(field)).unwrap_or(0.0);
        let stats = StepStats {
            generator_loss: all(|stats| stats.generator_loss),
            discriminator_loss: all(|stats| stats.discriminator_loss),
            real_logit: all(|stats| stats.real_logit),
            fake_logit: all(|stats| stats.fake_logit),
            r1_penalty: mean(&mut steps.iter().filter_map(|stats| stats.r1_penalty)),
        };
        Some((secs / (steps.len() * batch_size) as f64, stats))
    }
}
