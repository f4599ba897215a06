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

/// Channels of the pictures.
const CHANNELS: usize = 3;

/// Draws what `args` ask of the VQGAN that they name.
pub(super) fn run(args: Args, folder: bool) -> anyhow::Result<()> {
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
    let clip = wish.clip.as_deref().with_context(|| {
        format!(
            "{} understands no words by itself: name a CLIP with --clip, a run of `guise train clip` or a file that \
             `guise import clip` wrote",
            path.display()
        )
    })?;
    let guidance = wish.code_guidance();
    guidance.validate()?;
    let start = match args.codes.start() {
        Begin::Codes => CodeStart::Codes,
        Begin::Noise => CodeStart::Noise,
        Begin::Picture(path) => CodeStart::Picture(open_picture(&path, Colors::Srgb)?.pixels.into_rgba8()),
    };

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
    let [width, height] = args.codes.sides(&config, config.factor(), "")?;
    let snap = match args.snap {
        SnapTo::Palette => model::snap(pixel_art.as_ref(), config.resolution)?,
        SnapTo::None => None,
    };
    let words = Words::of_clip(clip, &device, memory)?;
    let (count, cutouts) = (wish.count.unwrap_or(1), guidance.cutouts.num_cutouts);
    let maps = config.map_numbers(height, width);
    memory.ensure(
        to_guide_maps((maps, (width * height) as u64), &*words.image, count, cutouts),
        &format!("drawing {count} pictures of {width} x {height} pixels at once, each in {cutouts} cutouts,"),
        "ask for fewer with --count or --cutouts, or for a smaller --size",
    )?;
    let targets = words.targets(wish.prompt.as_deref(), wish.image.as_deref(), CHANNELS, &device)?;
    let place = Place {
        out: &args.out,
        folder,
        snap: snap.as_ref(),
    };
    let mut gallery = Gallery::new(wish, place, [count, guidance.pictures()], [width, height])?;
    let request = CodeRequest {
        count,
        size: [height, width],
        start,
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
