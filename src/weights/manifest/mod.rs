//! `model.json`: what a bundle holds, whose it is, how it was made and how good it is.
//!
//! A page fetches it from wherever it is deployed, so nothing in it is believed: every field has bounds, file
//! names are plain, and each file must have the promised length and SHA-256.

mod checks;
mod parts;
mod traits;

use super::Error;
use crate::art::{Color, PixelArt};
use checks::{check, check_credit, check_file, check_number, check_pixel_art, check_text};
use serde::{Deserialize, Serialize};
use traits::check_traits;

pub use parts::{Credit, File, Part, Parts};
pub use traits::KnownTrait;

/// The manifest of a bundle, the contents of [`Manifest::FILE_NAME`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of this format; [`Manifest::VERSION`].
    pub version: u32,
    /// The model's name, as people say it.
    pub name: String,
    /// One or two sentences for people who look at it.
    pub description: String,
    /// The networks.
    pub parts: Parts,
    /// Whose pictures it was trained on.
    pub art: Credit,
    /// How it was trained.
    pub training: Training,
    /// How good it is.
    pub metrics: Metrics,
    /// The `truncation_psi` at which its pictures look best.
    pub truncation_psi: f32,
    /// Of pixel art, how many pixels it has along a side: a divisor of the pictures' resolution. Such
    /// pictures are enlarged exactly, never by an upscaler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixel_grid: Option<usize>,
    /// Every color of that pixel art, if they are few enough; what is drawn is snapped to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub palette: Vec<Color>,
    /// Sentences that it can draw, for people who do not know what to ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// What its words are about; older bundles have none, and their sentences are read without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<KnownTrait>,
    /// What a device must draw before it is trusted; bundles of before 2026-12 have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_check: Option<SelfCheck>,
}

/// What plain Rust computed of a bundle when it was published, see
/// [`pipeline::self_check`](crate::pipeline::self_check).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// A PNG of the avatars of the seeds 0 to 3 side by side, drawn with the manifest's `truncation_psi`; the
    /// colors of transparent ones lie on middle gray.
    pub pictures: File,
    /// A step of guidance, if there is an image tower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guided: Option<GuidedStep>,
}

/// What one step of guidance comes to, from the avatars of the seeds 0 to 3 toward the picture of the last of
/// them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GuidedStep {
    /// The score of each avatar before it.
    pub before: Vec<f32>,
    /// The score of each avatar after it.
    pub after: Vec<f32>,
}

/// How a generator was trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Thousands of real pictures shown.
    pub total_kimg: f64,
    /// How many of these were shown to the smaller networks that it was grown from.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub smaller_kimg: f64,
    /// Time that it took.
    pub duration_hours: f64,
    /// What it ran on.
    pub hardware: String,
    /// Pictures in the dataset.
    pub dataset_pictures: u64,
    /// Why it is this snapshot of the run, where snapshots were measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<Selected>,
}

/// How a snapshot was selected from those of its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    /// The measure that is the least with it, such as `kid1k_random`.
    pub measure: String,
    /// Its value.
    pub value: f64,
    /// How many snapshots were measured.
    pub snapshots: u64,
    /// Thousands of pictures, rounded down, until the newest snapshot of the run.
    pub latest_kimg: f64,
}

/// How good a bundle is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// PSNR in dB of the quantized generator's pictures against those of the trained weights.
    pub quantized_psnr_db: f64,
    /// How many pictures that was measured on.
    pub quantized_psnr_pictures: u64,
    /// The same for pictures that the upscaler enlarged, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enlarged_psnr_db: Option<f64>,
    /// The least cosine between what the quantized and the trained towers make of the same picture or
    /// sentence, if there are towers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantized_cosine: Option<f64>,
    /// How good the mapper is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapper: Option<MapperMetrics>,
    /// How much its pictures resemble the collection, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resemblance: Option<Resemblance>,
}

/// How good a mapper is, on samples and sentences that it did not learn from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MapperMetrics {
    /// The share of the latents' variance that a picture's embedding does not tell it: 0 to 1, or more.
    pub unexplained: f64,
    /// Mean cosine between the direction of a picture asked for and that of the picture drawn for it.
    pub image_cosine: f64,
    /// The same with pictures drawn for others.
    pub image_chance: f64,
    /// Mean cosine between a sentence and the picture drawn for it.
    pub text_cosine: f64,
    /// The same with pictures drawn for other sentences.
    pub text_chance: f64,
}

/// The Kernel Inception Distance of pictures drawn without truncation from pictures of the collection, with a
/// CLIP's embeddings in Inception's place; the less the better, and comparable for the same CLIP and number
/// of pictures only.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Resemblance {
    /// Pictures on each side.
    pub pictures: u64,
    /// The squared distance.
    pub kid: f64,
    /// The same with other pictures of the collection in place of those that were drawn: what a perfect model
    /// comes to.
    pub collection_kid: f64,
}

impl Manifest {
    /// Its name in a bundle.
    pub const FILE_NAME: &str = "model.json";

    /// The version that is written. Version 1, in which every generator was a StyleGAN2 without saying so, is
    /// read as well.
    pub const VERSION: u32 = 2;

    /// The most examples that it holds.
    pub const MAX_EXAMPLES: usize = 64;

    /// The largest manifest that is read.
    pub const MAX_BYTES: u64 = 1 << 20;

    /// Reads a manifest and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::Json`] when it is no JSON or lacks a field, [`Error::Manifest`] when a field is out of
    /// bounds.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        check(
            "model.json",
            json.len(),
            json.len() as u64 <= Self::MAX_BYTES,
            "at most 1 MiB",
        )?;
        // The version comes first: a later format may lack everything else that is read here.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(json)?;
        check(
            "version",
            version,
            (1..=Self::VERSION).contains(&version),
            "1 or 2 (a newer guise wrote this)",
        )?;
        let manifest: Self = match version {
            1 => serde_json::from_value(upgraded(serde_json::from_slice(json)?))?,
            _ => serde_json::from_slice(json)?,
        };
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks every field against its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        check("version", self.version, self.version == Self::VERSION, "2")?;
        check_text("name", &self.name, 1..=100)?;
        check_text("description", &self.description, 0..=2000)?;
        check_credit("art", &self.art)?;

        self.parts.validate()?;

        let Training {
            total_kimg,
            smaller_kimg,
            duration_hours,
            ref hardware,
            dataset_pictures: _,
            ref selected,
        } = self.training;
        check_number("training.total_kimg", total_kimg, 0.0, 1e9)?;
        check_number("training.smaller_kimg", smaller_kimg, 0.0, total_kimg)?;
        check_number("training.duration_hours", duration_hours, 0.0, 1e7)?;
        check_text("training.hardware", hardware, 0..=500)?;
        if let Some(it) = selected {
            check_text("training.selected.measure", &it.measure, 1..=100)?;
            check_number("training.selected.value", it.value, f64::MIN, f64::MAX)?;
            check_number("training.selected.latest_kimg", it.latest_kimg, 0.0, 1e9)?;
        }
        check_number(
            "metrics.quantized_psnr_db",
            self.metrics.quantized_psnr_db,
            0.0,
            1000.0,
        )?;
        if let Some(cosine) = self.metrics.quantized_cosine {
            check_number("metrics.quantized_cosine", cosine, -1.0, 1.0)?;
        }
        if let Some(mapper) = &self.metrics.mapper {
            check_number("metrics.mapper.unexplained", mapper.unexplained, 0.0, 1e6)?;
            for (field, cosine) in [
                ("image_cosine", mapper.image_cosine),
                ("image_chance", mapper.image_chance),
                ("text_cosine", mapper.text_cosine),
                ("text_chance", mapper.text_chance),
            ] {
                check_number(&format!("metrics.mapper.{field}"), cosine, -1.0, 1.0)?;
            }
        }
        if let Some(it) = &self.metrics.resemblance {
            check_number("metrics.resemblance.kid", it.kid, -1e9, 1e9)?;
            check_number("metrics.resemblance.collection_kid", it.collection_kid, -1e9, 1e9)?;
        }
        let most = Self::MAX_EXAMPLES;
        check(
            "examples",
            format!("a list of {}", self.examples.len()),
            self.examples.len() <= most,
            &format!("at most {most} sentences"),
        )?;
        for example in &self.examples {
            check_text("examples", example, 1..=100)?;
        }
        check_traits(&self.traits)?;
        if let Some(it) = &self.self_check {
            check_file("self_check.pictures", &it.pictures, ".png")?;
            for scores in it.guided.iter().flat_map(|step| [&step.before, &step.after]) {
                let valid = scores.len() == 4 && scores.iter().all(|score| (-1.01..=1.01).contains(score));
                check("self_check.guided", format!("{scores:?}"), valid, "four cosines")?;
            }
            let own = self
                .parts
                .files()
                .iter()
                .all(|(_, file)| file.name != it.pictures.name);
            check(
                "self_check.pictures.file",
                &it.pictures.name,
                own,
                "a file of its own",
            )?;
        }
        check_pixel_art(self)?;
        check_number("truncation_psi", self.truncation_psi.into(), 0.0, 2.0)
    }

    /// What is known of the pixel art that it draws, if it draws some.
    pub fn pixel_art(&self) -> Option<PixelArt> {
        self.pixel_grid.map(|pixel_grid| PixelArt {
            pixel_grid,
            palette: self.palette.clone(),
        })
    }

    /// Every file of the bundle but the manifest itself.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let pictures = self.self_check.as_ref().map(|it| &it.pictures);
        self.parts
            .files()
            .into_iter()
            .map(|(_, file)| file)
            .chain(pictures)
    }
}

/// A manifest of version 1 as one of version 2.
fn upgraded(mut manifest: serde_json::Value) -> serde_json::Value {
    manifest["version"] = Manifest::VERSION.into();
    let config = manifest.pointer_mut("/parts/generator/config");
    if let Some(config) = config.and_then(serde_json::Value::as_object_mut) {
        config.insert("architecture".into(), "stylegan2".into());
    }
    manifest
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}
