//! FID's Inception against pytorch-fid, with weights that both sides can make.

use burn::tensor::{Device, Tensor, TensorData};
use futures::executor::block_on;
use guise::{
    metrics::{Features, frechet_distance},
    networks::encoders::inception::Inception,
    weights::{
        Tensors, collect,
        foreign::{InceptionModel, safetensors},
    },
};
use std::collections::BTreeMap;

/// From zero to one; the same in the fixtures' script.
fn hashed(index: u32, salt: u32) -> f64 {
    let mut hash = index
        .wrapping_mul(0x9e37_79b1)
        .wrapping_add(salt.wrapping_mul(0x85eb_ca77));
    hash = (hash ^ hash >> 15).wrapping_mul(0x2c1b_3c6d);
    hash = (hash ^ hash >> 12).wrapping_mul(0x297a_2d39);
    hash ^= hash >> 15;
    f64::from(hash >> 8) / f64::from(1 << 24)
}

/// The state dict of tests/fixtures/inception/make.py.
fn state_dict() -> Tensors {
    let network = block_on(collect(&Inception::init(&Device::flex()))).unwrap();
    let mut shapes = BTreeMap::new();
    for (name, data) in &network {
        let Some(layer) = name.strip_suffix(".weight") else {
            continue;
        };
        let layer = layer
            .replacen("conv2d", "Conv2d", 1)
            .replacen("mixed", "Mixed", 1);
        let shape = data.shape().to_vec();
        for field in ["weight", "bias", "running_mean", "running_var"] {
            shapes.insert(format!("{layer}.bn.{field}"), vec![shape[0]]);
        }
        shapes.insert(format!("{layer}.conv.weight"), shape);
    }
    let tensor = |salt: u32, name: &str, shape: Vec<usize>| {
        let fan_in: usize = shape[1..].iter().product();
        let value = |index: u32| {
            let value = hashed(index, salt);
            let value = match name {
                _ if name.ends_with(".conv.weight") => (2.0 * value - 1.0) * (6.0 / fan_in as f64).sqrt(),
                _ if name.ends_with(".bn.weight") => 0.8 + 0.4 * value,
                _ if name.ends_with(".bn.running_var") => 0.5 + value,
                _ => 0.4 * value - 0.2,
            };
            value as f32
        };
        let count: usize = shape.iter().product();
        TensorData::new((0..count as u32).map(value).collect::<Vec<_>>(), shape)
    };
    let mut tensors: Tensors = (0..)
        .zip(shapes)
        .map(|(salt, (name, shape))| (name.clone(), tensor(salt, &name, shape)))
        .collect();
    // What the network has besides.
    tensors.insert("fc.weight".into(), TensorData::new(vec![0f32; 1008], [1008, 1]));
    tensors.insert("fc.bias".into(), TensorData::new(vec![0f32; 1008], [1008]));
    tensors
}

#[test]
fn features_and_distance_are_those_of_pytorch_fid() {
    let device = Device::flex();
    let file = safetensors::write(&state_dict(), Default::default()).unwrap();
    let model = InceptionModel::from_foreign(&file, "MIT".into(), "a test".into(), &device).unwrap();
    // By the way of the file.
    let model = InceptionModel::from_safetensors(&model.to_safetensors().unwrap()).unwrap();
    let network = model.network(&device).unwrap();
    let mut values = vec![];
    for n in 0..12 {
        for c in 0..3 {
            for y in 0..40 {
                let row = (0..40).map(|x| (x * (5 + 2 * n) + y * 3 + c * 60 + x * y * (n + 1)) % 256);
                values.extend(row.map(|value| value as f32 / 127.5 - 1.0));
            }
        }
    }
    let images = Tensor::from_data(TensorData::new(values, [12, 3, 40, 40]), &device);
    let features: Vec<f32> = network.forward(images).into_data().iter::<f32>().collect();
    let expected = include_str!("fixtures/inception/expected.json");
    let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
    for (n, row) in expected["every_8th_feature"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        for (i, expected) in row.as_array().unwrap().iter().enumerate() {
            let (found, expected) = (features[n * 2048 + 8 * i], expected.as_f64().unwrap() as f32);
            // The largest is 15; a hundred layers round in single precision on both sides.
            assert!(
                (found - expected).abs() < 2e-3,
                "{n} {i}: {found}, expected {expected}"
            );
        }
    }
    let [a, b] = Features::new(features, 2048).split(6);
    let (found, expected) = (
        frechet_distance(&a, &b, &device),
        expected["distance"].as_f64().unwrap(),
    );
    assert!(
        (found - expected).abs() < 1e-3 * expected,
        "{found}, expected {expected}"
    );
}
