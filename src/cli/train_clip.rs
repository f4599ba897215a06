//! `guise train clip`.

use super::{device::DeviceChoice, progress, stop::on_ctrl_c, trust::check_training};
use crate::{
    data::{Dataset, Provenance},
    networks::encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
    train::{
        Ended, RunSettings,
        clip::{ClipEvent, ClipRun, ClipSettings, ClipTrainer, Evaluation, TextEncoder},
    },
};
use anyhow::{Context, bail};
use std::{fmt::Write, path::PathBuf};

/// What `tools/minilm.sh` fetches.
const MINILM: &str = "all-MiniLM-L6-v2 by the authors of Sentence Transformers, \
    made from MiniLM-L12-H384-uncased by Microsoft";
const MINILM_SOURCE: &str = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2";

/// Train a CLIP on a dataset: it knows which sentences fit which pictures.
///
/// The image tower is trained, and a projection of a sentence encoder that stays as it is. Writes a numbered run folder
/// with settings, statistics, checkpoints and evaluation.json: how well pictures are found and described that were
/// held out. Ctrl-C writes a checkpoint and stops; `--resume` goes on from it exactly.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The dataset folder that `guise prepare` wrote; its pictures must have traits.
    #[arg(long, required_unless_present = "resume")]
    data: Option<PathBuf>,
    /// The folder of the sentence encoder that `tools/minilm.sh` fetched.
    #[arg(long, value_name = "DIR", required_unless_present = "resume")]
    text_encoder: Option<PathBuf>,
    /// The licence of the sentence encoder, an SPDX expression; all-MiniLM-L6-v2's own is the default.
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
    /// The folder that holds the numbered run folders.
    #[arg(long, default_value = "runs", conflicts_with = "resume")]
    out: PathBuf,
    /// A run folder to continue, with its own settings.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Thousands of pictures to show.
    #[arg(long, default_value_t = 1200.0, conflicts_with = "resume")]
    kimg: f64,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Determines initial weights, held-out pictures, phrases, order and noise.
    #[arg(long, default_value_t = 0, conflicts_with = "resume")]
    seed: u64,
    /// Pictures in a step.
    #[arg(long, default_value_t = 128, conflicts_with = "resume")]
    batch_size: usize,
    /// AdamW's step size after the warm-up.
    #[arg(long, default_value_t = 0.002, conflicts_with = "resume")]
    learning_rate: f64,
    /// Things said about each picture, its caption among them.
    #[arg(long, default_value_t = 6, conflicts_with = "resume")]
    phrases: usize,
    /// Length of the noise added to sentences, whose embeddings have length one.
    #[arg(long, default_value_t = 0.2, conflicts_with = "resume")]
    text_noise: f64,
    /// Pictures that are kept for the evaluation.
    #[arg(long, default_value_t = 500, conflicts_with = "resume")]
    held_out: usize,
    /// The most channels of the image tower.
    #[arg(long, default_value_t = 64, conflicts_with = "resume")]
    channel_max: usize,
    /// Write checkpoint and evaluation every so many kimg.
    #[arg(long, default_value_t = 100.0, conflicts_with = "resume")]
    snapshot_kimg: f64,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let device = args.device.open()?;
    check_training(&device)?;
    let (run, dataset, encoder) = match &args.resume {
        Some(dir) => {
            let mut run = ClipRun::open(dir)?;
            run.settings.data = args.data.unwrap_or(run.settings.data);
            run.settings.text_encoder = args.text_encoder.unwrap_or(run.settings.text_encoder);
            let dataset = Dataset::open(&run.settings.data)?;
            if dataset.len() != run.settings.dataset_len {
                bail!(
                    "{} has {} pictures, the run was started on {}: give its dataset with --data",
                    run.settings.data.display(),
                    dataset.len(),
                    run.settings.dataset_len
                );
            }
            let encoder = TextEncoder::open(&run.settings.text_encoder)?;
            (run, dataset, encoder)
        }
        None => start(args)?,
    };
    eprintln!("run folder: {}", run.dir.display());
    let dir = run.dir.clone();
    let total_images = (run.settings.total_kimg * 1000.0) as u64;
    let trainer = ClipTrainer::open(run, dataset, encoder, &device)?;

    let stop = on_ctrl_c()?;
    let texts = progress::bar(0, "clauses");
    let bar = progress::bar(total_images, "pictures");
    bar.set_position(trainer.images_seen());
    bar.reset_eta();
    let ended = trainer.train(&stop, |event| match event {
        ClipEvent::Embedded { done, total } => {
            texts.set_length(total as u64);
            texts.set_position(done as u64);
            if done == total {
                texts.finish_and_clear();
                bar.reset_eta();
            }
        }
        ClipEvent::Step { images_seen, stats } => {
            bar.set_position(images_seen);
            bar.set_message(format!(
                "loss {:.3} and {:.3}, scale {:.0}",
                stats.contrastive_loss, stats.answers_loss, stats.scale
            ));
        }
        ClipEvent::Checkpoint { path, evaluation } => {
            bar.suspend(|| eprintln!("wrote {}\n{}", path.display(), table(&evaluation)));
        }
    });
    bar.abandon();
    match ended? {
        Ended::Finished => eprintln!(
            "done: guise publish RUN --clip {} --out models/NAME",
            dir.display()
        ),
        Ended::Stopped => eprintln!(
            "stopped: guise train clip --resume {} goes on from here",
            dir.display()
        ),
    }
    Ok(())
}

fn start(args: Args) -> anyhow::Result<(ClipRun, Dataset, TextEncoder)> {
    let data = args.data.context("--data is missing")?;
    let text_encoder = args.text_encoder.context("--text-encoder is missing")?;
    let dataset = Dataset::open(&data)?;
    let encoder = TextEncoder::open(&text_encoder)?;
    let mut image_tower = ImageTowerConfig::small(dataset.resolution());
    image_tower.channel_max = args.channel_max;
    let settings = ClipSettings {
        data: data.canonicalize().unwrap_or(data),
        provenance: dataset.provenance().clone(),
        dataset_len: dataset.len(),
        hardware: args.device.describe(),
        text_encoder: text_encoder.canonicalize().unwrap_or(text_encoder),
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
        batch_size: args.batch_size,
        learning_rate: args.learning_rate,
        weight_decay: 0.05,
        warmup_kimg: (args.kimg * 0.05).min(20.0),
        total_kimg: args.kimg,
        phrases: args.phrases,
        text_noise: args.text_noise,
        held_out: args.held_out,
        snapshot_kimg: args.snapshot_kimg,
        seed: args.seed,
    };
    if let Err(reason) = settings.validate() {
        bail!("{reason}");
    }
    let run = ClipRun::create(&args.out, settings)?;
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
