//! The PNGs of a dataset: what is known of one without decoding it, and its pixels.

use std::io::SeekFrom;
use std::path::Path;

use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use sha2::{Digest, Sha256};

use super::place::{PictureFile, Place};
use crate::data::{Error, is_side};

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

/// Checks the picture `name` without decoding it: its size, its type of pixels, and that all of the file is
/// there. Gives its side in pixels, and adds to `digest` what tells it from other pictures.
///
/// # Errors
/// [`Error::Picture`] with what it is and what was expected; the side is that of `expected`, where it is
/// given.
pub(super) fn inspect(
    place: &Place,
    name: &str,
    expected: Option<usize>,
    digest: &mut Sha256,
) -> Result<usize, Error> {
    let path = &place.path_of(name);
    let decoder = open(path, place.picture(name)?)?;
    let side = check_header(path, &decoder, expected)?;
    digest.update(name);
    digest.update([0]);
    walk(&mut place.picture(name)?, digest).map_err(|reason| error(path, reason))?;
    Ok(side)
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

fn check_header(path: &Path, decoder: &impl ImageDecoder, expected: Option<usize>) -> Result<usize, Error> {
    let (width, height) = decoder.dimensions();
    let side = width as usize;
    if let Some(expected) = expected.filter(|&expected| (side, height as usize) != (expected, expected)) {
        let reason = format!("it is {width}x{height}, expected {expected}x{expected} like the first");
        return Err(error(path, reason));
    }
    if width != height || !is_side(side) || !(4..=1024).contains(&side) {
        let expected = "expected a square of at most 1024 pixels, 3, 4, 5 or 7 times a power of two; use `guise prepare`";
        return Err(error(path, format!("it is {width}x{height}, {expected}")));
    }
    let found = match decoder.color_type() {
        ColorType::Rgb8 | ColorType::L8 => return Ok(side),
        ColorType::Rgba8 => "RGB with alpha",
        ColorType::La8 => "gray with alpha",
        ColorType::Rgb16 => "16-bit RGB",
        ColorType::Rgba16 => "16-bit RGB with alpha",
        ColorType::L16 => "16-bit gray",
        ColorType::La16 => "16-bit gray with alpha",
        _ => "of another kind",
    };
    let expected = "expected 8-bit RGB or gray without alpha; use `guise prepare`";
    Err(error(path, format!("its pixels are {found}, {expected}")))
}

/// Decodes the picture `name` into planes, `[3, side, side]`.
pub(super) fn decode(place: &Place, name: &str, side: usize) -> Result<Vec<u8>, Error> {
    let path = &place.path_of(name);
    let decoder = open(path, place.picture(name)?)?;
    check_header(path, &decoder, Some(side))?;
    let picture = DynamicImage::from_decoder(decoder)
        .map_err(|source| error(path, format!("cannot be decoded: {source}")))?
        .into_rgb8();
    let mut planes = Vec::with_capacity(3 * side * side);
    for channel in 0..3 {
        planes.extend(picture.pixels().map(|pixel| pixel.0[channel]));
    }
    Ok(planes) // [3, side, side]
}
