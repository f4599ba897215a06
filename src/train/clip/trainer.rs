//! The loop around the steps: texts, batches, statistics, evaluation, checkpoints.

use super::{
    ClipRun, ClipSettings, ClipState, ClipStats, Evaluation, Purpose, TextEncoder,
    augment::{CHANNELS, flawed},
    captions::Captions,
    checkpoint::{resume, save},
    evaluate::evaluate,
    loss::Asked,
    rng,
    sentences::Sentences,
    step::Batch,
};
use crate::{
    data::{Dataset, Phrase},
    train::{Ended, Error, RunSettings, Tick, checkpoint::latest, run::write_whole},
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::{IndexedRandom, SliceRandom};
use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

/// What a running trainer tells the one that watches.
#[derive(Debug, Clone, PartialEq)]
pub enum ClipEvent {
    /// So many of the clauses are embedded; training starts when all are.
    Embedded {
        /// Clauses embedded.
        done: usize,
        /// All clauses.
        total: usize,
    },
    /// A step ended; so many pictures were shown since the start of the run.
    Step {
        /// Pictures shown.
        images_seen: u64,
        /// What the step measured.
        stats: ClipStats,
    },
    /// A checkpoint was written, and this is how good it is.
    Checkpoint {
        /// The checkpoint's folder.
        path: PathBuf,
        /// What it reaches on pictures that were held out.
        evaluation: Evaluation,
    },
}

/// A run, its dataset, what is said about the pictures, and the towers.
pub struct ClipTrainer {
    run: ClipRun,
    dataset: Dataset,
    captions: Captions,
    encoder: TextEncoder,
    device: Device,
    state: ClipState,
    duration_secs: f64,
    /// The order of the training pictures in the epoch of this number.
    order: (u64, Vec<u32>),
    notes: Vec<String>,
}

impl ClipTrainer {
    /// What the newest checkpoint reaches.
    pub const EVALUATION: &str = "evaluation.json";
    /// What is said about pictures, one sentence a line: first the captions of those that were held out, then whatever else
    /// there is.
    pub const EXAMPLES: &str = "examples.txt";
    /// So many of them are enough to train a mapper with.
    const MAX_EXAMPLES: usize = 10_000;
    /// A line of statistics is written every so many pictures.
    const TICK_IMAGES: u64 = 10_000;

    /// Continues `run` from its newest checkpoint, or starts it if there is none. A new run gets its numbered folder here.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the settings contradict the dataset, the encoder or themselves,
    /// [`Error::NoCheckpoint`] when there were checkpoints and none can be used.
    ///
    /// # Panics
    ///
    /// When the run was opened to be read only.
    pub fn open(
        mut run: ClipRun,
        dataset: Dataset,
        encoder: TextEncoder,
        device: &Device,
    ) -> Result<Self, Error> {
        assert!(run.is_held(), "a run is created or resumed to be trained");
        let settings = &run.settings;
        settings.validate().map_err(Error::Settings)?;
        let side = settings.image_tower.resolution;
        if dataset.resolution() != side {
            return Err(Error::Settings(format!(
                "the dataset's pictures are {0}x{0}, the run's image tower sees {side}x{side}",
                dataset.resolution()
            )));
        }
        if *encoder.config() != settings.text_tower.minilm {
            return Err(Error::Settings(format!(
                "the sentence encoder in {} is not of the run's shape: give the run its own again",
                settings.text_encoder.display()
            )));
        }
        let captions = Captions::new(&dataset, settings)?;
        // Its tensors are looked at now, so that an encoder that cannot be used leaves no run behind.
        if !run.dir.join(Sentences::FILE).exists() {
            encoder.network(&settings.text_encoder, device)?;
        }
        let (found, notes) = resume(&run, device)?;
        let (state, duration_secs) = found.unwrap_or_else(|| (ClipState::init(settings, device), 0.0));
        run.rewind(state.images_seen(settings))?;
        run.write_settings()?;
        run.show()?;
        Ok(Self {
            run,
            dataset,
            captions,
            encoder,
            device: device.clone(),
            state,
            duration_secs,
            order: (u64::MAX, vec![]),
            notes,
        })
    }

    /// The run, in its folder.
    pub fn run(&self) -> &ClipRun {
        &self.run
    }

    /// What there is to say about the checkpoint that the run goes on from, each as a sentence.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Pictures shown since the start of the run.
    pub fn images_seen(&self) -> u64 {
        self.state.images_seen(&self.run.settings)
    }

    /// Trains until as many pictures were shown as the settings say or `stop` is set, and leaves a checkpoint either
    /// way, unless it was stopped before the first step.
    ///
    /// # Errors
    ///
    /// Anything that keeps it from going on; the last checkpoint stays usable.
    pub fn train(mut self, stop: &AtomicBool, mut emit: impl FnMut(ClipEvent)) -> Result<Ended, Error> {
        let settings = &self.run.settings;
        let Some(sentences) = self.sentences(stop, &mut emit)? else {
            return Ok(Ended::Stopped);
        };
        let held_out = || self.captions.held_out.iter();
        let captions = held_out().map(|picture| &picture.caption);
        let other = held_out().flat_map(|picture| picture.phrases().skip(1));
        let training = self.captions.training.iter().flat_map(|(_, phrases)| phrases);
        let examples: String = captions
            .chain(other)
            .chain(training)
            .take(Self::MAX_EXAMPLES)
            .map(|phrase| format!("{}\n", phrase.text))
            .collect();
        write_whole(&self.run.dir.join(Self::EXAMPLES), examples.as_bytes())?;
        let batch_size = settings.batch_size as u64;
        let total_images = settings.total_images();
        let snapshot_images = ((settings.snapshot_kimg * 1000.0) as u64).max(batch_size);
        let mut meter = Meter::start();
        while self.images_seen() < total_images && !stop.load(Ordering::Relaxed) {
            let batch = self.next_batch(&sentences)?;
            let (state, stats) = self.state.advance(&self.run.settings, batch);
            self.state = state;
            let images_seen = self.images_seen();
            if !stats.is_finite() {
                return Err(Error::NotFinite {
                    step: self.state.step + 1,
                    kimg: images_seen as f64 / 1000.0,
                    measured: format!("{stats:?}"),
                    checkpoint: latest(&self.run.dir)?,
                });
            }
            meter.steps.push(stats);
            emit(ClipEvent::Step { images_seen, stats });
            let crossed = |interval: u64| images_seen / interval > (images_seen - batch_size) / interval;
            if crossed(Self::TICK_IMAGES) {
                self.write_tick(&mut meter)?;
            }
            if crossed(snapshot_images) && images_seen < total_images {
                self.save(&mut meter, &sentences, &mut emit)?;
            }
        }
        self.save(&mut meter, &sentences, &mut emit)?;
        Ok(if self.images_seen() < total_images {
            Ended::Stopped
        } else {
            Ended::Finished
        })
    }

    /// The embeddings of all clauses, from an earlier sitting if there was one; nothing when `stop` is set meanwhile.
    fn sentences(
        &self,
        stop: &AtomicBool,
        emit: &mut impl FnMut(ClipEvent),
    ) -> Result<Option<Sentences>, Error> {
        let kept = self.run.dir.join(Sentences::FILE);
        let texts = || self.captions.texts();
        let width = self.encoder.config().hidden_size;
        if let Some(sentences) = Sentences::read(texts(), width, &kept) {
            return Ok(Some(sentences));
        }
        let network = self
            .encoder
            .network(&self.run.settings.text_encoder, &self.device)?;
        let embedded = Sentences::embed(texts(), &network, self.encoder.tokenizer(), |done, total| {
            emit(ClipEvent::Embedded { done, total });
            !stop.load(Ordering::Relaxed)
        });
        if let Some(sentences) = &embedded {
            sentences.write(&kept)?;
        }
        Ok(embedded)
    }

    fn save(
        &mut self,
        meter: &mut Meter,
        sentences: &Sentences,
        emit: &mut impl FnMut(ClipEvent),
    ) -> Result<(), Error> {
        self.write_tick(meter)?;
        let path = save(&self.run, &self.state, self.duration_secs)?;
        let evaluation = evaluate(
            &self.state.towers.valid(),
            &self.captions,
            sentences,
            &self.dataset,
            self.images_seen() as f64 / 1000.0,
            &self.device,
        )?;
        let text = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
        write_whole(&self.run.dir.join(Self::EVALUATION), &text)?;
        emit(ClipEvent::Checkpoint { path, evaluation });
        Ok(())
    }

    fn write_tick(&mut self, meter: &mut Meter) -> Result<(), Error> {
        self.duration_secs += meter.lap();
        let images = meter.steps.len() * self.run.settings.batch_size;
        if let Some((secs, stats)) = meter.take() {
            self.run.append(&Tick {
                kimg: self.images_seen() as f64 / 1000.0,
                duration_secs: self.duration_secs,
                secs_per_kimg: secs * 1000.0 / images as f64,
                stats,
            })?;
        }
        Ok(())
    }

    /// The pictures of the next step with a phrase for each, and all questions in words that change.
    ///
    /// Every epoch shows every picture once, in an order that the seed and the epoch's number determine.
    fn next_batch(&mut self, sentences: &Sentences) -> Result<Batch, Error> {
        let ClipSettings { batch_size, seed, .. } = self.run.settings;
        let side = self.dataset.resolution();
        let len = self.captions.training.len() as u64;
        let mut rng = rng(seed, Purpose::Step(self.state.step));
        let mut values = Vec::with_capacity(batch_size * CHANNELS * side * side);
        let mut chosen: Vec<(usize, &Phrase)> = Vec::with_capacity(batch_size);
        for position in self.images_seen()..self.images_seen() + batch_size as u64 {
            let epoch = position / len;
            if self.order.0 != epoch {
                let mut order: Vec<u32> = (0..len as u32).collect();
                order.shuffle(&mut super::rng(seed, Purpose::Order(epoch)));
                self.order = (epoch, order);
            }
            let number = self.order.1[(position % len) as usize] as usize;
            let (index, phrases) = &self.captions.training[number];
            values.extend(flawed(&self.dataset.read(*index)?, side, &mut rng));
            let phrase = phrases.choose(&mut rng).expect("every picture has its caption");
            chosen.push((*index, phrase));
        }
        let fits = chosen
            .iter()
            .flat_map(|(_, phrase)| {
                chosen
                    .iter()
                    .map(|(index, _)| phrase.fits(&self.captions.values[*index]))
            })
            .collect();
        let shape = [batch_size, CHANNELS, side, side];
        let images = Tensor::from_data(TensorData::new(values, shape), &self.device);
        let (mut wordings, mut asked) = (vec![], vec![]);
        for question in &self.captions.questions {
            let right = |(index, _): &(usize, &Phrase)| question.right(&self.captions.values[*index]);
            asked.push(Asked {
                first: wordings.len(),
                answers: question.answers.len(),
                right: chosen.iter().map(right).collect(),
            });
            for answer in &question.answers {
                let wording = answer.wordings.choose(&mut rng).expect("every answer has words");
                wordings.push(wording.as_str());
            }
        }
        let texts = chosen.iter().map(|(_, phrase)| phrase.text.as_str());
        Ok(Batch {
            images,
            sentences: sentences.texts(texts, &self.device),
            fits,
            answers: sentences.texts(wordings, &self.device),
            asked,
        })
    }
}

/// Gathers steps for a line of statistics.
struct Meter {
    lap_start: Instant,
    secs: f64,
    steps: Vec<ClipStats>,
}

impl Meter {
    fn start() -> Self {
        Self {
            lap_start: Instant::now(),
            secs: 0.0,
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

    /// Seconds and averages of the steps since the last call, if there were any.
    fn take(&mut self) -> Option<(f64, ClipStats)> {
        let steps = std::mem::take(&mut self.steps);
        let secs = std::mem::take(&mut self.secs);
        let last = *steps.last()?;
        let mean = |field: fn(&ClipStats) -> f64| steps.iter().map(field).sum::<f64>() / steps.len() as f64;
        let stats = ClipStats {
            contrastive_loss: mean(|stats| stats.contrastive_loss),
            answers_loss: mean(|stats| stats.answers_loss),
            ..last
        };
        Some((secs, stats))
    }
}
