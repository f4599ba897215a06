//! The parts of a bundle: their files, networks and rights.

use super::checks::{check, check_file, check_part, invalid};
use crate::{
    networks::{
        encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
        generators::GeneratorConfig,
        mapper::MapperConfig,
        population::PopulationConfig,
        super_resolution::UpscalerConfig,
    },
    weights::{Error, Quantization},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The networks of a bundle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    /// Draws avatars.
    pub generator: Part<GeneratorConfig>,
    /// Enlarges them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upscaler: Option<Part<UpscalerConfig>>,
    /// Embeds pictures where the text tower embeds the sentences that fit them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_tower: Option<Part<ImageTowerConfig>>,
    /// Embeds sentences; there is one exactly when there is an image tower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_tower: Option<Part<TextTowerConfig>>,
    /// The text tower's tokens, one a line, under its credit; there is one exactly when there is a text
    /// tower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<File>,
    /// Drafts avatars from embeddings of the towers; there is one only with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mapper: Option<Part<MapperConfig>>,
    /// Some of the collection's pictures as the image tower sees them, among which a drawn one is told how
    /// well it fits; there is one only with towers, and older bundles have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub population: Option<Part<PopulationConfig>>,
}

/// A network in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part<C> {
    /// Where its weights are.
    #[serde(flatten)]
    pub file: File,
    /// Shape of the network.
    pub config: C,
    /// How its weight matrices are stored.
    pub quantization: Quantization,
    /// How many numbers it has, buffers included.
    pub parameters: u64,
    /// Whose weights they are.
    pub weights: Credit,
}

/// A file beside the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, without any folder.
    #[serde(rename = "file")]
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The SHA-256 of its contents, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Whose work it is and what may be done with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// An SPDX identifier such as `CC0-1.0`, or the license in words.
    pub license: String,
    /// Whom to credit, in the words that they ask for; may be empty.
    #[serde(default)]
    pub attribution: String,
    /// The address of the original; may be empty.
    #[serde(default)]
    pub source: String,
}

impl Parts {
    /// Every part's name and file, in the manifest's order.
    pub fn files(&self) -> Vec<(&'static str, &File)> {
        let mut files = vec![("generator", &self.generator.file)];
        files.extend(self.upscaler.as_ref().map(|part| ("upscaler", &part.file)));
        files.extend(self.image_tower.as_ref().map(|part| ("image_tower", &part.file)));
        files.extend(self.text_tower.as_ref().map(|part| ("text_tower", &part.file)));
        files.extend(self.vocabulary.as_ref().map(|file| ("vocabulary", file)));
        files.extend(self.mapper.as_ref().map(|part| ("mapper", &part.file)));
        files.extend(self.population.as_ref().map(|part| ("population", &part.file)));
        files
    }

    /// Checks every field against its bounds.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let generator = &self.generator;
        check_part("generator", generator)?;
        let channels = generator.config.img_channels();
        check(
            "parts.generator.config.img_channels",
            channels,
            matches!(channels, 3 | 4),
            "3, or 4 with alpha",
        )?;
        if let Some(upscaler) = &self.upscaler {
            check_part("upscaler", upscaler)?;
        }
        match (&self.image_tower, &self.text_tower, &self.vocabulary) {
            (None, None, None) => {}
            (Some(image), Some(text), Some(vocabulary)) => {
                check_part("image_tower", image)?;
                check_part("text_tower", text)?;
                check_file("parts.vocabulary", vocabulary, ".txt")?;
                for (field, value, expected) in [
                    (
                        "parts.image_tower.config.resolution",
                        image.config.resolution,
                        generator.config.resolution(),
                    ),
                    (
                        "parts.text_tower.config.embed_dim",
                        text.config.embed_dim,
                        image.config.embed_dim,
                    ),
                ] {
                    check(field, value, value == expected, &expected.to_string())?;
                }
            }
            _ => {
                let names: Vec<_> = self.files().into_iter().map(|(name, _)| name).collect();
                let expected = "image_tower, text_tower and vocabulary together, or none of them";
                return Err(invalid("parts", names.join(", "), expected));
            }
        }
        let towers = self.image_tower.as_ref().map(|image| image.config.embed_dim);
        if let Some(population) = &self.population {
            check_part("population", population)?;
            let width = towers.map_or("no population without towers".into(), |width| width.to_string());
            let found = population.config.embed_dim;
            check(
                "parts.population.config.embed_dim",
                found,
                Some(found) == towers,
                &width,
            )?;
        }
        if let Some(mapper) = &self.mapper {
            check_part("mapper", mapper)?;
            let [_, width] = generator.config.latent_shape();
            for (field, value, expected) in [
                ("embed_dim", mapper.config.embed_dim, towers),
                ("w_dim", mapper.config.w_dim, Some(width)),
            ] {
                let field = format!("parts.mapper.config.{field}");
                let width = expected.map_or("no mapper without towers".into(), |width| width.to_string());
                check(&field, value, Some(value) == expected, &width)?;
            }
        }
        let files = self.files();
        for (index, (part, file)) in files.iter().enumerate() {
            let own = files[..index].iter().all(|(_, other)| other.name != file.name);
            check(
                &format!("parts.{part}.file"),
                &file.name,
                own,
                "a file of its own",
            )?;
        }
        Ok(())
    }
}

impl File {
    /// The largest file that a bundle may have.
    pub const MAX_BYTES: u64 = 256 << 20;

    /// Describes `contents` under a name.
    pub fn describe(name: impl Into<String>, contents: &[u8]) -> Self {
        Self {
            name: name.into(),
            bytes: contents.len() as u64,
            sha256: sha256(contents),
        }
    }

    /// Checks that `contents` is the file that the manifest describes.
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] with both lengths or both hashes.
    pub fn verify(&self, contents: &[u8]) -> Result<(), Error> {
        let mismatch = |reason| {
            Err(Error::Mismatch {
                file: self.name.clone(),
                reason,
            })
        };
        if contents.len() as u64 != self.bytes {
            return mismatch(format!(
                "it has {} bytes, expected {}",
                contents.len(),
                self.bytes
            ));
        }
        let found = sha256(contents);
        if found != self.sha256 {
            return mismatch(format!("its sha256 is {found}, expected {}", self.sha256));
        }
        Ok(())
    }
}

/// The SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}
