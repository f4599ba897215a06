//! StyleGAN2's resample filters: the separable low-pass `[1, 3, 3, 1] x [1, 3, 3, 1] / 64`, alone or together
//! with a change of rate by two (Karras et al. 2020, appendix B; `upfirdn2d` in their notation).

mod backend;
mod kernel;

use backend::ResampleBackend;
use burn::{backend::Dispatch, tensor::Tensor};

/// The one-dimensional `resample_filter`, normalized to a sum of one.
pub(super) const RESAMPLE_FILTER: [f32; 4] = [0.125, 0.375, 0.375, 0.125];

/// What happens to the rate of the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rate {
    /// Twice as many: zeros between them, then the filter.
    Up,
    /// As many: the filter alone.
    Same,
    /// Half as many: the filter, then every second one.
    Down,
}

/// One use of the filter, along both axes: `y[o] = gain sum_k f[k] x[o + k - pad]` at the same rate, `x[2 o +
/// k - pad]` going down, and the adjoint of that going up; samples outside are zero.
#[derive(Clone, Copy, Debug)]
pub struct Resample {
    pub(super) rate: Rate,
    /// Rows and columns of the input.
    input: [usize; 2],
    /// Rows and columns of the output.
    pub(super) output: [usize; 2],
    pub(super) pad: isize,
    pub(super) gain: f32,
}

impl Resample {
    /// The linear map whose matrix is the transpose of this one's: what a gradient goes through.
    fn adjoint(self) -> Self {
        let (rate, pad) = match self.rate {
            Rate::Up => (Rate::Down, self.pad),
            // The filter is symmetric; its taps look backwards from the output.
            Rate::Same => (Rate::Same, 3 - self.pad),
            Rate::Down => (Rate::Up, self.pad),
        };
        Self {
            rate,
            pad,
            input: self.output,
            output: self.input,
            gain: self.gain,
        }
    }

    fn apply(self, x: Tensor<4>) -> Tensor<4> {
        Tensor::from_dispatch(Dispatch::resample(x.into_dispatch(), self))
    }
}

/// Doubles the sides of `x [n, c, h, w]`: zeros between the samples, then the filter with a gain of 4.
///
/// The output is `[n, c, 2 h + 2 border, 2 w + 2 border]`, where `border` is 0 or 1: a border of one keeps
/// the filter's tail outside the picture on every side, for a 3x3 convolution that follows without padding.
/// In the reference's terms the padding is `(2 + border, 1 + border)`. A constant picture stays constant,
/// except at its edge, where the outside counts as zero.
///
/// # Panics
/// When `border` is neither 0 nor 1.
pub fn upsample2d(x: Tensor<4>, border: usize) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    assert!(
        border <= 1,
        "the filter's tail is one sample long, a border of {border} has nothing to keep"
    );
    let output = [2 * h + 2 * border, 2 * w + 2 * border];
    Resample {
        rate: Rate::Up,
        input: [h, w],
        output,
        pad: 1 - border as isize,
        gain: 4.0,
    }
    .apply(x)
}

/// Halves the sides of `x [n, c, h, w]`: the filter with a padding of `(1, 1)`, then every second sample.
///
/// The output is `[n, c, h / 2, w / 2]`, rounded down.
pub fn downsample2d(x: Tensor<4>) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    Resample {
        rate: Rate::Down,
        input: [h, w],
        output: [h / 2, w / 2],
        pad: 1,
        gain: 1.0,
    }
    .apply(x)
}

/// Filters `x [n, c, h, w]` at its own rate, times `gain`, with `pad0` zeros before and `pad1` after each
/// axis.
///
/// The output is `[n, c, h + pad0 + pad1 - 3, w + pad0 + pad1 - 3]`.
///
/// # Panics
/// When a padding is larger than three, which would only add zeros, or nothing is left.
pub fn blur2d(x: Tensor<4>, pad0: usize, pad1: usize, gain: f32) -> Tensor<4> {
    let [_, _, h, w] = x.dims();
    assert!(
        pad0 <= 3 && pad1 <= 3,
        "a padding of ({pad0}, {pad1}) is wider than the filter's reach of 3"
    );
    assert!(
        h.min(w) + pad0 + pad1 > 3,
        "the filter does not fit {h}x{w} with a padding of ({pad0}, {pad1})"
    );
    let output = [h + pad0 + pad1 - 3, w + pad0 + pad1 - 3];
    Resample {
        rate: Rate::Same,
        input: [h, w],
        output,
        pad: pad0 as isize,
        gain,
    }
    .apply(x)
}
