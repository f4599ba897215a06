//! The networks of each family against those of PyTorch in tests/fixtures/dcgan/reference.py: what they draw
//! and judge in training and afterwards, the losses, every gradient, and where the running statistics go.
//!
//! The reference computes in f64, the networks in f32; the largest difference allowed is 1e-4 of the largest
//! value of the tensor, which a biased variance would exceed. Differences of 1e-6 were seen.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Gradients, Tensor, TensorData, activation::sigmoid},
};
use futures::executor::block_on;
use guise::{
    networks::generators::{
        Generate,
        dcgan::{DcganConfig, Layers},
    },
    train::{discriminator_loss, generator_loss},
    weights::{Tensors, apply, collect},
};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-4;

/// The families by their fixtures' names, the small networks of these, and the truncation that they draw at.
fn families() -> [(&'static str, DcganConfig, f32); 3] {
    let small = |config: DcganConfig| DcganConfig {
        z_dim: 6,
        ngf: 4,
        ndf: 5,
        ..config
    };
    let mut megapixel = small(DcganConfig::megapixel(24));
    megapixel.layers = Layers {
        channel_max: 6,
        ..megapixel.layers
    };
    [
        ("dcgan", small(DcganConfig::of_resolution(16)), 1.0),
        ("megapixel-dcgan", megapixel, 0.5),
        ("deepimagify", small(DcganConfig::deepimagify(16)), 0.5),
    ]
}

struct Fixture(Tensors);

impl Fixture {
    fn load(family: &str) -> Self {
        let bytes = std::fs::read(format!("tests/fixtures/dcgan/{family}.safetensors")).unwrap();
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
        Self(tensors.collect())
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        Tensor::from_data(self.0[name].clone(), device)
    }

    /// What lies below `prefix`, by the rest of the names.
    fn below(&self, prefix: &str) -> Tensors {
        let below = self
            .0
            .iter()
            .filter_map(|(name, data)| Some((name.strip_prefix(prefix)?, data)));
        below
            .map(|(name, data)| (name.to_owned(), data.clone()))
            .collect()
    }

    fn assert_close(&self, name: &str, actual: &TensorData) {
        let values = |data: &TensorData| data.iter::<f32>().collect::<Vec<_>>();
        let (expected, actual) = (values(&self.0[name]), values(actual));
        assert_eq!(expected.len(), actual.len(), "{name}");
        let largest = expected
            .iter()
            .fold(1e-6f32, |largest, value| largest.max(value.abs()));
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

    fn assert_scalar(&self, name: &str, actual: Tensor<1>) {
        self.assert_close(name, &actual.into_data());
    }

    /// Compares the gradient of every parameter of `module` with `grad.<prefix><name>`; there are no others.
    fn assert_gradients<M: Module>(&self, prefix: &str, module: &M, gradients: &Gradients) {
        let mut seen = Seen {
            path: vec![],
            found: Tensors::new(),
            gradients,
        };
        module.visit(&mut seen);
        let prefix = format!("grad.{prefix}");
        assert!(
            seen.found.keys().eq(self.below(&prefix).keys()),
            "{:?}",
            seen.found.keys()
        );
        for (name, gradient) in &seen.found {
            self.assert_close(&format!("{prefix}{name}"), gradient);
        }
    }

    /// Compares the running statistics of `module` with `after.<prefix><name>`.
    fn assert_statistics<M: Module>(&self, prefix: &str, module: &M) {
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

#[test]
fn a_step_is_that_of_the_reference() {
    for (family, config, _) in families() {
        assert_step(family, &config);
    }
}

fn assert_step(family: &str, config: &DcganConfig) {
    println!("{family}");
    let (fixture, device) = (Fixture::load(family), Device::flex().autodiff());
    let mut generator = apply(config.init_generator(&device), &fixture.below("g.")).unwrap();
    let mut discriminator = apply(config.init_discriminator(&device), &fixture.below("d.")).unwrap();

    let fake = generator.forward_train(fixture.tensor("z", &device));
    fixture.assert_close("fake", &fake.to_data());
    let real_logits = discriminator.forward_train(fixture.tensor("real", &device));
    let fake_logits = discriminator.forward_train(fake.clone().detach());
    fixture.assert_close("p_real", &sigmoid(real_logits.clone()).into_data());
    fixture.assert_close("p_fake", &sigmoid(fake_logits.clone()).into_data());
    fixture.assert_statistics("g.", &generator);
    fixture.assert_statistics("d.", &discriminator);

    let loss = discriminator_loss(real_logits, fake_logits);
    fixture.assert_scalar("d_loss", loss.clone());
    fixture.assert_gradients("d.", &discriminator, &loss.backward());

    let loss = generator_loss(discriminator.clone().no_grad().forward_train(fake));
    fixture.assert_scalar("g_loss", loss.clone());
    fixture.assert_gradients("g.", &generator, &loss.backward());
}

#[test]
fn pictures_are_drawn_by_the_running_statistics() {
    for (family, config, truncation_psi) in families() {
        println!("{family}");
        let (fixture, device) = (Fixture::load(family), Device::flex());
        let mut params = fixture.below("g.");
        params.extend(fixture.below("after.g."));
        let generator = apply(config.init_generator(&device), &params).unwrap();
        let z: Tensor<2> = fixture.tensor("drawn_z", &device);
        let draw = |z: Tensor<2>| generator.draw(generator.latents_from_z(z, truncation_psi));
        fixture.assert_close("drawn", &draw(z.clone()).into_data());
        // So a picture does not depend on its company.
        let alone = draw(z.clone().narrow(0, 1, 1));
        let together = draw(z).narrow(0, 1, 1);
        let difference = (alone - together).abs().max().into_scalar::<f32>();
        assert!(difference < 1e-5, "{difference}");
    }
}
