//! `guise evaluate prompts`.

use super::judge::{Judge, Question, Tally};
use crate::{
    cli::{
        device::DeviceChoice,
        generate::{Opened, open, open_words},
        progress,
        words::Words,
    },
    data::{Dataset, Phrasebook, Values},
    pipeline::{self, Cancel, Event, Imagination, ImagineRequest, Quality, SampleRequest, Targets, imagine},
};
use anyhow::{Context, ensure};
use atomic_write_file::AtomicWriteFile;
use burn::tensor::Device;
use futures::executor::block_on;
use image::RgbaImage;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

/// Measure how often avatars for words show what the words say.
///
/// Draws an avatar for each of many generated sentences at every quality, and judges it by its colours or by an
/// independent CLIP, whichever is right more often on pictures of the collection that neither has seen. Chance is what
/// random avatars come to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a published model, or of a training run with --clip.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// The CLIP to guide with, a run or a file that `guise import clip` wrote [default: the towers in the published
    /// model].
    #[arg(long, value_name = "PATH")]
    clip: Option<PathBuf>,
    /// The collection's dataset: what is asked for, and what the judges learn from.
    #[arg(long, value_name = "DATASET")]
    data: PathBuf,
    /// A CLIP run on the same dataset with another seed, as a second judge.
    #[arg(long, value_name = "RUN")]
    judge: Option<PathBuf>,
    /// Sentences.
    #[arg(long, value_name = "N", default_value_t = 200)]
    prompts: usize,
    /// Traits to ask for, of those that the dataset has.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "hair color,clothes color,skin,glasses,mouth,background"
    )]
    traits: Vec<String>,
    /// Qualities to measure.
    #[arg(long, value_delimiter = ',', default_value = "draft,normal,better", value_parser = quality)]
    qualities: Vec<(String, Quality)>,
    /// The optimizer's largest step [default: 0.05].
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Weight of the pull toward the average avatar [default: 0.02].
    #[arg(long, value_name = "WEIGHT")]
    pull: Option<f64>,
    /// Determines sentences and avatars.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The JSON file to write.
    #[arg(long, value_name = "FILE", default_value = "target/evaluate/prompts.json")]
    out: PathBuf,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

fn quality(text: &str) -> Result<(String, Quality), String> {
    let quality = serde_json::from_value(text.into());
    quality
        .map(|quality| (text.to_owned(), quality))
        .map_err(|_| "expected draft, normal or better".into())
}

/// The share of the dataset that judges are tested on instead of learning from it.
const TESTED: f64 = 0.2;
/// The most traits that a sentence names.
const MAX_CLAIMS: usize = 3;

/// A sentence and what it claims: questions with their answers.
struct Wish {
    text: String,
    claims: Vec<(usize, usize)>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    ensure!(args.prompts > 0, "--prompts is 0, expected at least 1");
    let device = args.device.open()?;
    let Opened {
        generator,
        manifest,
        resolution,
        truncation_psi,
    } = open(&args.model, &device)?;
    let words = open_words(&args.model, manifest.as_ref(), args.clip.as_deref(), &device)?;
    let judging = args
        .judge
        .as_deref()
        .map(|dir| Words::of_clip(dir, &device))
        .transpose()?;
    let dataset = Dataset::open(&args.data)?;
    for (what, side) in [
        ("the model draws", resolution),
        (
            "the judge sees",
            judging
                .as_ref()
                .map_or(resolution, |words| words.image.resolution()),
        ),
    ] {
        ensure!(
            side == dataset.resolution(),
            "{what} {side} x {side} pixels and {} has {1} x {1}",
            args.data.display(),
            dataset.resolution()
        );
    }
    let mut rng = ChaCha8Rng::seed_from_u64(args.seed);
    let (questions, judges, accuracy) = calibrate(&args, &dataset, judging.as_ref(), &mut rng, &device)?;
    let wishes = wishes(&questions, args.prompts, &mut rng);
    let judge_all = |pictures: &[Vec<u8>]| -> Vec<Vec<usize>> {
        let answers = |judge: &Judge| judge.answers(pictures, resolution, judging.as_ref());
        judges.iter().map(answers).collect()
    };
    let tally = |pictures: &[Vec<u8>], wish_of: &dyn Fn(usize) -> usize| {
        let answers = judge_all(pictures);
        let mut tally = Tally::default();
        for picture in 0..pictures.len() {
            let mut all = true;
            for &(question, answer) in &wishes[wish_of(picture)].claims {
                let right = answers[question][picture] == answer;
                tally.count(&questions[question].category, right);
                all &= right;
            }
            tally.count("everything asked for", all);
        }
        tally.shares()
    };

    let mut figures: Vec<(String, BTreeMap<String, f64>)> = vec![];
    for (name, quality) in &args.qualities {
        let bar = progress::bar(wishes.len() as u64, &format!("sentences, {name}"));
        let mut pictures = vec![];
        for (number, wish) in wishes.iter().enumerate() {
            let targets = Targets::new(vec![words.prompt(&wish.text, &device)?])?;
            let mut request = ImagineRequest {
                truncation_psi,
                ..ImagineRequest::new(*quality, 1, args.seed.wrapping_add(number as u64))
            };
            request.guidance.snapshots = 1;
            request.guidance.learning_rate = args.lr.unwrap_or(request.guidance.learning_rate);
            request.guidance.centre_pull = args.pull.unwrap_or(request.guidance.centre_pull);
            let networks = Imagination {
                generator: &generator,
                encoder: &*words.image,
                mapper: words.mapper.as_ref(),
            };
            let mut drawn = None;
            let keep = async |event| {
                if let Event::Picture { image, .. } = event {
                    drawn = Some(planes(&image));
                }
            };
            block_on(imagine(
                &networks,
                Some(&targets),
                &request,
                &device,
                &Cancel::default(),
                keep,
            ))?;
            pictures.push(drawn.context("nothing was drawn")?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        figures.push((name.clone(), tally(&pictures, &|picture| picture)));
    }
    // Every sentence against several random avatars.
    const RANDOM: usize = 8;
    let request = SampleRequest {
        seeds: (0..(RANDOM * wishes.len()) as u64).collect(),
        truncation_psi,
        batch_size: 8,
    };
    let mut pictures = vec![];
    let keep = async |event| {
        if let Event::Picture { image, .. } = event {
            pictures.push(planes(&image));
        }
    };
    block_on(pipeline::sample(
        &generator,
        &request,
        &device,
        &Cancel::default(),
        keep,
    ))?;
    figures.push(("chance".into(), tally(&pictures, &|picture| picture / RANDOM)));

    print_table(&figures, &questions, &judges, &accuracy);
    write(&args.out, &figures, &questions, &judges, &accuracy)?;
    println!("written to {}", args.out.display());
    Ok(())
}

type Calibrated = (Vec<Question>, Vec<Judge>, Vec<f64>);

/// The questions that can be asked, the better judge of each, and how often that is right on pictures that it has not
/// seen. The CLIP run's own split does not matter: its seed is another, and it is used as it is.
fn calibrate(
    args: &Args,
    dataset: &Dataset,
    judging: Option<&Words>,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Calibrated> {
    let book = Phrasebook::new((0..dataset.len()).map(|index| dataset.traits(index)));
    let values: Vec<Values> = (0..dataset.len())
        .map(|index| book.values(dataset.traits(index)))
        .collect();
    let mut order: Vec<usize> = (0..dataset.len()).collect();
    order.shuffle(rng);
    let (tested, learned) = order.split_at((dataset.len() as f64 * TESTED) as usize);
    let (mut questions, mut judges, mut accuracy) = (vec![], vec![], vec![]);
    for name in &args.traits {
        let Some(question) = Question::new(name.trim(), &book) else {
            eprintln!(
                "{} has no trait {name:?}: it is not asked for",
                args.data.display()
            );
            continue;
        };
        let mut judge = Judge::of_pixels(&question, dataset, &values, learned)?;
        let mut share = judge.accuracy(&question, dataset, &values, tested, judging)?;
        if let Some(words) = judging {
            let clip = Judge::of_clip(&question, words, device);
            let other = clip.accuracy(&question, dataset, &values, tested, judging)?;
            eprintln!("{name}: pixels are right about {share:.3}, the CLIP about {other:.3} of the pictures");
            if other > share {
                (judge, share) = (clip, other);
            }
        }
        questions.push(question);
        judges.push(judge);
        accuracy.push(share);
    }
    ensure!(
        !questions.is_empty(),
        "{} has none of the traits {}: name others with --traits",
        args.data.display(),
        args.traits.join(", ")
    );
    Ok((questions, judges, accuracy))
}

/// Sentences of one to three claims about different traits, any value as often as another.
fn wishes(questions: &[Question], count: usize, rng: &mut ChaCha8Rng) -> Vec<Wish> {
    let mut wish = || {
        let mut order: Vec<usize> = (0..questions.len()).collect();
        order.shuffle(rng);
        order.truncate(rng.random_range(1..=MAX_CLAIMS));
        let claims: Vec<(usize, usize)> = order
            .into_iter()
            .map(|question| (question, rng.random_range(0..questions[question].labels.len())))
            .collect();
        let labels: Vec<&str> = claims
            .iter()
            .map(|&(question, answer)| questions[question].labels[answer].as_str())
            .collect();
        Wish {
            text: labels.join(", "),
            claims,
        }
    };
    (0..count).map(|_| wish()).collect()
}

/// A picture as the judges see it, planes first.
fn planes(picture: &RgbaImage) -> Vec<u8> {
    let channel = |channel: usize| picture.pixels().map(move |pixel| pixel.0[channel]);
    (0..3).flat_map(channel).collect()
}

fn print_table(
    figures: &[(String, BTreeMap<String, f64>)],
    questions: &[Question],
    judges: &[Judge],
    accuracy: &[f64],
) {
    print!("{:<22}", "share that is right");
    figures.iter().for_each(|(name, _)| print!("{name:>9}"));
    println!();
    let categories: std::collections::BTreeSet<&String> =
        figures.iter().flat_map(|(_, shares)| shares.keys()).collect();
    for category in categories {
        print!("{category:<22}");
        for (_, shares) in figures {
            match shares.get(category) {
                Some(share) => print!("{share:>9.3}"),
                None => print!("{:>9}", "-"),
            }
        }
        println!();
    }
    println!("\nright about pictures of the collection that were not learned from:");
    for ((question, judge), share) in questions.iter().zip(judges).zip(accuracy) {
        let (name, answers) = (&question.name, question.labels.len());
        println!("{name:<22}{share:>9.3}  ({} by {})", answers, judge.name());
    }
}

fn write(
    path: &Path,
    figures: &[(String, BTreeMap<String, f64>)],
    questions: &[Question],
    judges: &[Judge],
    accuracy: &[f64],
) -> anyhow::Result<()> {
    let mut object: Map<String, Value> = figures
        .iter()
        .map(|(name, shares)| (name.clone(), json!(shares)))
        .collect();
    let judged = questions
        .iter()
        .zip(judges)
        .zip(accuracy)
        .map(|((question, judge), accuracy)| {
            let entry = json!({"by": judge.name(), "answers": question.labels.len(), "accuracy": accuracy});
            (question.name.clone(), entry)
        });
    object.insert("judges".into(), Value::Object(judged.collect()));
    let mut text = serde_json::to_vec_pretty(&Value::Object(object))?;
    text.push(b'\n');
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(&text)?;
        file.commit()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
