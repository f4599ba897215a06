//! The networks of each family against those of PyTorch in tests/fixtures/dcgan/reference.py: what they draw
//! and judge in training and afterwards, the losses, every gradient, and where the running statistics go.
//!
//! The reference computes in f64, the networks in f32; the largest difference allowed is 1e-4 of the largest
//! value of the tensor, which a biased variance would exceed. Differences of 1e-6 were seen.

use crate::reference::Fixture;
use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::sigmoid},
};
use guise::{
    networks::generators::{
        Generate,
        dcgan::{DcganConfig, Layers},
    },
    train::{discriminator_loss, generator_loss},
    weights::apply,
};

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

#[test]
fn a_step_is_that_of_the_reference() {
    for (family, config, _) in families() {
        assert_step(family, &config);
    }
}

fn assert_step(family: &str, config: &DcganConfig) {
    println!("{family}");
    let (fixture, device) = (
        Fixture::load(&format!("dcgan/{family}"), 1e-6),
        Device::flex().autodiff(),
    );
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
    fixture.assert_close("d_loss", &loss.to_data());
    fixture.assert_gradients("d.", &discriminator, &loss.backward());

    let loss = generator_loss(discriminator.clone().no_grad().forward_train(fake));
    fixture.assert_close("g_loss", &loss.to_data());
    fixture.assert_gradients("g.", &generator, &loss.backward());
}

#[test]
fn pictures_are_drawn_by_the_running_statistics() {
    for (family, config, truncation_psi) in families() {
        println!("{family}");
        let (fixture, device) = (Fixture::load(&format!("dcgan/{family}"), 1e-6), Device::flex());
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
