//! The augmentation of Karras et al., "Training Generative Adversarial Networks with Limited Data" (2020):
//! the discriminator sees all pictures, real and generated, through operations that happen with a probability
//! `p`, so that it cannot learn a small collection by heart. As long as `p` is below about 0.8, the generator
//! learns to draw pictures that were not augmented (section 3).
//!
//! What happens is drawn on the host for a batch at a time ([`draw`]). Applying it is a function of the
//! pictures alone, which is differentiable on every device, and affine: so the R1 penalty goes through it as
//! well.
//!
//! Pictures with alpha are transparent beyond their edges, where those without go on as their mirror images,
//! and where a box is erased. Only their colors change color, as far as they are seen.

mod control;
mod draw;
mod leak;
mod matrices;
mod pipe;
#[cfg(test)]
mod tests;
mod wavelets;

pub use control::AdaptiveP;
pub use leak::{Leak, leaks};
pub use pipe::AugPipe;

use crate::ops::affine_sample::{AffineGrid, Beyond, affine_sample};
use burn::tensor::{Int, Tensor, TensorData};
use draw::View;
use matrices::{Square, identity, product, translation};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// The side of the box that is erased, as a share of the picture's.
const CUTOUT_SIDE: f64 = 0.5;

/// What was drawn for a batch, ready to be applied to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmentation {
    views: Vec<View>,
}

impl Augmentation {
    /// Draws what happens to each of `n` pictures of this side: every operation of `pipe` with the
    /// probability `p`. The same state of `rng` gives the same on every device.
    pub fn draw(pipe: AugPipe, p: f64, n: usize, side: usize, rng: &mut impl Rng) -> Self {
        let views = (0..n).map(|_| View::draw(pipe, p, side, rng));
        Self {
            views: views.collect(),
        }
    }

    /// What was drawn for the pictures at these places of the batch.
    ///
    /// # Panics
    /// When there is no such place.
    pub fn of(&self, places: &[usize]) -> Self {
        Self {
            views: places.iter().map(|&place| self.views[place].clone()).collect(),
        }
    }

    /// `images [n, channels, side, side]` in `[-1, 1]`, augmented; the values may leave the range. There are
    /// three channels, or four where the last is alpha and the colors lie on middle gray. Pictures, and whole
    /// batches, to which nothing happens keep every bit.
    ///
    /// # Panics
    /// When the pictures are not as many as it was drawn for, or not squares of at least two pixels a side in
    /// three or four channels.
    pub fn apply(&self, images: Tensor<4>) -> Tensor<4> {
        self.run(images, true)
    }

    /// The derivative of [`apply`](Self::apply) along `v`, which has the shape of the pictures: the same
    /// operations without what they add. It does not depend on the pictures.
    ///
    /// # Panics
    /// As [`apply`](Self::apply).
    pub fn along(&self, v: Tensor<4>) -> Tensor<4> {
        self.run(v, false)
    }

    fn run(&self, x: Tensor<4>, adds: bool) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        assert_eq!(n, self.views.len(), "as many pictures as were drawn for");
        assert!(
            matches!(c, 3 | 4) && h == w && h > 1,
            "{c} channels of {h} x {w} pixels, expected 3 or 4 of a square"
        );
        if c == 3 {
            return self.steps(x, adds);
        }
        // Where alpha counts from zero, everything that is transparent is zero, and what is added to a color
        // is multiplied by its alpha: so all of it is linear.
        self.on(
            x,
            |view| *view != View::unchanged(),
            |x, views| {
                let some = Self {
                    views: views.iter().map(|&view| view.clone()).collect(),
                };
                let ends = if adds { 1.0 } else { 0.0 };
                let x = with_alpha(x, |alpha| (alpha + ends) * 0.5);
                with_alpha(some.steps(x, adds), |alpha| alpha * 2.0 - ends)
            },
        )
    }

    fn steps(&self, x: Tensor<4>, adds: bool) -> Tensor<4> {
        let x = self.place(x);
        let x = self.color(x, adds);
        let x = self.filter(x);
        let x = self.add_noise(x, adds);
        self.cut_out(x)
    }

    /// Moves the pixels.
    fn place(&self, x: Tensor<4>) -> Tensor<4> {
        let is_whole = |view: &View| {
            view.placement
                .as_flattened()
                .iter()
                .all(|value| value.fract() == 0.0)
        };
        let moves = |view: &View| view.placement != identity();
        let x = self.on(
            x,
            |view| moves(view) && is_whole(view),
            |x, views| {
                let [_, c, side, _] = x.dims();
                let grids: Vec<_> = views.iter().map(|view| grid(&from_corner(view, side))).collect();
                let beyond = if c == 3 { Beyond::Mirror } else { Beyond::Nothing };
                affine_sample(x, grids, beyond, [side; 2])
            },
        );
        self.on(
            x,
            |view| !is_whole(view),
            |x, views| {
                let [_, c, side, _] = x.dims();
                let device = x.device().without_autodiff();
                let matrix = |values: Vec<f32>, columns: usize| {
                    let rows = values.len() / columns;
                    Tensor::<4>::from_data(TensorData::new(values, [1, 1, rows, columns]), &device)
                };
                let size = wavelets::samples(side);
                let down = matrix(wavelets::downsampling(side), size);
                let (up, first, beyond) = match c {
                    // A picture and its mirror image, on and on, are the same at twice the rate after a
                    // period of it.
                    3 => (matrix(wavelets::upsampling(side), side), -0.25, Beyond::Repeat),
                    _ => (
                        down.clone().transpose() * 2.0,
                        wavelets::FIRST_SAMPLE,
                        Beyond::Nothing,
                    ),
                };
                let x = up.clone().matmul(x).matmul(up.transpose()); // [k, c, rate, rate]
                // From samples to pixels, through the placement, and to samples again.
                let pixels = scaled_and_moved(0.5, wavelets::FIRST_SAMPLE);
                let samples = scaled_and_moved(2.0, -2.0 * first);
                let grids = views.iter().map(|view| {
                    let placement = product(&from_corner(view, side), &pixels);
                    grid(&product(&samples, &placement))
                });
                let x = affine_sample(x, grids.collect::<Vec<_>>(), beyond, [size; 2]);
                down.clone().matmul(x).matmul(down.transpose()) // [k, c, side, side]
            },
        )
    }

    fn color(&self, x: Tensor<4>, adds: bool) -> Tensor<4> {
        self.on(
            x,
            |view| view.color != identity(),
            |x, views| {
                let ([k, c, h, w], device) = (x.dims(), x.device().without_autodiff());
                let part = |columns: std::ops::Range<usize>| {
                    let rows = views.iter().flat_map(|view| &view.color[..c]);
                    let values: Vec<f32> = rows
                        .flat_map(|row| &row[columns.clone()])
                        .map(|v| *v as f32)
                        .collect();
                    Tensor::<3>::from_data(TensorData::new(values, [k, c, columns.len()]), &device)
                };
                // With alpha all four columns are there: what is added to a color is a multiple of it.
                let x = part(0..c).matmul(x.reshape([k, c, h * w]));
                let x = if adds && c == 3 { x + part(3..4) } else { x };
                x.reshape([k, c, h, w])
            },
        )
    }

    fn filter(&self, x: Tensor<4>) -> Tensor<4> {
        self.on(
            x,
            |view| view.gains != [1.0; wavelets::BANDS],
            |x, views| {
                let side = x.dims()[2];
                let values: Vec<f32> = views
                    .iter()
                    .flat_map(|view| wavelets::band_filter(&view.gains, side))
                    .collect();
                let data = TensorData::new(values, [views.len(), 1, side, side]);
                let filter = Tensor::<4>::from_data(data, &x.device().without_autodiff());
                with_colors(x, |colors, _| {
                    filter.clone().matmul(colors).matmul(filter.transpose())
                })
            },
        )
    }

    fn add_noise(&self, x: Tensor<4>, adds: bool) -> Tensor<4> {
        if !adds && x.dims()[1] == 3 {
            return x;
        }
        self.on(
            x,
            |view| view.noise.0 > 0.0,
            |x, views| {
                let ([_, _, h, w], device) = (x.dims(), x.device().without_autodiff());
                let values: Vec<f32> = views
                    .iter()
                    .flat_map(|view| {
                        let (deviation, seed) = view.noise;
                        let draws = ChaCha8Rng::seed_from_u64(seed).sample_iter(StandardNormal);
                        draws
                            .take(3 * h * w)
                            .map(move |value: f32| value * deviation as f32)
                    })
                    .collect();
                let noise = Tensor::from_data(TensorData::new(values, [views.len(), 3, h, w]), &device);
                with_colors(x, |colors, alpha| match alpha {
                    Some(alpha) => colors + noise * alpha,
                    None => colors + noise,
                })
            },
        )
    }

    /// Erased pixels become gray, the middle of the range, or with alpha transparent.
    fn cut_out(&self, x: Tensor<4>) -> Tensor<4> {
        self.on(
            x,
            |view| view.cutout.is_some(),
            |x, views| {
                let side = x.dims()[2];
                let inside = |pixel: usize, center: f64| {
                    ((pixel as f64 + 0.5) / side as f64 - center).abs() < CUTOUT_SIDE / 2.0
                };
                let values: Vec<f32> = views
                    .iter()
                    .filter_map(|view| view.cutout)
                    .flat_map(|[x, y]| {
                        let pixels =
                            (0..side).flat_map(move |row| (0..side).map(move |column| [column, row]));
                        pixels.map(move |[column, row]| f32::from(!(inside(column, x) && inside(row, y))))
                    })
                    .collect();
                let data = TensorData::new(values, [views.len(), 1, side, side]);
                x.clone() * Tensor::from_data(data, &x.device().without_autodiff())
            },
        )
    }

    /// Has `f` change the pictures whose view is `chosen`, and puts them back among the others, which are not
    /// touched.
    fn on(
        &self,
        x: Tensor<4>,
        chosen: impl Fn(&View) -> bool,
        f: impl FnOnce(Tensor<4>, &[&View]) -> Tensor<4>,
    ) -> Tensor<4> {
        let n = self.views.len();
        let places: Vec<usize> = (0..n).filter(|&place| chosen(&self.views[place])).collect();
        let views: Vec<_> = places.iter().map(|&place| &self.views[place]).collect();
        match places.len() {
            0 => return x,
            all if all == n => return f(x, &views),
            _ => (),
        }
        let device = x.device().without_autodiff();
        let select = |x: Tensor<4>, places: Vec<usize>| {
            let count = places.len();
            let places: Vec<i32> = places.into_iter().map(|place| place as i32).collect();
            let data = TensorData::new(places, [count]);
            x.select(0, Tensor::<1, Int>::from_data(data, &device))
        };
        let changed = f(select(x.clone(), places.clone()), &views);
        let back = (0..n).map(|place| places.binary_search(&place).map_or(place, |found| n + found));
        select(Tensor::cat(vec![x, changed], 0), back.collect())
    }
}

/// `x [k, 4, h, w]` with what `f` makes of its alpha `[k, 1, h, w]`.
fn with_alpha(x: Tensor<4>, f: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let alpha = f(x.clone().narrow(1, 3, 1));
    Tensor::cat(vec![x.narrow(1, 0, 3), alpha], 1)
}

/// `x [k, channels, h, w]` with what `f` makes of its colors `[k, 3, h, w]` and its alpha `[k, 1, h, w]`, if
/// it has that.
fn with_colors(x: Tensor<4>, f: impl FnOnce(Tensor<4>, Option<Tensor<4>>) -> Tensor<4>) -> Tensor<4> {
    if x.dims()[1] == 3 {
        return f(x, None);
    }
    let alpha = x.clone().narrow(1, 3, 1);
    let colors = f(x.narrow(1, 0, 3), Some(alpha.clone()));
    Tensor::cat(vec![colors, alpha], 1)
}

/// The placement between pixels that are counted from the corner.
fn from_corner(view: &View, side: usize) -> Square<3> {
    let center = (side as f64 - 1.0) / 2.0;
    let inwards = product(&view.placement, &translation(&[-center; 2]));
    product(&translation(&[center; 2]), &inwards)
}

/// `factor x + offset` on both axes.
fn scaled_and_moved(factor: f64, offset: f64) -> Square<3> {
    product(
        &translation(&[offset; 2]),
        &matrices::diagonal([factor, factor, 1.0]),
    )
}

fn grid(matrix: &Square<3>) -> AffineGrid {
    [matrix[0], matrix[1]]
}
