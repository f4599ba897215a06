//! Pictures as numbers. The page makes its files of these itself, because some browsers disturb what is read
//! back from a canvas, and pixel art is to have exactly its own colors.

use super::png;
use std::collections::BTreeMap;

/// Red, green, blue and straight alpha.
pub type Pixel = [u8; 4];

/// The coarsest grid that pixel art is on. What is coarser is a flat area of it.
const MIN_CELLS: u32 = 8;

/// A picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    pixels: Vec<Pixel>,
}

impl Raster {
    /// One color everywhere; nothing for what cannot be seen.
    pub fn filled(width: u32, height: u32, color: Option<[u8; 3]>) -> Self {
        let pixel = color.map_or([0; 4], |[r, g, b]| [r, g, b, 255]);
        let pixels = vec![pixel; width as usize * height as usize];
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Reads a PNG file; nothing if it is damaged or has more than `max_side` pixels to a side.
    pub async fn from_png(file: &[u8], max_side: u32) -> Option<Self> {
        let (width, height, pixels) = png::read(file, max_side).await?;
        Some(Self {
            width,
            height,
            pixels,
        })
    }

    /// A PNG file of it; nothing where the browser cannot compress.
    pub async fn to_png(&self) -> Option<Vec<u8>> {
        png::write(self.width, &self.pixels).await
    }

    /// Its width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Its height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Its values, four to a pixel.
    pub fn as_bytes(&self) -> &[u8] {
        self.pixels.as_flattened()
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = &[Pixel]> {
        self.pixels.chunks_exact(self.width as usize)
    }

    /// Whether nothing can be seen through it.
    pub fn is_opaque(&self) -> bool {
        self.pixels.iter().all(|&[.., alpha]| alpha == 255)
    }

    fn at(&self, x: u32, y: u32) -> Pixel {
        self.pixels[(y * self.width + x) as usize]
    }

    /// Square pixel art with one pixel for each of the art's, which may have been drawn as blocks.
    pub fn cells(&self) -> Self {
        let is_on_grid = |cells: &u32| {
            let block = self.width / cells;
            let row =
                |y: u32| (0..self.width).all(|x| self.at(x, y) == self.at(x - x % block, y - y % block));
            self.width.is_multiple_of(*cells) && (0..self.height).all(row)
        };
        let cells = (MIN_CELLS..self.width).find(is_on_grid).unwrap_or(self.width);
        let block = self.width / cells;
        let pixels = (0..cells * cells).map(|cell| self.at(cell % cells * block, cell / cells * block));
        Self {
            width: cells,
            height: cells,
            pixels: pixels.collect(),
        }
    }

    /// Every pixel as a square of `factor` pixels.
    pub fn repeated(&self, factor: u32) -> Self {
        let wide = |row: &[Pixel]| -> Vec<Pixel> {
            row.iter()
                .flat_map(|&pixel| std::iter::repeat_n(pixel, factor as usize))
                .collect()
        };
        let rows = self.rows().flat_map(|row| wide(row).repeat(factor as usize));
        Self {
            width: self.width * factor,
            height: self.height * factor,
            pixels: rows.collect(),
        }
    }

    /// A square picture in another size, smoothly. What cannot be seen lends no color to what can.
    pub fn resized(&self, side: u32) -> Self {
        if side == self.width {
            return self.clone();
        }
        let weights = Weights::of(self.width, side);
        let premultiplied = |&[r, g, b, alpha]: &Pixel| {
            let part = f32::from(alpha) / 255.0;
            let [r, g, b] = [r, g, b].map(|value| f32::from(value) * part);
            [r, g, b, f32::from(alpha)]
        };
        let across = |row: &[Pixel]| {
            let row: Vec<[f32; 4]> = row.iter().map(premultiplied).collect();
            weights.apply(|at| row[at])
        };
        let rows: Vec<Vec<[f32; 4]>> = self.rows().map(across).collect();
        let mut all = Self::filled(side, side, None);
        let column = |x: usize| weights.apply(|at| rows[at][x]);
        for (x, column) in (0..side as usize).map(column).enumerate() {
            for (y, [r, g, b, alpha]) in column.into_iter().enumerate() {
                let straight = |value: f32| (value / (alpha / 255.0).max(1e-6)).round() as u8;
                let pixel = [straight(r), straight(g), straight(b), alpha.round() as u8];
                all.pixels[y * side as usize + x] = pixel;
            }
        }
        all
    }

    /// The areas of every color as a path of an SVG: runs of pixels, row by row.
    pub fn runs(&self) -> BTreeMap<Pixel, String> {
        let mut paths: BTreeMap<Pixel, String> = BTreeMap::new();
        for (y, row) in self.rows().enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                let length = run.len();
                *paths.entry(run[0]).or_default() += &format!("M{x} {y}h{length}v1h-{length}z");
                x += length;
            }
        }
        paths
    }

    /// Lays a picture over this one, with its corner at a place.
    pub fn draw(&mut self, picture: &Self, left: u32, top: u32) {
        for (y, row) in picture.rows().enumerate() {
            let start = (top as usize + y) * self.width as usize + left as usize;
            for (below, &above) in self.pixels[start..].iter_mut().zip(row) {
                *below = over(above, *below);
            }
        }
    }

    /// Leaves the largest disk of a square picture.
    pub fn make_round(&mut self) {
        let radius = self.width as f32 / 2.0;
        for y in 0..self.height {
            for x in 0..self.width {
                let from_center = |at: u32| at as f32 + 0.5 - radius;
                // How much of a pixel lies inside follows well enough from how far its center does.
                let inside = (radius - from_center(x).hypot(from_center(y)) + 0.5).clamp(0.0, 1.0);
                let pixel = &mut self.pixels[(y * self.width + x) as usize];
                pixel[3] = (f32::from(pixel[3]) * inside).round() as u8;
                if pixel[3] == 0 {
                    *pixel = [0; 4];
                }
            }
        }
    }

    /// The color that a square picture stands on: the one that most of its rim has, of the colors that most
    /// of it is close to. Where the rim is transparent there is none.
    pub fn ground(&self) -> Option<[u8; 3]> {
        let last = self.width - 1;
        let rim = (0..=last).flat_map(|at| [(at, 0), (at, last), (0, at), (last, at)]);
        let mut alike: BTreeMap<[u8; 3], BTreeMap<[u8; 3], u32>> = BTreeMap::new();
        for [r, g, b, alpha] in rim.map(|(x, y)| self.at(x, y)) {
            if alpha == 255 {
                let color = [r, g, b];
                *alike
                    .entry(color.map(|value| value >> 4))
                    .or_default()
                    .entry(color)
                    .or_default() += 1;
            }
        }
        let most = alike
            .into_values()
            .max_by_key(|colors| colors.values().sum::<u32>())?;
        most.into_iter()
            .max_by_key(|&(_, count)| count)
            .map(|(color, _)| color)
    }
}

/// A pixel over another.
fn over(above: Pixel, below: Pixel) -> Pixel {
    match above[3] {
        255 => above,
        0 => below,
        alpha => {
            let (front, back) = (f32::from(alpha) / 255.0, f32::from(below[3]) / 255.0);
            let whole = front + back * (1.0 - front);
            let mixed = |at: usize| {
                let sum = f32::from(above[at]) * front + f32::from(below[at]) * back * (1.0 - front);
                (sum / whole).round() as u8
            };
            [mixed(0), mixed(1), mixed(2), (whole * 255.0).round() as u8]
        }
    }
}

/// For each place of a row in another size, what comes of which places of the row: a triangle as wide as
/// a pixel of the smaller of the two.
struct Weights(Vec<(usize, Vec<f32>)>);

impl Weights {
    fn of(from: u32, to: u32) -> Self {
        let step = from as f32 / to as f32;
        let reach = step.max(1.0);
        let place = |at: u32| {
            let center = (at as f32 + 0.5) * step - 0.5;
            let first = (center - reach).ceil().max(0.0) as usize;
            let last = ((center + reach).floor() as usize).min(from as usize - 1);
            let weight = |at: usize| (1.0 - (at as f32 - center).abs() / reach).max(0.0);
            let weights: Vec<f32> = (first..=last).map(weight).collect();
            let sum: f32 = weights.iter().sum();
            (first, weights.into_iter().map(|weight| weight / sum).collect())
        };
        Self((0..to).map(place).collect())
    }

    fn apply(&self, at: impl Fn(usize) -> [f32; 4]) -> Vec<[f32; 4]> {
        let place = |(first, weights): &(usize, Vec<f32>)| {
            let mut sum = [0.0; 4];
            for (offset, weight) in weights.iter().enumerate() {
                let values = at(first + offset);
                sum.iter_mut()
                    .zip(values)
                    .for_each(|(sum, value)| *sum += weight * value);
            }
            sum
        };
        self.0.iter().map(place).collect()
    }
}
