//! `guise generate` of runs that draw codes one after another.

use super::{Args, Pictures, SnapTo, flags::TRANSFORMERS};
use crate::{
    cli::{model, progress},
    networks::generators::Class,
    pipeline::sample::pictures_from_images,
    train::transformer::PriorRun,
};
use anyhow::{Context, anyhow, ensure};
use futures::executor::block_on;

/// Bytes of a number, copies of a decoder's map that are there at once, and what is taken in any case.
const F32: u64 = 4;
const MAPS_AT_ONCE: u64 = 2;
const ANYHOW: u64 = 96 << 20;
/// Pictures that are drawn together, where nothing else is asked for.
const TOGETHER: usize = 8;

/// Draws what `args` ask of the run that they name.
pub(super) fn run(args: Args, folder: bool) -> anyhow::Result<()> {
    let dir = &*args.model;
    args.codes.refuse(dir, &[TRANSFORMERS])?;
    ensure!(
        !args.wish.is_some(),
        "{} draws codes one after another and not from latents, which --prompt and --image would take: name its \
         VQGAN's own run with --model",
        dir.display()
    );
    ensure!(
        args.truncation_psi.is_none(),
        "{} draws codes one after another and not from latents, which --truncation-psi would take: leave it out",
        dir.display()
    );
    let run = PriorRun::open(dir)?;
    let settings = &run.settings;
    let drawing = args.codes.drawing(settings.network.codebook_size)?;
    let least = settings.codes.resolution;
    let seen = format!(", and the transformer sees {least} x {least}");
    let [width, height] = args.codes.sides(&settings.codes, least, &seen)?;
    let grid = [height, width].map(|side| side / settings.codes.factor());
    let class = match &args.class {
        Some(name) => Some(
            Class::find(&settings.network.classes, name)
                .map_err(|reason| anyhow!("{}: {reason}", dir.display()))?,
        ),
        None => None,
    };
    let bytes = |n: usize| {
        let maps = settings.codes.map_numbers(height, width);
        let picture = maps.saturating_mul(MAPS_AT_ONCE);
        let picture = picture.saturating_add(settings.network.numbers_at_once(grid));
        picture.saturating_mul(n as u64 * F32).saturating_add(ANYHOW)
    };
    let memory = args.memory.limit();
    let together = memory.batch(args.batch_size.map(usize::from), TOGETHER, bytes)?;

    let device = args.device.open()?;
    let snapshot = run.find_snapshot(args.snapshot.which())?;
    eprintln!("{}: {snapshot}", dir.display());
    let network = run.load_snapshot(&snapshot, &device)?;
    let vqgan = run.load_vqgan(&device)?;
    let snap = match args.snap {
        SnapTo::Palette => model::snap(settings.dataset.pixel_art.as_ref(), settings.codes.resolution)?,
        SnapTo::None => None,
    };
    let seeds = &args.seeds.0;
    let mut pictures = Pictures::new(&args.out, folder, seeds.len(), [width, height])?;
    let codes = (grid[0] * grid[1]) as u64;
    let bar = progress::bar(seeds.len() as u64 * codes, "codes");
    let mut index = 0;
    for seeds in seeds.chunks(together) {
        let wanted = seeds.iter().map(|&seed| settings.network.wanted(seed, class));
        let mut wanted: Vec<_> = wanted.collect();
        let drawn = network.draw(&mut wanted, grid, drawing, |_| bar.inc(seeds.len() as u64));
        let drawn = drawn.with_context(|| {
            format!(
                "the weights of {} make no numbers: name another --snapshot",
                dir.display()
            )
        })?;
        let drawn = block_on(pictures_from_images(vqgan.decode_codes(drawn)))?;
        for (mut picture, seed) in drawn.into_iter().zip(seeds) {
            if let Some(snap) = &snap {
                snap.apply(&mut picture);
            }
            pictures.take(index, *seed, &picture)?;
            index += 1;
        }
    }
    pictures.finish()?;
    bar.finish_and_clear();
    eprintln!(
        "{}: {} avatars of {width} x {height} pixels, temperature {}, of the {} likeliest codes",
        args.out.display(),
        seeds.len(),
        drawing.temperature,
        drawing.top_k
    );
    Ok(())
}
