//! The sizes of a convolution, which everything about it speaks of.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions};

/// The sizes that a convolution's tensors do not tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvSizes {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns of the convolution's input.
    pub input: [usize; 2],
    /// Step of the kernel over the input.
    pub stride: usize,
    /// Zeros on each side of the input.
    pub padding: usize,
}

impl ConvSizes {
    /// Rows and columns of the convolution's output.
    pub(super) fn output(&self) -> [usize; 2] {
        [0, 1].map(|axis| (self.input[axis] + 2 * self.padding - self.kernel[axis]) / self.stride + 1)
    }

    /// These sizes as burn's convolution takes them.
    pub(super) fn options(&self) -> ConvOptions<2> {
        ConvOptions::new([self.stride; 2], [self.padding; 2], [1, 1], 1)
    }

    /// These sizes as burn's transposed convolution of an output gradient of `grad` rows and columns takes
    /// them.
    pub(super) fn transpose_options(&self, grad: [usize; 2]) -> ConvTransposeOptions<2> {
        let output_padding = [0, 1].map(|axis| {
            let smallest = (grad[axis] - 1) * self.stride + self.kernel[axis];
            self.input[axis] + 2 * self.padding - smallest
        });
        ConvTransposeOptions::new([self.stride; 2], [self.padding; 2], output_padding, [1, 1], 1)
    }
}
