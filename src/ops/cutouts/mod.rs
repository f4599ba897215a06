//! Cutouts: many slightly different views of a picture, so that an optimized picture has to please an image
//! encoder in all of them (Crowson et al., "VQGAN-CLIP", 2022, section 3.2). Not ADA's `cutout`, which
//! erases.
//!
//! Bilinear resampling is separable: a crop with its scale, aspect, translation and flip is `A_y X A_x^T`
//! (1), with one row of weights for each row and column of the result. Rotation is not, but two shears come
//! close to it while the angle is small. A shear moves every row, then every column, by its own distance, so
//! each pixel is a mean of two neighbors, which are gathered: a matrix for each row would take memory that
//! grows with the cube of the side. Both have a gradient on every backend; `interpolate` has none on a GPU.

use burn::tensor::{Int, Tensor, TensorData};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How much cutouts differ from the picture. All numbers are shares, so they mean the same for every size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CutoutConfig {
    /// Views of each picture; none leaves the picture as it is.
    pub num_cutouts: usize,
    /// The smallest side of a crop, as a share of the picture's shorter one, above 0 to 1.
    pub min_size: f32,
    /// Sides are `min_size + (1 - min_size) u^cut_power` for a uniform `u`: above one most crops are small,
    /// below one most are large. Above 0.
    pub cut_power: f32,
    /// Height and width of a crop differ by up to this share of the side, 0 to 0.5.
    pub aspect: f32,
    /// The largest rotation in either direction, in radians, 0 to 0.6.
    pub rotation: f32,
    /// How often a view is mirrored, 0 to 1. Not for pictures that have a left and a right.
    pub flip: f32,
    /// How far brightness, contrast and saturation move in either direction, 0 to 0.5.
    pub color_jitter: f32,
}

impl Default for CutoutConfig {
    /// For faces that fill their picture: small crops show nothing that a sentence speaks of.
    fn default() -> Self {
        Self {
            num_cutouts: 0,
            min_size: 0.8,
            cut_power: 1.0,
            aspect: 0.05,
            rotation: 0.05,
            flip: 0.0,
            color_jitter: 0.05,
        }
    }
}

/// The most cutouts of a picture.
pub const MAX_CUTOUTS: usize = 128;

impl CutoutConfig {
    /// Says in words which field is out of its bounds.
    pub fn validate(&self) -> Result<(), String> {
        if self.num_cutouts > MAX_CUTOUTS {
            return Err(format!(
                "num_cutouts is {}, expected 0 to {MAX_CUTOUTS}",
                self.num_cutouts
            ));
        }
        for (field, value, min, max) in [
            ("min_size", self.min_size, 0.01, 1.0),
            ("cut_power", self.cut_power, 0.01, 100.0),
            ("aspect", self.aspect, 0.0, 0.5),
            ("rotation", self.rotation, 0.0, 0.6),
            ("flip", self.flip, 0.0, 1.0),
            ("color_jitter", self.color_jitter, 0.0, 0.5),
        ] {
            if !(min..=max).contains(&value) {
                return Err(format!("{field} is {value}, expected {min} to {max}"));
            }
        }
        Ok(())
    }
}

/// A stretch of one axis, in pixels of the source: where it starts, and its length, which is negative when it
/// is seen from its other end.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    start: f32,
    length: f32,
}

impl Span {
    /// The weights `[size, source]` that resample the stretch to `size` samples, row by row.
    ///
    /// A tent as wide as the distance between two samples, but at least a pixel: bilinear when enlarging, an
    /// average that leaves nothing out when reducing. Beyond the source its last pixel goes on.
    fn weights(self, source: usize, size: usize, weights: &mut Vec<f32>) {
        let step = self.length / size as f32;
        let width = step.abs().max(1.0);
        for i in 0..size {
            let center = self.start + (i as f32 + 0.5) * step - 0.5;
            let row = weights.len();
            weights.resize(row + source, 0.0);
            let row = &mut weights[row..];
            let (first, last) = (
                (center - width).floor() as isize,
                (center + width).ceil() as isize,
            );
            let mut sum = 0.0;
            for j in first..=last {
                let weight = (1.0 - (j as f32 - center).abs() / width).max(0.0);
                row[j.clamp(0, source as isize - 1) as usize] += weight;
                sum += weight;
            }
            row.iter_mut().for_each(|weight| *weight /= sum);
        }
    }
}

/// One view of a picture.
#[derive(Debug, Clone, PartialEq)]
struct View {
    /// The crop's rows.
    rows: Span,
    /// The crop's columns.
    columns: Span,
    /// How many columns a row moves for each row that it lies below the center.
    shear_x: f32,
    /// How many rows a column moves for each column that it lies right of the center, after that.
    shear_y: f32,
    /// `[3, 3]`, from the colors of the picture to those of the view.
    color: [[f32; 3]; 3],
    /// What is added to every channel.
    brightness: f32,
}

/// ITU-R BT.601: how bright the channels look.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

impl View {
    fn draw(config: &CutoutConfig, [height, width]: [usize; 2], rng: &mut impl Rng) -> Self {
        // Every number is drawn whatever the settings are, so that one setting does not change the others'
        // draws.
        let mut uniform = || rng.random::<f32>();
        let mut signed = |reach: f32| (2.0 * uniform() - 1.0) * reach;
        let aspect = signed(config.aspect);
        let angle = signed(config.rotation);
        let [contrast, saturation] = [
            1.0 + signed(config.color_jitter),
            1.0 + signed(config.color_jitter),
        ];
        let brightness = signed(config.color_jitter);
        let size = config.min_size + (1.0 - config.min_size) * uniform().powf(config.cut_power);
        // Crops are about squares: what is seen of a wide picture keeps its proportions.
        let shorter = height.min(width) as f32;
        let mut span = |side: usize, share: f32| {
            let side = side as f32;
            let length = shorter * share.min(1.0);
            Span {
                start: (side - length) * uniform(),
                length,
            }
        };
        let rows = span(height, size * (1.0 + aspect));
        let mut columns = span(width, size * (1.0 - aspect));
        if uniform() < config.flip {
            columns = Span {
                start: columns.start + columns.length,
                length: -columns.length,
            };
        }
        // Gray stays gray; saturation moves colors away from it.
        let color = [0, 1, 2].map(|to| {
            [0, 1, 2].map(|from| {
                let own = if to == from { saturation } else { 0.0 };
                contrast * (own + (1.0 - saturation) * LUMA[from])
            })
        });
        Self {
            rows,
            columns,
            shear_x: -angle.tan(),
            shear_y: angle.sin() * angle.cos(),
            color,
            brightness,
        }
    }
}

/// Drawn cutouts of a batch, ready to be applied to it.
#[derive(Debug)]
pub struct Cutouts {
    views: Vec<View>,
    num_cutouts: usize,
    resolution: usize,
}

impl Cutouts {
    /// Draws `config.num_cutouts` views for each of `n` pictures of `size` (height, width), which become
    /// squares of the side `resolution`. The same state of `rng` gives the same views on every platform, up
    /// to rounding.
    pub fn draw(
        config: &CutoutConfig,
        n: usize,
        size: [usize; 2],
        resolution: usize,
        rng: &mut impl Rng,
    ) -> Self {
        let count = n * config.num_cutouts;
        Self {
            views: (0..count).map(|_| View::draw(config, size, rng)).collect(),
            num_cutouts: config.num_cutouts,
            resolution,
        }
    }

    /// `images [n, 3, h, w] -> [n num_cutouts, 3, resolution, resolution]`; all views of a picture follow
    /// each other.
    ///
    /// # Panics
    /// When the batch is not the one that the cutouts were drawn for.
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = images.dims();
        let [count, side] = [self.views.len(), self.resolution];
        assert_eq!(
            count,
            n * self.num_cutouts,
            "as many views as were drawn for the batch"
        );
        assert_eq!(c, 3, "colors have three channels");
        let device = images.device().without_autodiff();
        let x = images
            .unsqueeze_dim::<5>(1)
            .repeat_dim(1, self.num_cutouts)
            .reshape([count, c, h, w]);

        let matrices = |size: [usize; 4], fill: &dyn Fn(&View, &mut Vec<f32>)| {
            let mut values = Vec::with_capacity(size.iter().product());
            self.views.iter().for_each(|view| fill(view, &mut values));
            Tensor::<4>::from_data(TensorData::new(values, size), &device)
        };
        let x = if self.views.iter().any(|view| view.shear_x != 0.0) {
            let x = self.shear(x, |view| view.shear_x);
            let x = self.shear(x.swap_dims(2, 3), |view| view.shear_y); // [count, c, w, h]
            x.swap_dims(2, 3)
        } else {
            x
        };

        let rows = matrices([count, 1, side, h], &|view, values| {
            view.rows.weights(h, side, values)
        });
        let columns = matrices([count, 1, side, w], &|view, values| {
            view.columns.weights(w, side, values)
        });
        let x = rows.matmul(x).matmul(columns.transpose()); // eq. 1

        let color = matrices([count, 1, c, c], &|view, values| {
            values.extend(view.color.as_flattened());
        });
        let brightness = matrices([count, 1, 1, 1], &|view, values| values.push(view.brightness));
        let x = color.matmul(x.reshape([count, 1, c, side * side])) + brightness;
        x.reshape([count, c, side, side])
    }

    /// Moves each line of `x [count, c, lines, length]` along itself, by as many pixels as `shear` says for
    /// each line that it lies below the center. Beyond its ends a line's last pixel goes on.
    fn shear(&self, x: Tensor<4>, shear: impl Fn(&View) -> f32) -> Tensor<4> {
        let [count, c, lines, length] = x.dims();
        let device = x.device().without_autodiff();
        let center = (lines as f32 - 1.0) / 2.0;
        let mut before = Vec::with_capacity(count * lines * length);
        let mut after = Vec::with_capacity(count * lines * length);
        let mut shares = Vec::with_capacity(count * lines);
        for view in &self.views {
            for line in 0..lines {
                let offset = shear(view) * (line as f32 - center);
                let whole = offset.floor();
                let at = |pixel: usize, more: i64| {
                    (pixel as i64 + whole as i64 + more).clamp(0, length as i64 - 1) as i32
                };
                before.extend((0..length).map(|pixel| at(pixel, 0)));
                after.extend((0..length).map(|pixel| at(pixel, 1)));
                shares.push(offset - whole);
            }
        }
        let neighbors = |places: Vec<i32>| {
            let shape = [count, 1, lines, length];
            let places = Tensor::<4, Int>::from_data(TensorData::new(places, shape), &device);
            x.clone().gather(3, places.repeat_dim(1, c))
        };
        let (before, after) = (neighbors(before), neighbors(after));
        let shares = Tensor::<4>::from_data(TensorData::new(shares, [count, 1, lines, 1]), &device);
        before.clone() + (after - before) * shares
    }
}

/// Resamples `images [n, c, h, w]` to squares of the side `resolution`, as the cutouts do with the whole
/// picture.
pub fn resize(images: Tensor<4>, resolution: usize) -> Tensor<4> {
    let [_, _, h, w] = images.dims();
    if [h, w] == [resolution; 2] {
        return images;
    }
    let device = images.device().without_autodiff();
    let [rows, columns] = [h, w].map(|side| {
        let whole = Span {
            start: 0.0,
            length: side as f32,
        };
        let mut values = vec![];
        whole.weights(side, resolution, &mut values);
        Tensor::<4>::from_data(TensorData::new(values, [1, 1, resolution, side]), &device)
    });
    rows.matmul(images).matmul(columns.transpose())
}

#[cfg(test)]
mod tests;
