//! The networks against those of diffusers and of taming-transformers in tests/fixtures/vqgan/make.py, and
//! the transformer against PyTorch's in prior.py: codes, pictures, logits, losses and every gradient.
//!
//! The references compute in f64, the networks in f32; the largest difference allowed is 1e-4 of the largest
//! value of the tensor, or of 0.001 where that is more: keys have biases whose gradient is zero. Differences
//! of 1e-5 were seen.

use crate::reference::Fixture;
use burn::tensor::{Device, Int, Tensor, TensorData, activation::log_softmax};
use guise::{
    networks::{
        NetworkConfig,
        generators::{
            Class,
            vqgan::{PatchConfig, PriorConfig, VqGan},
        },
    },
    train::hinge_discriminator_loss,
    weights::{apply, foreign::VqGanModel},
};

/// Keys have biases whose gradient is zero.
const LEAST: f32 = 1e-3;
const FOLDER: &str = "tests/fixtures/vqgan";

pub(crate) fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FOLDER}/{name}")).unwrap()
}

/// A model of the fixtures, as `guise import vqgan` reads it.
pub(crate) fn taming() -> VqGanModel {
    let (checkpoint, yaml) = (bytes("taming/last.ckpt"), bytes("taming/model.yaml"));
    VqGanModel::from_taming(&checkpoint, &yaml, "MIT".into(), "a test".into(), &Device::flex()).unwrap()
}

/// The other one.
pub(crate) fn diffusers() -> VqGanModel {
    let weights = bytes("diffusers/diffusion_pytorch_model.safetensors");
    let json = bytes("diffusers/config.json");
    VqGanModel::from_diffusers(&weights, &json, "MIT".into(), "a test".into(), &Device::flex()).unwrap()
}

fn assert_indices(fixture: &Fixture, actual: Tensor<3, Int>) {
    let actual: Vec<f32> = actual.into_data().iter::<f32>().collect();
    let expected: Vec<f32> = fixture.tensors["indices"].iter::<f32>().collect();
    assert_eq!(expected, actual);
    let mut used = expected;
    used.sort_by(f32::total_cmp);
    used.dedup();
    assert!(used.len() > 3, "{} codes are a poor test", used.len());
}

/// Pictures that are not square, so that rows and columns cannot be taken for each other.
#[test]
fn codes_pictures_and_gradients_are_those_of_diffusers() {
    let (fixture, device) = (Fixture::load("vqgan/diffusers", LEAST), Device::flex().autodiff());
    let model = diffusers();
    let network: VqGan = apply(model.config.init(&device), &model.tensors).unwrap();
    let z_e = network.encode(fixture.tensor("images", &device));
    fixture.assert_close("z_e", &z_e.to_data());
    let quantized = network.quantize(z_e);
    assert_indices(&fixture, quantized.indices.clone());
    fixture.assert_close("codebook_loss", &quantized.codebook_loss.to_data());
    fixture.assert_close("commitment_loss", &quantized.commitment_loss.to_data());
    let pictures = network.decode(quantized.z_q);
    fixture.assert_close("pictures", &pictures.to_data());

    let weighted = (pictures * fixture.tensor("weights", &device)).mean();
    let loss = weighted + quantized.codebook_loss + quantized.commitment_loss * 0.25;
    fixture.assert_gradients("", &network, &loss.backward());

    // Pictures come from codes alone, without autodiff as well.
    let plain = model.network(&Device::flex()).unwrap();
    let images = fixture.tensor("images", &Device::flex());
    let codes = plain.codes(images);
    assert_indices(&fixture, codes.clone());
    fixture.assert_close("pictures", &plain.decode_codes(codes).into_data());
}

#[test]
fn codes_and_pictures_are_those_of_the_authors() {
    let (fixture, device) = (Fixture::load("vqgan/taming", LEAST), Device::flex());
    let network = taming().network(&device).unwrap();
    let images = fixture.tensor("images", &device);
    assert_indices(&fixture, network.codes(images.clone()));
    fixture.assert_close("pictures", &network.reconstruct(images).into_data());
}

#[test]
fn the_discriminator_is_that_of_the_authors() {
    let (fixture, device) = (Fixture::load("vqgan/diffusers", LEAST), Device::flex().autodiff());
    let config = PatchConfig {
        img_channels: 3,
        ndf: 4,
        layers: 2,
    };
    let weights = fixture
        .tensors
        .iter()
        .filter_map(|(name, data)| Some((name.strip_prefix("d.")?.to_owned(), data.clone())));
    let mut discriminator = apply(config.init(&device), &weights.collect()).unwrap();
    let real = discriminator.forward_train(fixture.tensor("images", &device));
    let fake = discriminator.forward_train(fixture.tensor("pictures", &device));
    fixture.assert_close("real_logits", &real.to_data());
    fixture.assert_close("fake_logits", &fake.to_data());
    let loss = hinge_discriminator_loss(real, fake) * 0.5;
    fixture.assert_close("d_loss", &loss.to_data());
    fixture.assert_gradients("d.", &discriminator, &loss.backward());
}

#[test]
fn logits_of_the_transformer_and_their_gradients_are_those_of_pytorch() {
    let (fixture, device) = (Fixture::load("vqgan/prior", LEAST), Device::flex().autodiff());
    let class = |name: &str| Class {
        name: name.into(),
        pictures: 1,
    };
    let config = PriorConfig {
        codebook_size: 11,
        grid: 3,
        classes: vec![class("a"), class("b")],
        width: 12,
        layers: 2,
        heads: 3,
    };
    config.validate().unwrap();
    let weights = fixture.tensors.iter().filter_map(|(name, data)| {
        let name = name.strip_prefix("weights.")?;
        Some((name.to_owned(), data.clone()))
    });
    let prior = apply(config.init(&device), &weights.collect()).unwrap();
    let [classes, codes] =
        ["classes", "codes"].map(|name| fixture.tensors[name].iter::<i64>().collect::<Vec<_>>());
    let numbers: Vec<u16> = codes.iter().map(|&code| code as u16).collect();
    let of_pictures: Vec<usize> = classes.iter().map(|&class| class as usize).collect();
    let logits = prior.forward(&of_pictures, &numbers);
    fixture.assert_close("logits", &logits.to_data());

    let count = codes.len();
    let right = Tensor::<2, Int>::from_data(TensorData::new(codes, [count, 1]), &device);
    let loss = -log_softmax(logits.reshape([count, 11]), 1)
        .gather(1, right)
        .mean();
    fixture.assert_close("loss", &loss.to_data());
    fixture.assert_gradients("", &prior, &loss.backward());
}
