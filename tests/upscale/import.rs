//! The importer takes the real model and nothing that is not one.

use super::{bytes, model};
use burn::tensor::{Device, f16};
use guise::{
    networks::super_resolution::{Enlarge, UpscalerConfig, srvgg::SrvggNetCompactConfig},
    weights::foreign::SuperResolution,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn param() -> String {
    String::from_utf8(bytes("realesr-animevideov3-x4.param")).unwrap()
}

/// Why this pair of files is refused.
fn refusal(param: impl AsRef<[u8]>, bin: &[u8]) -> String {
    match SuperResolution::from_ncnn(param.as_ref(), bin, "BSD-3-Clause".into(), "a test".into()) {
        Ok(_) => panic!("the files were taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_real_models_are_taken() {
    for scale in [2, 3, 4] {
        let expected = UpscalerConfig::Srvgg(SrvggNetCompactConfig {
            num_feat: 64,
            num_conv: 16,
            upscale: 4,
            outscale: scale,
        });
        let model = model(scale);
        assert_eq!(model.config, expected);
        assert_eq!(model.tensors.len(), 18 * 3 - 1);
        assert_eq!(
            model.network(&Device::flex()).unwrap().receptive_radius(),
            if scale == 4 { 18 } else { 20 }
        );
    }
}

#[test]
fn single_precision_weights_are_the_same_model() {
    let half = bytes("realesr-animevideov3-x4.bin");
    let mut single = vec![];
    let mut rest = half.as_slice();
    let mut take = |length: usize| {
        let (taken, left) = rest.split_at(length);
        rest = left;
        taken
    };
    let last = 17;
    for layer in 0..=last {
        let [c_in, c_out] = [
            if layer == 0 { 3 } else { 64 },
            if layer == last { 48 } else { 64 },
        ];
        assert_eq!(take(4), 0x0130_6B47u32.to_le_bytes());
        single.extend([0; 4]);
        for value in take(c_in * c_out * 9 * 2).chunks_exact(2) {
            single.extend(f16::from_le_bytes([value[0], value[1]]).to_f32().to_le_bytes());
        }
        single.extend(take(c_out * 4));
        single.extend(take(if layer == last { 0 } else { c_out * 4 }));
    }
    let other = SuperResolution::from_ncnn(
        param().as_bytes(),
        &single,
        "BSD-3-Clause".into(),
        "a test".into(),
    )
    .unwrap();
    assert_eq!(other.tensors, model(4).tensors);
}

/// Arrays by the names of the parameters that they are for.
type Named = Vec<(String, Vec<f32>)>;

/// A network of three convolutions whose arrays have odd lengths: its two files, and what is in them.
fn small_model() -> (&'static str, Vec<u8>, Named) {
    let param = "7767517\n10 11\n\
        Input data 0 1 data\nSplit split 1 2 data a b\n\
        Convolution c0 1 1 a c0 0=5 1=3 4=1 5=1 6=135\nPReLU p0 1 1 c0 p0 0=5\n\
        Convolution c1 1 1 p0 c1 0=5 1=3 4=1 5=1 6=225\nPReLU p1 1 1 c1 p1 0=5\n\
        Convolution c2 1 1 p1 c2 0=3 1=3 4=1 5=1 6=135\n\
        PixelShuffle shuffle 1 1 c2 shuffled 0=1\nInterp enlarge 1 1 b enlarged 0=1 1=1 2=1\n\
        BinaryOp add 2 1 shuffled enlarged output 0=0\n";
    let mut bin = vec![];
    let mut next = 0.0;
    let mut values = |count: usize| -> Vec<f32> {
        next += 1.0;
        (0..count).map(|i| next + i as f32 / 1024.0).collect()
    };
    let mut expected = vec![];
    for (layer, [c_in, c_out]) in [[3, 5], [5, 5], [5, 3]].into_iter().enumerate() {
        let halves: Vec<f16> = values(c_in * c_out * 9).into_iter().map(f16::from_f32).collect();
        bin.extend(0x0130_6B47u32.to_le_bytes());
        bin.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
        // Half precision arrays of an odd length are followed by two bytes that belong to nothing.
        bin.extend([0xAA, 0xAA]);
        expected.push((
            format!("body.{layer}.weight"),
            halves.iter().map(|half| half.to_f32()).collect(),
        ));
        for field in ["bias", "slope"].iter().take(if layer == 2 { 1 } else { 2 }) {
            let plain = values(c_out);
            bin.extend(plain.iter().flat_map(|value| value.to_le_bytes()));
            expected.push((format!("body.{layer}.{field}"), plain));
        }
    }
    (param, bin, expected)
}

#[test]
fn odd_arrays_are_padded() {
    let (param, bin, expected) = small_model();
    let model = SuperResolution::from_ncnn(param.as_bytes(), &bin, String::new(), String::new()).unwrap();
    assert_eq!(
        model.config,
        UpscalerConfig::Srvgg(SrvggNetCompactConfig {
            num_feat: 5,
            num_conv: 1,
            upscale: 1,
            outscale: 1
        })
    );
    assert_eq!(model.tensors.len(), expected.len());
    for (name, values) in expected {
        assert_eq!(
            model.tensors[&name].iter::<f32>().collect::<Vec<_>>(),
            values,
            "{name}"
        );
    }
}

/// Whatever happens to a file on its way, the answer is a model or an error, never a panic.
#[test]
fn no_damage_is_a_panic() {
    let (param, bin, _) = small_model();
    let file = SuperResolution::from_ncnn(param.as_bytes(), &bin, String::new(), String::new())
        .unwrap()
        .to_safetensors()
        .unwrap();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut damaged = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..4) {
                0 => bytes[at] = random.random(),
                1 => bytes[at] = b"0123456789=.-e \n"[random.random_range(0..16)],
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, bytes[at]),
            }
        }
        bytes
    };
    let mut refused = 0;
    for _ in 0..2000 {
        let (param, bin) = (damaged(param.as_bytes()), damaged(&bin));
        for model in [
            SuperResolution::from_ncnn(&param, &bin, String::new(), String::new()),
            SuperResolution::from_safetensors(&damaged(&file)),
        ] {
            // A model that is taken must also be one that can be built.
            let network = model.and_then(|model| model.network(&Device::flex()));
            refused += usize::from(network.is_err());
        }
    }
    assert!(refused > 2000, "only {refused} of 4000 were refused");
}

#[test]
fn safetensors_keep_everything() {
    let model = model(3);
    let file = model.to_safetensors().unwrap();
    // Half precision loses nothing of a model that was published in it.
    assert!(file.len() < 1_300_000, "{} bytes", file.len());
    let read = SuperResolution::from_safetensors(&file).unwrap();
    assert_eq!(read.config, model.config);
    assert_eq!(read.tensors, model.tensors);
    assert_eq!((read.license, read.source), (model.license, model.source));
}

#[test]
fn damaged_safetensors_are_refused() {
    let file = model(4).to_safetensors().unwrap();
    let refusal = |file: &[u8]| SuperResolution::from_safetensors(file).unwrap_err().to_string();
    for length in [0, 7, 8, 100, file.len() - 1] {
        assert!(
            refusal(&file[..length]).contains("damaged"),
            "{length}: {}",
            refusal(&file[..length])
        );
    }
    let mut longer = file.clone();
    longer.push(0);
    assert!(refusal(&longer).contains("damaged"));
    let mut lying = file.clone();
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refusal(&lying).contains("damaged"));
    // The data are at the end: the last two bytes are a half precision value, or half of a single one.
    let mut infinite = file.clone();
    let end = infinite.len();
    infinite[end - 2..].copy_from_slice(&[0x80, 0x7f]);
    infinite[end - 4..end - 2].copy_from_slice(&[0x00, 0x7c]);
    assert!(refusal(&infinite).contains("holds"), "{}", refusal(&infinite));
    let edited = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = file
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        let mut file = file.clone();
        file[at..at + to.len()].copy_from_slice(to.as_bytes());
        file
    };
    let renamed = |from: &str, to: &str| refusal(&edited(from, to));
    assert!(renamed("SRVGGNetCompact", "SRVGGNetCompost").contains("SRVGGNetCompost"));
    assert!(renamed("licence", "license").contains("licence"));
    assert!(renamed("num_feat", "num_cats").contains("num_cats"));
    assert!(renamed(r#"num_feat\":64"#, r#"num_feat\":00"#).contains("cannot be read"));
    let narrower =
        SuperResolution::from_safetensors(&edited(r#"num_feat\":64"#, r#"num_feat\":32"#)).unwrap();
    let error = narrower.network(&Device::flex()).unwrap_err().to_string();
    assert!(
        error.contains("body.0.weight has shape [64, 3, 3, 3], the network needs [32, 3, 3, 3]"),
        "{error}"
    );
}

#[test]
fn damaged_weights_are_refused() {
    let bin = bytes("realesr-animevideov3-x4.bin");
    // In the first tag, after it, within the first and the last array, and one byte short.
    for length in [0, 3, 4, 1000, 600_000, bin.len() - 192, bin.len() - 1] {
        let refusal = refusal(param(), &bin[..length]);
        assert!(
            refusal.contains("end within the layer Conv_"),
            "{length}: {refusal}"
        );
    }
    let mut longer = bin.clone();
    longer.extend([0; 4]);
    assert!(refusal(param(), &longer).contains("go on for 4 bytes"));

    let mut marked = bin.clone();
    marked[..4].copy_from_slice(&0x000D_4B38u32.to_le_bytes());
    assert!(
        refusal(param(), &marked).contains("0x000d4b38"),
        "{}",
        refusal(param(), &marked)
    );
    let mut nan = bin.clone();
    nan[100..102].copy_from_slice(&f16::NAN.to_le_bytes());
    assert!(
        refusal(param(), &nan).contains("Conv_0 hold NaN"),
        "{}",
        refusal(param(), &nan)
    );
    let mut infinite = bin.clone();
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    assert!(refusal(param(), &infinite).contains("Conv_34 hold inf"));
}

#[test]
fn other_networks_are_refused() {
    let bin = bytes("realesr-animevideov3-x4.bin");
    let original = param();
    let changed = |from: &str, to: &str| {
        assert!(original.contains(from), "the fixture has no {from:?}");
        original.replacen(from, to, 1)
    };
    let cases = [
        (
            String::new(),
            "line 1 of the ncnn network is \"\", expected 7767517",
        ),
        (changed("7767517", "7767518"), "line 1"),
        (changed("40 41", "40"), "how many layers"),
        (changed("40 41", "4000000000000000000 41"), "how many layers"),
        (changed("40 41", "-1 41"), "how many layers"),
        (changed("40 41", "41 41"), "promises 41 layers, but fewer follow"),
        (changed("40 41", "39 41"), "promises 39 layers, but more follow"),
        (
            changed("Conv_0                   1 1", "Conv_0 1 x"),
            "\"x\" where the number of outputs",
        ),
        (
            changed("Conv_0                   1 1", "Conv_0 999999999999 1"),
            "\"999999999999\" where the number of inputs, at most 100, is expected",
        ),
        (
            changed("Conv_0                   1 1", "Conv_0 99999999999999999999 1"),
            "the number of inputs",
        ),
        (
            changed("Conv_0                   1 1", "Conv_0 90 1"),
            "ends before its last input",
        ),
        (
            changed("Conv_0 ", &"C".repeat(5000)),
            "5000 bytes where the layer's name",
        ),
        (changed("0=64", "0=NaN"), "\"0=NaN\" where a setting"),
        (changed("0=64", "0"), "\"0\" where a setting"),
        (changed("0=64", "0=64 0=65"), "the setting 0 twice"),
        (
            changed("0=64 1=3", "0=64 1=5"),
            "Conv_0 (Convolution) has kernel 5",
        ),
        (changed("0=64 1=3", "0=64 1=3 3=2"), "stride 2"),
        (
            changed("0=64 1=3", "0=64 1=3 9=1"),
            "the setting 9=1, which is unknown",
        ),
        (changed("0=64", "0=63"), "63 output channels and 1728 weights"),
        (changed("0=64", "0=1e300"), "1000"),
        (changed("6=1728", "6=1e12"), "1000000000000 weights"),
        (
            changed("PReLU ", "ReLU "),
            "another type than the expected PixelShuffle",
        ),
        (changed("54 56 0=64", "54 56 0=1"), "has 1 slopes"),
        (
            changed("1 1 56 57", "1 1 54 57"),
            "takes the inputs [\"54\"], expected [\"56\"]",
        ),
        (changed("1 1 105 106 0=4", "1 1 105 106 0=2"), "must enlarge by 2"),
        (changed("1 1 105 106 0=4", "1 1 105 106 0=0.5"), "enlarges by 0.5"),
        (
            changed("0=1 1=4.000000e+00", "0=2 1=4.000000e+00"),
            "must enlarge by 4",
        ),
        (changed("1=4.000000e+00", "1=3.000000e+00"), "expected one factor"),
        (
            changed("106 111 output", "106 111 output 0=1"),
            "must add its two inputs",
        ),
        (changed("106 111 output", "106 106 output"), "takes the inputs"),
    ];
    for (param, expected) in cases {
        let refusal = refusal(&param, &bin);
        assert!(refusal.contains(expected), "expected {expected:?} in {refusal:?}");
        assert!(refusal.len() < 600, "the error has {} bytes", refusal.len());
    }

    // The terms of the sum may come in either order.
    let turned = changed("106 111 output", "111 106 output");
    SuperResolution::from_ncnn(turned.as_bytes(), &bin, String::new(), String::new()).unwrap();

    assert!(refusal([0x80, 0xff], &bin).contains("is not text"));
    let cut: String = original
        .lines()
        .take(30)
        .map(|line| format!("{line}\n"))
        .collect();
    assert!(
        refusal(cut.replacen("40 41", "28 41", 1), &bin).contains("it ends where"),
        "{}",
        refusal(&cut, &bin)
    );
    let x2 = String::from_utf8(bytes("realesr-animevideov3-x2.param")).unwrap();
    for (from, to) in [
        ("1=5.000000e-01 2=5.000000e-01", "1=0.3 2=0.3"),
        ("output 0=3", "output 0=2"),
    ] {
        assert!(refusal(x2.replace(from, to), &bin).contains("expected bicubic (3) by n/4"));
    }
}
