//! Embeddings within 1e-4 and gradients within 1e-3 of the largest value, against references in double
//! precision: what single precision and the fast convolutions leave.

use super::{bytes, model};
use burn::tensor::{Device, Tensor, TensorData};
use guise::{
    networks::encoders::clip::{Clip, ClipConfig, preprocess},
    ops::resize::resize_bicubic,
    weights::{Tensors, foreign::safetensors},
};
use std::sync::LazyLock;

static EXPECTED: LazyLock<Tensors> =
    LazyLock::new(|| safetensors::read(&bytes("expected.safetensors")).unwrap().0);

/// The texts of make.py.
const TEXTS: [&[u32]; 4] = [
    &[61, 5, 17, 2, 63],
    &[61, 63],
    &[61, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 63],
    &[61, 63, 9, 63],
];

fn expected<const D: usize>(name: &str, device: &Device) -> Tensor<D> {
    Tensor::from_data(EXPECTED[name].clone(), device)
}

fn assert_close(name: &str, actual: TensorData, tolerance: f32) {
    let expected = &EXPECTED[name];
    assert_eq!(actual.shape(), expected.shape(), "{name}");
    let pairs = || actual.iter::<f32>().zip(expected.iter::<f32>());
    let largest = pairs().fold(0.0f32, |largest, (_, value)| largest.max(value.abs()));
    let difference = pairs().fold(0.0f32, |largest, (a, b)| largest.max((a - b).abs()));
    assert!(
        largest > 0.0 && difference.is_finite(),
        "{name}: {largest}, {difference}"
    );
    assert!(
        difference <= tolerance * largest,
        "{name}: differs by {difference}, the largest value is {largest}"
    );
}

fn check(prefix: &str, clip: &Clip, device: &Device) {
    let images: Tensor<4> = expected(&format!("{prefix}.images"), device);
    let images = images.require_grad();
    let embedding = clip.embed_image(images.clone());
    assert_close(&format!("{prefix}.image"), embedding.to_data(), 1e-4);
    let direction: Tensor<2> = expected(&format!("{prefix}.direction"), device);
    let gradients = (embedding * direction).sum().backward();
    let gradient = images.grad(&gradients).expect("the pictures have a gradient");
    assert_close(&format!("{prefix}.gradient"), gradient.to_data(), 1e-3);
    assert_close(&format!("{prefix}.text"), clip.embed_text(&TEXTS).to_data(), 1e-4);
    let logit_scale = clip.logit_scale.val().to_data();
    assert_eq!(logit_scale.iter::<f32>().collect::<Vec<_>>(), [2.75]);
}

#[test]
fn every_format_gives_the_reference_embeddings() {
    let device = Device::flex().autodiff();
    for (prefix, name) in [
        ("openai", "openai.pt"),
        ("openai", "checkpoint.pt"),
        ("openai", "script.pt"),
        ("open_clip", "open_clip.safetensors"),
        ("resnet", "resnet.safetensors"),
        ("hugging_face", "hugging_face.safetensors"),
    ] {
        println!("{name}");
        check(prefix, &model(name).network(&device).unwrap(), &device);
    }
}

/// The text tower stops at the longest text, and a text does not depend on its neighbors.
#[test]
fn a_text_alone_is_the_same_text() {
    let clip = model("openai.pt").network(&Device::flex()).unwrap();
    for (i, text) in TEXTS.iter().enumerate() {
        let alone = clip.embed_text(&[text]);
        let together = clip.embed_text(&TEXTS).slice_dim(0, i..i + 1);
        let difference: f32 = (alone - together).abs().max().into_scalar();
        assert!(difference < 1e-5, "text {i} differs by {difference}");
    }
}

#[test]
fn pictures_are_resized_as_torchvision_does() {
    let device = Device::flex();
    let mut seen = 0;
    for name in EXPECTED.keys().filter(|name| name.starts_with("resize.")) {
        let Some((picture, side)) = name["resize.".len()..].split_once('.') else {
            continue;
        };
        let picture: Tensor<4> = expected(&format!("resize.{picture}"), &device);
        let resized = resize_bicubic(picture, side.parse().unwrap());
        assert_close(name, resized.to_data(), 1e-5);
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn pixels_are_normalized() {
    let device = Device::flex();
    // Black, the middle and white, by the numbers that OpenAI's release names.
    for (value, expected) in [
        (-1.0, [-1.792_263, -1.752_098, -1.480_22]),
        (0.0, [0.069_036, 0.161_393, 0.332_839]),
        (1.0, [1.930_336, 2.074_884, 2.145_897]),
    ] {
        let pixels = preprocess(Tensor::full([1, 3, 5, 7], value, &device), 4);
        assert_eq!(pixels.dims(), [1, 3, 4, 4]);
        for (pixel, expected) in pixels
            .to_data()
            .iter::<f32>()
            .zip(expected.iter().flat_map(|v| [v; 16]))
        {
            assert!((pixel - expected).abs() < 1e-4, "{pixel}, expected {expected}");
        }
    }
}

#[test]
fn the_published_shapes_are_sound() {
    // Numbers of parameters that OpenAI's models have, less the masks and what batch norms keep besides a
    // bias.
    for (config, expected) in [
        (ClipConfig::vit_b_32(), 151_277_313),
        (ClipConfig::vit_b_16(), 149_620_737),
        (ClipConfig::rn50(), 102_007_137 - 26_624),
    ] {
        config.validate().unwrap();
        let device = Device::flex();
        // Nothing is allocated for this.
        assert_eq!(parameters(&config.init(&device)), expected);
    }
}

fn parameters(clip: &Clip) -> usize {
    use burn::module::{Module, ModuleVisitor, Param};
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 += param.lazy_shape().iter().product::<usize>();
        }
    }
    let mut count = Count(0);
    clip.visit(&mut count);
    count.0
}
