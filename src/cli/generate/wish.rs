//! `guise generate --prompt`: avatars for words, or like a picture.

use crate::{
    cli::{
        files::{writable, write_whole},
        memory::Memory,
        progress,
        sheet::{Sheet, write_png},
        words::Words,
    },
    networks::generators::Generator,
    ops::cutouts::CutoutConfig,
    pipeline::{
        Cancel, Event, Fit, GuideSettings, Imagination, ImagineRequest, Quality, Snap,
        guide::{Loss, Optimizer, Space},
        imagine,
        memory::{to_guide, to_judge},
    },
};
use anyhow::Context;
use burn::tensor::Device;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures::executor::block_on;
use image::RgbaImage;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// What is wished for, and how hard it is tried.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Avatars for words or like a picture")]
pub(in crate::cli) struct Wish {
    /// What to draw, in words. Several wishes are told apart by bars and may have weights, also negative
    /// ones: "pink hair:1 | glasses:-0.5". The colon of a time such as 12:30 is none of a weight.
    #[arg(long, value_name = "TEXT")]
    pub(super) prompt: Option<String>,
    /// A picture that the avatars are to resemble: PNG, JPEG, WebP or GIF, at most 100 megapixels.
    #[arg(long, value_name = "FILE")]
    pub(super) image: Option<PathBuf>,
    /// The CLIP that judges: a run of `guise train clip`, or a file that `guise import clip` wrote [default:
    /// the towers in the published model].
    #[arg(long, value_name = "PATH")]
    pub(super) clip: Option<PathBuf>,
    /// Avatars to draw, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 4)]
    count: usize,
    /// Determines guesses, cutouts and noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The best of many guesses, then 30 or 200 steps toward the wish.
    #[arg(long, default_value = "normal", value_parser = named::<Quality>(&["draft", "normal", "better"]))]
    quality: Quality,
    /// Guesses of the draft [default: 64 for each avatar, at most 1024].
    #[arg(long, value_name = "N")]
    candidates: Option<usize>,
    /// Steps toward the wish [default: what the quality says].
    #[arg(long)]
    steps: Option<usize>,
    /// The optimizer's largest step, in units of the latents' own spread [default: 0.02, or
    /// 0.05 in other spaces than the whitened one].
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// The rule of the steps; adamw also pulls toward the average.
    #[arg(long, default_value = "adam", value_parser = named::<Optimizer>(&["adam", "adamw"]))]
    optimizer: Optimizer,
    /// How far a picture is from the wish.
    #[arg(long, default_value = "cosine", value_parser = named::<Loss>(&["cosine", "spherical", "l2", "l1"]))]
    loss: Loss,
    /// What is optimised: the generator's input, one w for all layers, the same where all directions are as
    /// likely, or a w for each layer.
    #[arg(long, default_value = "whitened", value_parser = named::<Space>(&["z", "w", "whitened", "w+"]))]
    space: Space,
    /// Judge each picture in so many different views; 0 is the whole picture, which suits a collection's own
    /// CLIP; 8 suit one that was imported.
    #[arg(long, value_name = "N", default_value_t = 0)]
    cutouts: usize,
    /// Weight of the pull back to the draft, in other spaces than the whitened one toward the average avatar
    /// [default: 0.3, or 0.02 in other spaces].
    #[arg(long, value_name = "WEIGHT")]
    pull: Option<f64>,
    /// Noise on the latents in the first steps, in units of their spread.
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.0)]
    latent_noise: f64,
    /// A PNG file that shows how the avatars came about, a row each.
    #[arg(long, value_name = "FILE", value_parser = png_path)]
    strip: Option<PathBuf>,
    /// Pictures in a row of the strip.
    #[arg(long, value_name = "N", default_value_t = 8)]
    snapshots: usize,
    /// A file for a line of JSON about each step: the score and the loss of every avatar before it.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    stats: Option<PathBuf>,
}

/// A line of the statistics of steps.
#[derive(serde::Serialize)]
struct StepStats {
    step: usize,
    scores: Vec<f32>,
    losses: Vec<f32>,
}

/// A flag whose values have the names that they have in files.
fn named<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names).try_map(|name| serde_json::from_value(name.into()))
}

fn png_path(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    let png = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
    match png {
        true => writable(text),
        false => Err("expected a name that ends in .png".into()),
    }
}

impl Wish {
    /// Whether anything is wished for.
    pub(super) fn is_some(&self) -> bool {
        self.prompt.is_some() || self.image.is_some()
    }

    /// Checks the flags before anything is opened.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.is_some() {
            true => Ok(self.request(0.0).validate()?),
            false => Ok(()),
        }
    }

    /// The flags as the library takes them.
    fn request(&self, truncation_psi: f32) -> ImagineRequest {
        let request = ImagineRequest::new(self.quality, self.count, self.seed);
        let guidance = request.guidance.clone();
        let (learning_rate, center_pull) = self.space.usual();
        ImagineRequest {
            candidates: self.candidates.unwrap_or(request.candidates),
            truncation_psi,
            guidance: GuideSettings {
                loss: self.loss,
                steps: self.steps.unwrap_or(guidance.steps),
                learning_rate: self.lr.unwrap_or(learning_rate),
                optimizer: self.optimizer,
                space: self.space,
                center_pull: self.pull.unwrap_or(center_pull),
                latent_noise: self.latent_noise,
                cutouts: CutoutConfig {
                    num_cutouts: self.cutouts,
                    ..guidance.cutouts.clone()
                },
                snapshots: if self.strip.is_some() { self.snapshots } else { 1 },
                ..guidance
            },
            ..request
        }
    }
}

/// What a wish may take.
pub(super) struct Limits {
    pub(super) memory: Memory,
    /// Guesses drawn at once; without a number, as many as fit.
    pub(super) batch_size: Option<usize>,
}

/// Draws what is wished for to `out`, a PNG file or a folder, snapped by `snap`.
pub(super) fn draw_wish(
    wish: &Wish,
    words: &Words,
    (generator, [resolution, channels]): (&Generator, [usize; 2]),
    truncation_psi: f32,
    (out, folder, snap): (&Path, bool, Option<&Snap>),
    (device, limits): (&Device, Limits),
) -> anyhow::Result<()> {
    let mut request = wish.request(truncation_psi);
    let judge = |n| to_judge(generator, &*words.image, n);
    request.batch_size = limits.memory.batch(limits.batch_size, 8, judge)?;
    let (count, cutouts) = (wish.count, wish.cutouts);
    let together = match request.guidance.steps {
        0 => judge(count),
        _ => to_guide(generator, &*words.image, count, cutouts),
    };
    let avatars = match count {
        1 => "an avatar".into(),
        _ => format!("{count} avatars at once"),
    };
    let what = match cutouts {
        0 => format!("looking for {avatars}"),
        _ => format!("looking for {avatars} in {cutouts} cutouts"),
    };
    let instead = "ask for fewer with --count or --cutouts, or for --quality draft";
    limits.memory.ensure(together, &what, instead)?;

    // What cannot be read or shown is known before the work.
    let targets = words.targets(wish.prompt.as_deref(), wish.image.as_deref(), channels, device)?;
    let mut sheet = match folder {
        true => {
            std::fs::create_dir_all(out)
                .with_context(|| format!("cannot create the folder {}", out.display()))?;
            None
        }
        false => Some(Sheet::new(count, resolution)?),
    };
    let columns = request.guidance.pictures();
    let mut strip = match wish.strip {
        Some(_) => Some(Sheet::with_columns(count * columns, columns, resolution)?),
        None => None,
    };
    let cancel = Cancel::default();
    let stop = cancel.clone();
    ctrlc::set_handler(move || stop.cancel()).context("cannot listen for Ctrl-C")?;
    let networks = Imagination {
        generator,
        encoder: Some(&*words.image),
        mapper: words.mapper.as_ref(),
    };
    let mut shown = vec![0; count];
    let mut last = vec![RgbaImage::new(0, 0); count];
    let bar = progress::bar(0, "guesses");
    let mut steps = None;
    let mut stats = vec![];
    let avatars = block_on(imagine(
        &networks,
        Some(&targets),
        &request,
        device,
        &cancel,
        async |event| match event {
            Event::Progress { done, total } => {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            }
            Event::Step {
                done,
                total,
                scores,
                losses,
            } => {
                let bar = steps.get_or_insert_with(|| progress::bar(total as u64, "steps"));
                bar.set_position(done as u64);
                let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
                bar.set_message(format!("score {:.3}, loss {:.3}", mean(&scores), mean(&losses)));
                let step = done;
                stats.push(StepStats { step, scores, losses });
            }
            Event::Picture { index, mut image } => {
                if let Some(snap) = snap {
                    snap.apply(&mut image);
                }
                if let Some(strip) = &mut strip {
                    strip.place(index * columns + shown[index], &image);
                }
                shown[index] += 1;
                last[index] = image;
            }
        },
    ));
    bar.finish_and_clear();
    if let Some(bar) = steps {
        bar.finish_and_clear();
    }
    let avatars = avatars?;

    if let Some(path) = &wish.stats {
        let lines: Result<Vec<String>, _> = stats.iter().map(serde_json::to_string).collect();
        let text: String = lines?.iter().map(|line| format!("{line}\n")).collect();
        write_whole(path, text.as_bytes())?;
    }
    if let (Some(path), Some(strip)) = (&wish.strip, strip) {
        write_png(path, &strip.into_image())?;
    }
    for (index, picture) in last.iter().enumerate() {
        match &mut sheet {
            Some(sheet) => sheet.place(index, picture),
            None => write_png(&out.join(format!("avatar{index:04}.png")), picture)?,
        }
    }
    if let Some(sheet) = sheet {
        write_png(out, &sheet.into_image())?;
    }
    let drawn = format!(
        "{}: {count} avatars of {resolution} x {resolution} pixels",
        out.display()
    );
    let yardstick = match &wish.prompt {
        Some(prompt) => words.yardstick(prompt)?,
        None => None,
    };
    if let Some(yardstick) = yardstick {
        let fits: Vec<Vec<Fit>> = avatars
            .iter()
            .map(|avatar| yardstick.fits(&avatar.embedding))
            .collect();
        eprintln!("{drawn}; of the collection's own pictures, so many fit less:");
        eprint!("{}", fit_table(&fits));
        return Ok(());
    }
    let scores: Vec<String> = avatars
        .iter()
        .map(|avatar| format!("{:.3}", avatar.score))
        .collect();
    eprintln!("{drawn}, scores {}", scores.join(" "));
    Ok(())
}

/// A line for each clause, with a figure for each avatar.
fn fit_table(avatars: &[Vec<Fit>]) -> String {
    let clauses = avatars.first().map_or(&[][..], Vec::as_slice);
    let width = clauses.iter().map(|fit| fit.clause.chars().count()).max();
    let line = |(place, fit): (usize, &Fit)| {
        let figures = avatars.iter().map(|fits| format!("{:>5} %", fits[place].percent));
        format!(
            "  {:width$}{}\n",
            fit.clause,
            figures.collect::<String>(),
            width = width.unwrap_or(0)
        )
    };
    clauses.iter().enumerate().map(line).collect()
}
