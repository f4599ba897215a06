//! Pictures as files hold them. This is the one reader for collections, for `generate --image` and for
//! `upscale`, so that all of them take the same files, refuse the same files and say the same about what is
//! lost.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use image::codecs::png::PngDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::Error;

mod animation;
mod color;
mod container;

pub use animation::{Animation, PictureFile};

/// Profiles and texts beside the pixels of a PNG, once decompressed. A few kilobytes of them can swell to
/// gigabytes.
const MAX_METADATA_BYTES: u64 = 32 << 20;
/// Pictures of more pixels take turns, so that memory does not grow with the number of cores.
const BIG_PIXELS: u64 = 1 << 22;

/// How large a picture may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureLimits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Pixels of the longer side.
    pub side: u32,
    /// Pixels altogether. Decoding takes up to 8 bytes for each, the result up to 4, or 8 as it is stored.
    pub pixels: u64,
}

/// What becomes of colors that are not sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colors {
    /// They are converted to sRGB.
    Srgb,
    /// They keep their numbers and 16 bits where a file has them, gray stays one channel, and
    /// [`Picture::profile`] says what the numbers mean.
    Stored,
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// The pixels, the right way up: 8 bits a channel, RGB or RGBA, unless they are as [stored](Colors).
    pub pixels: DynamicImage,
    /// The ICC profile of colors that are not sRGB; only for [`Colors::Stored`].
    pub profile: Option<Vec<u8>>,
    /// What the file holds and the pixels do not, each as a sentence fragment.
    pub notes: Vec<String>,
}

impl Picture {
    /// Reads and decodes the file at `path`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::Picture`] when it is not a regular file or for
    /// any reason that [`Picture::decode`] gives.
    pub fn open(path: &Path, limits: &PictureLimits, colors: Colors) -> Result<Self, Error> {
        let bytes = read(path, limits)?;
        Self::decode(&bytes, limits, colors).map_err(|reason| wrong(path, reason))
    }

    /// Decodes a PNG, JPEG, WebP or GIF, whatever its name says.
    ///
    /// # Errors
    /// In words, when the bytes are no picture, a damaged or a truncated one, or one beyond `limits`.
    pub fn decode(bytes: &[u8], limits: &PictureLimits, colors: Colors) -> Result<Self, String> {
        if bytes.is_empty() {
            return Err("empty file".into());
        }
        let Some(format) = raster_format(bytes) else {
            return Err("not a picture: expected PNG, JPEG, WebP or GIF".into());
        };
        // A decoder that panics on a hostile file must not take everything else with it.
        std::panic::catch_unwind(|| decode(bytes, format, limits, colors))
            .unwrap_or_else(|_| Err("its decoder panicked".into()))
    }
}

fn wrong(path: &Path, reason: String) -> Error {
    Error::Picture {
        path: path.to_path_buf(),
        reason,
    }
}

/// The bytes of the file at `path`.
fn read(path: &Path, limits: &PictureLimits) -> Result<Vec<u8>, Error> {
    let io = |source| Error::Io {
        action: "read the picture",
        path: path.to_path_buf(),
        source,
    };
    // Opening a pipe waits until something writes to it, which may be never.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(wrong(path, "not a regular file: expected a picture".into()));
    }
    let mut bytes = vec![];
    let file = File::open(path).map_err(io)?;
    file.take(limits.file_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(io)?;
    if bytes.len() as u64 > limits.file_bytes {
        return Err(wrong(
            path,
            format!(
                "too big: expected a file of at most {} MB",
                limits.file_bytes / 1_000_000
            ),
        ));
    }
    Ok(bytes)
}

/// The format of the bytes, if it is one that [`Picture::decode`] reads.
pub(super) fn raster_format(bytes: &[u8]) -> Option<ImageFormat> {
    image::guess_format(bytes).ok().filter(|format| {
        matches!(
            format,
            ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP | ImageFormat::Gif
        )
    })
}

fn decode(
    bytes: &[u8],
    format: ImageFormat,
    limits: &PictureLimits,
    colors: Colors,
) -> Result<Picture, String> {
    static BIG: Mutex<()> = Mutex::new(());

    if format == ImageFormat::Jpeg && !container::is_whole_jpeg(bytes) {
        return Err("truncated JPEG".into());
    }
    let unreadable = |error| unreadable(error, format, limits);
    let mut decoder_limits = Limits::default();
    let reader = Cursor::new(bytes);
    let mut decoder: Box<dyn ImageDecoder> = if format == ImageFormat::Png {
        // This decoder takes its limit for what stands beside the pixels.
        decoder_limits.max_alloc = Some(MAX_METADATA_BYTES);
        Box::new(PngDecoder::with_limits(reader, decoder_limits).map_err(unreadable)?)
    } else {
        decoder_limits.max_alloc = Some(8 * limits.pixels);
        let mut reader = ImageReader::with_format(reader, format);
        reader.limits(decoder_limits);
        Box::new(reader.into_decoder().map_err(unreadable)?)
    };
    let (width, height) = decoder.dimensions();
    check_size([width, height], limits)?;
    let is_big = u64::from(width) * u64::from(height) > BIG_PIXELS;
    let _turn = is_big.then(|| BIG.lock().unwrap_or_else(PoisonError::into_inner));
    let mut notes = vec![];
    match container::frames(bytes, format) {
        Some(1) => {}
        Some(frames) => notes.push(format!("an animation: only the first of {frames} frames is used")),
        None => notes.push("an animation: only its still picture is used".into()),
    }
    let channels = decoder.color_type();
    if channels.bytes_per_pixel() > channels.channel_count() && colors == Colors::Srgb {
        notes.push("16 bits a channel: reduced to 8".into());
    }
    let orientation = decoder.orientation().map_err(unreadable)?;
    // A profile that cannot be read is no reason to refuse the pixels.
    let icc = decoder.icc_profile().unwrap_or_default();
    let decoded = DynamicImage::from_decoder(decoder).map_err(unreadable)?;
    let mut pixels = match colors {
        Colors::Stored => decoded,
        Colors::Srgb if channels.has_alpha() => decoded.into_rgba8().into(),
        Colors::Srgb => decoded.into_rgb8().into(),
    };
    pixels.apply_orientation(orientation);
    let profile = match color::described(bytes, format, icc).and_then(|space| match space {
        Some(space) => space.applied(&mut pixels, colors),
        None => Ok(None),
    }) {
        Ok(profile) => profile,
        Err(reason) => {
            notes.push(format!("{reason}: its colors are taken for sRGB"));
            None
        }
    };
    Ok(Picture {
        pixels,
        profile,
        notes,
    })
}

fn too_big(what: &str, PictureLimits { side, pixels, .. }: &PictureLimits) -> String {
    format!("too big: {what}, expected at most {side} pixels a side and {pixels} pixels altogether")
}

fn unreadable(error: ImageError, format: ImageFormat, limits: &PictureLimits) -> String {
    match error {
        ImageError::Limits(_) => too_big("more than it may be", limits),
        error => format!("unreadable {format:?}: {error}"),
    }
}

fn check_size([width, height]: [u32; 2], limits: &PictureLimits) -> Result<(), String> {
    if width.max(height) > limits.side || u64::from(width) * u64::from(height) > limits.pixels {
        return Err(too_big(&format!("{width}x{height}"), limits));
    }
    if width == 0 || height == 0 {
        return Err(format!("it is {width}x{height} pixels"));
    }
    Ok(())
}
