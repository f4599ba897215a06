//! What is left of a layer's backward pass beside the gradients of its convolution: one pass over memory
//! behind it and one in front of it.

use crate::ops::cpu::{Isa, Shared, dispatch, for_each, simd::Simd};
use core::mem::MaybeUninit;

/// Pictures, channels, and pixels of a plane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    pub n: usize,
    pub c: usize,
    pub pixels: usize,
}

impl Planes {
    fn count(&self) -> usize {
        self.n * self.c
    }

    fn len(&self) -> usize {
        self.count() * self.pixels
    }

    /// Hands out planes, several to a task where they are small, so that handing one out costs less than
    /// doing it.
    fn for_each(&self, work: impl Fn(usize, core::ops::Range<usize>) + Sync + Send) {
        let per_task = (16 * 1024 / self.pixels.max(1)).max(1);
        for_each(self.count().div_ceil(per_task), |task| {
            for plane in task * per_task..((task + 1) * per_task).min(self.count()) {
                work(plane, plane * self.pixels..(plane + 1) * self.pixels);
            }
        });
    }
}

/// Sixteen running sums, so that the additions become vectors and their order does not depend on the
/// processor.
const WIDE: usize = 16;

/// The end of a layer, `y = side(v) v` with `v = x scale + noise strength + bias`, on the way back.
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    /// `[n, c]`, or ones.
    pub scale: Option<&'a [f32]>,
    /// `[pixels]` or `[n, pixels]`, or zeros.
    pub noise: Option<&'a [f32]>,
    /// Factors of positive and of negative `v`.
    pub sides: [f32; 2],
}

/// Sums over a plane; `g` is the gradient of `v`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// `sum g`.
    pub g: f32,
    /// `sum g v`, which is `sum grad y`: what the rectifier does to one it does to the other.
    pub g_v: f32,
    /// `sum g noise`.
    pub g_noise: f32,
}

/// From the gradient of `y` to that of `x`, with the sums that the other gradients are made of.
pub(super) fn end_backward(
    isa: Isa,
    p: &Planes,
    grad: &[f32],
    y: &[f32],
    end: End,
    dx: &mut [MaybeUninit<f32>],
) -> Vec<Sums> {
    assert!(grad.len() == p.len() && y.len() == p.len() && dx.len() == p.len());
    assert!(end.scale.is_none_or(|scale| scale.len() == p.count()));
    assert!(
        end.noise
            .is_none_or(|noise| [p.pixels, p.n * p.pixels].contains(&noise.len()))
    );
    let run = dispatch!(isa, fn run(grad: &[f32], y: &[f32], noise: Option<&[f32]>, scale: f32, sides: [f32; 2], dx: &mut [MaybeUninit<f32>]) -> Sums = self::end_plane);
    let mut sums = vec![Sums::default(); p.count()];
    let (dx, shared) = (Shared(dx.as_mut_ptr().cast()), Shared(sums.as_mut_ptr().cast()));
    p.for_each(|plane, range| {
        // All channels share the noise, and perhaps all pictures.
        let noise = end.noise.map(|noise| match noise.len() == p.pixels {
            true => noise,
            false => &noise[plane / p.c * p.pixels..][..p.pixels],
        });
        let scale = end.scale.map_or(1.0, |scale| scale[plane]);
        // SAFETY: every plane belongs to one task, and `isa` is what the processor has.
        unsafe {
            let dx = core::slice::from_raw_parts_mut(dx.get().add(range.start).cast(), p.pixels);
            let sum = run(&grad[range.clone()], &y[range], noise, scale, end.sides, dx);
            shared.get().cast::<Sums>().add(plane).write(sum);
        }
    });
    sums
}

/// # Safety
/// The processor must have `S`, which is what the plain loops are compiled for.
#[inline(always)]
unsafe fn end_plane<S: Simd>(
    grad: &[f32],
    y: &[f32],
    noise: Option<&[f32]>,
    scale: f32,
    [up, down]: [f32; 2],
    dx: &mut [MaybeUninit<f32>],
) -> Sums {
    let mut g_sums = [0.0_f32; WIDE];
    let mut v_sums = [0.0_f32; WIDE];
    let mut noise_sums = [0.0_f32; WIDE];
    macro_rules! sum_up {
        ($grad:expr, $y:expr, $noise:expr, $dx:expr) => {
            for i in 0..$grad.len() {
                let g = $grad[i] * if $y[i] < 0.0 { down } else { up };
                $dx[i].write(g * scale);
                g_sums[i] += g;
                v_sums[i] += $grad[i] * $y[i];
                noise_sums[i] += g * $noise[i];
            }
        };
    }
    let (grads, last_grads) = grad.as_chunks::<WIDE>();
    let (ys, last_ys) = y.as_chunks::<WIDE>();
    let (dxs, last_dxs) = dx.as_chunks_mut::<WIDE>();
    match noise.map(|noise| noise.as_chunks::<WIDE>()) {
        Some((noises, last_noises)) => {
            for (((grad, y), noise), dx) in grads.iter().zip(ys).zip(noises).zip(dxs) {
                sum_up!(grad, y, noise, dx);
            }
            sum_up!(last_grads, last_ys, last_noises, last_dxs);
        }
        None => {
            for ((grad, y), dx) in grads.iter().zip(ys).zip(dxs) {
                sum_up!(grad, y, [0.0; WIDE], dx);
            }
            sum_up!(last_grads, last_ys, [0.0; WIDE], last_dxs);
        }
    }
    Sums {
        g: g_sums.iter().sum(),
        g_v: v_sums.iter().sum(),
        g_noise: noise_sums.iter().sum(),
    }
}

/// From the gradient of `x style` to that of `x`, for `style [n, c]`, and the sums `[n, c]` over each plane
/// of that gradient times `x`, which are the style's.
pub(super) fn style_backward(
    isa: Isa,
    p: &Planes,
    grad: &[f32],
    x: &[f32],
    style: &[f32],
    dx: &mut [MaybeUninit<f32>],
) -> Vec<f32> {
    assert!(grad.len() == p.len() && x.len() == p.len() && dx.len() == p.len());
    assert_eq!(style.len(), p.count());
    let run = dispatch!(isa, fn run(grad: &[f32], x: &[f32], style: f32, dx: &mut [MaybeUninit<f32>]) -> f32 = self::style_plane);
    let mut sums = vec![0.0; p.count()];
    let (dx, shared) = (Shared(dx.as_mut_ptr().cast()), Shared(sums.as_mut_ptr()));
    p.for_each(|plane, range| {
        // SAFETY: every plane belongs to one task, and `isa` is what the processor has.
        unsafe {
            let dx = core::slice::from_raw_parts_mut(dx.get().add(range.start).cast(), p.pixels);
            let sum = run(&grad[range.clone()], &x[range], style[plane], dx);
            shared.get().add(plane).write(sum);
        }
    });
    sums
}

/// # Safety
/// As for [`end_plane`].
#[inline(always)]
unsafe fn style_plane<S: Simd>(grad: &[f32], x: &[f32], style: f32, dx: &mut [MaybeUninit<f32>]) -> f32 {
    let mut sums = [0.0_f32; WIDE];
    let (grads, last_grads) = grad.as_chunks::<WIDE>();
    let (xs, last_xs) = x.as_chunks::<WIDE>();
    let (dxs, last_dxs) = dx.as_chunks_mut::<WIDE>();
    for ((grad, x), dx) in grads.iter().zip(xs).zip(dxs) {
        for i in 0..WIDE {
            dx[i].write(grad[i] * style);
            sums[i] += grad[i] * x[i];
        }
    }
    for i in 0..last_grads.len() {
        last_dxs[i].write(last_grads[i] * style);
        sums[i] += last_grads[i] * last_xs[i];
    }
    sums.iter().sum()
}
