//! What turns words into targets: the towers and the mapper of a bundle, or the towers of a CLIP run.

use super::{bundle, files::open_picture};
use crate::{
    networks::{
        collection_clip::{ImageTower, TextTower},
        mapper::Mapper,
        minilm::Tokenizer,
    },
    pipeline::{
        Targets,
        guide::{TargetGroup, image_target, text_targets},
        prompt,
    },
    train::clip::{ClipRun, TextEncoder, load_towers},
    weights::{
        Manifest,
        bundle::{load_image_tower, load_mapper, load_text_tower, load_vocabulary},
    },
};
use anyhow::{Context, bail, ensure};
use burn::tensor::Device;
use std::path::Path;

/// Both towers of a CLIP, with the mapper for its embeddings if there is one.
pub(super) struct Words {
    pub(super) image: ImageTower,
    pub(super) text: TextTower,
    pub(super) tokenizer: Tokenizer,
    pub(super) mapper: Option<Mapper>,
}

impl Words {
    /// Those of the bundle in `dir`, whose manifest was read before.
    pub(super) fn of_bundle(dir: &Path, manifest: &Manifest, device: &Device) -> anyhow::Result<Self> {
        let parts = &manifest.parts;
        let (Some(image), Some(text), Some(vocabulary)) =
            (&parts.image_tower, &parts.text_tower, &parts.vocabulary)
        else {
            bail!(
                "{} understands no words: publish it with --clip, or name a CLIP run with --clip here",
                dir.display()
            );
        };
        let read = |file| bundle::read(dir, file);
        let context = || format!("cannot use the towers in {}", dir.display());
        let mapper = parts.mapper.as_ref().map(|part| -> anyhow::Result<_> {
            load_mapper(part, &read(&part.file)?, device).with_context(context)
        });
        Ok(Self {
            image: load_image_tower(image, &read(&image.file)?, device).with_context(context)?,
            text: load_text_tower(text, &read(&text.file)?, device).with_context(context)?,
            tokenizer: load_vocabulary(vocabulary, &read(vocabulary)?, &text.config).with_context(context)?,
            mapper: mapper.transpose()?,
        })
    }

    /// Those of the CLIP run in `dir`, which has no mapper.
    pub(super) fn of_run(dir: &Path, device: &Device) -> anyhow::Result<Self> {
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
            image: towers.image,
            text: TextTower {
                minilm: encoder.network(folder, device)?,
                projection: towers.text,
            },
            tokenizer: encoder.tokenizer().clone(),
            mapper: None,
        })
    }

    /// What `text` asks for, with weights.
    pub(super) fn prompt(&self, text: &str, device: &Device) -> anyhow::Result<TargetGroup> {
        Ok(text_targets(
            &self.text,
            &self.tokenizer,
            &prompt::parse(text)?,
            device,
        ))
    }

    /// What a prompt and a picture ask for together.
    pub(super) fn targets(
        &self,
        prompt: Option<&str>,
        picture: Option<&Path>,
        device: &Device,
    ) -> anyhow::Result<Targets> {
        let mut groups = vec![];
        if let Some(prompt) = prompt {
            groups.push(self.prompt(prompt, device)?);
        }
        if let Some(path) = picture {
            groups.push(image_target(&self.image, &open_picture(path)?, 1.0, device));
        }
        Ok(Targets::new(groups)?)
    }
}
