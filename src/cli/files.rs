//! Reading files of which nothing is known yet, and writing files whole.

use anyhow::Context;
use atomic_write_file::AtomicWriteFile;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};
use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
};

/// A picture is kept in memory whole, in 4 bytes a pixel.
const MAX_PIXELS: u64 = 100_000_000;
/// What decoding a picture may take besides: 16 bits a channel, twice over.
const MAX_DECODER_BYTES: u64 = 16 * MAX_PIXELS;

/// Writes a whole file or nothing.
pub(super) fn write_whole(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(contents)?;
        file.commit()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// The whole file, unless it is larger than `limit` bytes, whatever its directory entry says.
pub(super) fn read_at_most(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![];
    File::open(path)
        .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(
        bytes.len() as u64 <= limit,
        "{} is larger than {limit} bytes: it cannot be the file that is expected here",
        path.display()
    );
    Ok(bytes)
}

/// Decodes a picture that may be anything, the right way up.
pub(super) fn open_picture(path: &Path) -> anyhow::Result<RgbaImage> {
    // Errors of the image crate repeat their cause in their own words, so they are no link of a chain.
    let wrong =
        |error: image::ImageError| anyhow::anyhow!("cannot read the picture {}: {error}", path.display());
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| wrong(error.into()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(wrong)?;
    let (width, height) = decoder.dimensions();
    anyhow::ensure!(
        u64::from(width) * u64::from(height) <= MAX_PIXELS,
        "{} has {width} x {height} pixels, at most {MAX_PIXELS} are read: cut it into parts or make it smaller first",
        path.display()
    );
    let orientation = decoder.orientation().map_err(wrong)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(wrong)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}
