//! Enlarging by any whole number: the network as often as it takes, and Lanczos' filter down to the size.
//!
//! The picture that the last pass reads is kept whole. What that pass gives is brought to its size a few rows
//! at a time, as soon as enough of them are there.

use super::{Depth, LANCZOS_RADIUS, Pixels, Upscale, upscale};
use crate::{
    networks::super_resolution::{Enlarge, Upscaler},
    pipeline::{Cancel, Error, Event, memory::to_enlarge},
};
use image::imageops::{self, FilterType};
use std::{borrow::Cow, ops::RangeInclusive};

/// By how much [`Scaled::new`] enlarges.
pub const SCALES: RangeInclusive<usize> = 1..=16;

/// Bytes of a pixel while Lanczos' filter computes.
const FILTERED_PIXEL: u64 = 16;

/// Enlarges a picture by a whole number, which need not be the network's.
#[derive(Debug)]
pub struct Scaled<'a, D: Depth = u8> {
    network: &'a Upscaler,
    tile: usize,
    scale: usize,
    /// How often the picture goes through the network.
    passes: u32,
    size: [usize; 2],
    opaque: bool,
    /// What the first pass reads, until it begins.
    image: Option<Cow<'a, Pixels<D>>>,
    /// The last pass, once it has begun.
    last: Option<Upscale<'a, D>>,
    /// Rows of the last pass that may still be needed, and the number of the first of them.
    rows: Pixels<D>,
    first_row: usize,
    /// Input rows of which the result has been given.
    done: usize,
    tiles_done: usize,
}

impl<'a, D: Depth> Scaled<'a, D> {
    /// Prepares a job that computes nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] as from [`Upscale::new`], and for a scale outside [`SCALES`].
    pub fn new(
        network: &'a Upscaler,
        image: &'a Pixels<D>,
        tile: usize,
        scale: usize,
    ) -> Result<Self, Error> {
        if !SCALES.contains(&scale) {
            let (least, most) = (SCALES.start(), SCALES.end());
            return Err(Error::Request(format!(
                "the scale is {scale}, expected {least} to {most}"
            )));
        }
        let passes = passes(network.scale(), scale);
        let size = [image.width() as usize, image.height() as usize];
        let whole = network.scale().pow(passes);
        if size.iter().any(|&side| side > i32::MAX as usize / whole) {
            return Err(Error::Request(format!(
                "a picture of {} x {} pixels cannot be enlarged {whole} times, which the network does in {passes} \
                 passes: no picture is so large",
                size[0], size[1]
            )));
        }
        // What the first pass would refuse is refused now.
        let first = Upscale::new(network, image, tile)?;
        Ok(Self {
            network,
            tile,
            scale,
            passes,
            size,
            opaque: first.is_opaque(),
            image: Some(Cow::Borrowed(image)),
            last: None,
            rows: Pixels::new(0, 0),
            first_row: 0,
            done: 0,
            tiles_done: 0,
        })
    }

    /// Width and height of the result.
    pub fn output_size(&self) -> [u32; 2] {
        self.size.map(|side| (side * self.scale) as u32)
    }

    /// How many tiles the job takes altogether.
    pub fn tiles(&self) -> usize {
        (0..self.passes)
            .map(|pass| {
                let grown = self.network.scale().pow(pass);
                let along = |side: usize| (side * grown).div_ceil(self.tile);
                along(self.size[0]) * along(self.size[1])
            })
            .sum()
    }

    /// Whether the result has no transparency.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// About how many bytes it takes, the picture itself not included.
    pub fn bytes(&self) -> u64 {
        let [width, height] = self.size.map(|side| side as u64);
        let pixel = 4 * size_of::<D>() as u64;
        let factor = self.network.scale() as u64;
        let (whole, before) = (factor.pow(self.passes), factor.pow(self.passes - 1));
        // One that is not opaque is copied when colors are spread into what is transparent.
        let mut pictures = if self.opaque { 0 } else { width * height * pixel };
        if self.passes > 1 {
            let copies = if self.opaque { 1 } else { 2 };
            pictures += copies * width * height * before.pow(2) * pixel;
        }
        if self.passes > 2 {
            pictures += width * height * (before / factor).pow(2) * pixel;
        }
        let reach = (super::overlap(self.network) + self.network.alignment()) as u64;
        let window = [height, width].map(|side| (side * before).min(self.tile as u64 + 2 * reach) as usize);
        let wide = width * whole;
        let high = (height * whole).min(self.tile as u64 * factor);
        let mut bands = wide * high * pixel;
        if whole != self.scale as u64 {
            let margin = 2 * LANCZOS_RADIUS as u64 * whole;
            let ready = (high + margin) * self.scale as u64 / whole;
            bands += wide * ((high + 2 * margin) * pixel + ready * (FILTERED_PIXEL + pixel));
        }
        to_enlarge(self.network, window) + pictures + bands
    }

    /// The next rows of the result over its whole width, or nothing after the last. Emits
    /// [`Event::Progress`] in tiles of all passes.
    ///
    /// # Errors
    ///
    /// As [`upscale`].
    pub async fn next_band(
        &mut self,
        cancel: &Cancel,
        emit: &mut impl AsyncFnMut(Event),
    ) -> Result<Option<Pixels<D>>, Error> {
        if let Some(image) = self.image.take() {
            self.last = Some(self.until_last(image, cancel, emit).await?);
        }
        let whole = self.network.scale().pow(self.passes);
        let height = self.size[1];
        while self.done < height {
            let seen = (self.first_row + self.rows.height() as usize) / whole;
            // Rows near the end of what is there would change with what is still to come.
            let ready = match seen {
                seen if seen == height || whole == self.scale => seen,
                seen => seen.saturating_sub(LANCZOS_RADIUS),
            };
            if ready > self.done {
                return Ok(Some(self.up_to(ready.min(height), whole)));
            }
            let total = self.tiles();
            let tiles_done = &mut self.tiles_done;
            let mut count = async |event| {
                if let Event::Progress { .. } = event {
                    *tiles_done += 1;
                    let done = *tiles_done;
                    emit(Event::Progress { done, total }).await;
                }
            };
            let Some(last) = &mut self.last else { break };
            let Some(band) = last.next_band(cancel, &mut count).await? else {
                break;
            };
            self.append(band);
        }
        Ok(None)
    }

    /// All passes but the last, which is prepared.
    async fn until_last(
        &mut self,
        mut image: Cow<'a, Pixels<D>>,
        cancel: &Cancel,
        emit: &mut impl AsyncFnMut(Event),
    ) -> Result<Upscale<'a, D>, Error> {
        let total = self.tiles();
        for _ in 1..self.passes {
            let tiles_done = &mut self.tiles_done;
            let count = async |event| {
                if let Event::Progress { .. } = event {
                    *tiles_done += 1;
                    let done = *tiles_done;
                    emit(Event::Progress { done, total }).await;
                }
            };
            image = Cow::Owned(upscale(self.network, &image, self.tile, cancel, count).await?);
        }
        Upscale::of(self.network, image, self.tile)
    }

    /// Keeps `band`, which follows on what is there.
    fn append(&mut self, band: Pixels<D>) {
        if self.rows.height() == 0 {
            self.rows = band;
            return;
        }
        let (width, height) = (band.width(), self.rows.height() + band.height());
        let mut pixels = std::mem::replace(&mut self.rows, Pixels::new(0, 0)).into_raw();
        pixels.extend_from_slice(&band);
        self.rows = Pixels::from_raw(width, height, pixels).unwrap_or_else(|| Pixels::new(0, 0));
    }

    /// The result from what has been given up to the input row `end`. `whole` is how many rows the last pass
    /// has for one of the input.
    fn up_to(&mut self, end: usize, whole: usize) -> Pixels<D> {
        let begin = std::mem::replace(&mut self.done, end);
        if whole == self.scale {
            // Bands end where rows of the input do not, if there was a pass before.
            return self.cut(begin * whole..end * whole, end * whole);
        }
        let from = begin.saturating_sub(LANCZOS_RADIUS);
        let to = (end + LANCZOS_RADIUS).min(self.size[1]);
        let keep = end.saturating_sub(LANCZOS_RADIUS);
        let window = self.cut(from * whole..to * whole, keep * whole);
        let [width, _] = self.output_size();
        let rows = |count: usize| (count * self.scale) as u32;
        let small = imageops::resize(&window, width, rows(to - from), FilterType::Lanczos3);
        imageops::crop_imm(&small, 0, rows(begin - from), width, rows(end - begin)).to_image()
    }

    /// The rows `wanted` of the last pass; those before `keep` are not needed again.
    fn cut(&mut self, wanted: std::ops::Range<usize>, keep: usize) -> Pixels<D> {
        let width = self.rows.width();
        let (top, high) = ((wanted.start - self.first_row) as u32, wanted.len() as u32);
        let cut = imageops::crop_imm(&self.rows, 0, top, width, high).to_image();
        let gone = (keep - self.first_row) as u32;
        let left = self.rows.height() - gone;
        self.rows = match left {
            0 => Pixels::new(0, 0),
            left => imageops::crop_imm(&self.rows, 0, gone, width, left).to_image(),
        };
        self.first_row = keep;
        cut
    }
}

/// How often a network that enlarges `factor` times is needed to enlarge `scale` times or more.
fn passes(factor: usize, scale: usize) -> u32 {
    let reaches = |passes: &u32| factor < 2 || factor.pow(*passes) >= scale;
    (1..).find(reaches).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_needed_as_often_as_it_takes() {
        for (factor, scale, expected) in [
            (4, 1, 1),
            (4, 4, 1),
            (4, 5, 2),
            (4, 16, 2),
            (2, 16, 4),
            (3, 10, 3),
            (8, 16, 2),
            (1, 16, 1),
        ] {
            assert_eq!(passes(factor, scale), expected, "{factor}, {scale}");
        }
    }
}
