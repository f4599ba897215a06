//! Pictures and weights in the order that the inner loop reads them.

use super::{Plan, WeightView};
use crate::ops::cpu::simd::Simd;

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

/// Packs rows and columns of all channel planes of one picture, with zeros outside it, to
/// `[block][row][column][16]`. The first packed row is `first_row` of the picture, the first column is `-left`.
#[inline(always)]
pub(crate) unsafe fn pack<S: Simd>(
    picture: *const f32,
    channels: usize,
    [h, w]: [usize; 2],
    first_row: isize,
    rows: usize,
    left: usize,
    columns: usize,
    to: *mut f32,
) {
    // SAFETY: rows and columns outside the picture are filled with zeros and never read.
    unsafe {
        let mut to = to;
        for block in 0..channels.div_ceil(16) {
            let plane = picture.add(block * 16 * h * w);
            let lanes = (channels - block * 16).min(16);
            for row in 0..rows {
                let y = first_row + row as isize;
                if y < 0 || y >= h as isize {
                    core::ptr::write_bytes(to, 0, columns * 16);
                } else {
                    let from = plane.add(y as usize * w);
                    core::ptr::write_bytes(to, 0, left * 16);
                    let inside = w.min(columns - left);
                    let mut x = 0;
                    while x < inside {
                        let width = (inside - x).min(16);
                        S::pack16(from.add(x), h * w, lanes, width, to.add((left + x) * 16), 16);
                        x += width;
                    }
                    core::ptr::write_bytes(to.add((left + inside) * 16), 0, (columns - left - inside) * 16);
                }
                to = to.add(columns * 16);
            }
        }
    }
}
