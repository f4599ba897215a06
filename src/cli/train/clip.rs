//! `guise train clip`.

use super::{
    device::DeviceChoice,
    progress,
    stop::on_ctrl_c,
    train::{note_end, notes},
    trust::check_training,
};
use crate::{
    data::{Dataset, Provenance},
    networks::encoders::collection_clip::{ImageTowerConfig, TextTowerConfig},
    train::{
        Ended, Error, Event, RunSettings, TrainedOn,
        clip::{ClipRun, ClipSettings, ClipTrainer, Evaluation, TextEncoder},
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

/// Train a CLIP on a dataset: it knows which sentences fit which pictures.
///
/// The image tower is trained, and a projection of a sentence encoder that stays as it is. Writes a numbered
/// run folder with settings, statistics, checkpoints and evaluation.json: how well pictures are found and
/// described that were held out. Ctrl-C writes a checkpoint and stops; `--resume` goes on from it exactly.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The dataset folder that `guise prepare` wrote; its pictures must have traits. With --resume the run
    /// goes on with what it holds now, even if its pictures are others or more than before.
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
    /// A run folder to continue, with its own settings, except those given here again.
    #[arg(long, value_name = "RUN")]
    resume: Option<PathBuf>,
    /// Thousands of pictures to show, counted from the start of the run, by the end of which the step size
    /// has fallen to zero; a resumed run keeps its own [default: 1200].
    #[arg(long)]
    kimg: Option<f64>,
    /// Where to train.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    /// Determines initial weights, held-out pictures, phrases, order and noise.
    #[arg(long, default_value_t = 0, conflicts_with = "resume")]
    seed: u64,
    /// Pictures in a step.
    #[arg(long, default_value_t = 128, conflicts_with = "resume")]
    batch_size: usize,
    /// AdamW's step size after the warm-up [default: 0.002].
    #[arg(long)]
    learning_rate: Option<f64>,
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
    let choice = args.device;
    let (run, dataset, encoder) = match &args.resume {
        Some(dir) => resume(&args, dir)?,
        None => start(args)?,
    };
    notes(dataset.notes());
    let device = choice.open()?;
    check_training(&device)?;
    let mut trainer = ClipTrainer::open(run, dataset, encoder, &device)?;
    notes(trainer.notes());
    let dir = trainer.run().dir.clone();
    eprintln!("run folder: {}", dir.display());

    let total_images = trainer.run().settings.schedule().total_images();
    note_end(trainer.images_seen(), total_images);
    let stop = on_ctrl_c()?;
    let texts = progress::bar(0, "clauses");
    let embedded = trainer.embed(&stop, |done, total| {
        texts.set_length(total as u64);
        texts.set_position(done as u64);
    });
    texts.finish_and_clear();
    if !embedded? {
        stopped(&dir);
        return Ok(());
    }
    let bar = progress::bar(total_images, "pictures");
    bar.set_position(trainer.images_seen());
    bar.reset_eta();
    let ended = trainer.train(&stop, |event| match event {
        Event::Step { images_seen, stats } => {
            bar.set_position(images_seen);
            bar.set_message(format!(
                "loss {:.3} and {:.3}, scale {:.0}",
                stats.contrastive_loss, stats.answers_loss, stats.scale
            ));
        }
        Event::Checkpoint { path, report } => {
            bar.suspend(|| eprintln!("wrote {}\n{}", path.display(), table(&report)));
        }
    });
    bar.abandon();
    match ended? {
        Ended::Finished => eprintln!(
            "done: guise publish RUN --clip {} --out models/NAME",
            dir.display()
        ),
        Ended::Stopped => stopped(&dir),
    }
    Ok(())
}

fn stopped(dir: &Path) {
    eprintln!(
        "stopped: guise train clip --resume {} goes on from here",
        dir.display()
    );
}

fn resume(args: &Args, dir: &Path) -> anyhow::Result<(ClipRun, Dataset, TextEncoder)> {
    let mut run = ClipRun::resume(dir)?;
    let settings = &mut run.settings;
    settings.total_kimg = args.kimg.unwrap_or(settings.total_kimg);
    settings.learning_rate = args.learning_rate.unwrap_or(settings.learning_rate);
    settings.validate().map_err(Error::Settings)?;
    if let Some(text_encoder) = &args.text_encoder {
        settings.text_encoder = whole(text_encoder);
    }
    let resolution = settings.image_tower.resolution;
    let (dataset, note) = settings.dataset.reopen(args.data.as_deref(), resolution)?;
    if let Some(note) = note {
        let held_out = "pictures that it was trained with may be among those that are held out now";
        notes(&[format!("{note}; {held_out}")]);
    }
    let encoder = TextEncoder::open(&settings.text_encoder)?;
    Ok((run, dataset, encoder))
}

/// The whole path, because a run may be resumed from another folder.
fn whole(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn start(args: Args) -> anyhow::Result<(ClipRun, Dataset, TextEncoder)> {
    let data = args.data.context("--data is missing")?;
    let text_encoder = args.text_encoder.context("--text-encoder is missing")?;
    let dataset = Dataset::open(&data)?;
    let encoder = TextEncoder::open(&text_encoder)?;
    let mut image_tower = ImageTowerConfig::small(dataset.resolution());
    image_tower.channel_max = args.channel_max;
    let total_kimg = args.kimg.unwrap_or(1200.0);
    let settings = ClipSettings {
        dataset: TrainedOn::new(&dataset, &data),
        provenance: dataset.provenance().clone(),
        hardware: args.device.describe(),
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
        batch_size: args.batch_size,
        learning_rate: args.learning_rate.unwrap_or(0.002),
        weight_decay: 0.05,
        // In whole pictures: a number of few digits is read as it was written.
        warmup_kimg: (total_kimg * 0.05 * 1000.0).round().min(20_000.0) / 1000.0,
        total_kimg,
        phrases: args.phrases,
        text_noise: args.text_noise,
        held_out: args.held_out,
        snapshot_kimg: args.snapshot_kimg,
        seed: args.seed,
    };
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
