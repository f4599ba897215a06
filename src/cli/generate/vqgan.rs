//! `guise generate --prompt` of VQGANs: VQGAN+CLIP.

use super::{
    Args, SnapTo,
    flags::{Begin, VQGANS},
    gallery::{Gallery, Place, stopped_by_user},
};
use crate::{
    cli::{
        files::open_picture,
        model,
        vqgan::{self, Opened},
        words::Words,
    },
    data::Colors,
    pipeline::{
        guide::{CodeRequest, CodeStart, draw_codes},
        memory::to_guide_maps,
    },
};
use anyhow::{Context, ensure};
use futures::executor::block_on;
use std::path::Path;

/// Channels of the pictures.
const CHANNELS: usize = 3;

/// Draws what `args` ask of the VQGAN that they name.
pub(super) fn run(args: Args, folder: bool) -> anyhow::Result<()> {
    let (path, wish, kind) = (&*args.model, &args.wish, args.codes.kind());
    let clip = check(&args)?;
    let guidance = wish.code_guidance();
    guidance.validate()?;
    let mut prompts = wish.prompts()?;
    let start = args.codes.start().map(begun).transpose()?;

    let (device, memory) = (args.device.open()?, args.memory.limit());
    let Opened {
        network,
        config,
        pixel_art,
    } = vqgan::open(path, args.snapshot, &device, memory)?;
    ensure!(
        config.img_channels == CHANNELS,
        "{} is of pictures with {} channels, expected {CHANNELS}",
        path.display(),
        config.img_channels
    );
    let size = args.codes.sides(&config, config.factor(), "")?;
    let [width, height] = size;
    let snap = match args.snap {
        SnapTo::Palette => {
            let art = pixel_art.or_else(|| kind.art(config.resolution));
            model::snap(art.as_ref(), config.resolution)?
        }
        SnapTo::None => None,
    };
    let words = Words::of_clip(clip, &device, memory)?;
    let (count, cutouts) = (wish.count.unwrap_or(1), guidance.cutouts.num_cutouts);
    let numbers = (config.map_numbers(height, width), (width * height) as u64);
    memory.ensure(
        to_guide_maps(numbers, &*words.image, count, cutouts),
        &work(count, size, cutouts),
        "ask for fewer with --count or --cutouts, or for a smaller --size",
    )?;
    if words.reads_sentences() {
        kind.call(&mut prompts);
    }
    let targets = words.targets(&prompts, wish.image.as_deref(), CHANNELS, &device)?;
    let place = Place {
        out: &args.out,
        folder,
        snap: snap.as_ref(),
    };
    let mut gallery = Gallery::new(wish, place, [count, guidance.pictures()], size)?;
    let request = CodeRequest {
        count,
        size: [height, width],
        start: start.unwrap_or_else(|| kind.start(width.min(height), config.resolution)),
        guidance,
    };
    let cancel = stopped_by_user()?;
    let drawn = block_on(draw_codes(
        &network,
        &*words.image,
        &targets,
        &request,
        &cancel,
        &mut async |event| gallery.take(event),
    ));
    gallery.clear();
    gallery.write(&drawn?, None)
}

/// Refuses what a VQGAN does not understand, and gives the CLIP that it needs.
fn check(args: &Args) -> anyhow::Result<&Path> {
    let (path, wish) = (&*args.model, &args.wish);
    args.codes.refuse(path, &[VQGANS])?;
    ensure!(
        wish.is_some(),
        "{} is a VQGAN, which draws nothing from seeds: describe a picture with --prompt and name a CLIP with \
         --clip, or train a transformer over its codes, `guise train transformer --vqgan {0}`",
        path.display()
    );
    for (flag, given) in [
        ("--class", args.class.is_some()),
        ("--truncation-psi", args.truncation_psi.is_some()),
        ("--batch-size", args.batch_size.is_some()),
        ("--space", wish.space.is_some()),
        ("--candidates", wish.candidates.is_some()),
    ] {
        ensure!(
            !given,
            "{flag} is for models that draw from latents, and {} is a VQGAN, which draws by codes: leave it out",
            path.display()
        );
    }
    wish.clip.as_deref().with_context(|| {
        format!(
            "{} understands no words by itself: name a CLIP with --clip, a run of `guise train clip` or a file that \
             `guise import clip` wrote",
            path.display()
        )
    })
}

/// What pictures begin as, with the picture that was named.
fn begun(begin: &Begin) -> anyhow::Result<CodeStart> {
    Ok(match begin {
        Begin::Codes => CodeStart::Codes,
        Begin::Noise => CodeStart::Noise(1),
        Begin::Picture(path) => CodeStart::Picture(open_picture(path, Colors::Srgb)?.pixels.into_rgba8()),
    })
}

/// What is to be done, in words.
fn work(count: usize, [width, height]: [usize; 2], cutouts: usize) -> String {
    let pictures = match count {
        1 => format!("drawing a picture of {width} x {height} pixels"),
        _ => format!("drawing {count} pictures of {width} x {height} pixels at once"),
    };
    match cutouts {
        0 => pictures,
        _ => format!("{pictures} in {cutouts} cutouts"),
    }
}
