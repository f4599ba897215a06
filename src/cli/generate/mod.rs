//! `guise generate`.

mod codes;
mod flags;
mod gallery;
mod kind;
mod vqgan;
mod wish;

use super::{
    bundle,
    device::DeviceChoice,
    files::check_writable,
    memory::MemoryFlag,
    model::{self, draw},
    progress,
    seeds::Seeds,
    sheet::{Sheet, write_png},
    snapshot::SnapshotFlag,
    trust::Purpose,
    vqgan::is_there as is_vqgan,
};
use crate::{
    pipeline::{SampleRequest, memory::to_draw},
    train::transformer::PriorRun,
};
use anyhow::{Context, ensure};
use clap::ValueEnum;
use flags::CodeFlags;
use gallery::Place;
use image::RgbaImage;
use std::path::{Path, PathBuf};
use wish::{Limits, Wish, draw_wish};

/// Draw new avatars from a published model: by seeds, for words, or like a picture.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of a published model, or of a training run; or a VQGAN that `guise import vqgan` wrote.
    #[arg(long, value_name = "PATH")]
    model: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// One avatar for each of these, such as 0-63,100,7. The same seed always gives the same avatar.
    #[arg(long, value_name = "LIST", default_value = "0-63", conflicts_with_all = ["prompt", "image"])]
    seeds: Seeds,
    /// Draw this class only, of a model that was trained with classes, such as "Apes". For words and like a
    /// picture, the guesses are random avatars of this class [default: every class, each as often as the
    /// collection has it].
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// From 0, all alike and typical, to 1, as varied as the model [default: what the model suggests].
    #[arg(long, value_name = "PSI")]
    truncation_psi: Option<f32>,
    /// A PNG file for a sheet of all avatars, or a folder (ending in a slash) for a file each.
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Avatars drawn at once, 1 to 1024; more take more memory [default: 8, or fewer where more do not fit].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch_size: Option<u16>,
    #[command(flatten)]
    memory: MemoryFlag,
    /// What becomes of the pictures of models that draw pixel art.
    #[arg(long, value_enum, default_value_t)]
    snap: SnapTo,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
    #[command(flatten)]
    codes: CodeFlags,
    #[command(flatten)]
    wish: Wish,
}

/// What pixel art is snapped to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum SnapTo {
    /// Each pixel of the art's grid gets one color, the most similar one of the collection's.
    #[default]
    Palette,
    /// They stay as the generator draws them.
    None,
}

/// Where pictures of seeds go: onto a sheet, or into a folder each.
struct Pictures<'a> {
    out: &'a Path,
    sheet: Option<Sheet>,
}

impl<'a> Pictures<'a> {
    /// For so many of this width and height.
    fn new(out: &'a Path, folder: bool, count: usize, size: [usize; 2]) -> anyhow::Result<Self> {
        let sheet = match folder {
            true => {
                std::fs::create_dir_all(out)
                    .with_context(|| format!("cannot create the folder {}", out.display()))?;
                None
            }
            false => Some(Sheet::new(count, size)?),
        };
        Ok(Self { out, sheet })
    }

    /// Puts the picture of a seed at its place.
    fn take(&mut self, index: usize, seed: u64, picture: &RgbaImage) -> anyhow::Result<()> {
        match &mut self.sheet {
            Some(sheet) => {
                sheet.place(index, picture);
                Ok(())
            }
            None => write_png(&self.out.join(format!("seed{seed:04}.png")), picture),
        }
    }

    /// Writes the sheet, if there is one.
    fn finish(self) -> anyhow::Result<()> {
        match self.sheet {
            Some(sheet) => write_png(self.out, &sheet.into_image()),
            None => Ok(()),
        }
    }
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let folder = args.out.as_os_str().as_encoded_bytes().ends_with(b"/") || args.out.is_dir();
    ensure!(
        folder
            || args
                .out
                .extension()
                .is_some_and(|extension| extension.eq_ignore_ascii_case("png")),
        "--out is {}, expected a name that ends in .png for a sheet, or in a slash for a folder",
        args.out.display()
    );
    if !folder {
        check_writable(&args.out)?;
    }
    args.wish.check()?;
    if PriorRun::is_there(&args.model) {
        return codes::run(args, folder);
    }
    if is_vqgan(&args.model) {
        return vqgan::run(args, folder);
    }
    args.codes.refuse(&args.model, &[])?;
    let memory = args.memory.limit();
    let purpose = match args.wish.is_some() {
        true => Purpose::Guide,
        false => Purpose::Draw,
    };
    let model = (&*args.model, args.snapshot);
    let mut opened = model::open(model, purpose, &args.device.open()?, memory)?;
    if let Some(name) = &args.class {
        opened.choose_class(name)?;
    }
    let (generator, device, resolution) = (&opened.generator, &opened.device, opened.resolution);
    let truncation_psi = args.truncation_psi.unwrap_or(opened.truncation_psi);
    let blame = |error| {
        let model = (&*args.model, opened.manifest.as_ref());
        bundle::blame(error, model, args.wish.clip.as_deref(), args.device)
    };
    let snap = match args.snap {
        SnapTo::Palette => opened.snap()?,
        SnapTo::None => None,
    };
    let batch_size = args.batch_size.map(usize::from);
    if args.wish.is_some() {
        let mut words = opened.words(args.wish.clip.as_deref(), memory)?;
        if args.class.is_some() {
            // It guesses avatars of every class.
            words.mapper = None;
        }
        let limits = Limits { memory, batch_size };
        return draw_wish(
            &args.wish,
            &words,
            (generator, [resolution, opened.channels]),
            truncation_psi,
            Place {
                out: &args.out,
                folder,
                snap: snap.as_ref(),
            },
            (device, limits),
        )
        .map_err(blame);
    }
    let Seeds(seeds) = args.seeds;
    let request = SampleRequest {
        seeds: seeds.clone(),
        truncation_psi,
        batch_size: memory.batch(batch_size, 8, |n| to_draw(generator, n))?,
    };
    let mut pictures = Pictures::new(&args.out, folder, seeds.len(), [resolution; 2])?;
    let bar = progress::bar(seeds.len() as u64, "avatars");
    let take = |index: usize, mut picture: RgbaImage| {
        if let Some(snap) = &snap {
            snap.apply(&mut picture);
        }
        pictures.take(index, seeds[index], &picture)
    };
    draw(generator, &request, device, &bar, take).map_err(blame)?;
    pictures.finish()?;
    bar.finish_and_clear();
    eprintln!(
        "{}: {} avatars of {resolution} x {resolution} pixels, truncation_psi {}",
        args.out.display(),
        seeds.len(),
        truncation_psi
    );
    Ok(())
}
