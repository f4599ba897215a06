//! `guise generate --prompt`: avatars for words, or like a picture.

use super::gallery::{Gallery, Place, stopped_by_user};
use crate::{
    cli::{files::writable, memory::Memory, words::Words},
    networks::generators::Generator,
    ops::cutouts::CutoutConfig,
    pipeline::{
        GuideSettings, Imagination, ImagineRequest, Prompt, Quality,
        guide::{Loss, Optimizer, Space},
        imagine,
        memory::{to_guide, to_judge},
        prompt,
    },
};
use burn::tensor::Device;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use futures::executor::block_on;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// How many avatars are drawn where nothing else is asked for.
const AVATARS: usize = 4;

/// What is wished for, and how hard it is tried.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Avatars for words or like a picture")]
pub(super) struct Wish {
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
    /// Avatars to draw, 1 to 64 [default: 4, or 1 of a VQGAN].
    #[arg(long, value_name = "N")]
    pub(super) count: Option<usize>,
    /// Determines guesses, starts, cutouts and noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The best of many guesses, then 30 or 200 steps toward the wish; of a VQGAN 100, 400 or 1000 steps.
    #[arg(long, default_value = "normal", value_parser = named::<Quality>(&["draft", "normal", "better"]))]
    quality: Quality,
    /// Guesses of the draft [default: 64 for each avatar, at most 1024].
    #[arg(long, value_name = "N")]
    pub(super) candidates: Option<usize>,
    /// Steps toward the wish [default: what the quality says].
    #[arg(long)]
    steps: Option<usize>,
    /// The optimizer's largest step, in units of the latents' own spread [default: 0.02, or 0.05 in other
    /// spaces than the whitened one, or 0.5 for a VQGAN's codes].
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// The rule of the steps; adamw also pulls toward the average [default: adam, or adamw of a VQGAN].
    #[arg(long, value_parser = named::<Optimizer>(&["adam", "adamw"]))]
    optimizer: Option<Optimizer>,
    /// How far a picture is from the wish [default: cosine, or spherical of a VQGAN].
    #[arg(long, value_parser = named::<Loss>(&["cosine", "spherical", "l2", "l1"]))]
    loss: Option<Loss>,
    /// What is optimized: the generator's input, one w for all layers, the same where all directions are as
    /// likely, or a w for each layer [default: whitened].
    #[arg(long, value_parser = named::<Space>(&["z", "w", "whitened", "w+"]))]
    pub(super) space: Option<Space>,
    /// Judge each picture in so many different views; 0 is the whole picture, which suits a collection's own
    /// CLIP; 8 suit one that was imported [default: 0, or 30 of a VQGAN].
    #[arg(long, value_name = "N")]
    cutouts: Option<usize>,
    /// Weight of the pull back to the draft, in other spaces than the whitened one toward the average avatar
    /// [default: 0.3, or 0.02 in other spaces; 0 of a VQGAN, where it is back to the start].
    #[arg(long, value_name = "WEIGHT")]
    pull: Option<f64>,
    /// Noise on the latents in the first steps, in units of their spread.
    #[arg(long, value_name = "DEVIATION", default_value_t = 0.0)]
    latent_noise: f64,
    /// A PNG file that shows how the avatars came about, a row each.
    #[arg(long, value_name = "FILE", value_parser = png_path)]
    pub(super) strip: Option<PathBuf>,
    /// Pictures in a row of the strip.
    #[arg(long, value_name = "N", default_value_t = 8)]
    snapshots: usize,
    /// A file for a line of JSON about each step: the score and the loss of every avatar before it.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    pub(super) stats: Option<PathBuf>,
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

    /// What the words ask for; nothing where there are none.
    pub(super) fn prompts(&self) -> anyhow::Result<Vec<Prompt>> {
        match &self.prompt {
            Some(text) => Ok(prompt::parse(text)?),
            None => Ok(vec![]),
        }
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
        let count = self.count.unwrap_or(AVATARS);
        let request = ImagineRequest::new(self.quality, count, self.seed);
        let space = self.space.unwrap_or_default();
        let (learning_rate, center_pull) = space.usual();
        let usual = GuideSettings {
            space,
            learning_rate,
            center_pull,
            ..request.guidance
        };
        ImagineRequest {
            candidates: self.candidates.unwrap_or(request.candidates),
            truncation_psi,
            guidance: self.over(usual),
            ..request
        }
    }

    /// The same for codes.
    pub(super) fn code_guidance(&self) -> GuideSettings {
        self.over(GuideSettings::of_codes(self.quality))
    }

    /// The flags that were given, in the place of what is `usual`.
    fn over(&self, usual: GuideSettings) -> GuideSettings {
        GuideSettings {
            loss: self.loss.unwrap_or(usual.loss),
            steps: self.steps.unwrap_or(usual.steps),
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
            optimizer: self.optimizer.unwrap_or(usual.optimizer),
            center_pull: self.pull.unwrap_or(usual.center_pull),
            latent_noise: self.latent_noise,
            cutouts: CutoutConfig {
                num_cutouts: self.cutouts.unwrap_or(usual.cutouts.num_cutouts),
                ..usual.cutouts
            },
            snapshots: if self.strip.is_some() { self.snapshots } else { 1 },
            seed: self.seed,
            ..usual
        }
    }
}

/// What a wish may take.
pub(super) struct Limits {
    pub(super) memory: Memory,
    /// Guesses drawn at once; without a number, as many as fit.
    pub(super) batch_size: Option<usize>,
}

/// Draws what is wished for to its place.
pub(super) fn draw_wish(
    wish: &Wish,
    words: &Words,
    (generator, [resolution, channels]): (&Generator, [usize; 2]),
    truncation_psi: f32,
    place: Place,
    (device, limits): (&Device, Limits),
) -> anyhow::Result<()> {
    let mut request = wish.request(truncation_psi);
    let judge = |n| to_judge(generator, &*words.image, n);
    request.batch_size = limits.memory.batch(limits.batch_size, 8, judge)?;
    let (count, cutouts) = (request.count, request.guidance.cutouts.num_cutouts);
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
    let targets = words.targets(&wish.prompts()?, wish.image.as_deref(), channels, device)?;
    let times = request.guidance.pictures();
    let mut gallery = Gallery::new(wish, place, [count, times], [resolution; 2])?;
    let cancel = stopped_by_user()?;
    let networks = Imagination {
        generator,
        encoder: Some(&*words.image),
        mapper: words.mapper.as_ref(),
    };
    let avatars = block_on(imagine(
        &networks,
        Some(&targets),
        &request,
        device,
        &cancel,
        async |event| gallery.take(event),
    ));
    gallery.clear();
    let avatars = avatars?;
    let yardstick = match &wish.prompt {
        Some(prompt) => words.yardstick(prompt)?,
        None => None,
    };
    gallery.write(&avatars, yardstick.as_ref())
}
