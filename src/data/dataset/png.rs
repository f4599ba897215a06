//! The PNGs of a dataset: what is known of one without decoding it, and its pixels.

use std::io::SeekFrom;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use sha2::{Digest, Sha256};

use super::place::{PictureFile, Place};
use crate::art::{LARGEST_SIDE, SIDES, base_side};
use crate::data::Error;

/// How every PNG begins.
const SIGNATURE_BYTES: u64 = 8;
/// Chunks that decide about the pixels; the others hold texts and profiles.
const OF_PIXELS: [&[u8; 4]; 4] = [b"IHDR", b"PLTE", b"tRNS", b"IDAT"];

fn error(path: &Path, reason: String) -> Error {
    Error::Picture {
        path: path.to_path_buf(),
        reason,
    }
}

/// What all pictures of a dataset have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// In pixels.
    pub side: usize,
    /// 3 for RGB, also of gray pictures, and 4 with alpha.
    pub channels: usize,
}

/// Checks the picture `name` without decoding it: its size, its type of pixels, and that all of the file is
/// there. Gives its shape, and adds to `digest` what tells it from other pictures.
///
/// # Errors
/// [`Error::Picture`] with what it is and what was expected; the shape is `expected`, where it is given.
pub(super) fn inspect(
    place: &Place,
    name: &str,
    expected: Option<Shape>,
    digest: &mut Sha256,
) -> Result<Shape, Error> {
    let path = &place.path_of(name);
    let decoder = open(path, place.picture(name)?)?;
    let shape = check_header(path, &decoder, expected)?;
    digest.update(name);
    digest.update([0]);
    walk(&mut place.picture(name)?, digest).map_err(|reason| error(path, reason))?;
    Ok(shape)
}

/// Goes from chunk to chunk until the last one, over their contents. Their checksums stand in for them in
/// `digest`.
fn walk(file: &mut dyn PictureFile, digest: &mut Sha256) -> Result<(), String> {
    let cut = "it is cut off: expected a whole PNG; copy it again, or use `guise prepare`";
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::UnexpectedEof => cut.to_owned(),
        _ => format!("cannot be read: {source}"),
    };
    let mut has_pixels = false;
    file.seek(SeekFrom::Start(SIGNATURE_BYTES)).map_err(failed)?;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).map_err(failed)?;
        let (length, kind) = head.split_first_chunk::<4>().expect("eight bytes hold four");
        let length = i64::from(u32::from_be_bytes(*length));
        file.seek_relative(length).map_err(failed)?;
        let mut checksum = [0; 4];
        // Seeking goes beyond the end without a word, reading does not.
        file.read_exact(&mut checksum).map_err(failed)?;
        if OF_PIXELS.iter().any(|of_pixels| kind == &of_pixels[..]) {
            digest.update(head);
            digest.update(checksum);
        }
        has_pixels |= kind == b"IDAT";
        if kind == b"IEND" {
            return has_pixels.then_some(()).ok_or_else(|| cut.to_owned());
        }
    }
}

/// Opens a PNG and reads what comes before its pixels.
fn open(path: &Path, file: Box<dyn PictureFile>) -> Result<impl ImageDecoder, Error> {
    ImageReader::with_format(file, ImageFormat::Png)
        .into_decoder()
        .map_err(|source| error(path, format!("not a readable PNG: {source}")))
}

fn check_header(path: &Path, decoder: &impl ImageDecoder, expected: Option<Shape>) -> Result<Shape, Error> {
    let (width, height) = decoder.dimensions();
    let side = width as usize;
    if let Some(Shape { side: expected, .. }) = expected
        && (side, height as usize) != (expected, expected)
    {
        let reason = format!("it is {width}x{height}, expected {expected}x{expected} like the first");
        return Err(error(path, reason));
    }
    if width != height || base_side(side).is_none() || side > LARGEST_SIDE {
        let expected =
            format!("expected a square of at most {LARGEST_SIDE} pixels, {SIDES}; use `guise prepare`");
        return Err(error(path, format!("it is {width}x{height}, {expected}")));
    }
    let (found, channels) = match decoder.color_type() {
        ColorType::Rgb8 => ("RGB without alpha", Some(3)),
        ColorType::L8 => ("gray without alpha", Some(3)),
        ColorType::Rgba8 => ("RGB with alpha", Some(4)),
        ColorType::La8 => ("gray with alpha", None),
        ColorType::Rgb16 => ("16-bit RGB", None),
        ColorType::Rgba16 => ("16-bit RGB with alpha", None),
        ColorType::L16 => ("16-bit gray", None),
        ColorType::La16 => ("16-bit gray with alpha", None),
        _ => ("of another kind", None),
    };
    match channels {
        Some(channels) if expected.is_none_or(|expected| expected.channels == channels) => {
            Ok(Shape { side, channels })
        }
        channels => {
            let expected = match (channels, expected) {
                (Some(_), Some(Shape { channels: 4, .. })) => "8-bit RGB with alpha like the first",
                (Some(_), _) => "8-bit RGB or gray without alpha like the first",
                (None, _) => "8-bit RGB or gray without alpha, or RGB with alpha",
            };
            let reason = format!("its pixels are {found}, expected {expected}; use `guise prepare`");
            Err(error(path, reason))
        }
    }
}

/// Decodes the picture `name` into planes, `[channels, side, side]`.
pub(super) fn decode(place: &Place, name: &str, shape: Shape) -> Result<Vec<u8>, Error> {
    let path = &place.path_of(name);
    let decoder = open(path, place.picture(name)?)?;
    check_header(path, &decoder, Some(shape))?;
    let picture = DynamicImage::from_decoder(decoder)
        .map_err(|source| error(path, format!("cannot be decoded: {source}")))?;
    let Shape { side, channels } = shape;
    let pixels = match channels {
        4 => picture.into_rgba8().into_raw(),
        _ => picture.into_rgb8().into_raw(),
    };
    let mut planes = Vec::with_capacity(channels * side * side);
    for channel in 0..channels {
        planes.extend(pixels.iter().skip(channel).step_by(channels));
    }
    Ok(planes) // [channels, side, side]
}
