//! Pictures that play one after the other.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::metadata::{LoopCount, Orientation};
use image::{AnimationDecoder, Delay, DynamicImage, Frames, ImageDecoder, ImageFormat, Limits, RgbaImage};

use super::{Colors, Error, MAX_METADATA_BYTES, Picture, PictureLimits, color, container};
use super::{check_size, raster_format, read, unreadable, wrong};

/// What a file holds.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
pub enum PictureFile {
    /// One picture.
    Still(Picture),
    /// Several.
    Animation(Animation),
}

/// An animation, whose frames are decoded one at a time as they are asked for.
pub struct Animation {
    /// Width and height.
    pub size: [u32; 2],
    /// How many frames it announces.
    pub frames: usize,
    /// How often it plays, zero for ever.
    pub plays: u32,
    /// The ICC profile of colors that are not sRGB; only for [`Colors::Stored`].
    pub profile: Option<Vec<u8>>,
    /// What the file holds and the frames do not, each as a sentence fragment.
    pub notes: Vec<String>,
    decoder: Frames<'static>,
    orientation: Orientation,
    /// What the frames are brought to sRGB from.
    space: Option<color::Space>,
    format: ImageFormat,
    limits: PictureLimits,
    given: usize,
    has_ended: bool,
}

impl std::fmt::Debug for Animation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Animation")
            .field("size", &self.size)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}

impl PictureFile {
    /// Reads the file at `path`, and decodes it if it is a still picture.
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn open(path: &Path, limits: &PictureLimits, colors: Colors) -> Result<Self, Error> {
        let bytes = read(path, limits)?;
        Self::decode(bytes, limits, colors).map_err(|reason| wrong(path, reason))
    }

    /// Decodes what may be an animation.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode(bytes: Vec<u8>, limits: &PictureLimits, colors: Colors) -> Result<Self, String> {
        let format = raster_format(&bytes);
        let frames = format.and_then(|format| Some((format, container::animated_frames(&bytes, format)?)));
        match frames {
            None => Picture::decode(&bytes, limits, colors).map(Self::Still),
            Some((format, frames)) => {
                catch_unwind(|| Animation::decode(bytes, format, frames, limits, colors))
                    .unwrap_or_else(|_| Err("its decoder panicked".into()))
                    .map(Self::Animation)
            }
        }
    }
}

impl Animation {
    fn decode(
        bytes: Vec<u8>,
        format: ImageFormat,
        frames: usize,
        limits: &PictureLimits,
        colors: Colors,
    ) -> Result<Self, String> {
        let mut notes = vec![];
        if container::frames(&bytes, format).is_none() {
            notes.push("its still picture, which is no frame of its animation, is not used".into());
        }
        let bytes: Arc<[u8]> = bytes.into();
        let described = |icc: Option<Vec<u8>>| color::described(&bytes, format, icc);
        let reader = Cursor::new(bytes.clone());
        let unreadable = |error| unreadable(error, format, limits);
        let (opened, space) = match format {
            ImageFormat::Gif => {
                let mut decoder = GifDecoder::new(reader).map_err(unreadable)?;
                let opened = Opened::of(&mut decoder, limits)?;
                let space = described(decoder.icc_profile().unwrap_or_default());
                (opened.with(decoder), space)
            }
            ImageFormat::WebP => {
                let mut decoder = WebPDecoder::new(reader).map_err(unreadable)?;
                let opened = Opened::of(&mut decoder, limits)?;
                let space = described(decoder.icc_profile().unwrap_or_default());
                (opened.with(decoder), space)
            }
            _ => {
                let mut beside = Limits::default();
                beside.max_alloc = Some(MAX_METADATA_BYTES);
                let mut decoder = PngDecoder::with_limits(reader, beside).map_err(unreadable)?;
                let opened = Opened::of(&mut decoder, limits)?;
                let space = described(decoder.icc_profile().unwrap_or_default());
                (opened.with(decoder.apng().map_err(unreadable)?), space)
            }
        };
        let mut animation = Self {
            size: opened.size,
            frames,
            plays: opened.plays,
            profile: None,
            notes,
            decoder: opened.frames,
            orientation: opened.orientation,
            space: None,
            format,
            limits: *limits,
            given: 0,
            has_ended: false,
        };
        animation.take_colors(space, colors);
        Ok(animation)
    }

    /// Decides what becomes of colors that may be in a `space` of their own.
    fn take_colors(&mut self, space: Result<Option<color::Space>, String>, colors: Colors) {
        // Frames have colors, and a profile for gray pictures is none for them.
        let mut trial = DynamicImage::from(RgbaImage::from_pixel(1, 1, image::Rgba([255, 0, 0, 255])));
        let kept = space.and_then(|space| match space {
            None => Ok((None, None)),
            Some(space) => space
                .applied(&mut trial, colors)
                .map(|profile| (profile, Some(space))),
        });
        match kept {
            Ok((profile, space)) => {
                self.profile = profile;
                self.space = space.filter(|_| colors == Colors::Srgb);
            }
            Err(reason) => self
                .notes
                .push(format!("{reason}: its colors are taken for sRGB")),
        }
    }

    fn next_frame(&mut self) -> Option<Result<(RgbaImage, Delay), String>> {
        let decoder = &mut self.decoder;
        let next = match catch_unwind(AssertUnwindSafe(|| decoder.next())) {
            Ok(next) => next.map(|next| next.map_err(|error| unreadable(error, self.format, &self.limits))),
            Err(_) => Some(Err("its decoder panicked".into())),
        };
        let frame = match next {
            Some(Ok(frame)) if self.given < self.frames => frame,
            Some(Ok(_)) => {
                return Some(Err(format!(
                    "it has more frames than the {} announced",
                    self.frames
                )));
            }
            Some(Err(reason)) => return Some(Err(format!("frame {}: {reason}", self.given + 1))),
            None if self.given < self.frames => {
                let (given, frames) = (self.given, self.frames);
                return Some(Err(format!(
                    "truncated: it ends after {given} of {frames} frames"
                )));
            }
            None => return None,
        };
        self.given += 1;
        let delay = frame.delay();
        let mut pixels = DynamicImage::from(frame.into_buffer());
        pixels.apply_orientation(self.orientation);
        if let Some(space) = &self.space
            && let Err(reason) = space.applied(&mut pixels, Colors::Srgb)
        {
            return Some(Err(reason));
        }
        Some(Ok((pixels.into_rgba8(), delay)))
    }
}

impl Iterator for Animation {
    type Item = Result<(RgbaImage, Delay), String>;

    /// The next frame over the whole canvas, and how long it stays. After an error there are none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let next = self.next_frame();
        self.has_ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// What the header of an animation says, and its frames once its decoder has been taken.
struct Opened<F> {
    size: [u32; 2],
    plays: u32,
    orientation: Orientation,
    frames: F,
}

impl Opened<()> {
    fn of(decoder: &mut impl ImageDecoder, limits: &PictureLimits) -> Result<Self, String> {
        let (width, height) = decoder.dimensions();
        check_size([width, height], limits)?;
        let mut decoder_limits = Limits::default();
        // The canvas twice, and a frame.
        decoder_limits.max_alloc = Some(16 * limits.pixels);
        let said = |error| format!("it cannot be read: {error}");
        decoder.set_limits(decoder_limits).map_err(said)?;
        let orientation = decoder.orientation().map_err(said)?;
        let (mut width, mut height) = (width, height);
        if !matches!(
            orientation,
            Orientation::NoTransforms
                | Orientation::Rotate180
                | Orientation::FlipHorizontal
                | Orientation::FlipVertical
        ) {
            (width, height) = (height, width);
        }
        Ok(Self {
            size: [width, height],
            plays: 0,
            orientation,
            frames: (),
        })
    }

    fn with(self, decoder: impl AnimationDecoder<'static>) -> Opened<Frames<'static>> {
        let plays = match decoder.loop_count() {
            LoopCount::Infinite => 0,
            LoopCount::Finite(count) => count.get(),
        };
        Opened {
            size: self.size,
            plays,
            orientation: self.orientation,
            frames: decoder.into_frames(),
        }
    }
}
