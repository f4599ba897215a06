//! What the decoders do not say about a file: whether it is whole, how many frames it has, which chunks.

use image::ImageFormat;

/// Whether the file goes on to its end marker. The decoder fills what is missing with gray; those of other
/// formats notice it.
///
/// A JPEG ends with FFD9, which coded pixels never contain. Thumbnails in its header have end markers of
/// their own, so the last one must come after the last start of coded pixels.
pub(super) fn is_whole_jpeg(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    last([0xff, 0xd9]) > last([0xff, 0xda])
}

/// How many frames the file has, 1 for a still picture. Nothing when it has an animation beside a still
/// picture that is no part of it.
pub(super) fn frames(bytes: &[u8], format: ImageFormat) -> Option<usize> {
    match format {
        ImageFormat::Gif => Some(gif_frames(bytes)),
        ImageFormat::WebP => Some(webp_frames(bytes)),
        ImageFormat::Png => apng_frames(bytes),
        _ => Some(1),
    }
}

/// How many frames the animation of an animated file has, whether or not its still picture is one of them.
pub(super) fn animated_frames(bytes: &[u8], format: ImageFormat) -> Option<usize> {
    match (frames(bytes, format), format) {
        (Some(1), _) => None,
        (None, ImageFormat::Png) => apng_count(bytes).map(|count| count as usize),
        (frames, _) => frames,
    }
}

/// The chunks of a PNG before its pixels: their names and what they hold.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(4..)?;
        (name != b"IDAT").then_some((*name, data))
    })
}

/// The number of frames that a PNG announces.
fn apng_count(bytes: &[u8]) -> Option<u32> {
    png_chunks(bytes).find_map(|(name, data)| match &name {
        b"acTL" => Some(u32::from_be_bytes(*data.first_chunk::<4>()?)),
        _ => None,
    })
}

fn apng_frames(bytes: &[u8]) -> Option<usize> {
    let count = apng_count(bytes);
    let still_is_a_frame = png_chunks(bytes).any(|(name, _)| &name == b"fcTL");
    match count {
        Some(_) if !still_is_a_frame => None,
        Some(count) => Some(count.max(1) as usize),
        None => Some(1),
    }
}

fn webp_frames(bytes: &[u8]) -> usize {
    let mut rest = bytes.get(12..).unwrap_or_default();
    let mut frames = 0;
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        frames += usize::from(head.starts_with(b"ANMF"));
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        rest = after.get(length.saturating_add(length % 2)..).unwrap_or_default();
    }
    frames.max(1)
}

/// Follows the blocks of a GIF to their end, or as far as they are there.
fn gif_frames(bytes: &[u8]) -> usize {
    /// The bytes of the color table that the flags announce.
    fn table(flags: u8) -> usize {
        if flags & 0x80 == 0 {
            0
        } else {
            3 << ((flags & 7) + 1)
        }
    }
    let mut frames = 0;
    let mut follow = || {
        let mut at = 13 + table(*bytes.get(10)?);
        loop {
            match bytes.get(at)? {
                0x2c => {
                    frames += 1;
                    at += 11 + table(*bytes.get(at + 9)?);
                }
                0x21 => at += 2,
                _ => return Some(()),
            }
            loop {
                let length = usize::from(*bytes.get(at)?);
                at += 1 + length;
                if length == 0 {
                    break;
                }
            }
        }
    };
    follow();
    frames.max(1)
}
