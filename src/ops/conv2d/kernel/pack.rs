//! From planes of pixels to vectors of channels.

use crate::ops::cpu::{Line, simd::Simd};

/// Packs rows `first_row..first_row + rows` and columns `-left..columns - left` of up to 16 channel planes to
/// `[row][column][16]`, each channel times its factor, with zeros outside the picture and in the channels
/// beyond.
///
/// # Safety
/// The planes must be there, `to` must have room, and the processor must have `S`.
#[inline(always)]
pub(super) unsafe fn pack<S: Simd>(
    plane: *const f32,
    channels: usize,
    [h, w]: [usize; 2],
    first_row: isize,
    rows: usize,
    left: usize,
    columns: usize,
    factors: Option<&Line>,
    to: *mut f32,
) {
    // SAFETY: rows and columns outside the picture are filled with zeros and never read.
    unsafe {
        for row in 0..rows {
            let y = first_row + row as isize;
            let to = to.add(row * columns * 16);
            if y < 0 || y >= h as isize {
                core::ptr::write_bytes(to, 0, columns * 16);
                continue;
            }
            let from = plane.add(y as usize * w);
            let inside = w.min(columns - left);
            core::ptr::write_bytes(to, 0, left * 16);
            let mut x = 0;
            while x < inside {
                let width = (inside - x).min(16);
                S::pack16(from.add(x), h * w, channels, width, to.add((left + x) * 16), 16);
                x += width;
            }
            core::ptr::write_bytes(to.add((left + inside) * 16), 0, (columns - left - inside) * 16);
            if let Some(factors) = factors {
                for l in (0..16).step_by(S::LANES) {
                    let factor = S::load(factors.0.as_ptr().add(l));
                    for x in left..left + inside {
                        let at = to.add(x * 16 + l);
                        S::store(at, S::mul(S::load(at), factor));
                    }
                }
            }
        }
    }
}
