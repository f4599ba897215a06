//! `guise compare-sr`.

mod figures;
mod sheet;

use super::{
    device::DeviceChoice,
    files::{check_writable, open_picture, writable, write_whole},
    memory::{Memory, MemoryFlag},
    progress,
    stop::on_ctrl_c,
    upscaler::Model,
};
use crate::{
    data::Colors,
    metrics::{SSIM_WINDOW, psnr, ssim},
    networks::super_resolution::{Enlarge, Upscaler},
    pipeline::{
        Cancel,
        upscale::{SCALES, Scaled, overlap},
    },
};
use anyhow::{Context, bail, ensure};
use figures::{Figures, Row, Score};
use futures::executor::block_on;
use image::{
    RgbaImage,
    imageops::{self, FilterType},
};
use sheet::Sheet;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// The most rows of a sheet.
const MOST_ROWS: usize = 256;

/// What a picture is laid on before anything else is done with it.
const PAPER: image::Rgba<u8> = image::Rgba([255; 4]);

/// Show side by side how super-resolution models enlarge the same pictures.
///
/// The sheet has a row for each picture and each size of --from, and a column for the nearest pixel, for
/// Lanczos' filter and for each model. Pictures are brought down by Lanczos' filter so that their longer side
/// has as many pixels as --from says, and everything enlarges them to the same size. Where the picture itself
/// has as many pixels as that, it stands in the last column, and PSNR in dB and SSIM say how near each came
/// to it, the more the better. The time is that of one run on this machine, after one on a small picture.
///
/// The figures are written beside the sheet, as JSON, or as Markdown where --figures ends in .md.
/// What is transparent is compared on white, and colors as sRGB.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Pictures: PNG, JPEG, WebP or GIF.
    #[arg(value_name = "PICTURE", required = true)]
    pictures: Vec<PathBuf>,
    /// The models: safetensors files that `guise import sr` wrote, published bundles, or their
    /// `upscaler.gguf`.
    #[arg(long, value_name = "FILE|BUNDLE", value_delimiter = ',', required = true)]
    models: Vec<PathBuf>,
    /// Longer sides to enlarge from, in pixels [default: the pictures as they are].
    #[arg(long, value_name = "PIXELS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=4096))]
    from: Vec<u32>,
    /// How many times larger each side becomes, 1 to 16 [default: the largest factor of the models].
    #[arg(long, value_name = "N")]
    scale: Option<usize>,
    /// The PNG file for the sheet.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: PathBuf,
    /// A file for the figures that ends in .json or .md [default: as the sheet, with .json].
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Side of a tile, as for `guise upscale`.
    #[arg(long, default_value_t = 256)]
    tile: usize,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// A way to enlarge.
enum Way {
    Nearest,
    Lanczos,
    /// With the name of its column.
    Network(String, Box<Upscaler>),
}

impl Way {
    fn name(&self) -> &str {
        match self {
            Self::Nearest => "nearest",
            Self::Lanczos => "Lanczos",
            Self::Network(name, _) => name,
        }
    }
}

/// What stands in a row.
struct Example {
    picture: PathBuf,
    /// What is enlarged.
    small: RgbaImage,
    /// What it should become, where that is known.
    original: Option<RgbaImage>,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let is = |path: &Path, ending: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(ending));
    ensure!(
        is(&args.out, "png"),
        "--out is {}, expected a name that ends in .png",
        args.out.display()
    );
    let figures = args.figures.unwrap_or_else(|| args.out.with_extension("json"));
    ensure!(
        is(&figures, "json") || is(&figures, "md"),
        "--figures is {}, expected a name that ends in .json or .md",
        figures.display()
    );
    check_writable(&figures)?;
    let count = args.pictures.len().saturating_mul(args.from.len().max(1));
    ensure!(
        count <= MOST_ROWS,
        "{} pictures from {} sizes would be {count} rows, expected at most {MOST_ROWS}",
        args.pictures.len(),
        args.from.len().max(1)
    );
    let ways = ways(&args.models, args.device, args.tile)?;
    let scale = args.scale.unwrap_or_else(|| largest_factor(&ways));
    ensure!(
        SCALES.contains(&scale),
        "--scale is {scale}, expected {} to {}",
        SCALES.start(),
        SCALES.end()
    );
    let memory = args.memory.limit();
    let examples = examples(&args.pictures, &args.from, scale, memory)?;
    let mut names: Vec<&str> = ways.iter().map(Way::name).collect();
    if examples.iter().any(|example| example.original.is_some()) {
        names.push("original");
    }
    let sizes: Vec<_> = examples
        .iter()
        .map(|example| grown(&example.small, scale))
        .collect();
    let mut sheet = Sheet::new(&names, &sizes, memory)?;

    let cancel = Cancel::from(on_ctrl_c()?);
    let bar = progress::bar((examples.len() * ways.len()) as u64, "pictures");
    let enlarger = Enlarger {
        scale,
        tile: args.tile,
        memory,
        cancel,
    };
    for way in &ways {
        enlarger
            .enlarge(way, &RgbaImage::from_pixel(16, 16, PAPER))
            .with_context(|| format!("cannot use {}", way.name()))?;
    }
    let mut rows = vec![];
    for example in &examples {
        let [width, height] = example.small.dimensions().into();
        let [wide, high] = grown(&example.small, scale);
        let name = example.picture.display();
        sheet.title(&format!(
            "{name}: from {width} x {height} to {wide} x {high} pixels"
        ))?;
        let mut scores = vec![];
        for (column, way) in ways.iter().enumerate() {
            let begin = Instant::now();
            let large = enlarger
                .enlarge(way, &example.small)
                .with_context(|| format!("cannot enlarge {name} with {}", way.name()))?;
            let score = Score::new(begin.elapsed(), &large, example.original.as_ref());
            sheet.place(column, &large, &score.caption())?;
            scores.push(score);
            bar.inc(1);
        }
        if let Some(original) = &example.original {
            sheet.place(ways.len(), original, "")?;
        }
        sheet.next_row();
        rows.push(Row {
            picture: example.picture.clone(),
            from: [width, height],
            to: [wide, high],
            scores,
        });
    }
    bar.finish_and_clear();
    super::sheet::write_png(&args.out, &sheet.into_image())?;
    let ways: Vec<_> = ways.iter().map(|way| way.name().to_owned()).collect();
    let text = Figures { scale, ways, rows };
    let text = match is(&figures, "md") {
        true => text.markdown(),
        false => text.json(),
    };
    write_whole(&figures, text.as_bytes())?;
    println!(
        "{}: {} rows; the figures are in {}",
        args.out.display(),
        examples.len(),
        figures.display()
    );
    Ok(())
}

/// Nearest, Lanczos and the models, each with a name of its own.
fn ways(models: &[PathBuf], device: DeviceChoice, tile: usize) -> anyhow::Result<Vec<Way>> {
    let mut ways = vec![Way::Nearest, Way::Lanczos];
    for path in models {
        let Model::Network(network) = Model::load(path, device)? else {
            bail!(
                "{} draws pixel art, which no network enlarges: leave it out, or name its upscaler.gguf",
                path.display()
            );
        };
        ensure!(
            tile >= overlap(&network),
            "--tile is {tile}, expected {} or more, which is how far {} looks",
            overlap(&network),
            path.display()
        );
        // Of a bundle's file, the bundle has the name that tells it from others.
        let named = match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("gguf") => path.parent().and_then(Path::file_name),
            _ => path.file_stem(),
        };
        let name = named.unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let is_taken = ways.iter().any(|way| way.name() == name);
        let name = if is_taken {
            path.display().to_string()
        } else {
            name
        };
        ways.push(Way::Network(name, Box::new(network)));
    }
    Ok(ways)
}

fn largest_factor(ways: &[Way]) -> usize {
    let factors = ways.iter().map(|way| match way {
        Way::Network(_, network) => network.scale(),
        _ => 1,
    });
    factors.max().unwrap_or(1)
}

/// Width and height of the enlarged picture.
fn grown(small: &RgbaImage, scale: usize) -> [u32; 2] {
    [small.width(), small.height()].map(|side| side.saturating_mul(scale as u32))
}

/// Every picture from every size.
fn examples(
    pictures: &[PathBuf],
    from: &[u32],
    scale: usize,
    memory: Memory,
) -> anyhow::Result<Vec<Example>> {
    let mut examples = vec![];
    for path in pictures {
        let mut picture = open_picture(path, Colors::Srgb)?.pixels.into_rgba8();
        lay_on_paper(&mut picture);
        let [width, height] = [picture.width(), picture.height()];
        if from.is_empty() {
            ensure_row_fits(memory, &picture, scale)?;
            examples.push(Example {
                picture: path.clone(),
                small: picture,
                original: None,
            });
            continue;
        }
        for &side in from {
            let longer = width.max(height);
            ensure!(
                longer >= side,
                "{} has {width} x {height} pixels, fewer than the {side} of --from: leave {side} out, or the picture",
                path.display()
            );
            // Rounded down, so that the original is large enough whenever its longer side is.
            let small =
                [width, height].map(|it| (u64::from(it) * u64::from(side) / u64::from(longer)).max(1) as u32);
            let [wide, high] = small.map(|it| it * scale as u32);
            // What is brought down from the original's size is in the same place in both.
            let original = (wide <= width && high <= height)
                .then(|| imageops::resize(&picture, wide, high, FilterType::Lanczos3));
            let source = original.as_ref().unwrap_or(&picture);
            let small = imageops::resize(source, small[0], small[1], FilterType::Lanczos3);
            ensure_row_fits(memory, &small, scale)?;
            examples.push(Example {
                picture: path.clone(),
                small,
                original,
            });
        }
    }
    Ok(examples)
}

/// Makes sure that what `small` becomes fits into memory beside what is there already.
fn ensure_row_fits(memory: Memory, small: &RgbaImage, scale: usize) -> anyhow::Result<()> {
    let [width, height] = grown(small, scale).map(u64::from);
    memory.ensure(
        4 * 4 * width.saturating_mul(height),
        &format!("a row of {width} x {height} pixels"),
        "name smaller pictures, or smaller sizes with --from",
    )
}

/// Shows what is transparent on white.
fn lay_on_paper(picture: &mut RgbaImage) {
    for pixel in picture.pixels_mut() {
        let mut under = PAPER;
        image::Pixel::blend(&mut under, pixel);
        *pixel = under;
    }
}

/// How everything is enlarged.
struct Enlarger {
    scale: usize,
    tile: usize,
    memory: Memory,
    cancel: Cancel,
}

impl Enlarger {
    fn enlarge(&self, way: &Way, small: &RgbaImage) -> anyhow::Result<RgbaImage> {
        let [width, height] = grown(small, self.scale);
        self.cancel.check()?;
        let network = match way {
            Way::Nearest => return Ok(imageops::resize(small, width, height, FilterType::Nearest)),
            Way::Lanczos => return Ok(imageops::resize(small, width, height, FilterType::Lanczos3)),
            Way::Network(_, network) => network,
        };
        let mut job = Scaled::new(network, small, self.tile, self.scale)?;
        self.memory.ensure(
            job.bytes() + 4 * u64::from(width) * u64::from(height),
            &format!(
                "enlarging to {width} x {height} pixels in tiles of {0} x {0}",
                self.tile
            ),
            "ask for a smaller --tile or --scale",
        )?;
        let mut pixels = vec![];
        while let Some(band) = block_on(job.next_band(&self.cancel, &mut async |_| ()))? {
            pixels.extend_from_slice(&band);
        }
        RgbaImage::from_raw(width, height, pixels).context("rows of the result are missing")
    }
}

/// PSNR, and SSIM where a window fits.
fn nearness(large: &RgbaImage, original: &RgbaImage) -> (f64, Option<f64>) {
    let fits = large.width().min(large.height()) >= SSIM_WINDOW;
    (
        psnr(std::slice::from_ref(large), std::slice::from_ref(original)),
        fits.then(|| ssim(large, original)),
    )
}
