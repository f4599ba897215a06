//! One file after the other, with the same model and the same settings.

use super::form::{Form, Format};
use crate::{
    cli::{files::open_picture_file, memory::Memory, upscaler::Model},
    data::{Animation, Colors, Picture, PictureFile},
    networks::super_resolution::{Enlarge, Upscaler},
    pipeline::{
        Cancel, Event,
        pixel_art::{enlarge, factor},
        upscale::{Depth, Pixels, Scaled},
    },
};
use anyhow::{Context, bail, ensure};
use futures::executor::block_on;
use image::{ColorType, DynamicImage, RgbaImage};
use indicatif::ProgressBar;
use std::{fmt, path::Path};

/// Bytes for each pixel of a result that is kept whole: the pixels, a copy for the encoder, and the file.
const FILE_PIXEL: u64 = 12;

/// How to enlarge.
pub(super) struct Job {
    pub model: Model,
    pub scale: Option<u32>,
    pub tile: usize,
    pub memory: Memory,
    pub cancel: Cancel,
}

/// What came of a file.
pub(super) struct Done {
    size: [u32; 2],
    frames: Option<usize>,
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [width, height] = self.size;
        match self.frames {
            None => write!(f, "{width} x {height} pixels"),
            Some(frames) => write!(f, "{frames} frames of {width} x {height} pixels"),
        }
    }
}

/// Where progress and notes are shown.
pub(super) struct Shown {
    bar: ProgressBar,
    /// Whether the bar counts files rather than tiles.
    counts_files: bool,
}

impl Shown {
    /// For a single file.
    pub fn alone(bar: ProgressBar) -> Self {
        Self {
            bar,
            counts_files: false,
        }
    }

    /// For many.
    pub fn among_others(bar: ProgressBar) -> Self {
        Self {
            bar,
            counts_files: true,
        }
    }

    /// Begins with the file `path` of several.
    pub fn begin(&self, path: &Path) {
        self.bar.set_message(path.display().to_string());
    }

    /// A file of several is through.
    pub fn file_done(&self) {
        self.bar.inc(1);
    }

    fn tiles(&self, done: usize, total: usize) {
        if !self.counts_files {
            self.bar.set_length(total as u64);
            self.bar.set_position(done as u64);
        }
    }

    fn note(&self, path: &Path, note: &str) {
        self.bar.suspend(|| eprintln!("note: {}: {note}", path.display()));
    }

    /// Shows nothing from here on.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Job {
    /// Enlarges the picture or animation `input`, and writes it to `output`.
    pub fn run(&self, input: &Path, output: &Path, format: Format, shown: &Shown) -> anyhow::Result<Done> {
        // A GIF has no profile that would say what its colors mean.
        let colors = match format {
            Format::Gif => Colors::Srgb,
            _ => Colors::Stored,
        };
        match open_picture_file(input, colors)? {
            PictureFile::Still(picture) => {
                for note in &picture.notes {
                    shown.note(input, note);
                }
                self.still(picture, [input, output], format, shown)
            }
            PictureFile::Animation(animation) => {
                for note in &animation.notes {
                    shown.note(input, note);
                }
                self.animation(animation, output, format, shown)
            }
        }
    }

    fn still(
        &self,
        picture: Picture,
        [input, output]: [&Path; 2],
        format: Format,
        shown: &Shown,
    ) -> anyhow::Result<Done> {
        let Picture { pixels, profile, .. } = picture;
        let stored = pixels.color();
        let is_deep = stored.bytes_per_pixel() > stored.channel_count();
        let stays_deep = is_deep && format.is_deep() && matches!(self.model, Model::Network(_));
        if is_deep && !stays_deep {
            shown.note(
                input,
                "16 bits a channel: reduced to 8, because only networks and PNG have more",
            );
        }
        let form = |size, is_opaque| Form {
            format,
            size,
            color: color(format, stored.has_color(), is_opaque, stays_deep),
            profile,
        };
        match &self.model {
            Model::PixelArt => {
                let image = self.blocks(&pixels.into_rgba8())?;
                let size = image.dimensions().into();
                let form = form(size, image.pixels().all(|pixel| pixel[3] == 255));
                form.check()?;
                let mut image = Some(image.into());
                form.write(output, || Ok(image.take()))?;
                Ok(Done { size, frames: None })
            }
            Model::Network(network) if stays_deep => {
                self.bands(network, &pixels.into_rgba16(), form, output, shown)
            }
            Model::Network(network) => self.bands(network, &pixels.into_rgba8(), form, output, shown),
        }
    }

    /// Enlarges a picture and writes what comes, row by row.
    fn bands<D: Depth>(
        &self,
        network: &Upscaler,
        image: &Pixels<D>,
        form: impl FnOnce([u32; 2], bool) -> Form,
        output: &Path,
        shown: &Shown,
    ) -> anyhow::Result<Done>
    where
        DynamicImage: From<Pixels<D>>,
    {
        let mut job = self.scaled(network, image)?;
        let size = job.output_size();
        let form = form(size, job.is_opaque());
        form.check()?;
        self.ensure_memory(&job, if form.format.streams() { 0 } else { FILE_PIXEL })?;
        let mut show = async |event| {
            if let Event::Progress { done, total } = event {
                shown.tiles(done, total);
            }
        };
        form.write(output, || {
            let band = block_on(job.next_band(&self.cancel, &mut show))?;
            Ok(band.map(DynamicImage::from))
        })?;
        Ok(Done { size, frames: None })
    }

    fn animation(
        &self,
        mut animation: Animation,
        output: &Path,
        format: Format,
        shown: &Shown,
    ) -> anyhow::Result<Done> {
        let frames = animation.frames;
        ensure!(
            format.moves(),
            "it is an animation of {frames} frames, which is written as PNG or GIF only: ask for one of them"
        );
        let scale = match &self.model {
            Model::PixelArt => self.times(animation.size),
            Model::Network(network) => self.scale_of(network) as u32,
        };
        let grown = animation.size.map(|side| side.checked_mul(scale));
        let [Some(width), Some(height)] = grown else {
            bail!("it cannot be enlarged {scale} times: no picture is so large");
        };
        let form = Form {
            format,
            size: [width, height],
            color: ColorType::Rgba8,
            profile: animation.profile.take(),
        };
        form.check()?;
        let count = u32::try_from(frames).context("it announces more frames than an animation can have")?;
        let mut number = 0;
        let plays = animation.plays;
        form.write_animation(output, [count, plays], || {
            let Some(next) = animation.next() else {
                return Ok(None);
            };
            let (image, delay) = next.map_err(anyhow::Error::msg)?;
            let large = match &self.model {
                Model::PixelArt => {
                    self.cancel.check()?;
                    shown.tiles(number + 1, frames);
                    self.blocks(&image)?
                }
                Model::Network(network) => self.frame(network, &image, [number, frames], shown)?,
            };
            number += 1;
            Ok(Some((large, delay)))
        })?;
        Ok(Done {
            size: [width, height],
            frames: Some(frames),
        })
    }

    /// Enlarges the frame of this number, of so many.
    fn frame(
        &self,
        network: &Upscaler,
        image: &RgbaImage,
        [number, frames]: [usize; 2],
        shown: &Shown,
    ) -> anyhow::Result<RgbaImage> {
        let mut job = self.scaled(network, image)?;
        self.ensure_memory(&job, FILE_PIXEL)?;
        let tiles = job.tiles();
        let mut show = async |event| {
            if let Event::Progress { done, .. } = event {
                shown.tiles(number * tiles + done, tiles.saturating_mul(frames));
            }
        };
        let [width, height] = job.output_size();
        let mut pixels = vec![];
        while let Some(band) = block_on(job.next_band(&self.cancel, &mut show))? {
            pixels.extend_from_slice(&band);
        }
        RgbaImage::from_raw(width, height, pixels).context("rows of the result are missing")
    }

    fn scaled<'a, D: Depth>(
        &self,
        network: &'a Upscaler,
        image: &'a Pixels<D>,
    ) -> anyhow::Result<Scaled<'a, D>> {
        Ok(Scaled::new(network, image, self.tile, self.scale_of(network))?)
    }

    /// Makes sure that there is memory for `job`, and for so many bytes for each pixel of its result.
    fn ensure_memory<D: Depth>(&self, job: &Scaled<'_, D>, each: u64) -> anyhow::Result<()> {
        let [width, height] = job.output_size();
        let result = u64::from(width) * u64::from(height) * each;
        self.memory.ensure(
            job.bytes().saturating_add(result),
            &format!("enlarging to {width} x {height} pixels in tiles of {0} x {0}", self.tile),
            match each {
                0 => "ask for a smaller --tile or --scale",
                _ => "ask for a smaller --tile or --scale, or for a still PNG, whose rows are written one by one",
            },
        )
    }

    /// By how much a network enlarges.
    fn scale_of(&self, network: &Upscaler) -> usize {
        self.scale.map_or(network.scale(), |scale| scale as usize)
    }

    /// How many pixels a side of a block has.
    fn times(&self, size: [u32; 2]) -> u32 {
        self.scale.unwrap_or_else(|| factor(size[0].max(size[1])))
    }

    fn blocks(&self, image: &RgbaImage) -> anyhow::Result<RgbaImage> {
        Ok(enlarge(image, self.times(image.dimensions().into()))?)
    }
}

/// What a pixel of a result is.
fn color(format: Format, has_color: bool, is_opaque: bool, is_deep: bool) -> ColorType {
    match (is_deep, has_color, is_opaque) {
        // Its frames have four channels.
        _ if format == Format::Gif => ColorType::Rgba8,
        (false, false, true) => ColorType::L8,
        (false, false, false) => ColorType::La8,
        (false, true, true) => ColorType::Rgb8,
        (false, true, false) => ColorType::Rgba8,
        (true, false, true) => ColorType::L16,
        (true, false, false) => ColorType::La16,
        (true, true, true) => ColorType::Rgb16,
        (true, true, false) => ColorType::Rgba16,
    }
}
