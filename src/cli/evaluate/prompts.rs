//! `guise evaluate prompts`.

use super::{
    Opened, Subject,
    looks::{Looks, variety},
    panel::{Panel, Question, Tally},
    shapes::Shape,
    write_figures,
};
use crate::{
    art::on_gray,
    cli::{files::writable, model::Model, progress, trust::Purpose},
    pipeline::{
        self, Cancel, Event, Imagination, ImagineRequest, Quality, SampleRequest, Targets, imagine,
        lexicon::translated,
        memory::{to_guide, to_judge},
        prompt,
    },
};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use futures::executor::block_on;
use image::RgbaImage;
use rand::{
    Rng, SeedableRng,
    seq::{IndexedRandom, SliceRandom},
};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// Measure how often avatars for words show what the words say.
///
/// Draws an avatar for each of many generated sentences at every quality, in captions' words and in several
/// shapes in which people put them. A judge that is trained on the collection's pictures and traits, and
/// shares nothing with the networks it judges, says what it shows. Chance is what random avatars come to.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Sentences.
    #[arg(long, value_name = "N", default_value_t = 200)]
    prompts: usize,
    /// Avatars for each sentence, which are also held against each other.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=64))]
    count: u8,
    /// Traits to ask for, of those that the dataset has.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "hair color,clothes color,skin,glasses,mouth,background"
    )]
    traits: Vec<String>,
    /// Shapes of sentences, each with as many sentences; the traits are told of the first.
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        default_value = "commas,joined,sentence,noisy,denied,foreign"
    )]
    shapes: Vec<Shape>,
    /// Qualities to measure.
    #[arg(long, value_delimiter = ',', default_value = "draft,normal,better", value_parser = quality)]
    qualities: Vec<(String, Quality)>,
    /// The optimizer's largest step [default: 0.02].
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// Weight of the pull back to the draft [default: 0.3].
    #[arg(long, value_name = "WEIGHT")]
    pull: Option<f64>,
    /// Guesses of the draft [default: 64 for each avatar, at most 1024].
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

/// The share of sentences for which all is right.
const EVERYTHING: &str = "everything asked for";

/// Parts the random numbers that shape sentences from those that choose what they claim.
const SHAPING: u64 = 0x7368_6170_6573;

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
    let count = usize::from(args.count);
    let pictures = dataset.len() + (RANDOM + count) * args.prompts;
    let bytes = (pictures * 3 * dataset.resolution().pow(2)) as u64;
    let what = format!("keeping {pictures} pictures");
    memory.ensure(bytes, &what, "ask for fewer --prompts, or take a smaller dataset")?;
    let judge = |n| to_judge(&generator, &*words.image, n);
    let batch_size = memory.batch(None, 8, judge)?;
    let guided = to_guide(&generator, &*words.image, count, args.cutouts);
    memory.ensure(
        guided,
        "looking for avatars",
        "ask for fewer with --count or --cutouts",
    )?;
    let panel = Panel::learn(&dataset, &args.traits, &device)?;
    let looks = Looks::at(&dataset, &device)?;
    let tally = |wishes: &[Wish], pictures: &[Vec<u8>], each: usize| {
        let mut tally = Tally::default();
        for (picture, answers) in panel.answers(pictures).iter().enumerate() {
            let mut all = true;
            for &(question, answer) in &wishes[picture / each].claims {
                let right = answers[question] == answer;
                tally.count(&panel.questions[question].category, right);
                all &= right;
            }
            tally.count(EVERYTHING, all);
        }
        tally.shares()
    };
    let draw = |wishes: &[Wish], (name, quality): &(String, Quality)| -> anyhow::Result<Vec<Vec<u8>>> {
        let bar = progress::bar(wishes.len() as u64, &format!("sentences, {name}"));
        let mut pictures = vec![];
        for (number, wish) in wishes.iter().enumerate() {
            let (group, _) = words.read(&prompt::parse(&wish.text)?);
            let targets = Targets::new(vec![group])?;
            let mut request = ImagineRequest {
                truncation_psi,
                batch_size,
                ..ImagineRequest::new(*quality, count, args.seed.wrapping_add(number as u64))
            };
            request.guidance.snapshots = 1;
            request.guidance.learning_rate = args.lr.unwrap_or(request.guidance.learning_rate);
            request.guidance.cutouts.num_cutouts = args.cutouts;
            request.candidates = args.candidates.unwrap_or(request.candidates);
            request.guidance.center_pull = args.pull.unwrap_or(request.guidance.center_pull);
            let networks = Imagination {
                generator: &generator,
                encoder: Some(&*words.image),
                mapper: words.mapper.as_ref(),
            };
            let mut drawn = vec![vec![]; count];
            let keep = async |event| {
                if let Event::Picture { index, image } = event {
                    drawn[index] = planes(&image);
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
            pictures.extend(drawn);
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(pictures)
    };

    let mut figures = Figures::default();
    let (mut first, mut seen) = (None, vec![]);
    for &shape in &args.shapes {
        let wishes = wishes(&panel.questions, args.prompts, args.seed, shape);
        let name = shape
            .to_possible_value()
            .map_or(String::new(), |value| value.get_name().to_owned());
        if wishes.is_empty() {
            eprintln!("no sentence of the shape {name:?} can be made of these traits: it is not measured");
            continue;
        }
        for quality in &args.qualities {
            let drawn = draw(&wishes, quality)?;
            let shares = tally(&wishes, &drawn, count);
            if first.is_none() {
                figures.traits.push((quality.0.clone(), shares.clone()));
                seen.push((quality.0.clone(), looks.see(&drawn)));
            }
            figures.shapes.push((name.clone(), quality.0.clone(), shares));
        }
        first.get_or_insert(wishes);
    }
    let wishes = first.context("no sentence can be made: name other --shapes or --traits")?;
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
    figures
        .traits
        .push(("chance".into(), tally(&wishes, &pictures, RANDOM)));

    let random = looks.see(&pictures);
    for (quality, avatars) in &seen {
        if count > 1 {
            let variety = variety(avatars, count, &random);
            figures.variety.insert(quality.clone(), rounded(variety));
        }
        figures
            .strangeness
            .insert(quality.clone(), rounded(looks.strangeness(avatars)));
    }
    figures
        .strangeness
        .insert("chance".into(), rounded(looks.strangeness(&random)));

    print_table(&figures, &panel);
    write_figures(args.out.as_deref(), &json(&figures, &panel))
}

/// Sentences of one to three claims about different traits, any value as often as another, as `shape` says
/// them; the claims are the same for every shape that has words for them.
fn wishes(questions: &[Question], count: usize, seed: u64, shape: Shape) -> Vec<Wish> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    // What shapes a sentence takes nothing from what its claims are drawn by.
    let mut shaping = ChaCha8Rng::seed_from_u64(seed ^ SHAPING);
    let absences: Vec<usize> = (0..questions.len())
        .filter(|&question| questions[question].labels[0].starts_with("no "))
        .collect();
    let mut wish = || {
        let mut order: Vec<usize> = (0..questions.len()).collect();
        order.shuffle(&mut rng);
        order.truncate(rng.random_range(1..=MAX_CLAIMS));
        let mut claims: Vec<(usize, usize)> = order
            .into_iter()
            .map(|question| (question, rng.random_range(0..questions[question].labels.len())))
            .collect();
        if let (Shape::Denied, Some(&absent)) = (shape, absences.choose(&mut shaping)) {
            claims.retain(|&(question, _)| question != absent);
            claims.push((absent, 0));
            claims.shuffle(&mut shaping);
        }
        let label = |&(question, answer): &(usize, usize)| questions[question].labels[answer].as_str();
        if shape == Shape::Foreign {
            claims.retain(|claim| translated(label(claim), 0).is_some());
        }
        let labels: Vec<&str> = claims.iter().map(label).collect();
        let text = shape
            .sentence(&labels, &mut shaping)
            .filter(|_| !labels.is_empty())?;
        Some(Wish { text, claims })
    };
    (0..count).filter_map(|_| wish()).collect()
}

/// A picture as the judge sees it, planes first, on gray where it is transparent.
fn planes(picture: &RgbaImage) -> Vec<u8> {
    let channel = |channel: usize| picture.pixels().map(move |pixel| on_gray(pixel.0)[channel]);
    (0..3).flat_map(channel).collect()
}

/// Shares that are right.
#[derive(Default)]
struct Figures {
    /// By quality, for sentences of the first shape.
    traits: Vec<(String, BTreeMap<String, f64>)>,
    /// By shape and quality.
    shapes: Vec<(String, String, BTreeMap<String, f64>)>,
    /// How much the avatars of a sentence differ, where random ones differ by one, by quality.
    variety: BTreeMap<String, f64>,
    /// How far avatars are from the collection's pictures, where its own are one, by quality.
    strangeness: BTreeMap<String, f64>,
}

fn print_table(figures: &Figures, panel: &Panel) {
    let names = figures.traits.iter().map(|(name, _)| name);
    heading("share that is right", names);
    let categories: BTreeSet<&String> = figures
        .traits
        .iter()
        .flat_map(|(_, shares)| shares.keys())
        .collect();
    for category in categories {
        let shares = figures.traits.iter().map(|(_, shares)| shares.get(category));
        row(category, shares);
    }
    let names = || figures.traits.iter().map(|(name, _)| name);
    println!();
    heading("beside random avatars: 1", names());
    row(
        "variety of a sentence's",
        names().map(|name| figures.variety.get(name)),
    );
    println!();
    heading("beside the collection: 1", names());
    row(
        "distance from it",
        names().map(|name| figures.strangeness.get(name)),
    );
    println!();
    let mut shapes: Vec<&String> = figures.shapes.iter().map(|(shape, ..)| shape).collect();
    shapes.dedup();
    let qualities = figures
        .traits
        .iter()
        .map(|(name, _)| name)
        .filter(|name| *name != "chance");
    for category in ["colors", EVERYTHING] {
        heading(&format!("{category}, by shape"), qualities.clone());
        for shape in &shapes {
            let of_shape = figures.shapes.iter().filter(|(other, ..)| other == *shape);
            row(shape, of_shape.map(|(.., shares)| shares.get(category)));
        }
        println!();
    }
    println!("The judge is right about pictures of the collection that it did not learn from:");
    for (question, share) in panel.questions.iter().zip(&panel.accuracy) {
        println!(
            "{:<28}{share:>9.3}  ({} answers)",
            question.name,
            question.labels.len()
        );
    }
}

fn heading<'a>(first: &str, names: impl Iterator<Item = &'a String>) {
    print!("{first:<28}");
    names.for_each(|name| print!("{name:>9}"));
    println!();
}

fn row<'a>(first: &str, shares: impl Iterator<Item = Option<&'a f64>>) {
    print!("{first:<28}");
    for share in shares {
        match share {
            Some(share) => print!("{share:>9.3}"),
            None => print!("{:>9}", "-"),
        }
    }
    println!();
}

/// To four digits.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// All of that as JSON.
fn json(figures: &Figures, panel: &Panel) -> Value {
    let traits = figures.traits.iter();
    let mut object: Map<String, Value> = traits
        .map(|(name, shares)| (name.clone(), json!(shares)))
        .collect();
    let mut shapes = Map::new();
    for (shape, quality, shares) in &figures.shapes {
        let of_shape = shapes.entry(shape.clone()).or_insert_with(|| json!({}));
        of_shape[quality] = json!(shares);
    }
    object.insert("variety".into(), json!(figures.variety));
    object.insert("distance".into(), json!(figures.strangeness));
    object.insert("shapes".into(), Value::Object(shapes));
    let judged = panel.questions.iter().zip(&panel.accuracy);
    let judged = judged.map(|(question, accuracy)| {
        let accuracy = (accuracy * 1e4).round() / 1e4;
        let entry = json!({"answers": question.labels.len(), "accuracy": accuracy});
        (question.name.clone(), entry)
    });
    object.insert("judge".into(), Value::Object(judged.collect()));
    Value::Object(object)
}
