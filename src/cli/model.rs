//! The one door to a model: a published one, or a snapshot of a run.

use super::{
    bundle::{self, OpenBundle},
    memory::Memory,
    snapshot::SnapshotFlag,
    trust::{Purpose, settle_by_itself},
    words::Words,
};
use crate::{
    art::PixelArt,
    networks::generators::{Class, Generator},
    pipeline::{self, Cancel, Event, SampleRequest, Snap},
    train::GeneratorRun,
    weights::Manifest,
};
use anyhow::{Context, anyhow, bail, ensure};
use burn::tensor::Device;
use futures::executor::block_on;
use image::RgbaImage;
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};

/// What runs are drawn with: their snapshots suggest nothing.
const RUN_TRUNCATION_PSI: f32 = 0.7;

/// A model that is ready to draw.
pub(super) struct Model {
    dir: PathBuf,
    pub(super) generator: Generator,
    /// What was published with it.
    pub(super) manifest: Option<Manifest>,
    pub(super) resolution: usize,
    /// Channels of its pictures: 3, or 4 with alpha.
    pub(super) channels: usize,
    /// The grid and the palette of what it draws, if that is pixel art.
    pub(super) pixel_art: Option<PixelArt>,
    /// What it can be asked for; none in most models.
    classes: Vec<Class>,
    /// What to draw with.
    pub(super) truncation_psi: f32,
    /// Where to draw: what was asked for, or the next best that computes the model rightly.
    pub(super) device: Device,
}

/// The published model, or the `snapshot` of the run, in `dir`.
pub(super) fn open(
    (dir, snapshot): (&Path, SnapshotFlag),
    purpose: Purpose,
    device: &Device,
    memory: Memory,
) -> anyhow::Result<Model> {
    ensure!(
        dir.is_dir(),
        "there is no folder {}: --model takes a published model or a run",
        dir.display()
    );
    if GeneratorRun::is_there(dir) {
        let run = GeneratorRun::open(dir)?;
        let snapshot = snapshot.find(&run)?;
        let load = |device: &Device| Ok(run.load_snapshot(&snapshot, device)?);
        let (generator, device) = settle_by_itself(dir, RUN_TRUNCATION_PSI, device, load)?;
        return Ok(Model {
            dir: dir.to_owned(),
            generator,
            manifest: None,
            resolution: run.facts.generator.resolution(),
            channels: run.facts.generator.img_channels(),
            pixel_art: run.facts.dataset.pixel_art,
            classes: run.facts.generator.classes().to_vec(),
            truncation_psi: RUN_TRUNCATION_PSI,
            device,
        });
    }
    ensure!(
        !snapshot.is_given(),
        "{} is a published model, which has no snapshots: --snapshot is for runs",
        dir.display()
    );
    let OpenBundle {
        manifest,
        generator,
        device,
    } = bundle::open(dir, purpose, device, memory)?;
    Ok(Model {
        dir: dir.to_owned(),
        generator,
        device,
        resolution: manifest.parts.generator.config.resolution(),
        channels: manifest.parts.generator.config.img_channels(),
        pixel_art: manifest.pixel_art(),
        classes: manifest.parts.generator.config.classes().to_vec(),
        truncation_psi: manifest.truncation_psi,
        manifest: Some(manifest),
    })
}

impl Model {
    /// What makes of its pictures the pixel art that they mean, if they mean some.
    pub(super) fn snap(&self) -> anyhow::Result<Option<Snap>> {
        snap(self.pixel_art.as_ref(), self.resolution)
            .with_context(|| format!("cannot use {}", self.dir.display()))
    }

    /// Whether it was published with a CLIP.
    pub(super) fn has_words(&self) -> bool {
        let parts = self.manifest.as_ref().map(|manifest| &manifest.parts);
        parts.is_some_and(|parts| parts.image_tower.is_some())
    }

    /// Has it draw the class that is called so only.
    ///
    /// # Errors
    ///
    /// When it has none; the message names those that it has.
    pub(super) fn choose_class(&mut self, name: &str) -> anyhow::Result<()> {
        let class =
            Class::find(&self.classes, name).map_err(|reason| anyhow!("{}: {reason}", self.dir.display()))?;
        self.generator = self.generator.clone().of_class(Some(class));
        Ok(())
    }

    /// The towers of the CLIP if there is one, else those that were published with the model.
    pub(super) fn words(&self, clip: Option<&Path>, memory: Memory) -> anyhow::Result<Words> {
        match (clip, &self.manifest) {
            (Some(clip), _) => Words::of_clip(clip, &self.device, memory),
            (None, Some(manifest)) => Words::of_bundle(&self.dir, manifest, &self.device, memory),
            (None, None) => bail!("a run understands no words by itself: name a CLIP with --clip"),
        }
    }
}

/// What snaps pictures of the side `resolution` to the grid and the palette of pixel art, if they are some.
pub(super) fn snap(art: Option<&PixelArt>, resolution: usize) -> anyhow::Result<Option<Snap>> {
    Ok(art.map(|art| Snap::new(art, resolution)).transpose()?)
}

/// Draws the pictures of `request`, each for `take` with its index, until `take` fails.
pub(super) fn draw(
    generator: &Generator,
    request: &SampleRequest,
    device: &Device,
    bar: &ProgressBar,
    mut take: impl FnMut(usize, RgbaImage) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let cancel = Cancel::default();
    let mut taken = Ok(());
    let drawn = block_on(pipeline::sample(
        generator,
        request,
        device,
        &cancel,
        async |event| match event {
            Event::Progress { .. } | Event::Step { .. } => {}
            Event::Picture { index, image } => {
                bar.inc(1);
                if taken.is_ok() {
                    taken = take(index, image);
                }
                if taken.is_err() {
                    cancel.cancel();
                }
            }
        },
    ));
    // What could not be taken is the reason for a cancelled job.
    taken?;
    Ok(drawn?)
}
