//! PNG files as far as the engine and the page write them: eight bits, not interlaced. Browsers compress and
//! unpack the streams in them; a crate that does it would make the page a third larger.

use super::raster::Pixel;
use js_sys::{Array, Function, Reflect, Uint8Array};
use std::collections::BTreeMap;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStreamDefaultReader, ReadableWritablePair};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Kinds of pixels, as files name them.
const RGB: u8 = 2;
const INDEXED: u8 = 3;
const RGBA: u8 = 6;
/// The filter of rows that are as they are, and the last one there is.
const NO_FILTER: u8 = 0;
const PAETH: u8 = 4;

/// Width and height of a PNG file.
pub fn extent(file: &[u8]) -> Option<(u32, u32)> {
    let mut chunks = chunks(file)?;
    let (name, header) = chunks.next()?;
    let number = |at: usize| Some(u32::from_be_bytes(*header.get(at..)?.first_chunk()?));
    (name == b"IHDR").then_some((number(0)?, number(4)?))
}

/// Reads a file; nothing if it is damaged, of another kind, or has more than `max_side` pixels to a side.
pub async fn read(file: &[u8], max_side: u32) -> Option<(u32, u32, Vec<Pixel>)> {
    let (width, height) = extent(file)?;
    if !(1..=max_side).contains(&width) || !(1..=max_side).contains(&height) {
        return None;
    }
    let of = |wanted: &[u8]| {
        let found = chunks(file)?.filter(|(name, _)| *name == wanted);
        Some(
            found
                .flat_map(|(_, content)| content)
                .copied()
                .collect::<Vec<u8>>(),
        )
    };
    let &[8, kind, 0, 0, 0] = of(b"IHDR")?.get(8..)? else {
        return None;
    };
    let (palette, alphas) = (of(b"PLTE")?, of(b"tRNS")?);
    let samples = match kind {
        RGB => 3,
        INDEXED => 1,
        RGBA => 4,
        _ => return None,
    };
    let row = width as usize * samples;
    let size = (row + 1) * height as usize;
    let mut rows = through("DecompressionStream", &of(b"IDAT")?, size).await?;
    if rows.len() != size {
        return None;
    }
    let mut above = vec![0; row];
    for row in rows.chunks_exact_mut(row + 1) {
        unfilter(row, &above, samples)?;
        above.copy_from_slice(&row[1..]);
    }
    let pixel = |sample: &[u8]| match *sample {
        [r, g, b] => Some([r, g, b, 255]),
        [r, g, b, alpha] => Some([r, g, b, alpha]),
        [place] => {
            let &[r, g, b] = palette.get(3 * usize::from(place)..)?.first_chunk()?;
            Some([r, g, b, alphas.get(usize::from(place)).copied().unwrap_or(255)])
        }
        _ => None,
    };
    let rows = rows.chunks_exact(row + 1);
    let pixels = rows.flat_map(|row| row[1..].chunks_exact(samples)).map(pixel);
    Some((width, height, pixels.collect::<Option<_>>()?))
}

/// Writes a file. Where there are few colors it lists them, which takes a tenth of the bytes.
pub async fn write(width: u32, pixels: &[Pixel]) -> Option<Vec<u8>> {
    let height = pixels.len() as u32 / width;
    let is_opaque = pixels.iter().all(|&[.., alpha]| alpha == 255);
    let (kind, samples, colors) = match (colors(pixels), is_opaque) {
        (Some(colors), _) => (INDEXED, 1, colors),
        (None, true) => (RGB, 3, BTreeMap::new()),
        (None, false) => (RGBA, 4, BTreeMap::new()),
    };
    let sample = |pixel: &Pixel| match kind {
        INDEXED => vec![colors[pixel]],
        _ => pixel[..samples].to_vec(),
    };
    let mut above = vec![0; width as usize * samples];
    let mut rows = vec![];
    for row in pixels.chunks_exact(width as usize) {
        let row: Vec<u8> = row.iter().flat_map(sample).collect();
        if kind == INDEXED {
            rows.push(NO_FILTER);
            rows.extend(&row);
        } else {
            rows.push(PAETH);
            let left = |at: usize, of: &[u8]| at.checked_sub(samples).map_or(0, |at| of[at]);
            let filtered = |at: usize| {
                let guess = paeth(left(at, &row), above[at], left(at, &above));
                row[at].wrapping_sub(guess)
            };
            rows.extend((0..row.len()).map(filtered));
        }
        above = row;
    }
    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, kind, 0, 0, 0]);
    let mut file = SIGNATURE.to_vec();
    push(&mut file, b"IHDR", &header);
    if kind == INDEXED {
        let palette: Vec<u8> = colors.keys().flat_map(|&[r, g, b, _]| [r, g, b]).collect();
        push(&mut file, b"PLTE", &palette);
    }
    if kind == INDEXED && !is_opaque {
        let alphas: Vec<u8> = colors.keys().map(|&[.., alpha]| alpha).collect();
        push(&mut file, b"tRNS", &alphas);
    }
    push(
        &mut file,
        b"IDAT",
        &through("CompressionStream", &rows, usize::MAX).await?,
    );
    push(&mut file, b"IEND", &[]);
    Some(file)
}

/// All colors, each with its place among them; nothing if there are too many for a list.
fn colors(pixels: &[Pixel]) -> Option<BTreeMap<Pixel, u8>> {
    let mut colors = BTreeMap::new();
    for &pixel in pixels {
        colors.insert(pixel, 0);
        if colors.len() > 256 {
            return None;
        }
    }
    colors
        .values_mut()
        .zip(0..=u8::MAX)
        .for_each(|(place, at)| *place = at);
    Some(colors)
}

/// The parts of a file, each with its name, as far as they are whole.
fn chunks(file: &[u8]) -> Option<impl Iterator<Item = (&[u8], &[u8])>> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    Some(std::iter::from_fn(move || {
        let (size, after) = rest.split_first_chunk()?;
        let (name, after) = after.split_at_checked(4)?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*size) as usize)?;
        rest = after.get(4..)?;
        Some((name, content))
    }))
}

fn push(file: &mut Vec<u8>, name: &[u8], content: &[u8]) {
    file.extend((content.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(name);
    file.extend(content);
    let sum = checksum(&file[start..]);
    file.extend(sum.to_be_bytes());
}

/// CRC-32, as PNG files and zip archives check their parts with.
pub fn checksum(content: &[u8]) -> u32 {
    let step = |sum: u32, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
    let add = |sum: u32, &byte: &u8| (0..8).fold(sum ^ u32::from(byte), step);
    !content.iter().fold(!0, add)
}

/// Undoes the filter that a row names before its values, which begin after `samples` bytes a pixel.
fn unfilter(row: &mut [u8], above: &[u8], samples: usize) -> Option<()> {
    let (&mut filter, row) = row.split_first_mut()?;
    for at in 0..row.len() {
        let left = at.checked_sub(samples).map_or(0, |at| row[at]);
        let before = at.checked_sub(samples).map_or(0, |at| above[at]);
        let guess = match filter {
            NO_FILTER => 0,
            1 => left,
            2 => above[at],
            3 => left.midpoint(above[at]),
            PAETH => paeth(left, above[at], before),
            _ => return None,
        };
        row[at] = row[at].wrapping_add(guess);
    }
    Some(())
}

/// Which of the three neighbors is closest to what follows from all of them.
fn paeth(left: u8, above: u8, before: u8) -> u8 {
    let guess = i32::from(left) + i32::from(above) - i32::from(before);
    let far = |value: u8| (guess - i32::from(value)).abs();
    match (far(left), far(above), far(before)) {
        (a, b, c) if a <= b && a <= c => left,
        (_, b, c) if b <= c => above,
        _ => before,
    }
}

/// What a stream of the browser's makes of some bytes; nothing if it fails or makes more than `most` of them.
async fn through(stream: &str, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let stream: Function = Reflect::get(&js_sys::global(), &stream.into())
        .ok()?
        .dyn_into()
        .ok()?;
    let stream = Reflect::construct(&stream, &Array::of1(&"deflate".into())).ok()?;
    let parts = Array::of1(&Uint8Array::from(bytes));
    let blob = Blob::new_with_u8_array_sequence(&parts).ok()?;
    let pair: ReadableWritablePair = stream.unchecked_into();
    let reader: ReadableStreamDefaultReader = blob.stream().pipe_through(&pair).get_reader().unchecked_into();
    let mut all = vec![];
    loop {
        let part = JsFuture::from(reader.read()).await.ok()?;
        let Ok(part) = Reflect::get(&part, &"value".into())
            .ok()?
            .dyn_into::<Uint8Array>()
        else {
            return Some(all);
        };
        all.extend(part.to_vec());
        if all.len() > most {
            // It is dropped, and so are the rest and whether that works.
            let _ = reader.cancel();
            return None;
        }
    }
}
