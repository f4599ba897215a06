use super::*;
use crate::networks::layers::drawn;
use crate::ops::random;
use burn::module::ModuleVisitor;
use burn::tensor::TensorData;

/// Counts the numbers of all parameters, and of those that are matrices and kernels.
pub(super) fn parameters(module: &impl Module) -> [u64; 2] {
    struct Counter([u64; 2]);
    impl ModuleVisitor for Counter {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let numbers = param.lazy_shape().num_elements() as u64;
            self.0[0] += numbers;
            self.0[1] += if D > 1 { numbers } else { 0 };
        }
    }
    let mut counter = Counter([0, 0]);
    module.visit(&mut counter);
    counter.0
}

/// As PyTorch counts those of diffusers with these sizes.
#[test]
fn presets_have_their_numbers_of_parameters() {
    for (config, all) in [
        (VqGanConfig::f16(1024), 72_141_699),
        (VqGanConfig::f16(16_384), 76_073_859),
        (VqGanConfig::small(64), 1_948_867),
    ] {
        config.validate().unwrap();
        let network = config.init(&Device::flex());
        assert_eq!(parameters(&network), [all, config.weights()], "{config:?}");
    }
    assert_eq!(VqGanConfig::f16(1024).factor(), 16);
    assert_eq!(
        (VqGanConfig::small(64).factor(), VqGanConfig::small(64).grid()),
        (4, 16)
    );
}

/// Where the first level is wider than the first convolution, too.
#[test]
fn weights_are_counted_for_every_shape() {
    let config = VqGanConfig {
        channels: 4,
        channel_multipliers: vec![2, 1, 3],
        res_blocks: 2,
        attention_levels: vec![0, 2],
        norm_groups: 2,
        img_channels: 1,
        z_channels: 3,
        codebook_size: 7,
        codebook_dim: 5,
        ..VqGanConfig::small(16)
    };
    config.validate().unwrap();
    let network = config.init(&Device::flex());
    assert_eq!(parameters(&network)[1], config.weights());
    let pictures = network.reconstruct(Tensor::ones([2, 1, 8, 12], &Device::flex()));
    assert_eq!(pictures.dims(), [2, 1, 8, 12]);
}

#[test]
fn every_field_is_checked() {
    let sound = serde_json::to_value(VqGanConfig::small(64)).unwrap();
    for (field, value, said) in [
        (
            "resolution",
            "62",
            "resolution is 62, expected 8 to 1024, a multiple of 4",
        ),
        ("resolution", "4", "resolution is 4"),
        ("resolution", "2048", "resolution is 2048"),
        ("img_channels", "0", "img_channels is 0"),
        ("channels", "0", "channels is 0"),
        ("channels", "40", "channels times channel_multipliers[0] is 40"),
        ("channels", "18446744073709551615", "channels is 1844"),
        (
            "channel_multipliers",
            "[]",
            "the length of channel_multipliers is 0",
        ),
        (
            "channel_multipliers",
            "[1,1,1,1,1,1,1,1,1]",
            "the length of channel_multipliers is 9",
        ),
        ("channel_multipliers", "[1,0,1]", "channel_multipliers[1] is 0"),
        ("channel_multipliers", "[1,99,1]", "channel_multipliers[1] is 99"),
        ("res_blocks", "0", "res_blocks is 0"),
        ("res_blocks", "18446744073709551615", "res_blocks is 1844"),
        (
            "attention_levels",
            "[3]",
            "attention_levels[0] is 3, expected 0 to 2",
        ),
        (
            "attention_levels",
            "[0,1,2,2]",
            "the length of attention_levels is 4",
        ),
        ("norm_groups", "0", "norm_groups is 0"),
        ("z_channels", "0", "z_channels is 0"),
        ("codebook_size", "1", "codebook_size is 1"),
        ("codebook_size", "65537", "codebook_size is 65537"),
        ("codebook_dim", "0", "codebook_dim is 0"),
    ] {
        let mut edited = sound.clone();
        edited[field] = serde_json::from_str(value).unwrap();
        let config: VqGanConfig = serde_json::from_value(edited).unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}

/// Against distances computed one by one, in parts of the codebook's size and at once.
#[test]
fn the_nearest_code_is_the_nearest() {
    random::seed(5);
    let device = Device::flex();
    for [count, codes, d] in [[50, 7, 3], [5, 1 << 21, 1]] {
        let vectors = random::normal([count, d], 1.0, &device);
        let codebook = random::normal([codes, d], 1.0, &device);
        let found: Vec<usize> = nearest(vectors.clone(), codebook.clone())
            .into_data()
            .iter::<i64>()
            .map(|index| index as usize)
            .collect();
        let rows = |tensor: Tensor<2>| tensor.into_data().iter::<f32>().collect::<Vec<_>>();
        let (vectors, codebook) = (rows(vectors), rows(codebook));
        let distance = |vector: &[f32], code: usize| -> f32 {
            let code = &codebook[code * d..(code + 1) * d];
            vector.iter().zip(code).map(|(a, b)| (a - b).powi(2)).sum()
        };
        for (vector, &found) in vectors.chunks_exact(d).zip(&found) {
            let least = (0..codes)
                .map(|code| distance(vector, code))
                .fold(f32::MAX, f32::min);
            // Rounding may prefer a code that is as near up to 1e-5.
            assert!(distance(vector, found) <= least + 1e-5);
        }
    }
}

#[test]
fn the_gradient_goes_straight_through() {
    let device = Device::flex().autodiff();
    let codebook = Tensor::<2>::from_data([[0.0, 0.0], [1.0, 2.0]], &device).require_grad();
    let z_e = Tensor::<4>::from_data([[[[0.9, 0.2]], [[1.5, 0.1]]]], &device).require_grad(); // [1, 2, 1, 2]
    let quantized = Quantized::of(z_e.clone(), codebook.clone());
    let indices: Vec<i64> = quantized.indices.into_data().iter::<i64>().collect();
    assert_eq!(indices, [1, 0]);
    let values: Vec<f32> = quantized.z_q.to_data().iter::<f32>().collect();
    assert_eq!(values, [1.0, 0.0, 2.0, 0.0]);
    let mean = |errors: [f32; 4]| errors.iter().map(|it| it * it).sum::<f32>() / 4.0;
    let expected = mean([0.1, 0.2, 0.5, 0.1]);
    for loss in [&quantized.codebook_loss, &quantized.commitment_loss] {
        assert!((loss.to_data().iter::<f32>().next().unwrap() - expected).abs() < 1e-6);
    }
    let gradients = (quantized.z_q * 3.0).sum().backward();
    assert!(
        codebook
            .grad(&gradients)
            .is_none_or(|grad| { grad.into_data().iter::<f32>().all(|value| value == 0.0) })
    );
    let straight: Vec<f32> = z_e.grad(&gradients).unwrap().into_data().iter().collect();
    assert_eq!(straight, [3.0; 4]);
}

#[test]
fn perplexity_counts_codes_that_are_used_alike() {
    assert_eq!(perplexity(&[0, 9, 0]), 1.0);
    assert!((perplexity(&[2, 2, 0, 2]) - 3.0).abs() < 1e-12);
    let uneven = perplexity(&[1, 3]);
    assert!(1.0 < uneven && uneven < 2.0, "{uneven}");
}

#[test]
fn first_values_follow_from_the_seed() {
    let device = Device::flex();
    let values = |seed| {
        random::seed(seed);
        let network = drawn(VqGanConfig::small(16).init(&device));
        random::seed(99);
        network.encoder.conv_in.weight.val().into_data()
    };
    values(3).assert_eq(&values(3), true);
    let [first, other] = [values(3), values(4)];
    assert_ne!(first, other);
    let spread: f32 =
        first.iter::<f32>().map(|value| value * value).sum::<f32>() / first.num_elements() as f32;
    assert!((spread - 1.0 / 81.0).abs() < 0.003, "{spread}");
}

#[test]
fn a_discriminator_fits_its_pictures() {
    let device = Device::flex();
    for (side, layers, grid) in [
        (256, 3, 30),
        (64, 3, 6),
        (32, 3, 2),
        (24, 2, 4),
        (16, 2, 2),
        (8, 1, 2),
    ] {
        let config = PatchConfig::of_resolution(side);
        config.validate(side).unwrap();
        assert_eq!(config.layers, layers, "{side}");
        let config = PatchConfig { ndf: 2, ..config };
        let logits = config.init(&device).forward_train(Tensor::from_data(
            TensorData::zeros::<f32, _>([2, 3, side, side]),
            &device,
        ));
        assert_eq!(logits.dims(), [2, 1, grid, grid]);
    }
    let error = PatchConfig {
        layers: 4,
        ..PatchConfig::of_resolution(32)
    };
    assert!(
        error
            .validate(32)
            .unwrap_err()
            .to_string()
            .contains("layers is 4, expected 1 to 3")
    );
}
