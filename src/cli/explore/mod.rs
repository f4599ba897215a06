//! `guise explore`: what lies between avatars, and what each layer decides.

mod animation;

use super::{
    device::DeviceChoice,
    files::check_writable,
    latents::read_latents,
    memory::MemoryFlag,
    model::{self, Model},
    progress,
    seeds::{Origin, Origins, Seeds},
    sheet::{Sheet, write_png},
    snapshot::SnapshotFlag,
    trust::Purpose,
};
use crate::{
    networks::generators::Generate,
    pipeline::{Snap, between, draw_latent, latent_from_z, latents_from_seeds, z_from_seed},
};
use animation::Animation;
use anyhow::{bail, ensure};
use clap::ValueEnum;
use futures::executor::block_on;
use image::{RgbaImage, imageops, imageops::FilterType};
use std::path::{Path, PathBuf};

/// Look around in what a model can draw: between avatars, layer by layer, and from typical to daring.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    way: Way,
}

#[derive(Debug, clap::Subcommand)]
enum Way {
    Interpolate(Interpolate),
    Mix(Mix),
    Truncate(Truncate),
}

/// What every way is told.
#[derive(Debug, clap::Args)]
struct Place {
    /// The folder of a published model, or of a training run.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// Draw this class only, of a model that was trained with classes.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// Enlarge every pixel to so many on a side, as pixel art is enlarged.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    times: u32,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to draw.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// Draw the way from one avatar to the next.
///
/// A PNG shows the steps from left to right, a row for each pair. A GIF or an animated PNG (.apng) plays them
/// and comes back to the first avatar.
#[derive(Debug, clap::Args)]
struct Interpolate {
    #[command(flatten)]
    place: Place,
    /// The avatars to pass by, at least two: seeds, and files of `guise project`, such as
    /// 3,me.safetensors,7-9.
    #[arg(long, value_name = "LIST")]
    seeds: Origins,
    /// Pictures from each avatar to the next.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(2..=1024))]
    frames: u16,
    /// Where the way lies [default: w where the model has it, otherwise z].
    #[arg(long, value_enum)]
    space: Option<Space>,
    /// From 0, all alike and typical, to 1, as varied as the model [default: what the model suggests].
    #[arg(long, value_name = "PSI")]
    truncation_psi: Option<f32>,
    /// Pictures a second of a GIF or an animated PNG.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=50))]
    fps: u16,
    /// The file to write: .png, .gif or .apng.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A space of latents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Space {
    /// What seeds give, along an arc: all that lies there is as likely as its ends.
    Z,
    /// What the layers are told, along a straight line: what is between two avatars has something of both.
    W,
}

/// Draw a table of avatars that take some layers from one avatar and the rest from another.
///
/// The first column shows the avatars that give the layers of --layers, a row for each; the first row shows
/// those that give the rest.
#[derive(Debug, clap::Args)]
struct Mix {
    #[command(flatten)]
    place: Place,
    /// The avatars that give the layers of --layers.
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    rows: Origins,
    /// The avatars that give the rest.
    #[arg(long, value_name = "LIST", default_value = "4-9")]
    columns: Origins,
    /// Which layers, counted from 0: the first decide about shapes, the last about colors.
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    layers: Seeds,
    /// From 0, all alike and typical, to 1, as varied as the model [default: what the model suggests].
    #[arg(long, value_name = "PSI")]
    truncation_psi: Option<f32>,
    /// The PNG file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Draw avatars from their opposite over the typical one to the daring one: a row for each seed, a column for
/// each truncation.
#[derive(Debug, clap::Args)]
struct Truncate {
    #[command(flatten)]
    place: Place,
    /// The avatars.
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    seeds: Seeds,
    /// The values of truncation_psi, from -2 to 2.
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true,
        default_values_t = [-1.0, -0.5, 0.0, 0.35, 0.7, 1.0, 1.3])]
    psi: Vec<f32>,
    /// The PNG file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The most pictures in one file.
const MAX_PICTURES: usize = 4096;

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.way {
        Way::Interpolate(args) => interpolate(&args),
        Way::Mix(args) => mix(&args),
        Way::Truncate(args) => truncate(&args),
    }
}

fn interpolate(args: &Interpolate) -> anyhow::Result<()> {
    let Origins(origins) = &args.seeds;
    ensure!(
        origins.len() >= 2,
        "--seeds names one avatar, expected at least two, such as 3,7,12"
    );
    let kind = extension(&args.out, &["png", "gif", "apng"])?;
    let is_animated = kind != "png";
    let frames = usize::from(args.frames);
    let ways = origins.len() - usize::from(!is_animated);
    // A PNG shows both ends of a way, an animation each avatar once.
    let pictures = ways * frames;
    check_count(pictures)?;
    let explorer = Explorer::open(&args.place)?;
    let has_w = explorer.shape()[0] > 1;
    let space = args.space.unwrap_or(if has_w { Space::W } else { Space::Z });
    ensure!(
        has_w || space == Space::Z,
        "--space is w, which {} does not have: its family draws from z",
        args.place.model.display()
    );
    let psi = explorer.psi(args.truncation_psi)?;
    let ends: Vec<Vec<f32>> = match space {
        Space::Z => origins
            .iter()
            .map(|origin| explorer.z(origin))
            .collect::<anyhow::Result<_>>()?,
        Space::W => explorer.latents(origins, psi)?,
    };
    let mut shown = match kind {
        "png" => Shown::Sheet(explorer.sheet(pictures, frames)?),
        _ => Shown::Animation(explorer.animation(pictures, args.fps)?),
    };
    let bar = progress::bar(pictures as u64, "pictures");
    for index in 0..pictures {
        let (way, step) = (index / frames, index % frames);
        let steps = if is_animated { frames } else { frames - 1 };
        let share = step as f32 / steps as f32;
        let [from, to] = [way, way + 1].map(|end| &ends[end % ends.len()]);
        let latent = match space {
            Space::W => between(from, to, false, share),
            Space::Z => explorer.latent_of(&between(from, to, true, share), psi)?,
        };
        shown.take(index, explorer.draw(&latent)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    shown.write(&args.out, kind)?;
    eprintln!("{}: {pictures} pictures", args.out.display());
    Ok(())
}

fn mix(args: &Mix) -> anyhow::Result<()> {
    let ([Origins(rows), Origins(columns)], Seeds(layers)) = ([&args.rows, &args.columns], &args.layers);
    extension(&args.out, &["png"])?;
    let pictures = (rows.len() + 1) * (columns.len() + 1);
    check_count(pictures)?;
    let explorer = Explorer::open(&args.place)?;
    let [all, width] = explorer.shape();
    ensure!(
        all > 1,
        "{} has a single layer: only families with a style space, such as StyleGAN2, can be mixed layer by layer",
        args.place.model.display()
    );
    if let Some(layer) = layers.iter().find(|&&layer| layer >= all as u64) {
        bail!(
            "--layers names layer {layer}, expected 0 to {}: the model has {all}",
            all - 1
        );
    }
    let psi = explorer.psi(args.truncation_psi)?;
    let [of_rows, of_columns] = [rows, columns].map(|origins| explorer.latents(origins, psi));
    let (of_rows, of_columns) = (of_rows?, of_columns?);
    let mut sheet = explorer.sheet(pictures, columns.len() + 1)?;
    let bar = progress::bar(pictures as u64 - 1, "avatars");
    for index in 1..pictures {
        let [row, column] = [index / (columns.len() + 1), index % (columns.len() + 1)];
        let latent = match (row, column) {
            (0, _) => of_columns[column - 1].clone(),
            (_, 0) => of_rows[row - 1].clone(),
            _ => {
                let mut mixed = of_columns[column - 1].clone();
                for &layer in layers {
                    let place = layer as usize * width..(layer as usize + 1) * width;
                    mixed[place.clone()].copy_from_slice(&of_rows[row - 1][place]);
                }
                mixed
            }
        };
        sheet.place(index, &explorer.draw(&latent)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    write_png(&args.out, &sheet.into_image())?;
    eprintln!(
        "{}: layers of {} avatars in {}",
        args.out.display(),
        rows.len(),
        columns.len()
    );
    Ok(())
}

fn truncate(args: &Truncate) -> anyhow::Result<()> {
    let Seeds(seeds) = &args.seeds;
    extension(&args.out, &["png"])?;
    if let Some(psi) = args.psi.iter().find(|psi| !(-2.0..=2.0).contains(*psi)) {
        bail!("--psi names {psi}, expected -2 to 2");
    }
    let pictures = seeds.len() * args.psi.len();
    check_count(pictures)?;
    let explorer = Explorer::open(&args.place)?;
    let mut sheet = explorer.sheet(pictures, args.psi.len())?;
    let bar = progress::bar(pictures as u64, "avatars");
    for (column, &psi) in args.psi.iter().enumerate() {
        let latents = block_on(latents_from_seeds(
            &explorer.model.generator,
            seeds,
            psi,
            &explorer.model.device,
        ))?;
        for (row, latent) in latents.iter().enumerate() {
            sheet.place(row * args.psi.len() + column, &explorer.draw(latent)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    write_png(&args.out, &sheet.into_image())?;
    let psi: Vec<String> = args.psi.iter().map(f32::to_string).collect();
    eprintln!(
        "{}: {} avatars at truncation_psi {}",
        args.out.display(),
        seeds.len(),
        psi.join(", ")
    );
    Ok(())
}

/// The extension of a file that is to be written, one of `kinds`.
fn extension<'a>(path: &Path, kinds: &[&'a str]) -> anyhow::Result<&'a str> {
    let given = path.extension().unwrap_or_default();
    let kind = kinds.iter().find(|kind| given.eq_ignore_ascii_case(kind));
    let Some(kind) = kind else {
        bail!(
            "--out is {}, expected a name that ends in .{}",
            path.display(),
            kinds.join(" or .")
        );
    };
    check_writable(path)?;
    Ok(kind)
}

fn check_count(pictures: usize) -> anyhow::Result<()> {
    ensure!(
        pictures <= MAX_PICTURES,
        "that is {pictures} pictures, expected at most {MAX_PICTURES} in one file"
    );
    Ok(())
}

/// A model, and how its pictures are shown.
struct Explorer {
    model: Model,
    snap: Option<Snap>,
    times: u32,
}

impl Explorer {
    fn open(place: &Place) -> anyhow::Result<Self> {
        let model = (&*place.model, place.snapshot);
        let device = place.device.open()?;
        let mut model = model::open(model, Purpose::Draw, &device, place.memory.limit())?;
        if let Some(name) = &place.class {
            model.choose_class(name)?;
        }
        Ok(Self {
            snap: model.snap()?,
            model,
            times: place.times,
        })
    }

    /// `[layers, width]` of the latents.
    fn shape(&self) -> [usize; 2] {
        self.model.generator.latent_shape()
    }

    /// The truncation that was asked for, or what the model suggests.
    fn psi(&self, asked: Option<f32>) -> anyhow::Result<f32> {
        let psi = asked.unwrap_or(self.model.truncation_psi);
        ensure!(
            (0.0..=2.0).contains(&psi),
            "--truncation-psi is {psi}, expected 0 to 2"
        );
        Ok(psi)
    }

    /// The latents of these, each `[layers width]`.
    fn latents(&self, origins: &[Origin], psi: f32) -> anyhow::Result<Vec<Vec<f32>>> {
        let Model {
            generator, device, ..
        } = &self.model;
        let latent = |origin: &Origin| match origin {
            Origin::Seed(seed) => {
                Ok(block_on(latents_from_seeds(generator, &[*seed], psi, device))?.concat())
            }
            // It was found as it is, so nothing pulls it toward the average.
            Origin::Found(path) => read_latents(path, self.shape()),
        };
        origins.iter().map(latent).collect()
    }

    fn z(&self, origin: &Origin) -> anyhow::Result<Vec<f32>> {
        match origin {
            Origin::Seed(seed) => Ok(z_from_seed(*seed, self.model.generator.z_dim())),
            Origin::Found(path) if self.shape()[0] == 1 => read_latents(path, self.shape()),
            Origin::Found(path) => bail!("{} has no place in z: leave out --space z", path.display()),
        }
    }

    fn latent_of(&self, z: &[f32], psi: f32) -> anyhow::Result<Vec<f32>> {
        let Model {
            generator, device, ..
        } = &self.model;
        Ok(block_on(latent_from_z(generator, z, psi, device))?)
    }

    /// The picture of a latent, as it is shown.
    fn draw(&self, latent: &[f32]) -> anyhow::Result<RgbaImage> {
        let Model {
            generator, device, ..
        } = &self.model;
        let mut picture = block_on(draw_latent(generator, latent, device))?;
        if let Some(snap) = &self.snap {
            snap.apply(&mut picture);
        }
        let side = self.side() as u32;
        Ok(match self.times {
            1 => picture,
            _ => imageops::resize(&picture, side, side, FilterType::Nearest),
        })
    }

    /// Side of the pictures as they are shown.
    fn side(&self) -> usize {
        self.model.resolution * self.times as usize
    }

    fn sheet(&self, pictures: usize, columns: usize) -> anyhow::Result<Sheet> {
        Sheet::with_columns(pictures, columns, [self.side(); 2])
    }

    fn animation(&self, pictures: usize, fps: u16) -> anyhow::Result<Animation> {
        Animation::new(pictures, self.side(), fps)
    }
}

/// What the pictures of a way are gathered in.
enum Shown {
    Sheet(Sheet),
    Animation(Animation),
}

impl Shown {
    fn take(&mut self, index: usize, picture: RgbaImage) {
        match self {
            Self::Sheet(sheet) => sheet.place(index, &picture),
            Self::Animation(animation) => animation.push(picture),
        }
    }

    fn write(self, path: &Path, kind: &str) -> anyhow::Result<()> {
        match self {
            Self::Sheet(sheet) => write_png(path, &sheet.into_image()),
            Self::Animation(animation) => animation.write(path, kind),
        }
    }
}
