//! What a bundle says about its generator's training, and how much that resembles the collection.

use crate::{
    cli::{
        likeness::{Sampling, resemblance},
        memory::Memory,
    },
    data::Dataset,
    train::{GeneratorRun, RunFacts, Snapshot},
    weights::{
        bundle::{Generator, ImageTower},
        manifest::{Resemblance, Selected, Training},
    },
};
use burn::tensor::Device;

/// So many are compared with as many of the collection.
const COMPARED: u64 = 2000;

/// What the run's statistics say about the training up to the `snapshot`.
pub(super) fn training(run: &GeneratorRun, snapshot: &Snapshot, hardware: Option<String>) -> Training {
    let (facts, own) = (&run.facts, run.effort(snapshot.kimg));
    let duration_secs = own.duration_secs + facts.before.duration_secs;
    Training {
        total_kimg: own.kimg + facts.before.kimg,
        smaller_kimg: facts.before.kimg,
        duration_hours: (duration_secs / 36.0).round() / 100.0,
        hardware: hardware.unwrap_or_else(|| facts.hardware.clone()),
        dataset_pictures: facts.dataset.dataset_len as u64,
        selected: snapshot.best.as_ref().map(|best| Selected {
            measure: best.measure.clone(),
            value: best.value,
            snapshots: best.of as u64,
            latest_kimg: snapshot.latest_kimg as f64,
        }),
    }
}

/// How much what is drawn resembles the collection, if its dataset is still where the run found it.
pub(super) fn resemblance_of(
    generator: &Generator,
    encoder: &ImageTower,
    facts: &RunFacts,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Option<Resemblance>> {
    let dataset = match Dataset::open(&facts.dataset.data) {
        Ok(dataset) if dataset.resolution() == facts.generator.resolution() => dataset,
        _ => {
            eprintln!(
                "{} is not the run's dataset any more: how much the model resembles it is not measured",
                facts.dataset.data.display()
            );
            return Ok(None);
        }
    };
    let sampling = Sampling {
        count: (dataset.len() as u64 / 2).min(COMPARED),
        truncation_psi: 1.0,
        seed: 0,
    };
    // The distance needs two pictures on each side.
    if sampling.count < 2 {
        return Ok(None);
    }
    resemblance(generator, encoder, &dataset, &sampling, device, memory).map(Some)
}
