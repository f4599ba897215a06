//! Whether what was meant for the discriminator's eyes is seen in what the generator draws: section 3 of the
//! paper calls it a leak, and expects it where an operation happens to most pictures.
//!
//! Of each kind of operation a judge asks whether a picture is nearer to augmented real ones than to real
//! ones, by a few plain statistics. It errs, and how often it does is known of pictures that were held out.
//! So the share of samples that are augmented is an estimate with an error, not a verdict on one picture.

use super::{
    AugPipe, Augmentation,
    pipe::{KINDS, Kind},
};
use crate::ops::on_gray::on_gray;
use burn::tensor::Tensor;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// What the samples show of one kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Leak {
    /// The preset that has this kind alone.
    pub augment: AugPipe,
    /// The estimated share of samples that look augmented; chance takes it a little below zero or above one.
    pub share: f64,
    /// The standard error of the share.
    pub error: f64,
}

impl Leak {
    /// Shares below this are not worth a word.
    const LEAST_SHARE: f64 = 0.1;
    /// So many standard errors are no chance.
    const CERTAIN: f64 = 4.0;

    /// Whether the samples show it, and not by chance.
    pub fn is_seen(&self) -> bool {
        self.share > Self::LEAST_SHARE && self.share > Self::CERTAIN * self.error
    }
}

/// Pictures that are augmented at once.
const BATCH: usize = 16;

/// A judge that tells augmented pictures from others less often than this is not asked.
const LEAST_POWER: f64 = 0.3;

/// Looks for every kind of operation of `pipe` in `samples`, by comparison with `real`, both `[n,
/// channels, side, side]` in `[-1, 1]`. Kinds that cannot be told from real pictures of this collection are
/// left out, as are all of them where there are fewer than four real pictures or no samples.
///
/// What differs from the collection for other reasons, as the samples of the first kimg do, may look
/// augmented.
pub fn leaks(pipe: AugPipe, real: Tensor<4>, samples: Tensor<4>, rng: &mut impl Rng) -> Vec<Leak> {
    let [n, _, side, _] = real.dims();
    if n < 4 || samples.dims()[0] == 0 {
        return vec![];
    }
    let pictures = pictures(real.clone());
    // Every second one is an example, the others are held out.
    let mean = mean_light(pictures.iter().step_by(2), side);
    let statistics = |pictures: &[Vec<f32>]| -> Vec<Statistics> {
        pictures
            .iter()
            .map(|picture| Statistics::of(picture, &mean, side))
            .collect()
    };
    let (real_ones, samples) = (statistics(&pictures), statistics(&self::pictures(samples)));
    let kinds = KINDS.iter().filter(|(_, kind)| pipe.kinds().contains(kind));
    let leak = |&(augment, _): &(AugPipe, Kind)| {
        // In batches, because moved pixels take a multiple of a picture's memory.
        let batches = real.clone().split(BATCH, 0).into_iter();
        let augmented: Vec<_> = batches
            .flat_map(|some| {
                let drawn = Augmentation::draw(augment, 1.0, some.dims()[0], side, rng);
                statistics(&self::pictures(drawn.apply(some)))
            })
            .collect();
        let judge = Judge::of(&real_ones, &augmented);
        let held_out = |all: &[Statistics]| judge.share(all.iter().skip(1).step_by(2));
        let (wrong, right, found) = (
            held_out(&real_ones),
            held_out(&augmented),
            judge.share(samples.iter()),
        );
        let power = right - wrong;
        let variance = |share: f64, count: usize| (share * (1.0 - share)).max(0.05) / count as f64;
        (power >= LEAST_POWER).then(|| Leak {
            augment,
            share: (found - wrong) / power,
            error: (variance(found, samples.len()) + variance(wrong, n / 2)).sqrt() / power,
        })
    };
    kinds.filter_map(leak).collect()
}

/// Each of the pictures, on gray where it is transparent.
fn pictures(x: Tensor<4>) -> Vec<Vec<f32>> {
    let x = on_gray(x);
    let [_, c, h, w] = x.dims();
    let values: Vec<f32> = x.into_data().iter::<f32>().collect();
    values.chunks(c * h * w).map(<[f32]>::to_vec).collect()
}

/// The mean of the channels, pixel by pixel.
fn light(picture: &[f32], pixels: usize) -> impl Iterator<Item = f64> + '_ {
    (0..pixels).map(move |pixel| {
        (0..3)
            .map(|plane| f64::from(picture[plane * pixels + pixel]))
            .sum::<f64>()
            / 3.0
    })
}

fn mean_light<'a>(pictures: impl ExactSizeIterator<Item = &'a Vec<f32>>, side: usize) -> Vec<f64> {
    let (mut mean, count) = (vec![0.0; side * side], pictures.len() as f64);
    for picture in pictures {
        mean.iter_mut()
            .zip(light(picture, side * side))
            .for_each(|(mean, light)| *mean += light / count);
    }
    mean
}

/// What a picture is compared by.
struct Statistics([f64; Statistics::COUNT]);

impl Statistics {
    const COUNT: usize = 16;

    fn of(picture: &[f32], mean: &[f64], side: usize) -> Self {
        let pixels = side * side;
        let light: Vec<f64> = light(picture, pixels).collect();
        let mut all = Vec::with_capacity(Self::COUNT);
        let mut colorfulness = 0.0;
        for plane in picture.chunks(pixels) {
            let (average, spread) = moments(plane.iter().map(|value| f64::from(*value)));
            all.extend([average, spread]);
            colorfulness += plane
                .iter()
                .zip(&light)
                .map(|(a, b)| (f64::from(*a) - b).powi(2))
                .sum::<f64>();
        }
        all.push((colorfulness / (3 * pixels) as f64).sqrt());
        // Fine and coarser detail, and the fine detail where there is least of it, which is where noise
        // shows.
        let detail = |distance: usize, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            let (mut sum, mut count) = (1e-6, 1e-6);
            for row in rows.clone() {
                for column in columns.clone() {
                    for (down, across) in [(distance, 0), (0, distance)] {
                        if rows.contains(&(row + down)) && columns.contains(&(column + across)) {
                            let difference =
                                light[row * side + column] - light[(row + down) * side + column + across];
                            sum += difference * difference;
                            count += 1.0;
                        }
                    }
                }
            }
            (sum / count).ln()
        };
        all.extend([detail(1, 0..side, 0..side), detail(2, 0..side, 0..side)]);
        let block = side.min(4);
        let starts = || (0..=side - block).step_by(block);
        let blocks = starts().flat_map(|row| starts().map(move |column| [row, column]));
        let quiet = blocks.map(|[row, column]| detail(1, row..row + block, column..column + block));
        all.push(quiet.fold(f64::INFINITY, f64::min));
        // How much it looks like the collection's mean as it is, mirrored, and turned.
        let last = side - 1;
        type Place = fn(usize, usize, usize) -> [usize; 2];
        let turned: [Place; 5] = [
            |row, column, _| [row, column],
            |row, column, last| [row, last - column],
            |row, column, last| [column, last - row],
            |row, column, last| [last - row, last - column],
            |row, column, last| [last - column, row],
        ];
        for place in turned {
            let seen = (0..pixels).map(|pixel| {
                let [row, column] = place(pixel / side, pixel % side, last);
                mean[row * side + column]
            });
            all.push(correlation(&light, &seen.collect::<Vec<_>>()));
        }
        // What is erased is gray.
        let is_gray = |pixel: &usize| (0..3).all(|plane| picture[plane * pixels + pixel].abs() < 0.1);
        all.push((0..pixels).filter(is_gray).count() as f64 / pixels as f64);
        Self(all.try_into().expect("as many as are counted"))
    }
}

/// Mean and standard deviation.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let [(mean_a, spread_a), (mean_b, spread_b)] = [a, b].map(|values| moments(values.iter().copied()));
    let products = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b));
    products.sum::<f64>() / (a.len() as f64 * spread_a * spread_b).max(1e-9)
}

/// Says which of two sets of examples a picture is nearer to.
struct Judge<'a> {
    real: Vec<&'a Statistics>,
    augmented: Vec<&'a Statistics>,
    /// How far each statistic spreads among all examples.
    spread: [f64; Statistics::COUNT],
}

impl<'a> Judge<'a> {
    fn of(real: &'a [Statistics], augmented: &'a [Statistics]) -> Self {
        let examples = |all: &'a [Statistics]| all.iter().step_by(2).collect::<Vec<_>>();
        let (real, augmented) = (examples(real), examples(augmented));
        let all = || real.iter().chain(&augmented);
        let spread = std::array::from_fn(|i| moments(all().map(move |it| it.0[i])).1.max(1e-6));
        Self {
            real,
            augmented,
            spread,
        }
    }

    /// The share of these that look augmented.
    fn share<'b>(&self, all: impl ExactSizeIterator<Item = &'b Statistics>) -> f64 {
        let count = all.len() as f64;
        let nearest = |it: &Statistics, examples: &[&Statistics]| {
            let distance = |example: &&Statistics| -> f64 {
                let parts = it.0.iter().zip(&example.0).zip(&self.spread);
                parts.map(|((a, b), spread)| ((a - b) / spread).powi(2)).sum()
            };
            examples.iter().map(distance).fold(f64::INFINITY, f64::min)
        };
        all.filter(|it| nearest(it, &self.augmented) < nearest(it, &self.real))
            .count() as f64
            / count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::streams::stream;
    use burn::tensor::{Device, TensorData};

    /// Heads on plain grounds that look to the right, in colors of their own.
    fn heads(n: usize, seed: u64) -> Tensor<4> {
        const SIDE: usize = 16;
        let mut rng = stream(seed, "heads", 0);
        let mut values = vec![];
        for _ in 0..n {
            let mut color = || -> [f32; 3] { std::array::from_fn(|_| rng.random_range(-0.9..0.9)) };
            let (ground, skin, hair) = (color(), [0.6, 0.3, 0.1], color());
            let height = rng.random_range(3..6);
            for plane in 0..3 {
                values.extend((0..SIDE * SIDE).map(|pixel| {
                    let (row, column) = (pixel / SIDE, pixel % SIDE);
                    match (row, column) {
                        (7, 10) => -1.0,
                        _ if row < height || !(3..13).contains(&column) => ground[plane],
                        _ if row < height + 3 || column < 5 => hair[plane],
                        _ => skin[plane],
                    }
                }));
            }
        }
        Tensor::from_data(TensorData::new(values, [n, 3, SIDE, SIDE]), &Device::flex())
    }

    #[test]
    fn the_share_of_augmented_samples_is_found() {
        let real = heads(256, 1);
        let look =
            |samples: Tensor<4>| leaks(AugPipe::Bgcfnc, real.clone(), samples, &mut stream(3, "leak", 0));
        let clean = look(heads(256, 2));
        assert_eq!(clean.len(), 6, "every kind can be told here: {clean:?}");
        for leak in clean {
            assert!(!leak.is_seen() && leak.share.abs() < 0.15, "{leak:?}");
        }
        for (index, (augment, _)) in KINDS.into_iter().enumerate() {
            for share in [0.25, 0.5, 1.0] {
                let leaked = (256.0 * share) as usize;
                let samples = heads(256, 2);
                let some = Augmentation::draw(augment, 1.0, leaked, 16, &mut stream(4, "leak", 0))
                    .apply(samples.clone().narrow(0, 0, leaked));
                let samples = match leaked {
                    256 => some,
                    _ => Tensor::cat(vec![some, samples.narrow(0, leaked, 256 - leaked)], 0),
                };
                let found = look(samples)[index];
                assert_eq!(found.augment, augment);
                assert!(
                    (found.is_seen() || share < 0.5) && (found.share - share).abs() < 0.2,
                    "{share}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn too_little_to_compare_is_no_leak() {
        let look = |real, samples| leaks(AugPipe::Nft, real, samples, &mut stream(3, "leak", 0));
        assert_eq!(look(heads(3, 1), heads(8, 2)), []);
        assert_eq!(
            look(heads(8, 1), heads(8, 2).narrow(0, 0, 1))
                .iter()
                .filter(|leak| leak.is_seen())
                .count(),
            0
        );
    }
}
