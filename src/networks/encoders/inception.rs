//! Inception-v3 as the Fréchet Inception Distance looks at pictures: Szegedy et al., "Rethinking the
//! Inception Architecture for Computer Vision" (2016), up to its last pooling.
//!
//! The network of FID's first implementation (Heusel et al. 2017) differs from the paper's in a few places,
//! and figures can be compared only where these are kept: averages leave out the padding, the last block
//! takes the maximum in place of the average, and pictures are enlarged without a filter. Names are
//! torchvision's. Batch norms are frozen, and `guise import inception` multiplies each into the convolution
//! before it.

use super::ImageEncoder;
use crate::{
    networks::layers::{lazy_full, lazy_normal},
    ops::{conv2d::conv2d, resize::resize_bilinear, unit_length::unit_length},
};
use burn::{
    module::{Module, Param},
    tensor::{
        Device, Tensor,
        activation::relu,
        module::{avg_pool2d, max_pool2d},
        ops::{AvgPoolOptions, MaxPoolOptions},
    },
};

/// A convolution, the batch norm that followed it, and a rectifier.
#[derive(Module, Debug)]
pub struct BasicConv2d {
    /// `[c_out, c_in, kh, kw]`.
    pub weight: Param<Tensor<4>>,
    /// `[c_out]`.
    pub bias: Param<Tensor<1>>,
    stride: usize,
    /// Zeros above and below, and on both sides.
    padding: [usize; 2],
}

impl BasicConv2d {
    /// Keeps the picture's size.
    fn same([c_in, c_out]: [usize; 2], [kh, kw]: [usize; 2], device: &Device) -> Self {
        let deviation = (2.0 / (c_in * kh * kw) as f64).sqrt();
        Self {
            weight: lazy_normal([c_out, c_in, kh, kw], deviation, device),
            bias: lazy_full([c_out], 0.0, device),
            stride: 1,
            padding: [kh / 2, kw / 2],
        }
    }

    /// 3x3, without a padding.
    fn valid(channels: [usize; 2], stride: usize, device: &Device) -> Self {
        Self {
            stride,
            padding: [0, 0],
            ..Self::same(channels, [3, 3], device)
        }
    }

    /// `x [n, c_in, h, w] -> [n, c_out, h', w']`.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [down, across] = self.padding;
        // Kernels of one row or column are padded along the other side only, which the convolution does not
        // do.
        let (x, padding) = match down == across {
            true => (x, down),
            false => (x.pad((across, across, down, down), 0.0), 0),
        };
        let c_out = self.bias.dims()[0];
        relu(conv2d(x, self.weight.val(), self.stride, padding) + self.bias.val().reshape([1, c_out, 1, 1]))
    }
}

/// What the layers `path` make of `x`, one after the other.
fn through(x: &Tensor<4>, path: &[&BasicConv2d]) -> Tensor<4> {
    path.iter().fold(x.clone(), |x, layer| layer.forward(x))
}

/// The mean of 3x3 pixels, of fewer at the border.
fn averaged(x: &Tensor<4>) -> Tensor<4> {
    let options = AvgPoolOptions::new([3, 3])
        .with_stride([1, 1])
        .with_padding([1, 1])
        .with_count_include_pad(false);
    avg_pool2d(x.clone(), options)
}

/// The greatest of 3x3 pixels.
fn greatest(x: &Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([3, 3])
        .with_stride([stride, stride])
        .with_padding([padding, padding]);
    max_pool2d(x.clone(), options)
}

/// Figure 5 of the paper, at an eighth of the picture.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct InceptionA {
    pub branch1x1: BasicConv2d,
    pub branch5x5_1: BasicConv2d,
    pub branch5x5_2: BasicConv2d,
    pub branch3x3dbl_1: BasicConv2d,
    pub branch3x3dbl_2: BasicConv2d,
    pub branch3x3dbl_3: BasicConv2d,
    pub branch_pool: BasicConv2d,
}

impl InceptionA {
    fn init(c_in: usize, pooled: usize, device: &Device) -> Self {
        let layer = |c_in, c_out, side| BasicConv2d::same([c_in, c_out], [side, side], device);
        Self {
            branch1x1: layer(c_in, 64, 1),
            branch5x5_1: layer(c_in, 48, 1),
            branch5x5_2: layer(48, 64, 5),
            branch3x3dbl_1: layer(c_in, 64, 1),
            branch3x3dbl_2: layer(64, 96, 3),
            branch3x3dbl_3: layer(96, 96, 3),
            branch_pool: layer(c_in, pooled, 1),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branches = vec![
            through(&x, &[&self.branch1x1]),
            through(&x, &[&self.branch5x5_1, &self.branch5x5_2]),
            through(
                &x,
                &[&self.branch3x3dbl_1, &self.branch3x3dbl_2, &self.branch3x3dbl_3],
            ),
            through(&averaged(&x), &[&self.branch_pool]),
        ];
        Tensor::cat(branches, 1)
    }
}

/// Figure 10: to a sixteenth of the picture.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct InceptionB {
    pub branch3x3: BasicConv2d,
    pub branch3x3dbl_1: BasicConv2d,
    pub branch3x3dbl_2: BasicConv2d,
    pub branch3x3dbl_3: BasicConv2d,
}

impl InceptionB {
    fn init(c_in: usize, device: &Device) -> Self {
        Self {
            branch3x3: BasicConv2d::valid([c_in, 384], 2, device),
            branch3x3dbl_1: BasicConv2d::same([c_in, 64], [1, 1], device),
            branch3x3dbl_2: BasicConv2d::same([64, 96], [3, 3], device),
            branch3x3dbl_3: BasicConv2d::valid([96, 96], 2, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let branches = vec![
            through(&x, &[&self.branch3x3]),
            through(
                &x,
                &[&self.branch3x3dbl_1, &self.branch3x3dbl_2, &self.branch3x3dbl_3],
            ),
            greatest(&x, 2, 0),
        ];
        Tensor::cat(branches, 1)
    }
}

/// Figure 6, with n = 7: squares as a row and a column.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct InceptionC {
    pub branch1x1: BasicConv2d,
    pub branch7x7_1: BasicConv2d,
    pub branch7x7_2: BasicConv2d,
    pub branch7x7_3: BasicConv2d,
    pub branch7x7dbl_1: BasicConv2d,
    pub branch7x7dbl_2: BasicConv2d,
    pub branch7x7dbl_3: BasicConv2d,
    pub branch7x7dbl_4: BasicConv2d,
    pub branch7x7dbl_5: BasicConv2d,
    pub branch_pool: BasicConv2d,
}

impl InceptionC {
    fn init(c: usize, device: &Device) -> Self {
        let point = |c_in, c_out| BasicConv2d::same([c_in, c_out], [1, 1], device);
        let row = |c_in, c_out| BasicConv2d::same([c_in, c_out], [1, 7], device);
        let column = |c_in, c_out| BasicConv2d::same([c_in, c_out], [7, 1], device);
        Self {
            branch1x1: point(768, 192),
            branch7x7_1: point(768, c),
            branch7x7_2: row(c, c),
            branch7x7_3: column(c, 192),
            branch7x7dbl_1: point(768, c),
            branch7x7dbl_2: column(c, c),
            branch7x7dbl_3: row(c, c),
            branch7x7dbl_4: column(c, c),
            branch7x7dbl_5: row(c, 192),
            branch_pool: point(768, 192),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let twice = [
            &self.branch7x7dbl_1,
            &self.branch7x7dbl_2,
            &self.branch7x7dbl_3,
            &self.branch7x7dbl_4,
            &self.branch7x7dbl_5,
        ];
        let branches = vec![
            through(&x, &[&self.branch1x1]),
            through(&x, &[&self.branch7x7_1, &self.branch7x7_2, &self.branch7x7_3]),
            through(&x, &twice),
            through(&averaged(&x), &[&self.branch_pool]),
        ];
        Tensor::cat(branches, 1)
    }
}

/// To a thirty-second of the picture.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct InceptionD {
    pub branch3x3_1: BasicConv2d,
    pub branch3x3_2: BasicConv2d,
    pub branch7x7x3_1: BasicConv2d,
    pub branch7x7x3_2: BasicConv2d,
    pub branch7x7x3_3: BasicConv2d,
    pub branch7x7x3_4: BasicConv2d,
}

impl InceptionD {
    fn init(device: &Device) -> Self {
        let same = |c_in, kernel| BasicConv2d::same([c_in, 192], kernel, device);
        Self {
            branch3x3_1: same(768, [1, 1]),
            branch3x3_2: BasicConv2d::valid([192, 320], 2, device),
            branch7x7x3_1: same(768, [1, 1]),
            branch7x7x3_2: same(192, [1, 7]),
            branch7x7x3_3: same(192, [7, 1]),
            branch7x7x3_4: BasicConv2d::valid([192, 192], 2, device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let large = [
            &self.branch7x7x3_1,
            &self.branch7x7x3_2,
            &self.branch7x7x3_3,
            &self.branch7x7x3_4,
        ];
        let branches = vec![
            through(&x, &[&self.branch3x3_1, &self.branch3x3_2]),
            through(&x, &large),
            greatest(&x, 2, 0),
        ];
        Tensor::cat(branches, 1)
    }
}

/// Figure 7: rows and columns side by side.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct InceptionE {
    pub branch1x1: BasicConv2d,
    pub branch3x3_1: BasicConv2d,
    pub branch3x3_2a: BasicConv2d,
    pub branch3x3_2b: BasicConv2d,
    pub branch3x3dbl_1: BasicConv2d,
    pub branch3x3dbl_2: BasicConv2d,
    pub branch3x3dbl_3a: BasicConv2d,
    pub branch3x3dbl_3b: BasicConv2d,
    pub branch_pool: BasicConv2d,
    /// In the last block, whose first implementation does so.
    pools_greatest: bool,
}

impl InceptionE {
    fn init(c_in: usize, pools_greatest: bool, device: &Device) -> Self {
        let layer = |c_in, c_out, kernel| BasicConv2d::same([c_in, c_out], kernel, device);
        Self {
            branch1x1: layer(c_in, 320, [1, 1]),
            branch3x3_1: layer(c_in, 384, [1, 1]),
            branch3x3_2a: layer(384, 384, [1, 3]),
            branch3x3_2b: layer(384, 384, [3, 1]),
            branch3x3dbl_1: layer(c_in, 448, [1, 1]),
            branch3x3dbl_2: layer(448, 384, [3, 3]),
            branch3x3dbl_3a: layer(384, 384, [1, 3]),
            branch3x3dbl_3b: layer(384, 384, [3, 1]),
            branch_pool: layer(c_in, 192, [1, 1]),
            pools_greatest,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let once = through(&x, &[&self.branch3x3_1]);
        let twice = through(&x, &[&self.branch3x3dbl_1, &self.branch3x3dbl_2]);
        let pooled = match self.pools_greatest {
            true => greatest(&x, 1, 1),
            false => averaged(&x),
        };
        let branches = vec![
            through(&x, &[&self.branch1x1]),
            through(&once, &[&self.branch3x3_2a]),
            through(&once, &[&self.branch3x3_2b]),
            through(&twice, &[&self.branch3x3dbl_3a]),
            through(&twice, &[&self.branch3x3dbl_3b]),
            through(&pooled, &[&self.branch_pool]),
        ];
        Tensor::cat(branches, 1)
    }
}

/// The network.
#[derive(Module, Debug)]
#[allow(missing_docs)]
pub struct Inception {
    pub conv2d_1a_3x3: BasicConv2d,
    pub conv2d_2a_3x3: BasicConv2d,
    pub conv2d_2b_3x3: BasicConv2d,
    pub conv2d_3b_1x1: BasicConv2d,
    pub conv2d_4a_3x3: BasicConv2d,
    pub mixed_5b: InceptionA,
    pub mixed_5c: InceptionA,
    pub mixed_5d: InceptionA,
    pub mixed_6a: InceptionB,
    pub mixed_6b: InceptionC,
    pub mixed_6c: InceptionC,
    pub mixed_6d: InceptionC,
    pub mixed_6e: InceptionC,
    pub mixed_7a: InceptionD,
    pub mixed_7b: InceptionE,
    pub mixed_7c: InceptionE,
}

impl Inception {
    /// Side of the pictures that it looks at, in pixels.
    pub const RESOLUTION: usize = 299;
    /// What it says about a picture.
    pub const FEATURES: usize = 2048;

    /// The network on `device`, to be filled with weights.
    pub fn init(device: &Device) -> Self {
        Self {
            conv2d_1a_3x3: BasicConv2d::valid([3, 32], 2, device),
            conv2d_2a_3x3: BasicConv2d::valid([32, 32], 1, device),
            conv2d_2b_3x3: BasicConv2d::same([32, 64], [3, 3], device),
            conv2d_3b_1x1: BasicConv2d::same([64, 80], [1, 1], device),
            conv2d_4a_3x3: BasicConv2d::valid([80, 192], 1, device),
            mixed_5b: InceptionA::init(192, 32, device),
            mixed_5c: InceptionA::init(256, 64, device),
            mixed_5d: InceptionA::init(288, 64, device),
            mixed_6a: InceptionB::init(288, device),
            mixed_6b: InceptionC::init(128, device),
            mixed_6c: InceptionC::init(160, device),
            mixed_6d: InceptionC::init(160, device),
            mixed_6e: InceptionC::init(192, device),
            mixed_7a: InceptionD::init(device),
            mixed_7b: InceptionE::init(1280, false, device),
            mixed_7c: InceptionE::init(2048, true, device),
        }
    }

    /// `images [n, 3, h, w]` in `[-1, 1]`, of any size, to the features `[n, 2048]` under FID, of any length.
    ///
    /// # Panics
    /// When the pictures have other than three channels.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [n, channels, ..] = images.dims();
        assert_eq!(channels, 3, "Inception looks at pictures of three channels");
        let x = resize_bilinear(images, Self::RESOLUTION);
        let stem = [&self.conv2d_1a_3x3, &self.conv2d_2a_3x3, &self.conv2d_2b_3x3];
        let x = greatest(&through(&x, &stem), 2, 0); // [n, 64, 73, 73]
        let x = through(&x, &[&self.conv2d_3b_1x1, &self.conv2d_4a_3x3]);
        let x = greatest(&x, 2, 0); // [n, 192, 35, 35]
        let x = self
            .mixed_5d
            .forward(self.mixed_5c.forward(self.mixed_5b.forward(x)));
        let x = self.mixed_6a.forward(x); // [n, 768, 17, 17]
        let x = self.mixed_6c.forward(self.mixed_6b.forward(x));
        let x = self.mixed_6e.forward(self.mixed_6d.forward(x));
        let x = self.mixed_7a.forward(x); // [n, 1280, 8, 8]
        let x = self.mixed_7c.forward(self.mixed_7b.forward(x)); // [n, 2048, 8, 8]
        x.reshape([n, Self::FEATURES, 8 * 8])
            .mean_dim(2)
            .reshape([n, Self::FEATURES])
    }
}

impl ImageEncoder for Inception {
    fn resolution(&self) -> usize {
        Self::RESOLUTION
    }

    /// The features with their length taken out: FID's have one.
    fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        unit_length(self.forward(images))
    }

    fn numbers_kept(&self) -> u64 {
        // Of all layers, bias and rectifier included.
        27_000_000
    }
}
