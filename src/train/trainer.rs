//! The loop around the steps, for every kind of training: data, statistics, checkpoints.

use super::{
    Error, Figures, RunFolder, RunSettings, Tick, checkpoint,
    family::{Family, StepFigures},
    measure::Gauge,
    streams::stream,
};
use crate::data::Dataset;
use burn::tensor::Device;
use rand::seq::SliceRandom;
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// What a running trainer tells the one that watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<S, R> {
    /// A step ended; so many real pictures were shown since the start of the run.
    Step {
        /// Pictures shown.
        images_seen: u64,
        /// What the step measured.
        stats: S,
    },
    /// A checkpoint was written, and what goes with it.
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What was found out.
        report: R,
        /// What was measured of drawn pictures, which is nothing at some checkpoints.
        figures: Figures,
    },
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
pub struct Trainer<F: Family> {
    pub(super) run: RunFolder<F::Settings>,
    pub(super) dataset: Dataset,
    pub(super) device: Device,
    /// What a step changes; gone only while one is taken, and after one that failed.
    pub(super) family: Option<F>,
    progress: checkpoint::Progress,
    gauge: Option<Gauge>,
    host: Option<Device>,
    order: Order,
    notes: Vec<String>,
}

impl<F: Family> Trainer<F> {
    /// Continues `run` from its newest checkpoint, or begins it with `fresh` if there is none and it may
    /// begin. A new run gets its numbered folder here.
    ///
    /// # Errors
    ///
    /// [`Error::NoCheckpoint`] when there were checkpoints and none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub(super) fn resume(
        run: RunFolder<F::Settings>,
        dataset: Dataset,
        device: &Device,
        fresh: impl Fn() -> F,
    ) -> Result<Self, Error> {
        assert!(run.is_held(), "a run is created or resumed to be trained");
        run.settings.validate().map_err(Error::Settings)?;
        let (found, notes) = checkpoint::resume(&run.dir, &fresh)?;
        let begin = || match run.settings.begins() {
            Ok(()) => Ok((fresh(), checkpoint::Progress::default())),
            Err(reason) => Err(Error::NoCheckpoint {
                run: run.dir.clone(),
                reasons: vec![reason],
            }),
        };
        let (family, progress) = match found {
            Some(found) => found,
            None => begin()?,
        };
        Self::begin(run, dataset, device, (family, progress), notes)
    }

    pub(super) fn begin(
        mut run: RunFolder<F::Settings>,
        dataset: Dataset,
        device: &Device,
        (family, progress): (F, checkpoint::Progress),
        notes: Vec<String>,
    ) -> Result<Self, Error> {
        // Before anything is changed: what is to measure may not be there.
        let settings = &run.settings;
        let drawn_as = (settings.seed(), settings.schedule().batch_size);
        let gauge = settings.measuring().map(|it| Gauge::open(it, drawn_as, device));
        let gauge = gauge.transpose()?.flatten();
        run.rewind(run.settings.schedule().images_after(progress.step))?;
        run.write_settings()?;
        run.show()?;
        let order = Order::new(run.settings.seed());
        Ok(Self {
            run,
            dataset,
            device: device.clone(),
            family: Some(family),
            progress,
            gauge,
            host: None,
            order,
            notes,
        })
    }

    /// Has measures computed on `host`, the processor; without one nothing is measured.
    pub fn measuring_on(self, host: Device) -> Self {
        Self {
            host: Some(host),
            ..self
        }
    }

    /// The run, in its folder.
    pub fn run(&self) -> &RunFolder<F::Settings> {
        &self.run
    }

    /// What there is to say about the checkpoint that the run goes on from, each as a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Real pictures shown since the start of the run.
    pub fn images_seen(&self) -> u64 {
        self.run.settings.schedule().images_after(self.progress.step)
    }

    /// Trains until as many pictures were shown as the settings say or `stop` is set, and leaves a checkpoint
    /// either way.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from going on; the last checkpoint stays usable.
    pub fn train(
        mut self,
        stop: &AtomicBool,
        mut emit: impl FnMut(Event<<F::Settings as RunSettings>::Stats, F::Report>),
    ) -> Result<Ended, Error> {
        let schedule = self.run.settings.schedule();
        let mut meter = Meter::start();
        while self.images_seen() < schedule.total_images() && !stop.load(Ordering::Relaxed) {
            let family = self.family.take().expect("a step that failed ends the training");
            let len = family.epoch_len(&self.dataset);
            let first = self.images_seen();
            let (settings, step) = (&self.run.settings, self.progress.step);
            let places = self.order.places(first, schedule.batch_at(step), len);
            let (family, stats) = family.advance(settings, step, &places, &self.dataset, &self.device)?;
            if !stats.is_finite() {
                return Err(Error::NotFinite {
                    step: step + 1,
                    kimg: first as f64 / 1000.0,
                    measured: format!("{stats:?}"),
                    checkpoint: checkpoint::latest(&self.run.dir)?,
                });
            }
            self.family = Some(family);
            self.progress.step += 1;
            let images_seen = self.images_seen();
            meter.steps.push(stats);
            meter.images += images_seen - first;
            emit(Event::Step { images_seen, stats });
            // The line and the checkpoint of the last step come after the loop.
            if schedule.saves(images_seen) {
                self.save(&mut meter, true, &mut emit)?;
            } else if schedule.ticks(images_seen) && images_seen < schedule.total_images() {
                self.write_tick(&mut meter, Figures::new())?;
            }
        }
        let ended = match self.images_seen() < schedule.total_images() {
            true => Ended::Stopped,
            false => Ended::Finished,
        };
        // A user who stops a training does not want to wait.
        self.save(&mut meter, ended == Ended::Finished, &mut emit)?;
        Ok(ended)
    }

    fn save(
        &mut self,
        meter: &mut Meter<<F::Settings as RunSettings>::Stats>,
        may_measure: bool,
        emit: &mut impl FnMut(Event<<F::Settings as RunSettings>::Stats, F::Report>),
    ) -> Result<(), Error> {
        // Where no step was taken since the last line, that line says what there is to say.
        let figures = match may_measure && !meter.steps.is_empty() {
            true => self.measure()?,
            false => Figures::new(),
        };
        // The statistics go as far as the checkpoint, so that a model card can say what it took. The measures
        // stand in its line: where the checkpoint is, they are too, also after a kill.
        self.write_tick(meter, figures.clone())?;
        self.run.keep_stats()?;
        let images_seen = self.images_seen();
        let family = self
            .family
            .as_mut()
            .expect("a step that failed ends the training");
        if self.run.settings.schedule().is_regular(images_seen) {
            family.before_checkpoint(&self.run.settings, images_seen, &self.dataset, &self.device)?;
        }
        let path = checkpoint::save(&self.run.dir, images_seen / 1000, family, self.progress)?;
        let report = family.report(&self.run, &path, images_seen, &self.dataset, &self.device)?;
        emit(Event::Checkpoint {
            path,
            report,
            figures,
        });
        Ok(())
    }

    /// What is to be measured at a checkpoint of now.
    fn measure(&mut self) -> Result<Figures, Error> {
        let (schedule, images_seen) = (self.run.settings.schedule(), self.images_seen());
        let family = self
            .family
            .as_ref()
            .expect("a step that failed ends the training");
        let measuring = self.run.settings.measuring();
        let due = measuring.is_some_and(|it| schedule.measures(images_seen, it.metrics_kimg));
        let (Some(gauge), Some(host)) = (self.gauge.as_mut().filter(|_| due), &self.host) else {
            return Ok(Figures::new());
        };
        match family.generator() {
            Some(generator) => gauge.measure(&*generator, &self.dataset, (&self.device, host)),
            None => Ok(Figures::new()),
        }
    }

    fn write_tick(
        &mut self,
        meter: &mut Meter<<F::Settings as RunSettings>::Stats>,
        figures: Figures,
    ) -> Result<(), Error> {
        self.progress.duration_secs += meter.lap();
        if let Some((secs, images, stats)) = meter.take() {
            self.run.append(&Tick {
                kimg: self.images_seen() as f64 / 1000.0,
                duration_secs: self.progress.duration_secs,
                secs_per_kimg: secs * 1000.0 / images as f64,
                stats,
                figures,
            })?;
        }
        Ok(())
    }
}

/// The order in which epochs show pictures: each once, as the seed and the epoch's number determine.
pub(super) struct Order {
    seed: u64,
    /// The order of the epoch of this number.
    epoch: (u64, Vec<u32>),
}

impl Order {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch: (u64::MAX, vec![]),
        }
    }

    /// Which of `len` pictures are shown by the `count` from the position `first` on.
    pub fn places(&mut self, first: u64, count: usize, len: usize) -> Vec<usize> {
        let positions = first..first + count as u64;
        positions.map(|position| self.place(position, len)).collect()
    }

    /// Which of `len` pictures is shown at a position, counted from the start of the run.
    fn place(&mut self, position: u64, len: usize) -> usize {
        let number = position / len as u64;
        if self.epoch.0 != number {
            let mut order: Vec<u32> = (0..len as u32).collect();
            order.shuffle(&mut stream(self.seed, "order", number));
            self.epoch = (number, order);
        }
        self.epoch.1[(position % len as u64) as usize] as usize
    }
}

/// Gathers the steps between two lines of statistics.
struct Meter<S> {
    lap_start: Instant,
    secs: f64,
    /// Pictures that they showed.
    images: u64,
    steps: Vec<S>,
}

impl<S: StepFigures> Meter<S> {
    fn start() -> Self {
        Self {
            lap_start: Instant::now(),
            secs: 0.0,
            images: 0,
            steps: vec![],
        }
    }

    /// Seconds since the last lap.
    fn lap(&mut self) -> f64 {
        let secs = self.lap_start.elapsed().as_secs_f64();
        self.lap_start = Instant::now();
        self.secs += secs;
        secs
    }

    /// Seconds, pictures and averages of the steps since the last call, if there were any.
    fn take(&mut self) -> Option<(f64, u64, S)> {
        let (steps, secs) = (std::mem::take(&mut self.steps), std::mem::take(&mut self.secs));
        let images = std::mem::take(&mut self.images);
        (!steps.is_empty()).then(|| (secs, images, S::mean(&steps)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_shows_every_picture_once_in_an_order_of_its_own() {
        let mut order = Order::new(3);
        let mut epoch = |number: u64| -> Vec<usize> {
            (number * 50..(number + 1) * 50)
                .map(|position| order.place(position, 50))
                .collect()
        };
        let [first, second, again] = [0, 1, 0].map(&mut epoch);
        assert_eq!(first, again);
        assert_ne!(first, second);
        for mut places in [first, second] {
            places.sort();
            assert!(places.into_iter().eq(0..50));
        }
    }
}
