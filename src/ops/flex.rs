//! Between the tensors of burn's CPU backend and the slices that kernels take.

use burn::{
    backend::{DispatchDevice, Flex, TensorMetadata, tensor::FloatTensor},
    tensor::{DType, Tensor, TensorData},
};
use core::mem::MaybeUninit;

pub(crate) type FlexTensor = FloatTensor<Flex>;

/// Whether a kernel may take this tensor; other precisions go burn's way.
pub(crate) fn is_f32(tensor: &FlexTensor) -> bool {
    tensor.dtype() == DType::F32
}

/// The sizes of a tensor whose rank is known.
pub(crate) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.shape().dims()
}

/// A tensor of these values.
pub(crate) fn from_values<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

/// Lets `fill` write `len` floats, and says what it returned beside them. Memory is not cleared first,
/// because writing a large tensor twice takes about as long as computing it.
///
/// # Safety
/// `fill` must write every float, unless it panics.
pub(crate) unsafe fn filled<T>(len: usize, fill: impl FnOnce(&mut [MaybeUninit<f32>]) -> T) -> (Vec<f32>, T) {
    let mut values = Vec::with_capacity(len);
    let result = fill(&mut values.spare_capacity_mut()[..len]);
    // SAFETY: the caller promises that all `len` floats were written.
    unsafe { values.set_len(len) };
    (values, result)
}

/// Whether a tensor lives on burn's CPU backend, with or without autodiff.
pub(crate) fn is_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(
        tensor.device().without_autodiff().as_dispatch(),
        DispatchDevice::Flex(_)
    )
}

/// Whether a tensor lives on burn's CPU backend and its gradient will not be asked for.
pub(crate) fn is_plain_cpu<const D: usize>(tensor: &Tensor<D>) -> bool {
    matches!(tensor.device().as_dispatch(), DispatchDevice::Flex(_))
}

/// What a kernel reads of a tensor for which [`is_plain_cpu`].
pub(crate) fn plain<const D: usize>(tensor: Tensor<D>) -> FlexTensor {
    let tensor = tensor
        .try_into_primitive::<Flex>()
        .expect("the tensor is on the CPU, without autodiff");
    assert!(
        is_f32(&tensor),
        "the CPU computes in single precision only, got {:?}",
        tensor.dtype()
    );
    tensor.to_contiguous()
}
