//! What the page is told about a model.

use super::{enlarge::Enlarges, load::missing_bytes, store::Store};
use crate::protocol::{Credit, Linked, ModelFacts};
use guise::{
    pipeline::Generate,
    weights::{
        bundle::Generator,
        license::{is_web_address, terms},
        manifest::{self, File, Manifest},
    },
};

/// What the manifest says, by how much one enlargement grows a side, and what is still to be fetched.
pub async fn facts(
    manifest: &Manifest,
    generator: &Generator,
    enlarges: &Enlarges,
    store: Option<&Store>,
) -> ModelFacts {
    let credit = |subject: &str, credit: &manifest::Credit| Credit {
        subject: subject.into(),
        attribution: credit.attribution.clone(),
        license: linked_license(&credit.license),
        source: linked(&credit.source),
    };
    let Manifest { parts, .. } = manifest;
    let mut credits = vec![
        credit("Art", &manifest.art),
        credit("Weights", &parts.generator.weights),
    ];
    let upscaler = parts.upscaler.as_ref();
    let upscaler = upscaler.filter(|_| matches!(enlarges, Enlarges::Network(_)));
    credits.extend(upscaler.map(|part| credit("Enlarging", &part.weights)));
    credits.extend(
        parts
            .text_tower
            .as_ref()
            .map(|part| credit("Understanding words", &part.weights)),
    );
    let enlarger: Vec<_> = upscaler.map(|part| &part.file).into_iter().collect();
    ModelFacts {
        name: manifest.name.clone(),
        description: manifest.description.clone(),
        answer: match terms(&manifest.art.license) {
            Some(terms) => terms.answer.into(),
            None => format!(
                "Its license is “{}”: please read it first.",
                manifest.art.license.trim()
            ),
        },
        credits,
        truncation_psi: manifest.truncation_psi,
        latent_shape: generator.latent_shape().into(),
        upscale_factor: enlarges.factor(manifest),
        is_pixel_art: manifest.pixel_grid.is_some(),
        examples: manifest.examples.clone(),
        takes_words: parts.text_tower.is_some(),
        words_bytes: missing_bytes(&words_files(manifest), store).await,
        enlarger_bytes: missing_bytes(&enlarger, store).await,
        classes: parts
            .generator
            .config
            .classes()
            .iter()
            .map(|class| class.name.clone())
            .collect(),
    }
}

/// The files that words take; none if the model understands none.
pub fn words_files(manifest: &Manifest) -> Vec<&File> {
    let parts = &manifest.parts;
    let (Some(image), Some(text), Some(vocabulary)) =
        (&parts.image_tower, &parts.text_tower, &parts.vocabulary)
    else {
        return vec![];
    };
    let mapper = parts.mapper.as_ref().map(|part| &part.file);
    [&image.file, &text.file, vocabulary]
        .into_iter()
        .chain(mapper)
        .chain(parts.population.as_ref().map(|part| &part.file))
        .collect()
}

/// A license with the address of its text, where it is known.
pub fn linked_license(license: &str) -> Linked {
    match terms(license) {
        Some(terms) => Linked {
            text: terms.name.into(),
            address: Some(terms.address.into()),
        },
        None => linked(license),
    }
}

/// A text that may be an address.
fn linked(text: &str) -> Linked {
    let text = text.trim();
    Linked {
        text: text.into(),
        address: is_web_address(text).then(|| text.into()),
    }
}
