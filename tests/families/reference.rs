//! What another implementation computed with the same weights.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::weights::{Tensors, collect};
use safetensors::SafeTensors;

/// References compute in f64 or f32, the networks in f32; the largest difference allowed is this part of the
/// largest value of the tensor.
const TOLERANCE: f32 = 1e-4;

/// The tensors of a file in tests/fixtures.
pub struct Fixture {
    pub tensors: Tensors,
    /// Where no value is larger than this, it counts as the largest: rounding leaves something of gradients
    /// that are zero, such as those of a bias in front of a norm.
    least: f32,
}

impl Fixture {
    pub fn load(file: &str, least: f32) -> Self {
        let bytes = std::fs::read(format!("tests/fixtures/{file}.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = file.tensors().into_iter().map(|(name, view)| {
            let values = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|four| f32::from_le_bytes(*four));
            (name, TensorData::new(values.collect(), view.shape().to_vec()))
        });
        Self {
            tensors: tensors.collect(),
            least,
        }
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.tensors[name].clone(), device)
    }

    /// What lies below `prefix`, by the rest of the names.
    pub fn below(&self, prefix: &str) -> Tensors {
        let below = self
            .tensors
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?, data)));
        below
            .map(|(name, data)| (name.to_owned(), data.clone()))
            .collect()
    }

    #[track_caller]
    pub fn assert_close(&self, name: &str, actual: &TensorData) {
        let values = |data: &TensorData| data.iter::<f32>().collect::<Vec<_>>();
        let (expected, actual) = (values(&self.tensors[name]), values(actual));
        assert_eq!(expected.len(), actual.len(), "{name}");
        let largest = expected
            .iter()
            .fold(self.least, |largest, value| largest.max(value.abs()));
        let pairs = expected.iter().zip(&actual);
        let difference = pairs.fold(0f32, |worst, (expected, actual)| {
            worst.max((expected - actual).abs())
        });
        // A NaN is no difference, so it is asked for what must hold.
        assert!(
            difference <= TOLERANCE * largest && actual.iter().all(|value| value.is_finite()),
            "{name}: off by {difference} where the largest value is {largest}"
        );
    }

    /// Compares the gradient of every parameter of `module` with `grad.<prefix><name>`; there are no others.
    pub fn assert_gradients<M: Module>(&self, prefix: &str, module: &M, gradients: &Gradients) {
        let mut seen = Seen {
            path: vec![],
            found: Tensors::new(),
            gradients,
        };
        module.visit(&mut seen);
        let prefix = format!("grad.{prefix}");
        let mut expected = self.below(&prefix);
        // Where one network has no prefix, the other is the discriminator, whose names begin with this.
        expected.retain(|name, _| !name.starts_with("d."));
        assert!(expected.len() > 5, "{} gradients are a poor test", expected.len());
        assert!(seen.found.keys().eq(expected.keys()), "{:?}", seen.found.keys());
        for (name, gradient) in &seen.found {
            self.assert_close(&format!("{prefix}{name}"), gradient);
        }
    }

    /// Compares the running statistics of `module` with `after.<prefix><name>`.
    pub fn assert_statistics<M: Module>(&self, prefix: &str, module: &M) {
        let found = block_on(collect(module)).unwrap();
        let after = self.below(&format!("after.{prefix}"));
        assert!(!after.is_empty());
        for name in after.keys() {
            self.assert_close(&format!("after.{prefix}{name}"), &found[name]);
        }
    }
}

/// The gradients of a module's parameters.
struct Seen<'a> {
    path: Vec<String>,
    found: Tensors,
    gradients: &'a Gradients,
}

impl ModuleVisitor for Seen<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.insert(self.path.join("."), gradient.into_data());
        }
    }
}
