//! What turns words into targets: the towers and the mapper of a bundle, the towers of a CLIP run, or a CLIP
//! that was imported.

use super::{
    bundle,
    files::{open_picture, read_at_most},
    memory::Memory,
    traits::known_traits,
};
use crate::{
    data::{Colors, Dataset},
    networks::{
        encoders::clip::{self, Clip},
        encoders::collection_clip::TextTower,
        encoders::minilm::Tokenizer,
        mapper::Mapper,
        population::Population,
    },
    pipeline::{
        ImageEncoder, Lexicon, Prompt, Targets, Yardstick,
        guide::{Modality, TargetGroup, ground, image_target, text_targets},
        prompt,
    },
    train::clip::{ClipRun, TextEncoder, load_towers},
    weights::{
        Manifest,
        bundle::{load_part, load_vocabulary},
        foreign::ClipModel,
        shortened,
    },
};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use futures::executor::block_on;
use std::path::Path;

/// The largest CLIP that `guise import clip` takes, in single precision.
const MAX_CLIP_BYTES: u64 = 1 << 33;

/// Makes sure that there is memory for the CLIP in the file `path`, in half precision or in single.
pub(super) fn ensure_clip(path: &Path, memory: Memory) -> anyhow::Result<()> {
    // The file, its numbers in single precision, and the network or the converted file.
    const EACH: u64 = 5;
    let length = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let what = format!("opening {}", path.display());
    memory.ensure(length.saturating_mul(EACH), &what, "take a smaller CLIP")
}

/// Both towers of a CLIP, with the mapper for its embeddings if there is one.
pub(super) struct Words {
    pub(super) image: Box<dyn ImageEncoder>,
    text: Reader,
    pub(super) mapper: Option<Mapper>,
    /// By which is told how well pictures fit; older bundles and CLIPs have none.
    population: Option<Population>,
}

/// The tower for words, with what splits them.
// There is one of it, and its parameters lie elsewhere.
#[allow(clippy::large_enum_variant)]
enum Reader {
    Collection(TextTower, Tokenizer, Option<Lexicon>),
    Imported {
        clip: Clip,
        tokenizer: clip::Tokenizer,
        context_length: usize,
    },
}

impl Words {
    /// Those of the bundle in `dir`, whose manifest was read before.
    pub(super) fn of_bundle(
        dir: &Path,
        manifest: &Manifest,
        device: &Device,
        memory: Memory,
    ) -> anyhow::Result<Self> {
        let parts = &manifest.parts;
        let (Some(image), Some(text), Some(vocabulary)) =
            (&parts.image_tower, &parts.text_tower, &parts.vocabulary)
        else {
            bail!(
                "{} understands no words: publish it with --clip, or name a CLIP run with --clip here",
                dir.display()
            );
        };
        let context = || format!("cannot use the towers in {}", dir.display());
        let mapper = parts.mapper.as_ref().map(|part| -> anyhow::Result<_> {
            load_part(part, &bundle::read_part(dir, part, memory)?, device).with_context(context)
        });
        let population = parts.population.as_ref().map(|part| -> anyhow::Result<_> {
            load_part(part, &bundle::read_part(dir, part, memory)?, device).with_context(context)
        });
        Ok(Self {
            image: Box::new(
                load_part(image, &bundle::read_part(dir, image, memory)?, device).with_context(context)?,
            ),
            text: Reader::Collection(
                load_part(text, &bundle::read_part(dir, text, memory)?, device).with_context(context)?,
                load_vocabulary(vocabulary, &bundle::read(dir, vocabulary)?, &text.config)
                    .with_context(context)?,
                Lexicon::new(&manifest.traits),
            ),
            mapper: mapper.transpose()?,
            population: population.transpose()?,
        })
    }

    /// Those of a CLIP, which has no mapper: a run's folder, or a file that `guise import clip` wrote.
    pub(super) fn of_clip(path: &Path, device: &Device, memory: Memory) -> anyhow::Result<Self> {
        match path.is_file() {
            true => Self::of_import(path, device, memory),
            false => Self::of_run(path, device),
        }
    }

    fn of_import(path: &Path, device: &Device, memory: Memory) -> anyhow::Result<Self> {
        ensure_clip(path, memory)?;
        let context = || format!("cannot use the CLIP {}", path.display());
        let file = read_at_most(path, MAX_CLIP_BYTES)?;
        let model = ClipModel::from_safetensors(&file).with_context(context)?;
        // Both together may be gigabytes.
        drop(file);
        let text = &model.config.text;
        let (known, least) = (clip::Tokenizer::VOCAB_SIZE, 2);
        ensure!(
            text.vocab_size == known && text.context_length >= least,
            "cannot use the CLIP {}: it knows {} tokens and reads {} at a time, expected the {known} of OpenAI's \
             vocabulary and at least {least}: its words are split in a way that is unknown here",
            path.display(),
            text.vocab_size,
            text.context_length
        );
        let clip = model.network(device).with_context(context)?;
        Ok(Self {
            image: Box::new(clip.clone()),
            text: Reader::Imported {
                clip,
                tokenizer: clip::Tokenizer::openai(),
                context_length: text.context_length,
            },
            mapper: None,
            population: None,
        })
    }

    fn of_run(dir: &Path, device: &Device) -> anyhow::Result<Self> {
        let run = ClipRun::open(dir).with_context(|| format!("{} is no CLIP run", dir.display()))?;
        let folder = &run.settings.text_encoder;
        let encoder = TextEncoder::open(folder)?;
        ensure!(
            *encoder.config() == run.settings.text_tower.minilm,
            "the sentence encoder in {} is not of the run's shape",
            folder.display()
        );
        let towers = load_towers(&run, device)?;
        Ok(Self {
            image: Box::new(towers.image),
            text: Reader::Collection(
                TextTower {
                    minilm: encoder.network(folder, device)?,
                    projection: towers.text,
                },
                encoder.tokenizer().clone(),
                Dataset::open(&run.settings.dataset.data)
                    .ok()
                    .and_then(|dataset| Lexicon::new(&known_traits(&dataset))),
            ),
            mapper: None,
            population: None,
        })
    }

    /// Whether it reads whole sentences, as a CLIP does that was trained on much more than one collection.
    pub(super) fn reads_sentences(&self) -> bool {
        matches!(self.text, Reader::Imported { .. })
    }

    /// What `prompts`, of which there is at least one, ask for, and what their author should know.
    pub(super) fn read(&self, prompts: &[Prompt]) -> (TargetGroup, Vec<String>) {
        match &self.text {
            Reader::Collection(tower, tokenizer, lexicon) => {
                let understood = prompt::understand(lexicon.as_ref(), tower, tokenizer, prompts);
                (
                    text_targets(tower, tokenizer, &understood.prompts),
                    understood.remarks,
                )
            }
            Reader::Imported {
                clip,
                tokenizer,
                context_length,
            } => {
                let tokens = |prompt: &Prompt| tokenizer.encode(&prompt.text, *context_length);
                let embeddings = clip.embed_text(&prompts.iter().map(tokens).collect::<Vec<_>>());
                let weights = prompts.iter().map(|prompt| prompt.weight).collect();
                let unread = |prompt| unread(tokenizer, *context_length, prompt);
                let remarks = prompts.iter().filter_map(unread).collect();
                ((embeddings, weights, Modality::Text), remarks)
            }
        }
    }

    /// By which to tell how well pictures fit the clauses of `text`, if that is known here.
    pub(super) fn yardstick(&self, text: &str) -> anyhow::Result<Option<Yardstick>> {
        let (Some(population), Reader::Collection(tower, tokenizer, lexicon)) =
            (&self.population, &self.text)
        else {
            return Ok(None);
        };
        let understood = prompt::understand(lexicon.as_ref(), tower, tokenizer, &prompt::parse(text)?);
        let yardstick = Yardstick::new(population, tower, tokenizer, &understood.prompts);
        Ok(Some(block_on(yardstick)?))
    }

    /// What prompts and a picture ask for together, of a model whose pictures have so many `channels`; what
    /// is not read of the prompts is said.
    pub(super) fn targets(
        &self,
        prompts: &[Prompt],
        picture: Option<&Path>,
        channels: usize,
        device: &Device,
    ) -> anyhow::Result<Targets> {
        let mut groups = vec![];
        if !prompts.is_empty() {
            let (group, remarks) = self.read(prompts);
            for remark in remarks {
                eprintln!("note: {remark}");
            }
            groups.push(group);
        }
        if let Some(path) = picture {
            let picture = open_picture(path, Colors::Srgb)?.pixels.into_rgba8();
            groups.push(image_target(
                &*self.image,
                &picture,
                ground(channels),
                1.0,
                device,
            ));
        }
        Ok(Targets::new(groups)?)
    }
}

/// What an imported CLIP does not read of a prompt.
fn unread(tokenizer: &clip::Tokenizer, context_length: usize, prompt: &Prompt) -> Option<String> {
    const SHOWN: usize = 60;
    let tokens = tokenizer.encode(&prompt.text, usize::MAX).len();
    (tokens > context_length).then(|| {
        format!(
            "only the first {} of {} pieces of words are read of \"{}\": use fewer words",
            context_length - 2,
            tokens - 2,
            shortened(&prompt.text, SHOWN)
        )
    })
}
