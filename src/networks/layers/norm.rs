//! Normalization.

use super::{buffer, full, lazy_full};
use crate::ops::random;
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        module::{batch_norm_train, layer_norm},
    },
};

/// Added to variances by every norm.
const EPSILON: f64 = 1e-5;

/// Layer norm over the features of each token (Ba et al. 2016).
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// `[width]`.
    pub weight: Param<Tensor<1>>,
    /// `[width]`.
    pub bias: Param<Tensor<1>>,
}

impl LayerNorm {
    /// One that scales by one, once it is read.
    pub fn lazy(width: usize, device: &Device) -> Self {
        Self {
            weight: lazy_full([width], 1.0, device),
            bias: lazy_full([width], 0.0, device),
        }
    }

    /// `x [.., width] -> [.., width]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.weight.val(), Some(self.bias.val()), EPSILON)
    }
}

/// Batch norm over the channels of maps (Ioffe and Szegedy 2015).
///
/// In training a channel is normalized by the mean and variance of the batch at hand, afterwards by averages
/// of those, which are parameters like the others here: they are saved, published and loaded with the
/// network. burn's own layer keeps them in memory that its clones share and brings them up to date one step
/// late, so that what a checkpoint holds would depend on when it is written.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// `[channels]`, the scale.
    pub weight: Param<Tensor<1>>,
    /// `[channels]`, the shift.
    pub bias: Param<Tensor<1>>,
    /// `[channels]`, the average of the batches' means.
    pub running_mean: Param<Tensor<1>>,
    /// `[channels]`, the average of the batches' variances, unbiased.
    pub running_var: Param<Tensor<1>>,
}

impl BatchNorm {
    /// The part of the averages that each batch replaces, as in PyTorch.
    pub const MOMENTUM: f64 = 0.1;
    /// Added to variances.
    pub const EPSILON: f64 = EPSILON;

    /// One whose scales are normal around one with this deviation.
    pub fn init(channels: usize, deviation: f64, device: &Device) -> Self {
        Self {
            weight: Param::from_tensor(random::normal([channels], deviation, device) + 1.0),
            bias: full([channels], 0.0, device),
            running_mean: buffer(Tensor::zeros([channels], device)),
            running_var: buffer(Tensor::ones([channels], device)),
        }
    }

    /// `x [n, channels, h, w]`, normalized by the running statistics.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let scale = self.weight.val() / (self.running_var.val() + EPSILON).sqrt();
        let shift = self.bias.val() - self.running_mean.val() * scale.clone();
        let each = |values: Tensor<1>| values.reshape([1, -1, 1, 1]); // [1, channels, 1, 1]
        x * each(scale) + each(shift)
    }

    /// `x [n, channels, h, w]`, normalized by its own statistics, which the running ones move toward.
    ///
    /// # Panics
    /// When a channel has fewer than two numbers, which have no variance.
    pub fn forward_train(&mut self, x: Tensor<4>) -> Tensor<4> {
        self.forward_moving(x, Self::MOMENTUM)
    }

    /// The same with another `momentum`, the part of the averages that the batch replaces.
    ///
    /// # Panics
    /// When a channel has fewer than two numbers.
    pub fn forward_moving(&mut self, x: Tensor<4>, momentum: f64) -> Tensor<4> {
        let averages = [&mut self.running_mean, &mut self.running_var];
        batch_normalized(x, (self.weight.val(), self.bias.val()), averages, momentum)
    }
}

/// Group norm over the channels of maps (Wu and He 2018): each group of a picture's channels is normalized by
/// its own mean and variance.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[channels]`, the scale.
    pub weight: Param<Tensor<1>>,
    /// `[channels]`, the shift.
    pub bias: Param<Tensor<1>>,
    groups: usize,
}

impl GroupNorm {
    /// What the networks that have this norm add to variances, less than others do.
    const EPSILON: f64 = 1e-6;

    /// One that scales by one, once it is read; `groups` divides `channels`.
    pub fn lazy(groups: usize, channels: usize, device: &Device) -> Self {
        Self {
            weight: lazy_full([channels], 1.0, device),
            bias: lazy_full([channels], 0.0, device),
            groups,
        }
    }

    /// `x [n, channels, h, w] -> [n, channels, h, w]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [n, channels, h, w] = x.dims();
        let (device, rows) = (x.device(), n * self.groups);
        // Each group of each picture is a channel of a batch norm, whose gradient burn computes as a whole.
        let [ones, zeros] = [Tensor::ones([rows], &device), Tensor::zeros([rows], &device)];
        let grouped = x.reshape([1, rows, channels / self.groups * h * w]);
        let x = batch_norm_train(grouped, ones, zeros, Self::EPSILON).output;
        let each = |values: Tensor<1>| values.reshape([1, channels, 1, 1]);
        x.reshape([n, channels, h, w]) * each(self.weight.val()) + each(self.bias.val())
    }
}

/// `x [n, channels, h, w]` normalized by its own mean and variance, which replace the part `momentum` of
/// their `averages`, then scaled and shifted channel by channel.
///
/// # Panics
/// When a channel has fewer than two numbers, which have no variance.
pub fn batch_normalized(
    x: Tensor<4>,
    (scale, shift): (Tensor<1>, Tensor<1>),
    [mean, variance]: [&mut Param<Tensor<1>>; 2],
    momentum: f64,
) -> Tensor<4> {
    let [n, _, h, w] = x.dims();
    let count = (n * h * w) as f64;
    assert!(count > 1.0, "the variance of a single number is none");
    let normalized = batch_norm_train(x, scale, shift, EPSILON);
    // The batch is a sample: its own variance is on average too small for what it was drawn from.
    let unbiased = normalized.variance * (count / (count - 1.0));
    for (average, batch) in [(mean, normalized.mean), (variance, unbiased)] {
        *average = average.clone().map(|average| {
            let average = average.detach() * (1.0 - momentum) + batch * momentum;
            average.detach().set_require_grad(false)
        });
    }
    normalized.output
}
