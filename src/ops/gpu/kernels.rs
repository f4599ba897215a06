//! The programs themselves. Pictures and weights are in memory with their channels next to each other,
//! `[n][h][w][c]` and `[k][kh][kw][c]`, in vectors of `N` channels.

use burn::cubecl::{self, prelude::*};

/// The sizes of a convolution at a stride of one; channels are counted in vectors.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub(super) struct Sizes {
    pub n: usize,
    pub h: usize,
    pub w: usize,
    pub c: usize,
    pub oh: usize,
    pub ow: usize,
    pub k: usize,
    pub padding: usize,
}

/// `side(v) v` with `v = conv(x styles, weight) scale + noise + bias`. `factors` are the scale, `[n][k]`, or
/// one slope for each channel in place of `down`, `[k]`. A unit computes `pixels` neighbors of a row and one
/// vector of their channels: whatever it reads of the picture serves all those channels, and of the weights
/// all those pixels.
#[cube(launch_unchecked)]
pub(super) fn conv_layer<NIn: Size, NOut: Size>(
    x: &[Vector<f32, NIn>],
    weight: &[Vector<f32, NIn>],
    styles: &[Vector<f32, NIn>],
    factors: &[Vector<f32, NOut>],
    bias: &[Vector<f32, NOut>],
    noise: &[f32],
    y: &mut [Vector<f32, NOut>],
    sizes: Sizes,
    up: f32,
    down: f32,
    #[comptime] kernel: usize,
    #[comptime] pixels: usize,
    #[comptime] has_styles: bool,
    #[comptime] has_scale: bool,
    #[comptime] has_slopes: bool,
    #[comptime] noises: usize,
) {
    let groups = sizes.ow.div_ceil(pixels);
    if ABSOLUTE_POS >= sizes.n * sizes.oh * groups * sizes.k {
        terminate!();
    }
    let k = ABSOLUTE_POS % sizes.k;
    let rest = ABSOLUTE_POS / sizes.k;
    let ox = rest % groups * pixels;
    let rest = rest / groups;
    let oy = rest % sizes.oh;
    let image = rest / sizes.oh;

    let lanes_in = x.vector_size();
    let lanes_out = y.vector_size();
    let mut sums = Array::<Vector<f32, NIn>>::new(comptime![pixels * lanes_out]);
    #[unroll]
    for i in 0..comptime![pixels * lanes_out] {
        sums[i] = Vector::new(0.0);
    }
    let mut row = Array::<Vector<f32, NIn>>::new(comptime![pixels + kernel - 1]);
    for ky in 0..kernel {
        let iy = oy + ky;
        if iy >= sizes.padding && iy < sizes.h + sizes.padding {
            let line = (image * sizes.h + iy - sizes.padding) * sizes.w;
            for c in 0..sizes.c {
                let mut style = Vector::<f32, NIn>::new(1.0);
                if has_styles {
                    style = styles[image * sizes.c + c];
                }
                #[unroll]
                for i in 0..comptime![pixels + kernel - 1] {
                    let ix = ox + i;
                    row[i] = Vector::new(0.0);
                    if ix >= sizes.padding && ix < sizes.w + sizes.padding {
                        row[i] = x[(line + ix - sizes.padding) * sizes.c + c];
                    }
                    if has_styles {
                        row[i] *= style;
                    }
                }
                #[unroll]
                for j in 0..lanes_out {
                    #[unroll]
                    for kx in 0..kernel {
                        let tap = ((k * lanes_out + j) * kernel + ky) * kernel + kx;
                        let factor = weight[tap * sizes.c + c];
                        #[unroll]
                        for p in 0..pixels {
                            sums[comptime![p * lanes_out + j]] += row[comptime![p + kx]] * factor;
                        }
                    }
                }
            }
        }
    }

    #[unroll]
    for p in 0..pixels {
        if ox + p < sizes.ow {
            let mut v = Vector::<f32, NOut>::new(0.0);
            #[unroll]
            for j in 0..lanes_out {
                let sum = sums[comptime![p * lanes_out + j]];
                let mut channel = sum.extract(0usize);
                #[unroll]
                for i in 1..lanes_in {
                    channel += sum.extract(i);
                }
                v.insert(j, channel);
            }
            if has_scale {
                v *= factors[image * sizes.k + k];
            }
            v += bias[k];
            let pixel = oy * sizes.ow + ox + p;
            if comptime![noises == 1] {
                v += Vector::new(noise[pixel]);
            }
            if comptime![noises > 1] {
                v += Vector::new(noise[image * sizes.oh * sizes.ow + pixel]);
            }
            let zero = Vector::<f32, NOut>::new(0.0);
            let (above, below) = (max(v, zero), min(v, zero));
            let mut slope = Vector::new(down);
            if has_slopes {
                slope = factors[k];
            }
            y[(image * sizes.oh * sizes.ow + pixel) * sizes.k + k] = above * Vector::new(up) + below * slope;
        }
    }
}

/// `1 / sqrt(sum_i s_i^2 sum_k w_ijk^2 + 1e-8)`, `[n][k]`, a unit for each.
#[cube(launch_unchecked)]
pub(super) fn demodulation<N: Size>(
    weight: &[Vector<f32, N>],
    styles: &[Vector<f32, N>],
    scale: &mut [f32],
    images: usize,
    k: usize,
    c: usize,
    taps: usize,
) {
    if ABSOLUTE_POS >= images * k {
        terminate!();
    }
    let (image, channel) = (ABSOLUTE_POS / k, ABSOLUTE_POS % k);
    let mut sums = Vector::<f32, N>::new(0.0);
    for i in 0..c {
        let mut energy = Vector::<f32, N>::new(0.0);
        for tap in 0..taps {
            let w = weight[(channel * taps + tap) * c + i];
            energy += w * w;
        }
        let style = styles[image * c + i];
        sums += energy * style * style;
    }
    let mut sum = sums.extract(0usize);
    #[unroll]
    for i in 1..weight.vector_size() {
        sum += sums.extract(i);
    }
    scale[ABSOLUTE_POS] = 1.0 / (sum + 1e-8).sqrt();
}

/// `side(v) v` with `v = x W^T weight_gain + bias bias_gain`, `[n][d_out]`, a unit for each.
#[cube(launch_unchecked)]
pub(super) fn linear_act<N: Size>(
    x: &[Vector<f32, N>],
    weight: &[Vector<f32, N>],
    bias: &[f32],
    y: &mut [f32],
    rows: usize,
    d_in: usize,
    d_out: usize,
    weight_gain: f32,
    bias_gain: f32,
    up: f32,
    down: f32,
) {
    if ABSOLUTE_POS >= rows * d_out {
        terminate!();
    }
    let (row, column) = (ABSOLUTE_POS / d_out, ABSOLUTE_POS % d_out);
    let mut sums = Vector::<f32, N>::new(0.0);
    for i in 0..d_in {
        sums += x[row * d_in + i] * weight[column * d_in + i];
    }
    let mut sum = sums.extract(0usize);
    #[unroll]
    for i in 1..x.vector_size() {
        sum += sums.extract(i);
    }
    let v = sum * weight_gain + bias[column] * bias_gain;
    y[ABSOLUTE_POS] = max(v, 0.0) * up + min(v, 0.0) * down;
}

/// StyleGAN2's resample filter along both axes; a unit computes one vector of channels. `rate` is 2 going up,
/// 1 for the filter alone, 0 going down.
#[cube(launch_unchecked)]
pub(super) fn resample<N: Size>(
    x: &[Vector<f32, N>],
    y: &mut [Vector<f32, N>],
    sizes: Sizes,
    gain: f32,
    #[comptime] rate: usize,
) {
    if ABSOLUTE_POS >= sizes.n * sizes.oh * sizes.ow * sizes.c {
        terminate!();
    }
    let c = ABSOLUTE_POS % sizes.c;
    let rest = ABSOLUTE_POS / sizes.c;
    let ox = rest % sizes.ow;
    let rest = rest / sizes.ow;
    let oy = rest % sizes.oh;
    let image = rest / sizes.oh;
    let mut sum = Vector::<f32, N>::new(0.0);
    #[unroll]
    for ky in 0..4usize {
        let (iy, inside_y) = source(oy, ky, sizes.padding, sizes.h, rate);
        #[unroll]
        for kx in 0..4usize {
            let (ix, inside_x) = source(ox, kx, sizes.padding, sizes.w, rate);
            if inside_y && inside_x {
                let factor = comptime![tap(ky) * tap(kx)];
                sum += x[((image * sizes.h + iy) * sizes.w + ix) * sizes.c + c] * Vector::new(factor);
            }
        }
    }
    y[ABSOLUTE_POS] = sum * Vector::new(gain);
}

/// Which sample meets tap `k` of the filter for output `o`, and whether there is one.
#[cube]
fn source(
    o: usize,
    #[comptime] k: usize,
    padding: usize,
    size: usize,
    #[comptime] rate: usize,
) -> (usize, bool) {
    if comptime![rate == 2] {
        let at = o + padding;
        let inside = at >= k && (at - k).is_multiple_of(2) && (at - k) / 2 < size;
        ((at - k) / 2, inside)
    } else {
        let at = if comptime![rate == 0] { o * 2 + k } else { o + k };
        (at - padding, at >= padding && at - padding < size)
    }
}

fn tap(k: usize) -> f32 {
    super::super::resample::RESAMPLE_FILTER[k]
}
