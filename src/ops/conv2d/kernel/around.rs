//! What is done to a convolution's input before it and to its output after it, while they are in the cache.

use crate::ops::cpu::{Line, simd::Simd};

/// Nothing, unless it is set.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Around<'a> {
    /// A factor for every input channel, `[n][block of 16 channels]`.
    pub before: Option<&'a [Line]>,
    /// What becomes of the outputs.
    pub after: Option<&'a After>,
}

impl<'a> Around<'a> {
    /// Checks the sizes that the kernels rely on: pictures, channels in and out, output pixels of a plane.
    pub(super) fn check(&self, n: usize, [c_in, c_out]: [usize; 2], pixels: usize) {
        if let Some(before) = self.before {
            assert_eq!(before.len(), n * c_in.div_ceil(16));
        }
        if let Some(After { lanes, noise }) = self.after {
            assert_eq!(lanes.len(), n * c_out.div_ceil(16));
            assert!([0, pixels, n * pixels].contains(&noise.len()));
        }
    }

    /// The factors of one block of one picture's channels.
    pub(super) fn before(&self, image: usize, channels: usize, block: usize) -> Option<&'a Line> {
        self.before
            .map(|lines| &lines[image * channels.div_ceil(16) + block])
    }
}

/// `y = v up` or, where `v` is negative, `v down`, with `v = x scale + bias + noise`: the end of a layer.
#[derive(Clone, Debug)]
pub(crate) struct After {
    /// `[n][block of 16 channels]`.
    pub lanes: Vec<Lanes>,
    /// Added to all channels alike: `[n][pixels]`, or `[pixels]` for all pictures, or nothing.
    pub noise: Vec<f32>,
}

/// The constants of 16 channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lanes {
    pub scale: Line,
    pub bias: Line,
    pub up: Line,
    pub down: Line,
}

impl Lanes {
    /// The end of the layer for the `S::LANES` channels from `l` on.
    #[inline(always)]
    pub(super) unsafe fn end<S: Simd>(&self, l: usize) -> End<S> {
        // SAFETY: a line has 16 floats.
        unsafe {
            let load = |line: &Line| line.0.as_ptr().add(l);
            End {
                scale: S::load(load(&self.scale)),
                bias: S::load(load(&self.bias)),
                up: S::load(load(&self.up)),
                down: S::load(load(&self.down)),
            }
        }
    }

    /// The end of the layer for one channel and `S::LANES` pixels.
    #[inline(always)]
    pub(super) unsafe fn end_of_channel<S: Simd>(&self, lane: usize) -> End<S> {
        // SAFETY: registers only; the instruction set is the caller's promise.
        unsafe {
            End {
                scale: S::splat(self.scale.0[lane]),
                bias: S::splat(self.bias.0[lane]),
                up: S::splat(self.up.0[lane]),
                down: S::splat(self.down.0[lane]),
            }
        }
    }
}

/// The end of a layer with its constants in registers. Its function is no closure, because closures are not
/// always made part of their caller, and outside of it they would not be compiled for the instruction set.
#[derive(Clone, Copy)]
pub(super) struct End<S: Simd> {
    scale: S::V,
    bias: S::V,
    up: S::V,
    down: S::V,
}

impl<S: Simd> End<S> {
    /// The results for `x` and the noise of its pixels.
    #[inline(always)]
    pub(super) unsafe fn of(&self, x: S::V, noise: Option<S::V>) -> S::V {
        // SAFETY: registers only; the instruction set is the caller's promise.
        unsafe {
            let mut v = S::mul_add(x, self.scale, self.bias);
            if let Some(noise) = noise {
                v = S::add(v, noise);
            }
            S::mul(v, S::where_negative(v, self.down, self.up))
        }
    }
}

impl After {
    /// Ends `count` pixels of 16 channels, `step` floats apart, with the noise that belongs to each.
    ///
    /// # Safety
    /// The pixels must be there, and the processor must have `S`.
    #[inline(always)]
    pub(super) unsafe fn apply<S: Simd>(
        &self,
        lanes: &Lanes,
        at: *mut f32,
        step: usize,
        count: usize,
        noise: Option<&[f32]>,
    ) {
        // SAFETY: the caller vouches for the pixels.
        unsafe {
            for l in (0..16).step_by(S::LANES) {
                let end = lanes.end::<S>(l);
                let at = at.add(l);
                match noise {
                    Some(noise) => {
                        for (pixel, &noise) in noise[..count].iter().enumerate() {
                            let at = at.add(pixel * step);
                            S::store(at, end.of(S::load(at), Some(S::splat(noise))));
                        }
                    }
                    None => {
                        for pixel in 0..count {
                            let at = at.add(pixel * step);
                            S::store(at, end.of(S::load(at), None));
                        }
                    }
                }
            }
        }
    }

    /// The noise of one picture of `pixels`, from the pixel `first` on.
    pub(super) fn noise(&self, image: usize, pixels: usize, first: usize) -> Option<&[f32]> {
        let start = if self.noise.len() > pixels {
            image * pixels
        } else {
            0
        };
        (!self.noise.is_empty()).then(|| &self.noise[start + first..start + pixels])
    }
}
