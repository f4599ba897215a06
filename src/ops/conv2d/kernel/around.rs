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
    /// The end of the layer for the `S::LANES` channels from `l` on, of results and the noise of their pixel.
    #[inline(always)]
    pub(super) unsafe fn end<S: Simd>(&self, l: usize) -> impl Fn(S::V, Option<S::V>) -> S::V + Copy {
        // SAFETY: a line has 16 floats.
        self.end_with::<S>(move |line| unsafe { S::load(line.0.as_ptr().add(l)) })
    }

    /// The end of the layer for one channel, of the results and the noise of `S::LANES` pixels.
    #[inline(always)]
    pub(super) unsafe fn end_of_channel<S: Simd>(
        &self,
        lane: usize,
    ) -> impl Fn(S::V, Option<S::V>) -> S::V + Copy {
        // SAFETY: registers only; the instruction set is the caller's promise.
        self.end_with::<S>(move |line| unsafe { S::splat(line.0[lane]) })
    }

    #[inline(always)]
    fn end_with<S: Simd>(&self, load: impl Fn(&Line) -> S::V) -> impl Fn(S::V, Option<S::V>) -> S::V + Copy {
        let (scale, bias) = (load(&self.scale), load(&self.bias));
        let (up, down) = (load(&self.up), load(&self.down));
        // SAFETY: registers only; the instruction set is the callers' promise.
        move |x, noise| unsafe {
            let v = S::mul_add(x, scale, bias);
            let v = noise.map_or(v, |noise| S::add(v, noise));
            S::mul(v, S::where_negative(v, down, up))
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
                for pixel in 0..count {
                    let noise = noise.map(|noise| S::splat(noise[pixel]));
                    let at = at.add(pixel * step + l);
                    S::store(at, end(S::load(at), noise));
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
