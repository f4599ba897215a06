//! `guise project`: the avatar of a picture.

use super::{
    device::DeviceChoice,
    files::{open_picture, writable},
    latents::write_latents,
    memory::MemoryFlag,
    model, progress,
    sheet::{Sheet, write_png},
    snapshot::SnapshotFlag,
    trust::Purpose,
};
use crate::{
    data::Colors,
    networks::{encoders::random::RandomFeatures, generators::Generate},
    pipeline::{
        Cancel, Event, GuideSettings,
        guide::{BATCH, Space, ground, project},
        memory::to_look,
        sample::{image_from_picture, pictures_from_images},
    },
};
use clap::ValueEnum;
use futures::executor::block_on;
use std::path::PathBuf;

/// Find the avatar that is nearest to a picture, and write what it is drawn from.
///
/// The file takes the place of a seed: `guise explore interpolate --seeds 3,me.safetensors`. A picture of the
/// model's own style is met closely; of a photo, colors and outlines are what a model of avatars can meet.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The picture: PNG, JPEG, WebP or GIF; the largest square around its center is taken.
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// The folder of a published model, or of a training run.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    #[command(flatten)]
    snapshot: SnapshotFlag,
    /// Look for an avatar of this class, of a model that was trained with classes.
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    out: PathBuf,
    /// A PNG file for the picture as the model is shown it, the avatar that the search began at, and the one
    /// that was found.
    #[arg(long, value_name = "FILE", value_parser = writable)]
    sheet: Option<PathBuf>,
    /// Where it is looked for.
    #[arg(long, value_enum, default_value_t)]
    space: Freedom,
    /// Steps of the search, 0 to 10,000.
    #[arg(long, value_name = "N", default_value_t = 500)]
    steps: usize,
    /// The largest step, in units of the latents' spread.
    #[arg(long, value_name = "SIZE", default_value_t = 0.1)]
    learning_rate: f64,
    /// Weight of the pull toward the average avatar: more keeps it an avatar, less meets the picture closer.
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.001)]
    pull: f64,
    /// The search begins at the nearest of so many random avatars.
    #[arg(long, value_name = "N", default_value_t = 256)]
    candidates: usize,
    #[command(flatten)]
    memory: MemoryFlag,
    /// Where to compute.
    #[arg(long, value_enum, default_value_t)]
    device: DeviceChoice,
}

/// How free the latents are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Freedom {
    /// One w for all layers: an avatar like those of seeds.
    W,
    /// A w for each layer: nearer to the picture.
    #[default]
    #[value(name = "w+")]
    WPlus,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let memory = args.memory.limit();
    let settings = GuideSettings {
        space: match args.space {
            Freedom::W => Space::W,
            Freedom::WPlus => Space::WPlus,
        },
        steps: args.steps,
        learning_rate: args.learning_rate,
        center_pull: args.pull,
        truncation_psi: 1.0,
        ..GuideSettings::default()
    };
    settings.validate()?;
    let picture = open_picture(&args.image, Colors::Srgb)?.pixels.into_rgba8();
    let device = args.device.open()?;
    let opened = (&*args.model, args.snapshot);
    let mut model = model::open(opened, Purpose::Draw, &device, memory)?;
    if let Some(name) = &args.class {
        model.choose_class(name)?;
    }
    let snap = model.snap()?;
    let (generator, side) = (&model.generator, model.resolution);
    memory.ensure(
        to_look(generator, RandomFeatures::numbers_kept(), BATCH),
        &format!("looking at {BATCH} avatars at once"),
        "close other programs, or use a model of smaller pictures",
    )?;
    let image = image_from_picture(&picture, side, ground(model.channels), &model.device);
    let bar = progress::bar(args.steps as u64, "steps");
    let mut pictures = block_on(pictures_from_images(image.clone()))?;
    let found = block_on(project(
        generator,
        image,
        args.candidates,
        &settings,
        &Cancel::default(),
        &mut async |event| match event {
            Event::Step { done, losses, .. } => {
                bar.set_position(done as u64);
                bar.set_message(format!("distance {:.4}", losses[0]));
            }
            Event::Picture { image, .. } => pictures.push(image),
            Event::Progress { .. } => {}
        },
    ))?;
    bar.finish_and_clear();
    write_latents(&args.out, &found.latent, generator.latent_shape(), &args.model)?;
    if let Some(path) = &args.sheet {
        let mut sheet = Sheet::with_columns(pictures.len(), pictures.len(), [side; 2])?;
        for (index, mut picture) in pictures.into_iter().enumerate() {
            if let Some(snap) = snap.as_ref().filter(|_| index > 0) {
                snap.apply(&mut picture);
            }
            sheet.place(index, &picture);
        }
        write_png(path, &sheet.into_image())?;
    }
    eprintln!(
        "{}: an avatar at a distance of {:.4} from the picture, after {:.4} for the nearest of {} random ones",
        args.out.display(),
        found.distance,
        found.first_distance,
        args.candidates
    );
    Ok(())
}
