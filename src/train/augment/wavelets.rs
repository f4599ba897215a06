//! Filters made of Daubechies' symlets ("Ten Lectures on Wavelets", 1992), as matrices for one axis. Pictures
//! go on beyond their edges as their mirror images.

/// Bands that a picture's frequencies fall into: up to an eighth of the highest one, and an octave each from
/// there.
pub(super) const BANDS: usize = 4;

/// The low-pass filter sym2, of a sum of `sqrt(2)`: `(1 - s, 3 - s, 3 + s, 1 + s) / (4 sqrt(2))`, where `s =
/// sqrt(3)`.
const SYM2: [f64; 4] = [
    -0.12940952255126037,
    0.2241438680420134,
    0.836516303737808,
    0.48296291314453416,
];

/// The low-pass filter sym6, of a sum of `sqrt(2)`.
pub(super) const SYM6: [f64; 12] = [
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
];

/// Taps of the filter before the one that the samples of the picture come from: half of them, as it has an
/// even number.
const BEFORE: usize = SYM6.len() / 2 - 1;

/// Samples of a picture of this side at twice its rate, after which it and its mirror image repeat.
pub(super) fn period(side: usize) -> usize {
    4 * (side - 1)
}

/// From a picture's axis to a [`period`] at twice its rate: zeros between the samples, then sym6. `[period,
/// side]`
///
/// Sample `j` lies where pixel `j / 2 - 1 / 4` would.
pub(super) fn upsampling(side: usize) -> Vec<f32> {
    let mut matrix = vec![0.0; period(side) * side];
    for (j, row) in matrix.chunks_exact_mut(side).enumerate() {
        for (k, weight) in SYM6.iter().enumerate() {
            // The tap k falls on a sample of the picture where j = 2 i + k - BEFORE.
            let twice = (j + BEFORE) as i64 - k as i64;
            if twice % 2 == 0 {
                row[mirrored(twice / 2, side)] += 2f64.sqrt() * weight;
            }
        }
    }
    single(&matrix)
}

/// Samples at twice the rate that [`downsampling`] takes, the first of them `BEFORE` before the picture's.
pub(super) fn samples(side: usize) -> usize {
    2 * side + SYM6.len() - 2
}

/// Where the first of the [`samples`] lies, as a pixel, and how many pixels the next one is away.
pub(super) const FIRST_SAMPLE: f64 = -(BEFORE as f64) / 2.0 - 0.25;

/// From samples at twice the rate to a picture's axis: sym6, then every second. `[side, samples]`
///
/// The filter is orthogonal to itself, moved by even distances. So this undoes [`upsampling`].
pub(super) fn downsampling(side: usize) -> Vec<f32> {
    let length = samples(side);
    let mut matrix = vec![0.0; side * length];
    for (i, row) in matrix.chunks_exact_mut(length).enumerate() {
        for (k, weight) in SYM6.iter().enumerate() {
            row[2 * i + k] = weight / 2f64.sqrt();
        }
    }
    single(&matrix)
}

/// The filter that multiplies each band by its gain, `[side, side]`; it is the same for rows and columns.
pub(super) fn band_filter(gains: &[f64; BANDS], side: usize) -> Vec<f32> {
    let filters = bands();
    let length = filters[0].len();
    let filter: Vec<f64> = (0..length)
        .map(|k| {
            gains
                .iter()
                .zip(&filters)
                .map(|(gain, band)| gain * band[k])
                .sum()
        })
        .collect();
    let mut matrix = vec![0.0; side * side];
    for (i, row) in matrix.chunks_exact_mut(side).enumerate() {
        for (k, weight) in filter.iter().enumerate() {
            row[mirrored((i + k) as i64 - (length / 2) as i64, side)] += weight;
        }
    }
    single(&matrix)
}

/// The filter of each band, the lowest frequencies first. They are symmetric, of the same odd length, and
/// their sum is one at the center.
pub(super) fn bands() -> [Vec<f64>; BANDS] {
    let high: Vec<f64> = (0..SYM2.len())
        .map(|k| if k % 2 == 0 { SYM2[k] } else { -SYM2[k] })
        .collect();
    // Both ways, so that nothing moves; together they are one.
    let [low, high] = [&SYM2[..], &high].map(|filter| {
        let back: Vec<f64> = filter.iter().rev().map(|weight| weight / 2.0).collect();
        convolved(filter, &back)
    });
    let mut bands = vec![vec![1.0]];
    for _ in 1..BANDS {
        for band in &mut bands {
            let mut spread = vec![0.0; 2 * band.len() - 1];
            spread
                .iter_mut()
                .step_by(2)
                .zip(&*band)
                .for_each(|(to, weight)| *to = *weight);
            *band = convolved(&spread, &low);
        }
        let length = bands[0].len();
        let mut band = vec![0.0; length];
        band[(length - high.len()) / 2..][..high.len()].copy_from_slice(&high);
        bands.push(band);
    }
    bands.try_into().expect("one band, and one more each time")
}

fn convolved(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, a) in a.iter().enumerate() {
        for (j, b) in b.iter().enumerate() {
            sum[i + j] += a * b;
        }
    }
    sum
}

/// The place of a pixel that may lie beyond the edges.
fn mirrored(at: i64, side: usize) -> usize {
    let period = 2 * side as i64 - 2;
    let at = at.rem_euclid(period);
    at.min(period - at) as usize
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|value| *value as f32).collect()
}
