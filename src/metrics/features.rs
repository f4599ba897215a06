//! What a network says about pictures, as the measures of sets of pictures take it.

use burn::tensor::{DType, Device, Tensor, TensorData};

/// Features of at least two pictures.
#[derive(Debug, Clone)]
pub struct Features {
    /// `[n, dimensions]`.
    values: Vec<f32>,
    dimensions: usize,
}

/// Pictures whose products with all others are in memory at once.
const TOGETHER: usize = 256;

impl Features {
    /// `values [n, dimensions]`, picture by picture.
    ///
    /// # Panics
    /// When there are fewer than two pictures, or the last is not whole.
    pub fn new(values: Vec<f32>, dimensions: usize) -> Self {
        assert!(
            dimensions > 0 && values.len() >= 2 * dimensions && values.len().is_multiple_of(dimensions),
            "{} values are no two or more pictures of {dimensions}",
            values.len()
        );
        Self { values, dimensions }
    }

    /// Number of pictures.
    pub fn pictures(&self) -> usize {
        self.values.len() / self.dimensions
    }

    /// Number of values for each.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The first `n` pictures, and all others.
    ///
    /// # Panics
    /// When fewer than two are left on a side.
    pub fn split(&self, n: usize) -> [Self; 2] {
        let (first, others) = self.values.split_at(n * self.dimensions);
        [first, others].map(|part| Self::new(part.to_vec(), self.dimensions))
    }

    /// Whether all of them are numbers.
    pub fn are_finite(&self) -> bool {
        self.values.iter().all(|value| value.is_finite())
    }

    /// These, centered and scaled so that each of the features of `collection` has a mean of zero and a mean
    /// square of one there, for features that have no scale of their own. One that hardly changes in the
    /// collection is not blown up to more than ten times its share.
    ///
    /// # Panics
    /// When the two are not of the same network.
    pub fn standardized(&self, collection: &Self) -> Self {
        const LEAST: f64 = 0.1;
        let d = self.dimensions;
        assert_eq!(d, collection.dimensions, "features of one network");
        let n = collection.pictures() as f64;
        let (mut means, mut squares) = (vec![0.0; d], vec![0.0; d]);
        for picture in collection.each() {
            for (mean, &value) in means.iter_mut().zip(picture) {
                *mean += f64::from(value) / n;
            }
        }
        for picture in collection.each() {
            for ((square, mean), &value) in squares.iter_mut().zip(&means).zip(picture) {
                *square += (f64::from(value) - mean).powi(2) / n;
            }
        }
        let usual = (squares.iter().sum::<f64>() / d as f64).sqrt();
        let scale = |square: &f64| match square.sqrt().max(LEAST * usual) {
            // Pictures that are all alike have no scale.
            0.0 => 1.0,
            deviation => deviation.recip(),
        };
        let scales: Vec<f64> = squares.iter().map(scale).collect();
        let one = |(value, (mean, scale)): (&f32, (&f64, &f64))| ((f64::from(*value) - mean) * scale) as f32;
        let values = self
            .each()
            .flat_map(|picture| picture.iter().zip(means.iter().zip(&scales)).map(one));
        Self::new(values.collect(), d)
    }

    /// The values of each picture.
    pub(super) fn each(&self) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimensions)
    }

    /// The mean `[d]`, and the covariance `[d, d]` with 1 / (n - 1), in double precision.
    pub(super) fn moments(&self, device: &Device) -> (Vec<f64>, Vec<f64>) {
        let (n, d) = (self.pictures(), self.dimensions);
        let mut mean = vec![0.0; d];
        for picture in self.each() {
            for (sum, &value) in mean.iter_mut().zip(picture) {
                *sum += f64::from(value) / n as f64;
            }
        }
        let deviations = self.each().flat_map(|picture| {
            picture
                .iter()
                .zip(&mean)
                .map(|(&value, mean)| f64::from(value) - mean)
        });
        let deviations = matrix(deviations.collect(), [n, d], device);
        let products = deviations.clone().transpose().matmul(deviations);
        (mean, values(products / (n as f64 - 1.0)))
    }

    /// For every picture of `others`, counted from zero, its products with each picture here.
    ///
    /// # Panics
    /// When the two are not of the same network.
    pub(super) fn each_product(&self, others: &Self, device: &Device, mut take: impl FnMut(usize, &[f32])) {
        let d = self.dimensions;
        assert_eq!(d, others.dimensions, "features of one network");
        let tensor = |values: &[f32]| {
            let shape = [values.len() / d, d];
            Tensor::<2>::from_data(TensorData::new(values.to_vec(), shape), device)
        };
        let columns = tensor(&self.values).transpose(); // [d, here]
        for (part, some) in others.values.chunks(TOGETHER * d).enumerate() {
            let products = tensor(some).matmul(columns.clone()).into_data(); // [some, here]
            let products: Vec<f32> = products.iter::<f32>().collect();
            for (i, row) in products.chunks_exact(self.pictures()).enumerate() {
                take(part * TOGETHER + i, row);
            }
        }
    }
}

/// A matrix in double precision.
pub(super) fn matrix(values: Vec<f64>, shape: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F64))
}

/// The values of a matrix in double precision, row by row.
pub(super) fn values(matrix: Tensor<2>) -> Vec<f64> {
    matrix.into_data().iter::<f64>().collect()
}

/// Clouds of points that tests/fixtures/metrics/make.py makes too.
#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// From zero to one: a hash of `index` and `salt`.
    fn hashed(index: u32, salt: u32) -> f64 {
        let mut hash = index
            .wrapping_mul(0x9e37_79b1)
            .wrapping_add(salt.wrapping_mul(0x85eb_ca77));
        hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
        hash = (hash ^ hash >> 12).wrapping_mul(0x297a_2d39);
        hash ^= hash >> 15;
        f64::from(hash >> 8) / f64::from(1 << 24)
    }

    #[test]
    fn standardized_features_have_the_collections_scale() {
        let collection = cloud(200, 5, 1);
        let moments = |features: &Features| features.moments(&Device::flex());
        let (mean, covariance) = moments(&collection.standardized(&collection));
        assert!(mean.iter().all(|mean| mean.abs() < 1e-5), "{mean:?}");
        let squares: Vec<f64> = covariance.iter().step_by(6).copied().collect();
        assert!(
            squares.iter().all(|square| (square - 200.0 / 199.0).abs() < 1e-4),
            "{squares:?}"
        );
        // Others are moved by as much, not by their own.
        let moved = Features::new(collection.values.iter().map(|value| value + 1.0).collect(), 5);
        let (mean, _) = moments(&moved.standardized(&collection));
        assert!(mean.iter().all(|&mean| mean > 0.5), "{mean:?}");
        // What never changes there stays finite and small.
        let flat = |last: f32| {
            let values = collection
                .values
                .chunks(5)
                .flat_map(|picture| [&picture[..4], &[last]].concat());
            Features::new(values.collect(), 5)
        };
        let found = flat(1.01).standardized(&flat(1.0));
        assert!(found.values.iter().all(|value| value.abs() < 10.0), "{found:?}");
        let one = Features::new(vec![1.0; 10], 5);
        assert!(one.standardized(&one).are_finite());
    }

    pub fn cloud(pictures: usize, dimensions: usize, salt: u32) -> Features {
        let value = |place: usize| {
            let (i, j) = (place / dimensions, place % dimensions);
            let own = hashed(place as u32, salt);
            let common = hashed(i as u32, salt + 100);
            let spread = 1.0 + 0.1 * ((j as u32 + 2 * salt) % 5) as f64;
            (spread * own + common * (j % 3) as f64 + 0.1 * f64::from(salt)) as f32
        };
        Features::new((0..pictures * dimensions).map(value).collect(), dimensions)
    }
}
