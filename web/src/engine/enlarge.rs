//! Larger pictures. The network that makes them is fetched when it is first needed.

use super::{Failure, model::Model, say, tell, unless_cancelled};
use crate::protocol::{JobId, Reply, Stage};
use guise::{
    pipeline::{
        Cancel, Error, Event,
        pixel_art::{enlarge, factor},
        upscale::upscale,
    },
    weights::{
        bundle::{Upscaler, load_part},
        manifest::Manifest,
    },
};
use image::ImageFormat;
use std::cell::OnceCell;

/// Side of a tile when enlarging, in pixels of the smaller picture.
const TILE: usize = 64;

/// What makes pictures larger.
// There is one of it for each model.
#[allow(clippy::large_enum_variant)]
pub enum Enlarges {
    /// A super-resolution network, once it is here.
    Network(OnceCell<Upscaler>),
    /// Pixels become blocks: pixel art has no details that a network could guess.
    Exactly,
    /// Nothing.
    No,
}

impl Enlarges {
    /// What a bundle has for it.
    pub fn of(manifest: &Manifest) -> Self {
        match &manifest.parts.upscaler {
            _ if manifest.pixel_grid.is_some() => Self::Exactly,
            Some(_) => Self::Network(OnceCell::new()),
            None => Self::No,
        }
    }

    /// By how much one enlargement grows a side.
    pub fn factor(&self, manifest: &Manifest) -> Option<u32> {
        let parts = &manifest.parts;
        match self {
            Self::Network(_) => parts.upscaler.as_ref().map(|part| part.config.scale() as u32),
            Self::Exactly => Some(factor(parts.generator.config.resolution() as u32)),
            Self::No => None,
        }
    }
}

impl Model {
    /// Enlarges the picture in the PNG file `png` and sends it to the page.
    pub async fn upscale(&self, job: JobId, png: &[u8], cancel: Cancel) -> Result<(), Failure> {
        let image = image::load_from_memory_with_format(png, ImageFormat::Png)
            .map_err(|error| Error::Request(format!("the picture could not be read ({error})")))?
            .into_rgba8();
        let image = match &self.enlarges {
            Enlarges::Network(network) => {
                let network = match network.get() {
                    Some(network) => network,
                    None => {
                        let loaded = unless_cancelled(&cancel, self.load_enlarger(job)).await?;
                        let loaded = loaded.map_err(Failure::Sentence)?;
                        network.get_or_init(|| loaded)
                    }
                };
                upscale(network, &image, TILE, &cancel, async |event| {
                    // Progress carries no picture, so telling it cannot fail.
                    let _ = tell(job, Stage::Upscale, event).await;
                })
                .await?
            }
            Enlarges::Exactly => enlarge(&image, factor(image.width()))?,
            Enlarges::No => return Err(Error::Request("this model cannot enlarge".into()).into()),
        };
        tell(job, Stage::Upscale, Event::Picture { index: 0, image }).await?;
        Ok(())
    }

    async fn load_enlarger(&self, job: JobId) -> Result<Upscaler, String> {
        let part = self.source.manifest.parts.upscaler.as_ref();
        let part = part.ok_or("This model cannot enlarge.")?;
        let stage = Stage::Enlarger;
        let files = self.source.files(&[&part.file], stage, Some(job)).await;
        let files = files.map_err(|error| error.to_string())?;
        let fetched = Reply::Fetched {
            stage,
            bytes: files.fetched,
            kept: files.kept,
        };
        say(&fetched, None);
        load_part(part, &files.contents[&part.file.name], &self.device)
            .map_err(|error| format!("What enlarges cannot be used: {error}."))
    }
}
