//! Looks for augmentation in the samples whenever a checkpoint is written.

use super::{Run, TrainState};
use crate::{
    data::Dataset,
    train::{
        Error,
        adversarial::{batch, samples},
        augment::{AugPipe, Leak, leaks},
        run::write_whole,
        streams::stream,
    },
};
use burn::tensor::Device;
use serde::Serialize;

/// Real pictures that are looked at, at most.
const REAL: usize = 256;

/// Below this `augment_p` most pictures of every kind are as they were, and nothing leaks; what looks
/// augmented there is only not drawn well yet.
const LEAST_P: f64 = 0.5;

/// What is written beside the sample grid.
#[derive(Serialize)]
struct Found {
    augment_p: f64,
    leaks: Vec<Leak>,
}

/// Writes what the samples show of the augmentation to `leaks<kimg>.json`, and says in a sentence if it is
/// seen.
pub(super) fn look(
    state: &TrainState,
    run: &Run,
    images_seen: u64,
    dataset: &Dataset,
    device: &Device,
) -> Result<Option<String>, Error> {
    let settings = &run.settings;
    let augment_p = state.augment_p.augment_p(settings.recipe.ada_kimg);
    if settings.recipe.augment == AugPipe::None || augment_p == 0.0 {
        return Ok(None);
    }
    let count = dataset.len().min(REAL);
    let places: Vec<usize> = (0..count).map(|i| i * dataset.len() / count).collect();
    let recipe = &settings.recipe;
    let real = batch(
        (recipe.seed, images_seen),
        recipe.mirror,
        &places,
        dataset,
        device,
    )?;
    // Not truncated: what is rare shows there first.
    let drawn = samples(
        &state.g_ema,
        (recipe.seed, "leak"),
        1.0,
        recipe.part_size(),
        device,
    );
    let leaks = leaks(
        settings.recipe.augment,
        real,
        drawn,
        &mut stream(settings.recipe.seed, "leak", images_seen),
    );
    let seen: Vec<String> = leaks
        .iter()
        .filter(|leak| augment_p >= LEAST_P && leak.is_seen())
        .map(|leak| {
            format!(
                "{} in about {:.0} %",
                leak.augment.name(),
                leak.share.min(1.0) * 100.0
            )
        })
        .collect();
    let path = run.dir.join(format!("leaks{:06}.json", images_seen / 1000));
    let text = serde_json::to_vec(&Found { augment_p, leaks }).expect("numbers and names");
    write_whole(&path, &text)?;
    Ok((!seen.is_empty()).then(|| {
        format!(
            "the samples look augmented ({}) at an augment_p of {augment_p:.2}: if their grid does too, more \
             pictures, fewer operations or a lower --ada-target help",
            seen.join(", ")
        )
    }))
}
