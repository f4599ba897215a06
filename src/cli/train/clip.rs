//! `guise train clip`.

use super::{Given, Place, announce, finish, notes, stopped};
use crate::{
    cli::{progress, trust::check_training},
    data::{Dataset, Provenance},
    networks::encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
    train::{
        Error, RunSettings, TrainedOn,
        clip::{ClipRecipe, ClipRun, ClipSettings, ClipTrainer, Evaluation, TextEncoder},
    },
};
use anyhow::Context;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// What `tools/minilm.sh` fetches.
const MINILM: &str = "all-MiniLM-L6-v2 by the authors of Sentence Transformers, \
    made from MiniLM-L12-H384-uncased by Microsoft";
const MINILM_SOURCE: &str = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2";

/// Train a CLIP: it knows which sentences fit which pictures of a dataset, whose pictures must have traits.
///
/// The image tower is trained, and a projection of a sentence encoder that stays as it is. The run folder
/// also gets evaluation.json: how well pictures are found and described that were held out.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    place: Place,
    /// The folder of the sentence encoder that `tools/minilm.sh` fetched.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    text_encoder: Option<PathBuf>,
    /// The license of the sentence encoder, an SPDX expression; all-MiniLM-L6-v2's own is the default.
    #[arg(
        long,
        value_name = "SPDX",
        default_value = "Apache-2.0",
        conflicts_with = "resume"
    )]
    text_license: String,
    /// Whom to credit for the sentence encoder.
    #[arg(long, value_name = "TEXT", default_value = MINILM, conflicts_with = "resume")]
    text_attribution: String,
    /// Where the sentence encoder comes from.
    #[arg(long, value_name = "URL", default_value = MINILM_SOURCE, conflicts_with = "resume")]
    text_source: String,
    /// The most channels of the image tower.
    #[arg(long, value_name = "N", default_value_t = 64, conflicts_with = "resume")]
    channel_max: usize,
    #[command(flatten)]
    recipe: ClipRecipe,
}

pub(super) fn run(args: Args, given: Given) -> anyhow::Result<()> {
    args.recipe.validate().map_err(Error::Settings)?;
    let choice = args.place.device;
    let (run, dataset, encoder) = match &args.place.resume {
        Some(dir) => resume(&args, given, dir)?,
        None => start(args)?,
    };
    notes(dataset.notes());
    let device = choice.open()?;
    check_training(&device)?;
    let mut trainer = ClipTrainer::open(run, dataset, encoder, &device)?;
    let stop = announce(&trainer)?;
    let texts = progress::bar(0, "clauses");
    let embedded = trainer.embed(&stop, |done, total| {
        texts.set_length(total as u64);
        texts.set_position(done as u64);
    });
    texts.finish_and_clear();
    if !embedded? {
        stopped(&trainer.run().dir);
        return Ok(());
    }
    finish(
        trainer,
        &stop,
        |stats| {
            format!(
                "loss {:.3} and {:.3}, scale {:.0}",
                stats.contrastive_loss, stats.answers_loss, stats.scale
            )
        },
        |evaluation| format!("\n{}", table(evaluation)),
        |dir| format!("guise publish RUN --clip {} --out models/NAME", dir.display()),
    )
}

fn resume(args: &Args, given: Given, dir: &Path) -> anyhow::Result<(ClipRun, Dataset, TextEncoder)> {
    let mut run = ClipRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.recipe = given.over(&settings.recipe, &args.recipe);
    settings.validate().map_err(Error::Settings)?;
    if let Some(text_encoder) = &args.text_encoder {
        settings.text_encoder = whole(text_encoder);
    }
    let resolution = settings.image_tower.resolution;
    let held_out = "; pictures that it was trained with may be among those that are held out now";
    let dataset = args.place.reopen(&mut settings.dataset, resolution, held_out)?;
    let encoder = TextEncoder::open(&settings.text_encoder)?;
    Ok((run, dataset, encoder))
}

/// The whole path, because a run may be resumed from another folder.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn start(args: Args) -> anyhow::Result<(ClipRun, Dataset, TextEncoder)> {
    let (dataset, data) = args.place.dataset()?;
    let text_encoder = args.text_encoder.context("--text-encoder is missing")?;
    let encoder = TextEncoder::open(&text_encoder)?;
    let mut image_tower = ImageTowerConfig::small(dataset.resolution());
    image_tower.channel_max = args.channel_max;
    let settings = ClipSettings {
        dataset: TrainedOn::new(&dataset, data),
        provenance: dataset.provenance().clone(),
        hardware: args.place.device.describe(),
        text_encoder: whole(&text_encoder),
        text_provenance: Provenance {
            name: String::new(),
            license: args.text_license,
            attribution: args.text_attribution,
            source: args.text_source,
        },
        text_tower: TextTowerConfig {
            minilm: encoder.config().clone(),
            hidden_dim: 512,
            embed_dim: image_tower.embed_dim,
        },
        image_tower,
        recipe: ClipRecipe {
            warmup_kimg: Some(args.recipe.warmup_kimg()),
            ..args.recipe
        },
    };
    let run = ClipRun::create(&args.place.out, settings)?;
    Ok((run, dataset, encoder))
}

/// What an evaluation says, for a terminal.
fn table(evaluation: &Evaluation) -> String {
    let mut text = format!(
        "{} pictures that were held out, after {:.0} kimg\n",
        evaluation.pictures, evaluation.kimg
    );
    // Writing to a String cannot fail.
    for (name, recall) in [
        ("captions", evaluation.captions),
        ("synonyms", evaluation.synonyms),
        ("other words", evaluation.other_words),
    ] {
        let _ = writeln!(
            text,
            "  {name:<20} recall@1 {:>5.1} %  recall@5 {:>5.1} %  by chance {:>4.1} %",
            recall.at_1 * 100.0,
            recall.at_5 * 100.0,
            recall.chance_at_1 * 100.0
        );
    }
    for asked in &evaluation.zero_shot {
        let _ = writeln!(
            text,
            "  {:<20} right    {:>5.1} %  of {:>3} answers       by chance {:>4.1} %",
            asked.question,
            asked.accuracy * 100.0,
            asked.answers,
            asked.chance * 100.0
        );
    }
    text
}
