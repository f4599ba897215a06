//! `guise generate` of runs that draw codes one after another.

use super::{Args, Pictures, SnapTo};
use crate::{
    cli::{model, progress},
    networks::generators::{
        Class,
        vqgan::{Drawing, VqGanConfig},
    },
    pipeline::sample::pictures_from_images,
    train::transformer::PriorRun,
};
use anyhow::{Context, Error, anyhow, bail, ensure};
use futures::executor::block_on;
use std::path::Path;

/// Bytes of a number, copies of a decoder's map that are there at once, and what is taken in any case.
const F32: u64 = 4;
const MAPS_AT_ONCE: u64 = 2;
const ANYHOW: u64 = 96 << 20;
/// Pictures that are drawn together, where nothing else is asked for.
const TOGETHER: usize = 8;
/// The longest side that may be asked for.
const MAX_SIDE: usize = 4096;

/// How codes are drawn.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Runs of guise train transformer")]
pub(super) struct CodeFlags {
    /// Below 1 likelier codes, above 1 rarer ones [default: 1].
    #[arg(long, value_name = "T")]
    temperature: Option<f64>,
    /// Draw only so many of the likeliest codes at each place [default: all].
    #[arg(long, value_name = "N")]
    top_k: Option<usize>,
    /// Draw pictures of other sides, in pixels, that are not smaller than those of the training, such as
    /// 128x64 [default: those of the training].
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<[usize; 2]>,
}

impl CodeFlags {
    /// Refuses what only such runs understand, for the model in `dir`, which is none.
    pub(super) fn refuse(&self, dir: &Path) -> anyhow::Result<()> {
        let flags = [
            ("--temperature", self.temperature.is_some()),
            ("--top-k", self.top_k.is_some()),
            ("--size", self.size.is_some()),
        ];
        match flags.iter().find(|(_, given)| *given) {
            Some((flag, _)) => bail!(
                "{flag} is for runs of `guise train transformer`, and {} is none: leave it out",
                dir.display()
            ),
            None => Ok(()),
        }
    }

    fn drawing(&self, codebook_size: usize) -> anyhow::Result<Drawing> {
        let plain = Drawing::plain(codebook_size);
        let drawing = Drawing {
            temperature: self.temperature.unwrap_or(plain.temperature),
            top_k: self.top_k.unwrap_or(plain.top_k),
        };
        drawing.validate(codebook_size).map_err(Error::msg)?;
        Ok(drawing)
    }

    /// Rows and columns of codes.
    fn grid(&self, codes: &VqGanConfig) -> anyhow::Result<[usize; 2]> {
        let (least, factor) = (codes.resolution, codes.factor());
        let Some([width, height]) = self.size else {
            return Ok([codes.grid(); 2]);
        };
        for side in [width, height] {
            ensure!(
                (least..=MAX_SIDE).contains(&side) && side.is_multiple_of(factor),
                "--size is {width}x{height}, expected sides of {least} to {MAX_SIDE} pixels that are \
                 multiples of {factor}: a code stands for {factor} x {factor}, and the transformer sees \
                 {least} x {least}"
            );
        }
        Ok([height / factor, width / factor])
    }
}

/// Two sides such as 128x64.
fn size(text: &str) -> Result<[usize; 2], String> {
    let sides = text
        .split_once(['x', 'X'])
        .and_then(|(width, height)| Some([width.trim().parse().ok()?, height.trim().parse().ok()?]));
    sides.ok_or_else(|| "expected a width and a height in pixels, such as 128x64".into())
}

/// Draws what `args` ask of the run that they name.
pub(super) fn run(args: Args, folder: bool) -> anyhow::Result<()> {
    let dir = &*args.model;
    for (flag, given) in [
        ("--prompt and --image", args.wish.is_some()),
        ("--truncation-psi", args.truncation_psi.is_some()),
    ] {
        ensure!(
            !given,
            "{} draws codes one after another and not from latents, which {flag} would take: leave it out",
            dir.display()
        );
    }
    let run = PriorRun::open(dir)?;
    let settings = &run.settings;
    let drawing = args.codes.drawing(settings.network.codebook_size)?;
    let grid = args.codes.grid(&settings.codes)?;
    let class = match &args.class {
        Some(name) => Some(
            Class::find(&settings.network.classes, name)
                .map_err(|reason| anyhow!("{}: {reason}", dir.display()))?,
        ),
        None => None,
    };
    let [height, width] = grid.map(|codes| codes * settings.codes.factor());
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
    let mut pictures = Pictures::new(&args.out, folder, seeds.len(), width.max(height))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_type_them() {
        assert_eq!(size("128x64"), Ok([128, 64]));
        assert_eq!(size("128 X 64"), Ok([128, 64]));
        for text in ["", "128", "128x", "x64", "-1x64", "1.5x2", "1x2x3"] {
            assert!(size(text).unwrap_err().contains("such as 128x64"), "{text}");
        }
    }
}
