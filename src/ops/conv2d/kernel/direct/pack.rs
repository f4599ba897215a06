//! Pictures and weights in the order that the inner loop reads them.

use super::{super::pack::pack, Plan, WeightView};
use crate::ops::cpu::{Line, simd::Simd};

/// Channel blocks that one call of the inner loop covers, out of `left`.
#[inline(always)]
pub(super) fn group_width<S: Simd>(left: usize) -> usize {
    match left {
        _ if S::LANES < 16 => 1,
        6 => 3,
        _ => left.min(4),
    }
}

/// Packs the weights of one block of 16 output channels into its place.
///
/// # Safety
/// `weight` must hold what `view` says and `packed` [`Plan::packed_weights_len`] floats.
#[inline(always)]
pub(crate) unsafe fn pack_weights<S: Simd>(
    p: &Plan,
    weight: *const f32,
    view: WeightView,
    block: usize,
    packed: *mut f32,
) {
    // SAFETY: the indices stay within the sizes that the caller vouches for.
    unsafe {
        let mut first = 0;
        let mut width = group_width::<S>(p.out_blocks());
        while first + width <= block {
            first += width;
            width = group_width::<S>(p.out_blocks() - first);
        }
        let lanes = (p.c_out - block * 16).min(16);
        let mut to = packed.add(first * 16 * p.c_in * p.taps() + (block - first) * 16);
        for tap in p.phases.iter().flat_map(|phase| &phase.taps) {
            for c in 0..p.c_in {
                let from = weight.add(block * 16 * view.out_stride + c * view.in_stride + tap.index);
                for lane in 0..16 {
                    *to.add(lane) = if lane < lanes {
                        *from.add(lane * view.out_stride)
                    } else {
                        0.0
                    };
                }
                to = to.add(width * 16);
            }
        }
    }
}

/// Packs rows and columns of all channel planes of one picture to `[block][row][column][16]`; see [`pack`].
///
/// # Safety
/// As for [`pack`].
#[inline(always)]
pub(super) unsafe fn pack_blocks<'a, S: Simd>(
    picture: *const f32,
    channels: usize,
    size: [usize; 2],
    first_row: isize,
    rows: usize,
    left: usize,
    columns: usize,
    factors: impl Fn(usize) -> Option<&'a Line>,
    to: *mut f32,
) {
    for block in 0..channels.div_ceil(16) {
        let lanes = (channels - block * 16).min(16);
        // SAFETY: the caller vouches for all channels and for the room of all blocks.
        unsafe {
            let plane = picture.add(block * 16 * size[0] * size[1]);
            let to = to.add(block * rows * columns * 16);
            pack::<S>(
                plane,
                lanes,
                size,
                first_row,
                rows,
                left,
                columns,
                factors(block),
                to,
            );
        }
    }
}
