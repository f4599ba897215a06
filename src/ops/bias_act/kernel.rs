//! The end of a layer on the CPU: one pass over memory forward and one backward, instead of one for each step.

use crate::ops::cpu::{Isa, Shared, dispatch, for_each, simd::Simd};
use core::mem::MaybeUninit;

/// The constants of one layer's end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// Pictures, channels, and pixels of a picture.
    pub n: usize,
    pub c: usize,
    pub pixels: usize,
    /// Factor for negative values.
    pub slope: f32,
    /// Factor for all.
    pub gain: f32,
}

/// Planes that one task takes, so that handing it out does not cost more than doing it.
fn planes_per_task(p: &End) -> usize {
    (16 * 1024 / p.pixels.max(1)).max(1)
}

/// What a synthesis layer adds to a plain one: `scale [n, c]` for each plane, `noise [pixels]` or `[n, pixels]`, and
/// the noise's strength.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style<'a> {
    pub scale: &'a [f32],
    pub noise: &'a [f32],
    pub strength: f32,
}

impl<'a> Style<'a> {
    fn check(&self, p: &End) {
        assert_eq!(self.scale.len(), p.n * p.c);
        assert!(self.noise.len() == p.pixels || self.noise.len() == p.n * p.pixels);
    }

    /// What belongs to one plane: all channels share the noise, and perhaps all pictures.
    fn of_plane(&self, p: &End, plane: usize) -> PlaneStyle<'a> {
        let noise = if self.noise.len() == p.pixels {
            self.noise
        } else {
            &self.noise[plane / p.c * p.pixels..][..p.pixels]
        };
        PlaneStyle {
            scale: self.scale[plane],
            noise,
            strength: self.strength,
        }
    }
}

/// A [`Style`]'s part in one plane.
#[derive(Clone, Copy)]
struct PlaneStyle<'a> {
    scale: f32,
    noise: &'a [f32],
    strength: f32,
}

/// `y = leaky(x scale + noise strength + bias) gain`, or without scale and noise.
pub(crate) fn forward(
    isa: Isa,
    p: &End,
    x: &[f32],
    bias: &[f32],
    style: Option<Style>,
    y: &mut [MaybeUninit<f32>],
) {
    let planes = p.n * p.c;
    assert!(x.len() == planes * p.pixels && y.len() == x.len() && bias.len() == p.c);
    style.iter().for_each(|style| style.check(p));
    let run = dispatch!(isa, fn run(p: &End, x: &[f32], bias: f32, style: Option<PlaneStyle>, y: &mut [MaybeUninit<f32>]) = self::forward_plane);
    let per_task = planes_per_task(p);
    let y = Shared(y.as_mut_ptr().cast());
    for_each(planes.div_ceil(per_task), |task| {
        for plane in task * per_task..((task + 1) * per_task).min(planes) {
            let x = &x[plane * p.pixels..][..p.pixels];
            let style = style.as_ref().map(|style| style.of_plane(p, plane));
            // SAFETY: every plane belongs to one task, and `isa` is what the processor has.
            unsafe {
                let y = core::slice::from_raw_parts_mut(y.get().add(plane * p.pixels).cast(), p.pixels);
                run(p, x, bias[plane % p.c], style, y);
            }
        }
    });
}

/// # Safety
/// The processor must have `S`, which is what the plain loop is compiled for.
#[inline(always)]
unsafe fn forward_plane<S: Simd>(
    p: &End,
    x: &[f32],
    bias: f32,
    style: Option<PlaneStyle>,
    y: &mut [MaybeUninit<f32>],
) {
    let (up, down) = (p.gain, p.gain * p.slope);
    let act = |v: f32| v * if v < 0.0 { down } else { up };
    match style {
        Some(style) => {
            for ((y, x), noise) in y.iter_mut().zip(x).zip(style.noise) {
                y.write(act(x * style.scale + noise * style.strength + bias));
            }
        }
        None => {
            for (y, x) in y.iter_mut().zip(x) {
                y.write(act(x + bias));
            }
        }
    }
}

/// What the backward pass sums over each plane: the gradient in front of the rectifier, alone, times `x`, and times
/// the noise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sums {
    pub grad: f32,
    pub grad_x: f32,
    pub grad_noise: f32,
}

/// The gradient `dx` of [`forward`], and the [`Sums`] that the other gradients are made of, from the gradient of the
/// output and the output `y`, whose sign tells which side of the rectifier it came from.
pub(crate) fn backward(
    isa: Isa,
    p: &End,
    grad: &[f32],
    y: &[f32],
    style: Option<(&[f32], Style)>,
    dx: &mut [MaybeUninit<f32>],
    sums: &mut [Sums],
) {
    let planes = p.n * p.c;
    assert!(grad.len() == planes * p.pixels && y.len() == grad.len() && dx.len() == grad.len());
    assert_eq!(sums.len(), planes);
    if let Some((x, style)) = &style {
        assert_eq!(x.len(), grad.len());
        style.check(p);
    }
    let run = dispatch!(isa, fn run(p: &End, grad: &[f32], y: &[f32], style: Option<(&[f32], PlaneStyle)>, dx: &mut [MaybeUninit<f32>]) -> Sums = self::backward_plane);
    let per_task = planes_per_task(p);
    let dx = Shared(dx.as_mut_ptr().cast());
    let sums = Shared(sums.as_mut_ptr().cast());
    for_each(planes.div_ceil(per_task), |task| {
        for plane in task * per_task..((task + 1) * per_task).min(planes) {
            let range = plane * p.pixels..(plane + 1) * p.pixels;
            let style = style
                .as_ref()
                .map(|(x, style)| (&x[range.clone()], style.of_plane(p, plane)));
            // SAFETY: every plane belongs to one task, and `isa` is what the processor has.
            unsafe {
                let dx = core::slice::from_raw_parts_mut(dx.get().add(plane * p.pixels).cast(), p.pixels);
                let sum = run(p, &grad[range.clone()], &y[range.clone()], style, dx);
                sums.get().cast::<Sums>().add(plane).write(sum);
            }
        }
    });
}

/// # Safety
/// The processor must have `S`.
#[inline(always)]
unsafe fn backward_plane<S: Simd>(
    p: &End,
    grad: &[f32],
    y: &[f32],
    style: Option<(&[f32], PlaneStyle)>,
    dx: &mut [MaybeUninit<f32>],
) -> Sums {
    // Sixteen running sums, so that the additions become vectors and their order does not depend on the processor.
    const WIDE: usize = 16;
    let (up, down) = (p.gain, p.gain * p.slope);
    let mut sum = [0.0_f32; WIDE];
    let mut sum_x = [0.0_f32; WIDE];
    let mut sum_noise = [0.0_f32; WIDE];
    let at_rectifier = |grad: f32, y: f32| grad * if y < 0.0 { down } else { up };
    let (grads, last_grads) = grad.as_chunks::<WIDE>();
    let (ys, last_ys) = y.as_chunks::<WIDE>();
    let (dxs, last_dxs) = dx.as_chunks_mut::<WIDE>();
    match style {
        Some((x, style)) => {
            let (xs, last_xs) = x.as_chunks::<WIDE>();
            let (noises, last_noises) = style.noise.as_chunks::<WIDE>();
            for ((((g, y), dx), x), noise) in grads.iter().zip(ys).zip(dxs).zip(xs).zip(noises) {
                for i in 0..WIDE {
                    let g = at_rectifier(g[i], y[i]);
                    dx[i].write(g * style.scale);
                    sum[i] += g;
                    sum_x[i] += g * x[i];
                    sum_noise[i] += g * noise[i];
                }
            }
            for i in 0..last_grads.len() {
                let g = at_rectifier(last_grads[i], last_ys[i]);
                last_dxs[i].write(g * style.scale);
                sum[i] += g;
                sum_x[i] += g * last_xs[i];
                sum_noise[i] += g * last_noises[i];
            }
        }
        None => {
            for ((g, y), dx) in grads.iter().zip(ys).zip(dxs) {
                for i in 0..WIDE {
                    let g = at_rectifier(g[i], y[i]);
                    dx[i].write(g);
                    sum[i] += g;
                }
            }
            for i in 0..last_grads.len() {
                let g = at_rectifier(last_grads[i], last_ys[i]);
                last_dxs[i].write(g);
                sum[i] += g;
            }
        }
    }
    Sums {
        grad: sum.iter().sum(),
        grad_x: sum_x.iter().sum(),
        grad_noise: sum_noise.iter().sum(),
    }
}
