//! How much each code is used, and what follows from that: averages instead of gradients, and codes that come
//! back to life.

use super::VqGanRecipe;
use crate::networks::layers::buffer;
use burn::{
    module::{Module, Param},
    tensor::{Device, IndexingUpdateOp, Int, Tensor, TensorData},
};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What a checkpoint keeps of the codes besides the codes themselves. All of it is without autodiff.
#[derive(Module, Debug)]
pub struct CodeUse {
    /// `[codebook_size]`: the moving average of how often each code is used, 1 for its fair share.
    pub usage: Param<Tensor<1>>,
    /// `[codebook_size, codebook_dim]`: the moving average of the sums of what each code stood for, in the same
    /// measure; only where codes are such averages.
    pub sums: Option<Param<Tensor<2>>>,
}

/// What a step found the codes to be used for.
pub(super) struct Used<'a> {
    /// `[m, codebook_dim]`, what was quantized.
    pub vectors: Tensor<2>,
    /// `[m]`, the code of each.
    pub indices: Tensor<1, Int>,
    /// How often each code was used.
    pub counts: &'a [u64],
}

impl CodeUse {
    /// Nothing was used yet.
    pub(super) fn init([codes, d]: [usize; 2], averages: bool, device: &Device) -> Self {
        Self {
            usage: buffer(Tensor::zeros([codes], device)),
            sums: averages.then(|| buffer(Tensor::zeros([codes, d], device))),
        }
    }

    /// Follows a step, and gives the codes after it: averages of what they stood for where the recipe says so
    /// (van den Oord et al. 2017, appendix A), and new ones in the place of dead ones.
    pub(super) fn follow(
        &mut self,
        codebook: Tensor<2>,
        used: &Used,
        recipe: &VqGanRecipe,
        rng: &mut ChaCha8Rng,
    ) -> Tensor<2> {
        let [codes, d] = codebook.dims();
        let device = codebook.device();
        let total: u64 = used.counts.iter().sum();
        let fair = codes as f64 / total.max(1) as f64;
        let decay = recipe.codebook_decay;
        let new: Vec<f32> = used
            .counts
            .iter()
            .map(|&count| (count as f64 * fair) as f32)
            .collect();
        let new = Tensor::<1>::from_data(TensorData::new(new, [codes]), &device);
        let mut usage = self.usage.val() * decay + new * (1.0 - decay);
        let mut codebook = codebook;
        if let Some(sums) = &mut self.sums {
            let zeros = Tensor::<2>::zeros([codes, d], &device);
            let new = zeros.select_assign(
                0,
                used.indices.clone(),
                used.vectors.clone(),
                IndexingUpdateOp::Add,
            );
            let values = sums.val() * decay + new * (fair * (1.0 - decay));
            // A code that was never used has no average.
            let seen = usage
                .clone()
                .greater_elem(1e-9)
                .unsqueeze_dim::<2>(1)
                .expand([codes, d]);
            let averages = values.clone() / usage.clone().clamp_min(1e-9).unsqueeze_dim::<2>(1);
            codebook = codebook.mask_where(seen, averages);
            *sums = sums.clone().map(|_| values);
        }
        if recipe.dead_code_usage > 0.0 {
            (codebook, usage) = self.revive(codebook, usage, used, recipe.dead_code_usage, rng);
        }
        self.usage = self.usage.clone().map(|_| usage);
        codebook
    }

    /// Puts vectors of this step in the place of codes whose usage is below `least`, the likelier the farther a
    /// vector is from its code. Such a code has its fair share until it is seen to be used less.
    fn revive(
        &mut self,
        codebook: Tensor<2>,
        usage: Tensor<1>,
        used: &Used,
        least: f64,
        rng: &mut ChaCha8Rng,
    ) -> (Tensor<2>, Tensor<1>) {
        let device = codebook.device();
        let mut usages: Vec<f32> = usage.to_data().iter::<f32>().collect();
        let dead: Vec<usize> = (0..usages.len())
            .filter(|&code| f64::from(usages[code]) < least)
            .collect();
        if dead.is_empty() {
            return (codebook, usage);
        }
        let [codes, d] = codebook.dims();
        let nearest = codebook.clone().select(0, used.indices.clone());
        let errors = (used.vectors.clone() - nearest).square().sum_dim(1).into_data();
        let vectors: Vec<f32> = used.vectors.to_data().iter::<f32>().collect();
        // Drawn without putting back (Efraimidis and Spirakis 2006): the keys ln(u) / weight, the largest first.
        let mut keys: Vec<(f64, usize)> = errors
            .iter::<f64>()
            .enumerate()
            .map(|(place, error)| (rng.random::<f64>().max(1e-300).ln() / error.max(1e-30), place))
            .collect();
        keys.sort_by(|a, b| b.0.total_cmp(&a.0));

        let mut values: Vec<f32> = codebook.into_data().iter::<f32>().collect();
        let mut sums: Option<Vec<f32>> = self
            .sums
            .as_ref()
            .map(|sums| sums.val().into_data().iter::<f32>().collect());
        for (&code, &(_, place)) in dead.iter().zip(&keys) {
            let vector = &vectors[place * d..(place + 1) * d];
            let rows = code * d..(code + 1) * d;
            values[rows.clone()].copy_from_slice(vector);
            usages[code] = 1.0;
            if let Some(sums) = &mut sums {
                sums[rows].copy_from_slice(vector);
            }
        }
        let table = |values| Tensor::from_data(TensorData::new(values, [codes, d]), &device);
        if let (Some(param), Some(sums)) = (&mut self.sums, sums) {
            *param = param.clone().map(|_| table(sums));
        }
        let usage = Tensor::from_data(TensorData::new(usages, [codes]), &device);
        (table(values), usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{networks::generators::vqgan::nearest, train::streams::stream};

    /// One step of so many vectors around two points, one code near each and two far away.
    fn follow(averages: bool, recipe: &VqGanRecipe) -> (CodeUse, Vec<f32>) {
        let device = Device::flex();
        let vectors: Vec<f32> = (0..8)
            .flat_map(|number| match number % 4 {
                0 => [5.0, 5.0 + number as f32 / 8.0],
                _ => [-1.0, number as f32 / 8.0],
            })
            .collect();
        let vectors = Tensor::<2>::from_data(TensorData::new(vectors, [8, 2]), &device);
        let codebook = Tensor::<2>::from_data([[4.0, 4.0], [-1.0, 0.0], [90.0, 0.0], [0.0, 90.0]], &device);
        let indices = nearest(vectors.clone(), codebook.clone());
        let mut codes = CodeUse::init([4, 2], averages, &device);
        let used = Used {
            vectors,
            indices,
            counts: &[2, 6, 0, 0],
        };
        let codebook = codes.follow(codebook, &used, recipe, &mut stream(1, "codes", 0));
        (codes, codebook.into_data().iter::<f32>().collect())
    }

    #[test]
    fn averages_are_of_what_a_code_stood_for() {
        let recipe = VqGanRecipe {
            dead_code_usage: 0.0,
            ..VqGanRecipe::default()
        };
        let (codes, averages) = follow(true, &recipe);
        let usage: Vec<f32> = codes.usage.val().into_data().iter::<f32>().collect();
        for (found, expected) in usage.iter().zip([0.01, 0.03, 0.0, 0.0]) {
            assert!((found - expected).abs() < 1e-6, "{usage:?}");
        }
        // The means of 5 and 5.5, and of 1, 2, 3, 5, 6 and 7 eighths; those that were not used stay.
        let expected = [5.0, 5.25, -1.0, 0.5, 90.0, 0.0, 0.0, 90.0];
        for (found, expected) in averages.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{averages:?}");
        }
        let (_, left) = follow(false, &recipe);
        assert_eq!(left, [4.0, 4.0, -1.0, 0.0, 90.0, 0.0, 0.0, 90.0]);
    }

    #[test]
    fn dead_codes_come_back_as_vectors_of_the_step() {
        for averages in [false, true] {
            let (codes, codebook) = follow(averages, &VqGanRecipe::default());
            let usage: Vec<f32> = codes.usage.val().into_data().iter::<f32>().collect();
            assert_eq!(usage[2..], [1.0, 1.0]);
            let vectors: Vec<[f32; 2]> = (0..8)
                .map(|number| match number % 4 {
                    0 => [5.0, 5.0 + number as f32 / 8.0],
                    _ => [-1.0, number as f32 / 8.0],
                })
                .collect();
            let [third, fourth] = [&codebook[4..6], &codebook[6..8]];
            assert!(vectors.iter().any(|vector| vector == third), "{codebook:?}");
            assert!(vectors.iter().any(|vector| vector == fourth), "{codebook:?}");
            assert_ne!(third, fourth);
            if let Some(sums) = codes.sums {
                let sums: Vec<f32> = sums.val().into_data().iter::<f32>().collect();
                assert_eq!(sums[4..], codebook[4..]);
            }
        }
    }
}
