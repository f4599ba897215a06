//! What a step of it learns from, and what goes with its checkpoints.

use super::{
    ClipRun, ClipSettings, ClipState, ClipStats, Evaluation, Sentences, TextEncoder, Towers,
    augment::{CHANNELS, flawed},
    captions::Captions,
    evaluate::evaluate,
    loss::Asked,
    step::Batch,
};
use crate::{
    data::{Dataset, Phrase},
    train::{
        Error, Family, RunSettings, State, Trainer, Visitor, checkpoint, run::write_whole, streams::stream,
    },
};
use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use rand::seq::IndexedRandom;
use std::{
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

/// The towers in training, with what is said about the pictures.
pub struct ClipTraining {
    state: ClipState,
    said: Arc<Said>,
}

/// What is said about the pictures of a dataset.
struct Said {
    captions: Captions,
    encoder: TextEncoder,
    /// Once [`embed`](ClipTrainer::embed) has them.
    sentences: OnceLock<Sentences>,
}

impl Said {
    fn sentences(&self) -> &Sentences {
        self.sentences
            .get()
            .expect("sentences are embedded before the first step")
    }
}

/// Trains a collection's CLIP.
pub type ClipTrainer = Trainer<ClipTraining>;

impl ClipTrainer {
    /// What the newest checkpoint reaches.
    pub const EVALUATION: &str = "evaluation.json";
    /// What is said about pictures, one sentence a line: first the captions of those that were held out, then
    /// whatever else there is.
    pub const EXAMPLES: &str = "examples.txt";
    /// So many of them are enough to train a mapper with.
    const MAX_EXAMPLES: usize = 10_000;

    /// Continues `run` from its newest checkpoint, or starts it if there is none.
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
        run: ClipRun,
        dataset: Dataset,
        encoder: TextEncoder,
        device: &Device,
    ) -> Result<Self, Error> {
        let settings = run.settings.clone();
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
        let captions = Captions::new(&dataset, &settings)?;
        // Its tensors are looked at now, so that an encoder that cannot be used leaves no run behind.
        if !run.dir.join(Sentences::FILE).exists() {
            encoder.network(&settings.text_encoder, device)?;
        }
        let said = Arc::new(Said {
            captions,
            encoder,
            sentences: OnceLock::new(),
        });
        Self::resume(run, dataset, device, || ClipTraining {
            state: ClipState::init(&settings, device),
            said: said.clone(),
        })
    }

    /// Embeds all clauses, or reads what an earlier sitting has embedded, which comes before
    /// [`train`](Self::train). `progress` hears how many of how many are done. Gives `false` when `stop` is
    /// set meanwhile.
    ///
    /// # Errors
    ///
    /// [`Error::TextEncoder`] when the encoder cannot be used, [`Error::Io`] when nothing can be written.
    pub fn embed(
        &mut self,
        stop: &AtomicBool,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<bool, Error> {
        let family = self.family.as_ref().expect("nothing was trained yet");
        let Said {
            captions,
            encoder,
            sentences,
        } = &*family.said;
        let kept = self.run.dir.join(Sentences::FILE);
        let width = encoder.config().hidden_size;
        let embedded = match Sentences::read(captions.texts(), width, &kept) {
            Some(read) => read,
            None => {
                let network = encoder.network(&self.run.settings.text_encoder, &self.device)?;
                let embedded =
                    Sentences::embed(captions.texts(), &network, encoder.tokenizer(), |done, total| {
                        progress(done, total);
                        !stop.load(Ordering::Relaxed)
                    });
                let Some(embedded) = embedded else {
                    return Ok(false);
                };
                embedded.write(&kept)?;
                embedded
            }
        };
        sentences.get_or_init(|| embedded);

        let held_out = || captions.held_out.iter();
        let first = held_out().map(|picture| &picture.caption);
        let other = held_out().flat_map(|picture| picture.phrases().skip(1));
        let training = captions.training.iter().flat_map(|(_, phrases)| phrases);
        let examples: String = first
            .chain(other)
            .chain(training)
            .take(Self::MAX_EXAMPLES)
            .map(|phrase| format!("{}\n", phrase.text))
            .collect();
        write_whole(&self.run.dir.join(Self::EXAMPLES), examples.as_bytes())?;
        Ok(true)
    }
}

impl State for ClipTraining {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        self.state.visit(visitor)
    }
}

impl State for ClipState {
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error> {
        visitor.module("towers", &mut self.towers)?;
        visitor.optimizer("optimizer", &mut self.optimizer, &self.towers)
    }
}

impl Family for ClipTraining {
    type Settings = ClipSettings;
    type Report = Evaluation;

    fn epoch_len(&self, _dataset: &Dataset) -> usize {
        self.said.captions.training.len()
    }

    fn advance(
        self,
        settings: &ClipSettings,
        step: u64,
        places: &[usize],
        dataset: &Dataset,
        device: &Device,
    ) -> Result<(Self, ClipStats), Error> {
        let Self { state, said } = self;
        let batch = batch(&said, settings.recipe.seed, step, places, dataset, device)?;
        let (state, stats) = state.advance(settings, step, batch);
        Ok((Self { state, said }, stats))
    }

    /// How well pictures are found that were held out.
    fn report(
        &self,
        run: &ClipRun,
        _checkpoint: &Path,
        images_seen: u64,
        dataset: &Dataset,
        device: &Device,
    ) -> Result<Evaluation, Error> {
        let towers = self.state.towers.valid();
        let (captions, sentences) = (&self.said.captions, self.said.sentences());
        let kimg = images_seen as f64 / 1000.0;
        let evaluation = evaluate(&towers, captions, sentences, dataset, kimg, device)?;
        let text = serde_json::to_vec_pretty(&evaluation).expect("an evaluation is plain data");
        write_whole(&run.dir.join(ClipTrainer::EVALUATION), &text)?;
        Ok(evaluation)
    }
}

/// The pictures of a step with a phrase for each, and all questions in words that change.
fn batch(
    said: &Said,
    seed: u64,
    step: u64,
    places: &[usize],
    dataset: &Dataset,
    device: &Device,
) -> Result<Batch, Error> {
    let (captions, sentences) = (&said.captions, said.sentences());
    let side = dataset.resolution();
    let mut rng = stream(seed, "batch", step);
    let mut values = Vec::with_capacity(places.len() * CHANNELS * side * side);
    let mut chosen: Vec<(usize, &Phrase)> = Vec::with_capacity(places.len());
    for &place in places {
        let (index, phrases) = &captions.training[place];
        values.extend(flawed(&dataset.read_on_gray(*index)?, side, &mut rng));
        let phrase = phrases.choose(&mut rng).expect("every picture has its caption");
        chosen.push((*index, phrase));
    }
    let fits = chosen
        .iter()
        .flat_map(|(_, phrase)| {
            chosen
                .iter()
                .map(|(index, _)| phrase.fits(&captions.values[*index]))
        })
        .collect();
    let shape = [places.len(), CHANNELS, side, side];
    let images = Tensor::from_data(TensorData::new(values, shape), device);
    let (mut wordings, mut asked) = (vec![], vec![]);
    for question in &captions.questions {
        let right = |(index, _): &(usize, &Phrase)| question.right(&captions.values[*index]);
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
        sentences: sentences.texts(texts, device),
        fits,
        answers: sentences.texts(wordings, device),
        asked,
    })
}

/// The towers of the run's newest checkpoint.
///
/// # Errors
///
/// [`Error::File`] when the run has no checkpoint yet, or the newest one is damaged or does not fit its
/// settings.
pub fn load_towers(run: &ClipRun, device: &Device) -> Result<Towers, Error> {
    let (state, _) = checkpoint::open(&run.dir, ClipState::init(&run.settings, device))?;
    Ok(state.towers.valid())
}
