//! `guise evaluate prompts`.

use super::{
    Opened, Subject,
    panel::{Panel, Question, Tally},
    write_figures,
};
use crate::{
    cli::{files::writable, model::Model, progress, trust::Purpose},
    pipeline::{
        self, Cancel, Event, Imagination, ImagineRequest, Quality, SampleRequest, Targets, imagine,
        memory::{to_guide, to_judge},
    },
};
use anyhow::{Context, ensure};
use futures::executor::block_on;
use image::RgbaImage;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, path::PathBuf};

/// Measure how often avatars for words show what the words say.
///
/// Draws an avatar for each of many generated sentences at every quality. A judge that is trained on the
/// collection's pictures and traits, and shares nothing with the networks it judges, says what it shows.
/// Chance is what random avatars come to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,
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
    /// Guesses of the draft [default: 64].
    #[arg(long, value_name = "N")]
    candidates: Option<usize>,
    /// Views that each picture is judged in while it is guided.
    #[arg(long, value_name = "N", default_value_t = 0)]
    cutouts: usize,
    /// Determines sentences and avatars.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A JSON file for what is measured.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: Option<PathBuf>,
}

fn quality(text: &str) -> Result<(String, Quality), String> {
    let quality = serde_json::from_value(text.into());
    quality
        .map(|quality| (text.to_owned(), quality))
        .map_err(|_| "expected draft, normal or better".into())
}

/// The most sentences.
const MAX_PROMPTS: usize = 10_000;

/// Every sentence is held against so many random avatars.
const RANDOM: usize = 8;

/// The most traits that a sentence names.
const MAX_CLAIMS: usize = 3;

/// A sentence and what it claims: questions with their answers.
struct Wish {
    text: String,
    claims: Vec<(usize, usize)>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    ensure!(
        (1..=MAX_PROMPTS).contains(&args.prompts),
        "--prompts is {}, expected 1 to {MAX_PROMPTS}",
        args.prompts
    );
    let opened = args.subject.open(Purpose::Guide)?;
    let words = args.subject.words(&opened)?;
    let Opened {
        model,
        dataset,
        memory,
    } = opened;
    let Model {
        generator,
        truncation_psi,
        device,
        ..
    } = model;
    // The judge learns from all pictures at once, and answers about all that were drawn.
    let pictures = dataset.len() + (RANDOM + 1) * args.prompts;
    let bytes = (pictures * 3 * dataset.resolution().pow(2)) as u64;
    let what = format!("keeping {pictures} pictures");
    memory.ensure(bytes, &what, "ask for fewer --prompts, or take a smaller dataset")?;
    let judge = |n| to_judge(&generator, &*words.image, n);
    let batch_size = memory.batch(None, 8, judge)?;
    let guided = to_guide(&generator, &*words.image, 1, args.cutouts);
    memory.ensure(guided, "looking for an avatar", "ask for fewer --cutouts")?;
    let panel = Panel::learn(&dataset, &args.traits, &device)?;
    let wishes = wishes(&panel.questions, args.prompts, args.seed);
    let tally = |pictures: &[Vec<u8>], wish_of: &dyn Fn(usize) -> usize| {
        let mut tally = Tally::default();
        for (picture, answers) in panel.answers(pictures).iter().enumerate() {
            let mut all = true;
            for &(question, answer) in &wishes[wish_of(picture)].claims {
                let right = answers[question] == answer;
                tally.count(&panel.questions[question].category, right);
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
            let targets = Targets::new(vec![words.prompt(&wish.text)?])?;
            let mut request = ImagineRequest {
                truncation_psi,
                batch_size,
                ..ImagineRequest::new(*quality, 1, args.seed.wrapping_add(number as u64))
            };
            request.guidance.snapshots = 1;
            request.guidance.learning_rate = args.lr.unwrap_or(request.guidance.learning_rate);
            request.guidance.cutouts.num_cutouts = args.cutouts;
            request.candidates = args.candidates.unwrap_or(request.candidates);
            request.guidance.centre_pull = args.pull.unwrap_or(request.guidance.centre_pull);
            let networks = Imagination {
                generator: &generator,
                encoder: Some(&*words.image),
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
    let request = SampleRequest {
        seeds: (0..(RANDOM * wishes.len()) as u64).collect(),
        truncation_psi,
        batch_size,
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

    print_table(&figures, &panel);
    write_figures(args.out.as_deref(), &json(&figures, &panel))
}

/// Sentences of one to three claims about different traits, any value as often as another.
fn wishes(questions: &[Question], count: usize, seed: u64) -> Vec<Wish> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut wish = || {
        let mut order: Vec<usize> = (0..questions.len()).collect();
        order.shuffle(&mut rng);
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

/// A picture as the judge sees it, planes first.
fn planes(picture: &RgbaImage) -> Vec<u8> {
    let channel = |channel: usize| picture.pixels().map(move |pixel| pixel.0[channel]);
    (0..3).flat_map(channel).collect()
}

fn print_table(figures: &[(String, BTreeMap<String, f64>)], panel: &Panel) {
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
    println!("\nThe judge is right about pictures of the collection that it did not learn from:");
    for (question, share) in panel.questions.iter().zip(&panel.accuracy) {
        println!(
            "{:<22}{share:>9.3}  ({} answers)",
            question.name,
            question.labels.len()
        );
    }
}

/// All of that as JSON.
fn json(figures: &[(String, BTreeMap<String, f64>)], panel: &Panel) -> Value {
    let mut object: Map<String, Value> = figures
        .iter()
        .map(|(name, shares)| (name.clone(), json!(shares)))
        .collect();
    let judged = panel.questions.iter().zip(&panel.accuracy);
    let judged = judged.map(|(question, accuracy)| {
        let accuracy = (accuracy * 1e4).round() / 1e4;
        let entry = json!({"answers": question.labels.len(), "accuracy": accuracy});
        (question.name.clone(), entry)
    });
    object.insert("judge".into(), Value::Object(judged.collect()));
    Value::Object(object)
}
