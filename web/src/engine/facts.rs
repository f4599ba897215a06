//! What the page is told about a model.

use crate::protocol::{Credit, ModelFacts};
use guise::{
    pipeline::Generate,
    weights::{
        bundle::Generator,
        manifest::{self, Manifest},
    },
};

/// What the manifest says, and by how much one enlargement grows a side.
pub fn facts(manifest: &Manifest, generator: &Generator, upscale_factor: Option<u32>) -> ModelFacts {
    let credit = |subject: &str, credit: &manifest::Credit| Credit {
        subject: subject.into(),
        attribution: credit.attribution.clone(),
        license: credit.license.clone(),
        source: credit.source.clone(),
    };
    let Manifest { parts, .. } = manifest;
    let mut credits = vec![
        credit("Art", &manifest.art),
        credit("Weights", &parts.generator.weights),
    ];
    let is_pixel_art = manifest.pixel_grid.is_some();
    let upscaler = parts.upscaler.as_ref().filter(|_| !is_pixel_art);
    credits.extend(upscaler.map(|part| credit("Enlarging", &part.weights)));
    credits.extend(
        parts
            .text_tower
            .as_ref()
            .map(|part| credit("Understanding words", &part.weights)),
    );
    ModelFacts {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        credits,
        truncation_psi: manifest.truncation_psi,
        latent_shape: generator.latent_shape().into(),
        upscale_factor,
        is_pixel_art,
        examples: manifest.examples.clone(),
        takes_words: parts.text_tower.is_some(),
        classes: parts
            .generator
            .config
            .classes()
            .iter()
            .map(|class| class.name.clone())
            .collect(),
    }
}
