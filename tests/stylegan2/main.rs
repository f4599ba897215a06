//! StyleGAN2 against the PyTorch formulation in tests/fixtures/stylegan2/reference.py, and conditional.py
//! beside it for networks with classes: forward passes, every weight gradient and the R1 penalty.
//!
//! The reference computes in f64, the network in f32; the largest difference allowed is 1e-3 of the
//! largest value of the tensor, which leaves room for the fast convolutions.

mod conditional;

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData, activation::softplus},
};
use guise::{
    networks::generators::{
        Generate,
        stylegan2::{Discriminator, Generator, NoiseMode, StyleGan2Config},
    },
    train::{AugPipe, Augmentation, gradient_penalty},
    weights::{apply, collect},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use std::collections::BTreeMap;

const TOLERANCE: f32 = 1e-3;

fn config() -> StyleGan2Config {
    StyleGan2Config {
        z_dim: 8,
        w_dim: 10,
        num_mapping_layers: 2,
        resolution: 16,
        img_channels: 3,
        channel_base: 160,
        channel_max: 14,
        classes: vec![],
    }
}

/// For pictures of 24 pixels, whose smallest maps are 3x3.
fn config_24() -> StyleGan2Config {
    StyleGan2Config {
        z_dim: 6,
        w_dim: 7,
        num_mapping_layers: 2,
        resolution: 24,
        img_channels: 3,
        channel_base: 72,
        channel_max: 6,
        classes: vec![],
    }
}

/// The networks that have a fixture, each with it.
fn cases() -> [(StyleGan2Config, Fixture); 2] {
    [
        (config(), Fixture::load("stylegan2")),
        (config_24(), Fixture::load("stylegan2-24")),
    ]
}

struct Fixture(BTreeMap<String, TensorData>);

impl Fixture {
    fn load(name: &str) -> Self {
        let bytes = std::fs::read(format!("tests/fixtures/stylegan2/{name}.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let tensor = |view: safetensors::tensor::TensorView| {
            let values: Vec<f32> = view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                .collect();
            TensorData::new(values, view.shape().to_vec())
        };
        Self(
            file.tensors()
                .into_iter()
                .map(|(name, view)| (name, tensor(view)))
                .collect(),
        )
    }

    fn data(&self, name: &str) -> &TensorData {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("the fixture has no {name}"))
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.data(name).clone(), device)
    }

    /// The parameters below `prefix`, by the rest of their names.
    fn params(&self, prefix: &str) -> BTreeMap<String, TensorData> {
        self.0
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?.to_string(), data.clone())))
            .collect()
    }

    fn assert_close(&self, name: &str, actual: TensorData) {
        let expected: Vec<f32> = self.data(name).iter::<f32>().collect();
        let actual: Vec<f32> = actual.iter::<f32>().collect();
        assert_eq!(expected.len(), actual.len(), "{name}");
        let largest = expected
            .iter()
            .fold(1e-6f32, |largest, value| largest.max(value.abs()));
        let difference = expected
            .iter()
            .zip(&actual)
            .fold(0f32, |worst, (expected, actual)| {
                worst.max((expected - actual).abs())
            });
        assert!(
            difference <= TOLERANCE * largest,
            "{name}: off by {difference} where the largest value is {largest}"
        );
    }

    /// Compares the gradient of every trained parameter with `<prefix><name>`.
    fn assert_gradients<M: Module>(&self, prefix: &str, module: &M, gradients: &Gradients) -> usize {
        let mut compared = Gradient {
            path: vec![],
            found: vec![],
            gradients,
        };
        module.visit(&mut compared);
        for (name, gradient) in &compared.found {
            self.assert_close(&format!("{prefix}{name}"), gradient.clone());
        }
        compared.found.len()
    }

    /// Compares the gradients of the penalty's stand-in with `r1.grad.d.<name>`, and gives those that there
    /// are.
    fn assert_penalty_gradients(
        &self,
        discriminator: &Discriminator,
        surrogate: Tensor<1>,
    ) -> BTreeMap<String, TensorData> {
        let gradients = surrogate.backward();
        let mut compared = Gradient {
            path: vec![],
            found: vec![],
            gradients: &gradients,
        };
        discriminator.visit(&mut compared);
        let found: BTreeMap<_, _> = compared.found.into_iter().collect();
        for (name, expected) in self.params("r1.grad.d.") {
            match found.get(&name) {
                Some(gradient) => self.assert_close(&format!("r1.grad.d.{name}"), gradient.clone()),
                // A bias only shifts the kinks of the rectifiers, so its gradient is zero almost everywhere,
                // and the tangent pass need not even see it.
                None => assert!(
                    expected.iter::<f32>().all(|value| value == 0.0),
                    "{name} has no gradient"
                ),
            }
        }
        found
    }
}

struct Gradient<'a> {
    path: Vec<String>,
    found: Vec<(String, TensorData)>,
    gradients: &'a Gradients,
}

impl ModuleVisitor for Gradient<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            self.found.push((self.path.join("."), gradient.into_data()));
        }
    }
}

#[test]
fn generator_draws_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    for (config, fixture) in cases() {
        let mut params = fixture.params("g.");
        params.insert(
            "mapping.w_avg".into(),
            TensorData::new(vec![0f32; config.w_dim], [config.w_dim]),
        );
        let generator = apply(config.init_generator(&device), &params).unwrap();

        let fake = generator.forward(fixture.tensor("z", &device), 1.0, NoiseMode::Const);
        fixture.assert_close("fake", fake.to_data());

        let gradients = (fake * fixture.tensor("probe", &device)).sum().backward();
        let compared = fixture.assert_gradients("grad.g.", &generator, &gradients);
        assert_eq!(
            compared,
            fixture.params("grad.g.").len(),
            "every trained parameter has a gradient"
        );
    }
}

#[test]
fn discriminator_judges_and_learns_as_the_reference() {
    let device = Device::flex().autodiff();
    for (config, fixture) in cases() {
        let discriminator = apply(config.init_discriminator(&device), &fixture.params("d.")).unwrap();

        let logits = discriminator.forward(fixture.tensor("image", &device), None);
        fixture.assert_close("logits", logits.to_data());

        let gradients = softplus(-logits, 1.0).mean().backward();
        let compared = fixture.assert_gradients("grad.d.", &discriminator, &gradients);
        assert_eq!(
            compared,
            fixture.params("grad.d.").len(),
            "every parameter has a gradient"
        );
    }
}

#[test]
fn r1_penalty_is_that_of_differentiating_twice() {
    let device = Device::flex().autodiff();
    for (config, fixture) in cases() {
        let discriminator = apply(config.init_discriminator(&device), &fixture.params("d.")).unwrap();

        let image: Tensor<4> = fixture.tensor("image", &device);
        let [n, _, side, _] = image.dims();
        let nothing = Augmentation::draw(AugPipe::None, 0.0, n, side, &mut ChaCha8Rng::seed_from_u64(0));
        let (penalty, surrogate) = gradient_penalty(&discriminator, image, None, &nothing);
        fixture.assert_close("r1.penalty", TensorData::from([penalty as f32]));
        // The surrogate's value is E|v|^2, twice the penalty; its gradient is the penalty's.
        assert!((surrogate.clone().into_scalar::<f32>() as f64 - 2.0 * penalty).abs() < 1e-3 * penalty);

        let found = fixture.assert_penalty_gradients(&discriminator, surrogate);
        assert!(found.contains_key("from_rgb.weight") && found.contains_key("epilogue.out.weight"));
    }
}

#[test]
fn truncation_pulls_toward_the_average() {
    let device = Device::flex();
    let mut generator = config().init_generator(&device);
    generator.mapping.w_avg = generator.mapping.w_avg.map(|w_avg| w_avg + 3.0);
    let z = Tensor::<2>::ones([2, 8], &device);
    let ws = generator.mapping.forward(z, 0.0);
    assert!(
        ws.into_data()
            .iter::<f32>()
            .all(|value| (value - 3.0).abs() < 1e-6)
    );
}

#[test]
fn parameters_survive_by_name() {
    let device = Device::flex();
    let generator = config().init_generator(&device);
    let saved = futures::executor::block_on(collect(&generator)).unwrap();
    let loaded = apply(config().init_generator(&device), &saved).unwrap();
    let z = Tensor::<2>::ones([2, 8], &device);
    let draw = |generator: &Generator| generator.forward(z.clone(), 0.7, NoiseMode::Const).into_data();
    draw(&generator).assert_eq(&draw(&loaded), true);
}

#[test]
fn every_side_that_is_taken_has_its_network() {
    let device = Device::flex();
    for (resolution, base, blocks) in [
        (16, 4, 3),
        (20, 5, 3),
        (24, 3, 4),
        (28, 7, 3),
        (48, 3, 5),
        (64, 4, 5),
    ] {
        let config = StyleGan2Config {
            resolution,
            channel_base: 128,
            channel_max: 4,
            ..config()
        };
        config.validate().unwrap();
        assert_eq!(
            (config.base(), config.num_ws()),
            (base, 2 * blocks),
            "{resolution}"
        );
        let generator = config.init_generator(&device);
        assert_eq!(generator.resolution(), resolution);
        assert_eq!(generator.latent_shape(), [2 * blocks, config.w_dim]);
        let z = Tensor::<2>::ones([2, 8], &device);
        let image = generator.forward(z, 1.0, NoiseMode::Const);
        assert_eq!(image.dims(), [2, 3, resolution, resolution]);
        let logits = config.init_discriminator(&device).forward(image, None);
        assert_eq!(logits.dims(), [2, 1]);
    }
    for resolution in [12, 18, 36, 44, 100, 2048] {
        let error = StyleGan2Config::small(resolution)
            .validate()
            .unwrap_err()
            .to_string();
        let said =
            format!("resolution is {resolution}, expected 16 to 1024, 3, 4, 5 or 7 times a power of two");
        assert!(error.starts_with(&said), "{error}");
    }
    // Coarse layers are taken over by networks of the same smallest maps only.
    let small = StyleGan2Config::small;
    assert!(small(32).grows_from(&small(16)) && small(48).grows_from(&small(24)));
    assert!(!small(24).grows_from(&small(16)) && !small(32).grows_from(&small(24)));
}
