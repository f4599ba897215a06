//! The PNGs of a dataset: each remembers what it was drawn from, which is all that a rerun needs to know.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use image::{Rgba, RgbaImage};
use sha2::{Digest, Sha256};

use super::super::files::{Links, open_regular, unfinished};
use super::super::{Error, io_error};
use super::options::{Background, Style};

/// How every PNG begins.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Less than a PNG of ours with its first pixel.
const HEADER_BYTES: u64 = 128;
/// How pictures are called while they are written.
const PARTIAL_PREFIX: &str = ".partial-";

/// The text chunk that holds the fingerprint.
const KEYWORD: &str = "guise:source";
/// Raised whenever the same source would be drawn differently.
const VERSION: u32 = 2;

/// Says from which bytes and with which settings a picture is drawn.
pub(super) fn fingerprint(bytes: &[u8], style: &Style) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {} ", style.resolution));
    match style.background {
        Background::Color(color) => hash.update(format!("{color:?} ")),
        Background::Keep => hash.update("keep "),
    }
    if let Some(grid) = style.grid {
        hash.update(format!("{grid:?} "));
    }
    hash.update(bytes);
    hex(&hash.finalize())
}

/// The SHA-256 of the pixels, by which duplicates are found.
pub(super) fn pixel_hash(pixels: &[u8]) -> [u8; 32] {
    Sha256::digest(pixels).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether `path` is a PNG that prepare wrote, from whatever source, or what a power cut left of one:
/// nothing, zeros, or a beginning without a pixel. Nothing is lost with those, no matter who wrote them.
pub(super) fn is_ours(path: &Path) -> bool {
    match header(path) {
        Some(reader) => written_fingerprint(&reader).is_some(),
        None => open_regular(path, Links::Refused).is_ok_and(|file| {
            let mut start = vec![];
            let read = file.take(HEADER_BYTES).read_to_end(&mut start);
            let is_short = (start.len() as u64) < HEADER_BYTES;
            let of_png = start
                .iter()
                .zip(SIGNATURE)
                .all(|(found, expected)| found == expected);
            let is_signed = start
                .windows(KEYWORD.len())
                .any(|part| part == KEYWORD.as_bytes());
            let is_empty = start.iter().all(|byte| *byte == 0) || is_short && of_png;
            read.is_ok() && (is_empty || is_signed)
        }),
    }
}

/// Whether a file of this name is one that prepare was still writing when it was stopped.
pub(super) fn is_partial(name: &str) -> bool {
    name.starts_with(PARTIAL_PREFIX)
        || unfinished(name).is_some_and(|of| super::JSON_FILE_NAMES.contains(&of))
}

/// The pixels of `path` as RGBA, if it was drawn from the source with this fingerprint and is whole, and
/// whether the file has alpha.
pub(super) fn read(path: &Path, fingerprint: &str, side: u32) -> Option<(Vec<u8>, bool)> {
    let reader = header(path)?;
    let matches = written_fingerprint(&reader) == Some(fingerprint) && reader.info().size() == (side, side);
    matches.then(|| decode(reader)).flatten()
}

/// The pixels as RGBA, and whether the file has alpha.
fn decode(mut reader: png::Reader<BufReader<File>>) -> Option<(Vec<u8>, bool)> {
    let (color, depth) = reader.output_color_type();
    let has_alpha = match color {
        png::ColorType::Rgb => false,
        png::ColorType::Rgba => true,
        _ => return None,
    };
    if depth != png::BitDepth::Eight {
        return None;
    }
    let (width, height) = reader.info().size();
    let mut pixels = vec![0; color.samples() * width as usize * height as usize];
    reader.next_frame(&mut pixels).ok()?;
    reader.finish().ok()?;
    if !has_alpha {
        let opaque = pixels.as_chunks::<3>().0.iter();
        pixels = opaque
            .flat_map(|[red, green, blue]| [*red, *green, *blue, 255])
            .collect();
    }
    Some((pixels, has_alpha))
}

/// Writes the picture at `path`, which prepare wrote, with alpha or without instead of the other.
pub(super) fn convert(path: &Path, has_alpha: bool) -> Result<(), Error> {
    let gone = || io_error("read", path)(std::io::Error::other("it was changed meanwhile"));
    let reader = header(path).ok_or_else(gone)?;
    let fingerprint = written_fingerprint(&reader).ok_or_else(gone)?.to_owned();
    let (width, height) = reader.info().size();
    let (pixels, _) = decode(reader).ok_or_else(gone)?;
    let picture = RgbaImage::from_raw(width, height, pixels).ok_or_else(gone)?;
    write(path, &picture, has_alpha, &fingerprint)
}

fn header(path: &Path) -> Option<png::Reader<BufReader<File>>> {
    png::Decoder::new(BufReader::new(open_regular(path, Links::Refused).ok()?))
        .read_info()
        .ok()
}

fn written_fingerprint(reader: &png::Reader<BufReader<File>>) -> Option<&str> {
    let texts = &reader.info().uncompressed_latin1_text;
    texts
        .iter()
        .find(|text| text.keyword == KEYWORD)
        .map(|text| text.text.as_str())
}

/// Writes the picture, with its alpha or without, beside its place and renames it, so that `path` is never
/// half a picture.
///
/// It is not flushed to the disk one by one, which would take longer than drawing: a picture that a power cut
/// leaves broken is found by [`read`] in the next run.
pub(super) fn write(
    path: &Path,
    picture: &RgbaImage,
    has_alpha: bool,
    fingerprint: &str,
) -> Result<(), Error> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(PARTIAL_PREFIX)
        .permissions_like_a_file()
        .tempfile_in(dir)
        .map_err(io_error("write", path))?;
    let encode = |file: &mut File| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(BufWriter::new(file), picture.width(), picture.height());
        encoder.set_color(match has_alpha {
            true => png::ColorType::Rgba,
            false => png::ColorType::Rgb,
        });
        encoder.set_depth(png::BitDepth::Eight);
        encoder.add_text_chunk(KEYWORD.into(), fingerprint.into())?;
        let mut writer = encoder.write_header()?;
        match has_alpha {
            true => writer.write_image_data(picture)?,
            false => {
                let colors: Vec<u8> = picture
                    .pixels()
                    .flat_map(|&Rgba([red, green, blue, _])| [red, green, blue])
                    .collect();
                writer.write_image_data(&colors)?;
            }
        }
        writer.finish()
    };
    encode(file.as_file_mut()).map_err(|error| match error {
        png::EncodingError::IoError(source) => io_error("write", path)(source),
        error => io_error("write", path)(std::io::Error::other(error)),
    })?;
    file.persist(path)
        .map_err(|error| io_error("write", path)(error.error))?;
    Ok(())
}

/// Temporary files are private by default; pictures of a dataset are files like any other.
trait PermissionsLikeAFile {
    fn permissions_like_a_file(&mut self) -> &mut Self;
}

impl PermissionsLikeAFile for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_a_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }
    #[cfg(not(unix))]
    fn permissions_like_a_file(&mut self) -> &mut Self {
        self
    }
}
