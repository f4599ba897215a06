//! Enlarging a picture through a super-resolution network, tile by tile.
//!
//! Each tile is computed from a window that reaches as far beyond the tile as the network looks, so its
//! pixels are those of the whole picture computed at once, and memory depends on the tile alone. Deep
//! networks could look hundreds of pixels far and hardly do: of those the window reaches [`MOST_OVERLAP`]
//! pixels.

mod bleed;
mod scaled;

pub use scaled::{SCALES, Scaled};

use super::{Cancel, Error, Event, Network, sample::read};
use crate::networks::super_resolution::{Enlarge, Upscaler};
use bleed::bleed;
use burn::tensor::{Tensor, TensorData};
use image::{
    ImageBuffer, Luma, Pixel, Primitive, Rgba,
    imageops::{self, FilterType},
};
use std::{borrow::Cow, ops::Range};

/// Sides of a tile, in pixels of the input, that [`Upscale::new`] takes.
pub const TILE_SIDES: std::ops::RangeInclusive<usize> = 16..=1024;

/// The most pixels of the input that a window reaches beyond its tile on each side: all that an RRDBNet of
/// six blocks looks at, which is 94. It does look: with 16 pixels around it, a tile of Real-ESRGAN's anime
/// model was up to 80 of 255 from the same part of the whole picture. A network of 23 blocks could look 349
/// pixels far, for which tiles of 256 would take 14 times the work; its tiles are nearly those of the whole
/// picture.
pub const MOST_OVERLAP: usize = 96;

/// How far Lanczos' window with three lobes reaches, in pixels of the input.
const LANCZOS_RADIUS: usize = 3;

/// What a channel of a picture is counted in: 8 bits or 16.
pub trait Depth: Primitive + Into<f32> + Into<u32> + 'static {
    /// Four channels: colors and alpha.
    type Rgba: Pixel<Subpixel = Self> + std::fmt::Debug + 'static;
    /// One channel.
    type Gray: Pixel<Subpixel = Self> + 'static;

    /// What is nearest to `value`, of which 1 is the most.
    fn of(value: f32) -> Self;
}

impl Depth for u8 {
    type Rgba = Rgba<Self>;
    type Gray = Luma<Self>;

    fn of(value: f32) -> Self {
        (value.clamp(0.0, 1.0) * 255.0).round() as u8
    }
}

impl Depth for u16 {
    type Rgba = Rgba<Self>;
    type Gray = Luma<Self>;

    fn of(value: f32) -> Self {
        (value.clamp(0.0, 1.0) * 65_535.0).round() as u16
    }
}

/// A picture of colors with straight alpha.
pub type Pixels<D> = ImageBuffer<<D as Depth>::Rgba, Vec<D>>;

/// Enlarges `image` by the network's scale, in tiles of `tile` x `tile` input pixels.
///
/// Emits [`Event::Progress`] in tiles, and awaits `emit`: on a single thread that is when a request to
/// cancel can arrive. Colors go through the network; alpha, if there is any, is enlarged
/// by Lanczos' filter, which leaves wholly opaque and wholly transparent regions exactly so. The network,
/// given alpha as a gray picture, would not.
///
/// # Errors
///
/// [`Error::Request`] for an empty picture, a result too large for memory or a tile outside
/// [`TILE_SIDES`]; [`Error::Cancelled`] at the first tile after it was asked for.
pub async fn upscale<D: Depth>(
    network: &Upscaler,
    image: &Pixels<D>,
    tile: usize,
    cancel: &Cancel,
    mut emit: impl AsyncFnMut(Event),
) -> Result<Pixels<D>, Error> {
    let mut job = Upscale::new(network, image, tile)?;
    let [width, height] = job.output_size();
    let too_large = || {
        Error::Request(format!(
            "the enlarged picture of {width} x {height} pixels does not fit into memory"
        ))
    };
    let length = (width as usize)
        .checked_mul(height as usize)
        .and_then(|pixels| pixels.checked_mul(4));
    let mut pixels = vec![];
    pixels
        .try_reserve_exact(length.ok_or_else(too_large)?)
        .map_err(|_| too_large())?;
    while let Some(band) = job.next_band(cancel, &mut emit).await? {
        pixels.extend_from_slice(&band);
    }
    Pixels::from_raw(width, height, pixels).ok_or_else(too_large)
}

/// The same as [`upscale`] for results that are larger than memory: gives them from top to bottom.
#[derive(Debug)]
pub struct Upscale<'a, D: Depth = u8> {
    network: &'a Upscaler,
    image: Cow<'a, Pixels<D>>,
    tile: usize,
    /// Whether every pixel is opaque.
    opaque: bool,
    /// The first input row that no band has covered yet.
    next_row: usize,
    tiles_done: usize,
}

impl<'a, D: Depth> Upscale<'a, D> {
    /// Prepares a job that computes nothing yet.
    pub fn new(network: &'a Upscaler, image: &'a Pixels<D>, tile: usize) -> Result<Self, Error> {
        Self::of(network, Cow::Borrowed(image), tile)
    }

    /// The same for a picture that may be the job's own.
    fn of(network: &'a Upscaler, image: Cow<'a, Pixels<D>>, tile: usize) -> Result<Self, Error> {
        if !TILE_SIDES.contains(&tile) {
            let (least, most) = (TILE_SIDES.start(), TILE_SIDES.end());
            return Err(Error::Request(format!(
                "the tile side is {tile} pixels, expected {least} to {most}"
            )));
        }
        let (width, height) = image.dimensions();
        if width == 0 || height == 0 {
            return Err(Error::Request(format!(
                "the picture is empty: it has {width} x {height} pixels"
            )));
        }
        let scale = network.scale();
        if width.max(height) as usize > i32::MAX as usize / scale {
            return Err(Error::Request(format!(
                "a picture of {width} x {height} pixels cannot be enlarged {scale} times: no picture is so large"
            )));
        }
        let opaque = image
            .pixels()
            .all(|pixel| pixel.channels()[3] == D::DEFAULT_MAX_VALUE);
        Ok(Self {
            network,
            image: bleed(image),
            tile,
            opaque,
            next_row: 0,
            tiles_done: 0,
        })
    }

    /// Width and height of the result.
    pub fn output_size(&self) -> [u32; 2] {
        let scale = self.network.scale() as u32;
        [self.image.width() * scale, self.image.height() * scale]
    }

    /// Rows and columns of the largest part of the picture that goes through the network at once.
    pub fn largest_window(&self) -> [usize; 2] {
        let reach = overlap(self.network) + self.network.alignment();
        let (width, height) = self.image.dimensions();
        [height, width].map(|side| (side as usize).min(self.tile + 2 * reach))
    }

    /// How many tiles the job takes altogether.
    pub fn tiles(&self) -> usize {
        let (width, height) = self.image.dimensions();
        (width as usize).div_ceil(self.tile) * (height as usize).div_ceil(self.tile)
    }

    /// Whether the result has no transparency.
    pub fn is_opaque(&self) -> bool {
        self.opaque
    }

    /// The next rows of the result over its whole width, or nothing after the last.
    pub async fn next_band(
        &mut self,
        cancel: &Cancel,
        emit: &mut impl AsyncFnMut(Event),
    ) -> Result<Option<Pixels<D>>, Error> {
        let [width, height] = [self.image.width() as usize, self.image.height() as usize];
        if self.next_row == height {
            return Ok(None);
        }
        let scale = self.network.scale();
        let rows = self.next_row..height.min(self.next_row + self.tile);
        let mut band = Pixels::new((width * scale) as u32, (rows.len() * scale) as u32);
        for left in (0..width).step_by(self.tile) {
            cancel.check()?;
            let columns = left..width.min(left + self.tile);
            let tile = self.tile(columns, rows.clone()).await?;
            imageops::replace(&mut band, &tile, (left * scale) as i64, 0);
            self.tiles_done += 1;
            emit(Event::Progress {
                done: self.tiles_done,
                total: self.tiles(),
            })
            .await;
        }
        self.next_row = rows.end;
        Ok(Some(band))
    }

    /// The result for the input pixels in `columns` and `rows`.
    async fn tile(&self, columns: Range<usize>, rows: Range<usize>) -> Result<Pixels<D>, Error> {
        let (margin, step) = (overlap(self.network), self.network.alignment());
        // Beyond the picture the network pads, as it does for the whole picture, so the window ends where the
        // picture does.
        let grown = |range: &Range<usize>, end: u32| {
            let start = range.start.saturating_sub(margin);
            let end = (range.end + margin).next_multiple_of(step).min(end as usize);
            start - start % step..end
        };
        let window_columns = grown(&columns, self.image.width());
        let window_rows = grown(&rows, self.image.height());
        let [h, w] = [window_rows.len(), window_columns.len()];

        let mut colors = vec![0.0; 3 * h * w];
        let mut alpha = ImageBuffer::<D::Gray, Vec<D>>::new(w as u32, h as u32);
        let most: f32 = D::DEFAULT_MAX_VALUE.into();
        for y in 0..h {
            for x in 0..w {
                let (column, row) = (window_columns.start + x, window_rows.start + y);
                let pixel = self.image.get_pixel(column as u32, row as u32).channels();
                for channel in 0..3 {
                    let value: f32 = pixel[channel].into();
                    colors[(channel * h + y) * w + x] = value / most;
                }
                alpha.put_pixel(x as u32, y as u32, *D::Gray::from_slice(&pixel[3..]));
            }
        }

        let scale = self.network.scale();
        let inside = |range: &Range<usize>, window: &Range<usize>| {
            (range.start - window.start) * scale..(range.end - window.start) * scale
        };
        let [out_rows, out_columns] = [inside(&rows, &window_rows), inside(&columns, &window_columns)];
        let device = self.network.device();
        let x = Tensor::<4>::from_data(TensorData::new(colors, [1, 3, h, w]), &device);
        let x = self
            .network
            .forward(x)
            .slice([0..1, 0..3, out_rows.clone(), out_columns.clone()]);
        let values = read(x).await?;
        if !values.iter().all(|value| value.is_finite()) {
            return Err(Error::NotNumbers {
                network: Network::Upscaler,
            });
        }

        let alpha = (!self.opaque).then(|| {
            imageops::resize(
                &alpha,
                (w * scale) as u32,
                (h * scale) as u32,
                FilterType::Lanczos3,
            )
        });
        let [h, w] = [out_rows.len(), out_columns.len()];
        Ok(Pixels::from_fn(w as u32, h as u32, |x, y| {
            let color = |channel: usize| D::of(values[(channel * h + y as usize) * w + x as usize]);
            let alpha = alpha.as_ref().map_or(D::DEFAULT_MAX_VALUE, |alpha| {
                alpha
                    .get_pixel(x + out_columns.start as u32, y + out_rows.start as u32)
                    .channels()[0]
            });
            *D::Rgba::from_slice(&[color(0), color(1), color(2), alpha])
        }))
    }
}

/// How far beyond a tile its window reaches, in pixels of the input.
pub fn overlap(network: &dyn Enlarge) -> usize {
    network.receptive_radius().clamp(LANCZOS_RADIUS, MOST_OVERLAP)
}
