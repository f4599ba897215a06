use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// One tensor of every kind that is stored differently.
fn tensors() -> Tensors {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    [
        ("blocks.0.bias", vec![7]),
        ("blocks.0.weight", vec![4, 32, 3, 3]),
        ("blocks.0.affine.weight", vec![5, 64]),
        ("blocks.0.noise_const", vec![4, 4]),
        ("input", vec![6, 4, 4]),
    ]
    .into_iter()
    .map(|(name, shape)| {
        let count = shape.iter().product();
        let values: Vec<f32> = StandardNormal.sample_iter(&mut rng).take(count).collect();
        (name.to_owned(), TensorData::new(values, shape))
    })
    .collect()
}

fn largest_error(a: &TensorData, b: &TensorData) -> f32 {
    let (a, b) = (a.as_slice::<f32>().unwrap(), b.as_slice::<f32>().unwrap());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn a_round_trip_keeps_names_shapes_and_values() {
    let tensors = tensors();
    for (quantization, block_error) in
        // Half a step of a block whose largest value is about 4: 4 / 127 / 2, and 4 / 8 for four bits.
        [
            (Quantization::Q8_0, 0.017),
            (Quantization::Q4_0, 0.51),
            (Quantization::F16, 0.002),
        ]
    {
        let bytes = write(&tensors, quantization, "test").unwrap();
        let read = read(&bytes).unwrap();
        assert_eq!(
            read.keys().collect::<Vec<_>>(),
            tensors.keys().collect::<Vec<_>>()
        );
        for (name, data) in &tensors {
            assert_eq!(read[name].shape(), data.shape(), "{name}");
            let bound = match name.as_str() {
                "blocks.0.bias" => 0.0,
                "blocks.0.weight" | "blocks.0.affine.weight" => block_error,
                _ => 0.002,
            };
            let error = largest_error(&read[name], data);
            assert!(error <= bound, "{name} as {quantization:?}: {error} > {bound}");
        }
    }
}

#[test]
fn eight_bits_take_the_space_that_they_should() {
    let tensors = tensors();
    let bytes = write(&tensors, Quantization::Q8_0, "test").unwrap();
    let matrices = (4 * 288 + 5 * 64) / 32 * 34;
    let others = 7 * 4 + (16 + 96) * 2;
    let directory = 700;
    assert!(bytes.len() < matrices + others + directory, "{}", bytes.len());
}

#[test]
fn candle_itself_reads_what_is_written() {
    let bytes = write(&tensors(), Quantization::Q8_0, "test").unwrap();
    let content = gguf_file::Content::read(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(content.tensor_infos.len(), 5);
    assert_eq!(
        content.metadata["general.architecture"].to_string().unwrap(),
        "test"
    );
}

#[test]
fn values_that_cannot_be_stored_are_refused_by_name() {
    for (value, quantization) in [
        (f32::NAN, Quantization::Q8_0),
        (f32::INFINITY, Quantization::Q4_0),
        (1e5, Quantization::F16),
    ] {
        let mut tensors = tensors();
        tensors.insert("bad".into(), TensorData::new(vec![value; 64], [2, 32]));
        let error = write(&tensors, quantization, "test").unwrap_err().to_string();
        assert!(error.starts_with("the tensor bad holds a value"), "{error}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = write(&tensors(), Quantization::Q8_0, "test").unwrap();
    // The last tensor is followed by padding, which is not missed.
    for length in 0..bytes.len() - 31 {
        assert!(
            read(&bytes[..length]).is_err(),
            "{length} of {} bytes were enough",
            bytes.len()
        );
    }
}

/// Replaces the first occurrence of `from` in a valid file, which must then be refused with `expected`.
fn refused(from: &[u8], to: &[u8], expected: &str) {
    let mut bytes = write(&tensors(), Quantization::Q8_0, "test").unwrap();
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("it is there");
    bytes[at..at + to.len()].copy_from_slice(to);
    let error = read(&bytes).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn lies_are_told_apart() {
    refused(b"GGUF", b"GGML", "does not begin with");
    refused(&[2, 0, 0, 0], &[9, 0, 0, 0], "version is 9");
    let count = 5u64.to_le_bytes();
    // Beyond the directory lie zeros, which are no name.
    refused(&count, &u64::MAX.to_le_bytes(), "\"\" is no name");
    refused(&count, &4u64.to_le_bytes(), "a shape and no tensor for \"input\"");
    refused(b"blocks.0.bias", b"\xffblocks.0.bia", "not UTF-8");
    refused(b"blocks.0.bias", b"../../../etc/", "is no name");
    // Dimensions of the bias, of one dimension, and of the first matrix.
    let bias = [
        b"blocks.0.bias".as_slice(),
        &1u32.to_le_bytes(),
        &7u64.to_le_bytes(),
    ]
    .concat();
    let with = |rank: u32, dim: u64| {
        [
            b"blocks.0.bias".as_slice(),
            &rank.to_le_bytes(),
            &dim.to_le_bytes(),
        ]
        .concat()
    };
    refused(&bias, &with(1, u64::MAX), "more than any file holds");
    refused(&bias, &with(1, 1 << 31), "ends beyond");
    refused(&bias, &with(1, 0), "is empty");
    refused(&bias, &with(200, 7), "has 200 dimensions");
    // 12 values reach into the next tensor, which begins at the next multiple of 32 bytes.
    refused(&bias, &with(1, 12), "share bytes");
}

/// Random damage gives an error or other tensors, never a panic. The header gets most of it.
#[test]
fn random_damage_never_panics() {
    let original = write(&tensors(), Quantization::Q8_0, "test").unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut refused = 0;
    for _ in 0..30_000 {
        let mut bytes = original.clone();
        for _ in 0..rng.random_range(1..4) {
            let reach = if rng.random_bool(0.8) { 700 } else { bytes.len() };
            let at = rng.random_range(0..reach.min(bytes.len()));
            match rng.random_range(0..5) {
                0 => bytes[at] = rng.random(),
                1 => bytes[at] ^= 1 << rng.random_range(0..8),
                2 => bytes.truncate(at.max(1)),
                3 => bytes.insert(at, rng.random()),
                _ => {
                    let value: u64 = if rng.random() {
                        u64::MAX >> rng.random_range(0..64)
                    } else {
                        0
                    };
                    let end = bytes.len().min(at + 8);
                    bytes[at..end].copy_from_slice(&value.to_le_bytes()[..end - at]);
                }
            }
        }
        match read(&bytes) {
            Err(_) => refused += 1,
            Ok(tensors) => {
                let values: usize = tensors.values().map(TensorData::num_elements).sum();
                assert!(
                    values * 4 <= bytes.len() * 8,
                    "{values} values came out of {} bytes",
                    bytes.len()
                );
            }
        }
    }
    assert!(
        refused > 10_000,
        "only {refused} of 30,000 damaged files were refused"
    );
}
