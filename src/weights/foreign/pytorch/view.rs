//! Where the values of a tensor stand.

use super::Float;

/// A tensor as the pickle describes it: a part of a storage.
#[derive(Clone)]
pub(super) struct View<'p> {
    /// PyTorch's name for the type of its values.
    pub(super) dtype: &'p str,
    /// The type, where it is one of floats.
    pub(super) float: Option<Float>,
    /// Name of the storage.
    pub(super) key: &'p str,
    /// Number of values in the storage before the first of the tensor.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Numbers of values from one to the next along each dimension.
    pub(super) strides: Vec<usize>,
}

impl View<'_> {
    /// Whether the values follow each other, row by row.
    pub(super) fn is_contiguous(&self) -> bool {
        let mut expected = 1usize;
        self.shape
            .iter()
            .zip(&self.strides)
            .rev()
            .all(|(&side, &stride)| {
                let fits = side <= 1 || stride == expected;
                expected = side.max(1).saturating_mul(expected);
                fits
            })
    }

    /// Where the value of this number, counted row by row, stands in the storage.
    pub(super) fn position(&self, mut number: usize) -> usize {
        let mut position = self.offset;
        for (&side, &stride) in self.shape.iter().zip(&self.strides).rev() {
            position = position.saturating_add((number % side).saturating_mul(stride));
            number /= side;
        }
        position
    }
}
