//! Both networks of a BigGAN and of a BigGAN-deep against tests/fixtures/biggan/reference.py: what they draw
//! and judge in training and afterwards, spectral norm, the losses, every gradient, and where the running
//! statistics go.
//!
//! The reference computes in f64, the networks in f32; the largest difference allowed is 1e-4 of the largest
//! value of the tensor.

use crate::reference::Fixture;
use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Device, Tensor, TensorData},
};
use futures::executor::block_on;
use guise::{
    networks::generators::{Class, Generate, biggan::BigGanConfig},
    train::{
        biggan::{SpectralNorm, orthogonal_penalty},
        hinge_discriminator_loss, hinge_generator_loss,
    },
    weights::{apply, collect},
};

/// The bias in front of a batch norm has no gradient, where rounding leaves some.
const LEAST: f32 = 1e-2;

fn families() -> [(&'static str, BigGanConfig); 2] {
    let classes = ["a", "b", "c"].map(|name| Class {
        name: name.into(),
        pictures: 1,
    });
    let small = |config: BigGanConfig| BigGanConfig {
        shared_dim: 3,
        img_channels: 1,
        classes: classes.to_vec(),
        ..config
    };
    [
        (
            "biggan",
            BigGanConfig {
                ch: 1,
                z_dim: 8,
                ..small(BigGanConfig::of_resolution(32))
            },
        ),
        (
            "biggan-deep",
            BigGanConfig {
                ch: 4,
                z_dim: 2,
                ..small(BigGanConfig::deep(32))
            },
        ),
    ]
}

/// The vectors of each matrix that the reference begins with.
fn spectral_norm<M: Module>(fixture: &Fixture, prefix: &str, module: &M) -> SpectralNorm {
    let device = Device::flex();
    let mut norm = SpectralNorm::init(module, &device);
    let names = matrices(fixture, prefix, module);
    assert_eq!(norm.left.len(), names.len());
    for (vector, name) in norm.left.iter_mut().zip(names) {
        let given = fixture.tensor(&format!("u.{prefix}{name}"), &device);
        *vector = vector.clone().map(|_| given);
    }
    norm
}

/// The names of the matrices of `module`, in its order.
fn matrices<M: Module>(fixture: &Fixture, prefix: &str, module: &M) -> Vec<String> {
    let mut names = Names::default();
    module.visit(&mut names);
    let there = fixture.below(&format!("u.{prefix}"));
    let found: Vec<String> = names
        .found
        .into_iter()
        .filter(|name| there.contains_key(name))
        .collect();
    assert_eq!(found.len(), there.len());
    found
}

#[derive(Default)]
struct Names {
    path: Vec<String>,
    found: Vec<String>,
}

impl ModuleVisitor for Names {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        self.found.push(self.path.join("."));
    }
}

#[test]
fn a_step_is_that_of_the_reference() {
    for (family, config) in families() {
        println!("{family}");
        assert_step(&Fixture::load(&format!("biggan/{family}"), LEAST), &config);
    }
}

fn assert_step(fixture: &Fixture, config: &BigGanConfig) {
    config.validate().unwrap();
    let device = Device::flex().autodiff();
    let generator = apply(config.init_generator(&device), &fixture.below("g.")).unwrap();
    let discriminator = apply(config.init_discriminator(&device), &fixture.below("d.")).unwrap();
    let mut generator_norm = spectral_norm(fixture, "g.", &generator);
    let mut discriminator_norm = spectral_norm(fixture, "d.", &discriminator);
    generator_norm.iterate(&generator);
    discriminator_norm.iterate(&discriminator);
    for (norm, prefix, names) in [
        (&generator_norm, "g.", matrices(fixture, "g.", &generator)),
        (&discriminator_norm, "d.", matrices(fixture, "d.", &discriminator)),
    ] {
        for (vector, name) in norm.left.iter().zip(names) {
            fixture.assert_close(&format!("after.u.{prefix}{name}"), &vector.val().into_data());
        }
    }

    let classes = || Some(fixture.tensor::<2>("classes", &device));
    let mut drawing = generator_norm.apply(generator.clone());
    let latents = drawing.latents(fixture.tensor("z", &device), classes());
    let fake = drawing.forward_moving(latents, 0.1);
    fixture.assert_close("fake", &fake.to_data());
    fixture.assert_statistics("g.", &drawing);

    let judging = discriminator_norm.apply(discriminator.clone());
    let real_classes = fixture.tensor("real_classes", &device);
    let real_logits = judging.forward(fixture.tensor("real", &device), Some(real_classes));
    let fake_logits = judging.forward(fake.clone().detach(), classes());
    fixture.assert_close("real_logits", &real_logits.to_data());
    fixture.assert_close("fake_logits", &fake_logits.to_data());
    let loss = hinge_discriminator_loss(real_logits, fake_logits);
    fixture.assert_close("d_loss", &loss.to_data());
    fixture.assert_gradients("d.", &discriminator, &loss.backward());

    let judging = discriminator_norm.apply(discriminator.no_grad());
    let loss = hinge_generator_loss(judging.forward(fake, classes()));
    fixture.assert_close("g_loss", &loss.to_data());
    let penalty = orthogonal_penalty(&generator);
    fixture.assert_close("penalty", &penalty.to_data());
    fixture.assert_gradients("g.", &generator, &(loss + penalty * 1e-2).backward());
}

#[test]
fn truncated_latents_are_drawn_by_the_statistics_that_are_kept() {
    for (family, config) in families() {
        println!("{family}");
        let (fixture, device) = (Fixture::load(&format!("biggan/{family}"), LEAST), Device::flex());
        let mut params = fixture.below("g.");
        params.extend(fixture.below("after.g."));
        let generator = apply(config.init_generator(&device), &params).unwrap();
        let mut norm = spectral_norm(&fixture, "g.", &generator);
        norm.iterate(&generator);
        let generator = norm.apply(generator);
        let z: Tensor<2> = fixture.tensor("drawn_z", &device);
        // The two pictures are of the second and of the third class.
        let draw = |picture: usize| {
            let generator = generator.clone().of_class(Some(picture + 1));
            let latents = generator.latents_from_z(z.clone().narrow(0, picture, 1), 0.5);
            (latents.clone(), generator.draw(latents))
        };
        let [first, second] = [0, 1].map(draw);
        let z_dim = config.z_dim;
        let truncated = Tensor::cat(vec![first.0, second.0], 0).narrow(2, 0, z_dim);
        fixture.assert_close("truncated", &truncated.into_data());
        // Each alone, as the reference drew both together: a picture does not depend on its company.
        let drawn = Tensor::cat(vec![first.1, second.1], 0);
        fixture.assert_close("drawn", &drawn.into_data());
    }
}

/// Values that both sides make alike, as `made` in reference.py does.
fn made(index: usize, name: &str, shape: &[usize]) -> TensorData {
    let fan_in: usize = shape[1..].iter().product();
    let value = |i: usize| {
        let h = (i as u64 * 2_654_435_761 + index as u64 * 40_503 + 12_345) % (1 << 32);
        let h = (h ^ (h >> 16)) * 2_246_822_519 % (1 << 32);
        let share = (h ^ (h >> 13)) as f64 / (1u64 << 32) as f64;
        let value = 2.0 * share - 1.0;
        let made = match name {
            "norm.weight" => 1.0 + 0.2 * value,
            "attention.gamma" => 0.7,
            "shared" => value,
            _ if name.ends_with("running_var") => 0.5 + share,
            _ if shape.len() == 1 => 0.1 * value,
            _ => 1.5 * value / (fan_in as f64).sqrt(),
        };
        made as f32
    };
    let count = shape.iter().product();
    TensorData::new((0..count).map(value).collect::<Vec<_>>(), shape.to_vec())
}

/// Every fourth pixel in both directions of what pytorch-pretrained-biggan draws with the same weights.
#[test]
fn a_biggan_deep_draws_as_the_package_that_has_the_published_weights() {
    let device = Device::flex();
    let config = BigGanConfig {
        ch: 4,
        z_dim: 2,
        shared_dim: 2,
        classes: ["a", "b", "c"]
            .map(|name| Class {
                name: name.into(),
                pictures: 1,
            })
            .to_vec(),
        ..BigGanConfig::deep(128)
    };
    let network = config.init_generator(&device);
    let mut params = block_on(collect(&network)).unwrap();
    for (index, (name, data)) in params.iter_mut().enumerate() {
        *data = made(index, name, data.shape());
    }
    let network = apply(network, &params).unwrap().of_class(Some(1));
    let fixture = Fixture::load("biggan/pretrained", LEAST);
    let drawn = network.draw(network.latents_from_z(fixture.tensor("z", &device), 1.0));
    let drawn = drawn.reshape([3, 32, 4, 32, 4]).narrow(2, 0, 1).narrow(4, 0, 1);
    fixture.assert_close("drawn", &drawn.into_data());
}
