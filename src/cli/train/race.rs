//! `--r1-gamma auto`: the race, as its user sees it.

use crate::{
    cli::progress,
    data::Dataset,
    train::{Race, RaceMoment, TrainSettings},
};
use burn::tensor::Device;
use std::sync::atomic::AtomicBool;

/// Races for what `settings` ask for, and stores the result in them; `false` when it was stopped.
pub(super) fn race(
    settings: &mut TrainSettings,
    kimg: f64,
    dataset: &Dataset,
    device: &Device,
    stop: &AtomicBool,
) -> anyhow::Result<bool> {
    let (weights, side, images) = Race::plan(&settings.network, settings.recipe.batch_size, kimg);
    eprintln!(
        "a race of {} weights of the R1 penalty, each for {kimg} kimg at {side} x {side} pixels; distances and \
         varieties are to the collection",
        weights.len()
    );
    eprintln!(
        "{:>9}  {:>8}  {:>6}  {:>6}",
        "r1_gamma", "distance", "shapes", "colors"
    );
    let bar = progress::bar(images, "pictures");
    let race = Race::run(settings, kimg, dataset, device, stop, |moment| match moment {
        RaceMoment::Shown(images) => bar.set_position(images),
        RaceMoment::Over(lane) => {
            let gamma = number(lane.r1_gamma);
            bar.suspend(|| match lane.score {
                Some(score) => eprintln!(
                    "{gamma:>9}  {:>8.4}  {:>4.0} %  {:>4.0} %{}",
                    score.distance,
                    score.shapes * 100.0,
                    score.colors * 100.0,
                    if score.is_varied() { "" } else { "  collapsed" }
                ),
                None => eprintln!("{gamma:>9}  its losses are no numbers any more"),
            });
        }
    });
    bar.finish_and_clear();
    let Some(race) = race? else {
        eprintln!("stopped: the race was not over, and nothing was written");
        return Ok(false);
    };
    if let Some((lane, weight)) = race.winner().zip(race.r1_gamma(settings.network.resolution)) {
        let is_varied = lane.score.is_some_and(|score| score.is_varied());
        eprintln!(
            "{} won: {}. At {side} x {side} pixels that is --r1-gamma {}",
            number(lane.r1_gamma),
            match is_varied {
                true => "of those whose samples vary, they are the nearest to the collection",
                false =>
                    "all have collapsed, and its samples vary the most; a longer --race-kimg may tell more",
            },
            number(weight),
            side = settings.network.resolution
        );
        settings.recipe.r1_gamma = Some(weight.into());
    }
    settings.race = Some(race);
    Ok(true)
}

/// With three digits at least, and no more than needed.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 1.0 => format!("{value:.2}"),
        value => format!("{value:.4}"),
    }
}
