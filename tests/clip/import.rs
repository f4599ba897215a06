//! The importer takes what the reference implementations write and nothing that is no CLIP.

use super::{bytes, import, model};
use ::safetensors::{Dtype, SafeTensors};
use burn::tensor::{Device, TensorData, f16};
use guise::{
    networks::encoders::clip::{Activation, VisualConfig},
    weights::{
        Tensors,
        foreign::{ClipModel, safetensors},
    },
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

fn refusal(name: &str, bytes: &[u8]) -> String {
    match import(name, bytes).and_then(|model| model.network(&Device::flex())) {
        Ok(_) => panic!("the file was taken"),
        Err(error) => error.to_string(),
    }
}

/// The tensors of a fixture after a change, as a file.
fn changed(name: &str, change: impl FnOnce(&mut Tensors)) -> Vec<u8> {
    let bytes = bytes(name);
    let mut tensors = Tensors::new();
    // Counters, which are integers, are no weights.
    for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
        if view.dtype() == Dtype::F16 {
            let halves = view.data().chunks_exact(2);
            let values: Vec<f32> = halves
                .map(|half| f16::from_le_bytes([half[0], half[1]]).to_f32())
                .collect();
            tensors.insert(name.into(), TensorData::new(values, view.shape()));
        }
    }
    change(&mut tensors);
    safetensors::write(&tensors, HashMap::new()).unwrap()
}

#[test]
fn shapes_are_read_off_the_weights() {
    let openai = model("openai.pt");
    assert_eq!(openai.config.embed_dim, 20);
    let VisualConfig::Vit(vit) = &openai.config.visual else {
        panic!("{:?}", openai.config)
    };
    assert_eq!((vit.resolution, vit.patch_size), (16, 4));
    assert_eq!(
        (
            vit.transformer.width,
            vit.transformer.layers,
            vit.transformer.mlp_width
        ),
        (32, 2, 128)
    );
    let text = &openai.config.text;
    assert_eq!(
        (text.context_length, text.vocab_size, text.transformer.width),
        (12, 64, 24)
    );
    for other in ["checkpoint.pt", "script.pt"] {
        assert_eq!(model(other).tensors, openai.tensors, "{other}");
        assert_eq!(model(other).config, openai.config, "{other}");
    }

    let VisualConfig::Vit(vit) = model("open_clip.safetensors").config.visual else {
        panic!("open_clip's tower is a vision transformer")
    };
    assert_eq!((vit.patch_size, vit.transformer.mlp_width), (8, 96));
    assert_eq!(vit.transformer.activation, Activation::Gelu);

    let VisualConfig::ResNet(resnet) = model("resnet.safetensors").config.visual else {
        panic!("the tower is a ResNet")
    };
    assert_eq!(
        (resnet.resolution, resnet.width, resnet.layers),
        (64, 2, [1, 2, 1, 1])
    );
}

#[test]
fn what_is_written_can_be_read() {
    for name in ["openai.pt", "resnet.safetensors"] {
        let model = model(name);
        let read = ClipModel::from_safetensors(&model.to_safetensors().unwrap()).unwrap();
        assert_eq!(read.config, model.config);
        assert_eq!(read.tensors, model.tensors);
        assert_eq!((read.license, read.source), (model.license, model.source));
    }
}

#[test]
fn other_tensors_are_refused_by_name() {
    let vit = "open_clip.safetensors";
    let face = "hugging_face.safetensors";
    let resnet = "resnet.safetensors";
    let zeros = |shape: &[usize]| TensorData::zeros::<f32, _>(shape.to_vec());
    type Change = Box<dyn FnOnce(&mut Tensors)>;
    let remove =
        |name: &'static str| -> Change { Box::new(move |tensors| drop(tensors.remove(name).unwrap())) };
    let insert = |name: &'static str, data: TensorData| -> Change {
        Box::new(move |tensors| drop(tensors.insert(name.into(), data)))
    };
    let cases: Vec<(&str, Change, &str)> = vec![
        (
            vit,
            remove("visual.ln_post.bias"),
            "1 missing (visual.Vit.ln_post.bias)",
        ),
        (
            vit,
            remove("text_projection"),
            "text.text_projection (by OpenAI's name) is missing",
        ),
        (vit, remove("logit_scale"), "1 missing (logit_scale)"),
        (
            vit,
            remove("visual.conv1.weight"),
            "visual.conv1.weight (by OpenAI's name) is missing",
        ),
        (
            vit,
            remove("transformer.resblocks.0.ln_1.weight"),
            "text.transformer.layers is 0, expected 1 to 128",
        ),
        (
            vit,
            insert("visual.extra", zeros(&[1])),
            "1 unexpected (visual.Vit.extra)",
        ),
        (
            vit,
            insert("logit_bias", zeros(&[1])),
            "1 unexpected (text.logit_bias)",
        ),
        (
            vit,
            insert("visual.proj", zeros(&[32, 21])),
            "visual.Vit.proj has shape [32, 21], the network needs [32, 20]",
        ),
        (
            vit,
            insert("ln_final.weight", zeros(&[24, 1])),
            "text.ln_final.weight has shape [24, 1]",
        ),
        (
            vit,
            insert("text_projection", zeros(&[24])),
            "has the shape [24], expected 2 dimensions",
        ),
        (
            vit,
            insert("text_projection", zeros(&[24, 0])),
            "embed_dim is 0, expected 1 to 8192",
        ),
        (
            vit,
            insert("visual.positional_embedding", zeros(&[7, 32])),
            "has 7 places, expected one more than a square number",
        ),
        (
            vit,
            insert("visual.conv1.weight", zeros(&[32, 3, 0, 0])),
            "visual.patch_size is 0",
        ),
        (
            face,
            remove("vision_model.encoder.layers.1.self_attn.k_proj.bias"),
            "keys or values of visual.transformer.resblocks.1.attn.in",
        ),
        (
            face,
            insert(
                "text_model.encoder.layers.0.self_attn.v_proj.weight",
                zeros(&[24, 25]),
            ),
            "have the shapes [24, 24], [24, 24] and [24, 25], expected the same",
        ),
        (
            face,
            insert("text_projection.weight", zeros(&[20])),
            "expected two dimensions",
        ),
        (
            face,
            insert("visual_projection.weight", zeros(&[20, 0])),
            "visual.Vit.proj has shape [0, 20]",
        ),
        (face, insert("unknown.weight", zeros(&[3])), "1 unexpected"),
        (
            resnet,
            remove("visual.layer2.1.bn2.running_var"),
            "visual.layer2.1.bn2.running_var is missing",
        ),
        (
            resnet,
            remove("visual.layer4.0.downsample.0.weight"),
            "visual.layer4.0.downsample.0.weight is missing",
        ),
        (
            resnet,
            remove("visual.layer3.0.conv1.weight"),
            "visual.layers.2 is 0, expected 1 to 128",
        ),
        (
            resnet,
            insert("visual.bn1.running_mean", zeros(&[2])),
            "visual.bn1.running_mean has the shape [2], its convolution 1 channels",
        ),
        (
            resnet,
            insert("visual.bn1.running_var", TensorData::new(vec![-1.0f32], [1])),
            "visual.bn1 has the variance -1",
        ),
    ];
    for (name, change, expected) in cases {
        let refusal = refusal(name, &changed(name, change));
        assert!(refusal.contains(expected), "expected {expected:?} in {refusal:?}");
        assert!(refusal.len() < 600, "the error has {} bytes", refusal.len());
    }
}

#[test]
fn other_files_are_refused() {
    let cases: [(&[u8], &str); 6] = [
        (b"", "damaged or not safetensors"),
        (b"<html>", "damaged or not safetensors"),
        (
            b"PK\x03\x04 and nothing more",
            "the PyTorch file is damaged, or truncated",
        ),
        (
            b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.",
            "of a version of the old format that is unknown here",
        ),
        (&bytes("expected.safetensors"), "should be called visual..."),
        (&bytes("openai.pt")[..50_000], "damaged, or truncated"),
    ];
    for (bytes, expected) in cases {
        let refusal = refusal("openai.pt", bytes);
        assert!(refusal.contains(expected), "expected {expected:?} in {refusal:?}");
        assert!(refusal.len() < 600, "the error has {} bytes", refusal.len());
    }
    // Heads that do not divide the width; without any, a width of 32 gives none.
    let options = Default::default();
    let device = Device::flex();
    let error = ClipModel::from_foreign(
        &bytes("openai.pt"),
        &options,
        String::new(),
        String::new(),
        &device,
    );
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("visual.transformer.heads is 0, expected 1 to 256"),
        "{error}"
    );

    // A weight as integers, in a file that is fine otherwise.
    let ints = b"{\"visual.proj\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[0,2]}}";
    let mut file = (ints.len() as u64).to_le_bytes().to_vec();
    file.extend(ints);
    file.extend([1, 2]);
    let error = refusal("openai.pt", &file);
    assert!(error.contains("visual.proj is of the type I8"), "{error}");
}

/// A state dict of one tensor, stored in an archive, whose pickle is `pickle`.
fn archive(pickle: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(vec![]));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [
        ("a/data.pkl", pickle),
        ("a/data/0", &[0, 0, 128, 63, 0, 0, 0, 64][..]),
    ] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A pickle of `{"visual.proj": tensor}` with this offset, shape and strides, below 256 each.
fn pickle(offset: u8, shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let mut pickle = b"\x80\x02}X\x0b\x00\x00\x00visual.projctorch._utils\n_rebuild_tensor_v2\n((".to_vec();
    pickle.extend(
        b"X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ",
    );
    pickle.extend([b'K', offset]);
    for ints in [shape, strides] {
        pickle.push(b'(');
        pickle.extend(ints.iter().flat_map(|&int| [b'K', int]));
        pickle.push(b't');
    }
    pickle.extend(b"\x89Nt");
    pickle.extend(b"Rs.");
    pickle
}

#[test]
fn hostile_pickles_are_refused() {
    // The honest one is read, and is no CLIP.
    let honest = refusal("openai.pt", &archive(&pickle(0, &[2, 1], &[1, 1])));
    assert!(honest.contains("text.text_projection"), "{honest}");
    let cases = [
        (pickle(0, &[3], &[1]), "visual.proj needs more than the 8 bytes"),
        (pickle(1, &[2], &[1]), "visual.proj needs more than the 8 bytes"),
        (pickle(0, &[2], &[2]), "visual.proj needs more than the 8 bytes"),
        // One number spread over 255^4 values.
        (pickle(0, &[255; 4], &[0; 4]), "is larger than the file"),
        (pickle(0, &[255; 8], &[0; 8]), "is larger than the file"),
        (pickle(0, &[1; 9], &[1; 9]), "in a way that is unknown"),
        (pickle(0, &[1], &[1, 1]), "in a way that is unknown"),
        (b"\x80\x02X\xff\xff\xff\xff".to_vec(), "ends too early"),
        (b"\x80\x02h\x05.".to_vec(), "refers to a value that it never made"),
        (b"\x80\x02R.".to_vec(), "takes a value where there is none"),
        (b"\x80\x02t.".to_vec(), "takes a list where there is none"),
        (
            b"\x80\x02i.".to_vec(),
            "the instruction 0x69, which is unknown here at byte 2",
        ),
        (
            b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.".to_vec(),
            "but it has 0",
        ),
        (b"\x80\x02}.".to_vec(), "but it has 0"),
        (b"\x80\x02N".to_vec(), "ends too early"),
        (b"\x80\x02cos".to_vec(), "ends too early"),
        (vec![b'('; 5 << 20], "at most 4194304 are expected"),
    ];
    for (pickle, expected) in cases {
        let refusal = refusal("openai.pt", &archive(&pickle));
        assert!(refusal.contains(expected), "expected {expected:?} in {refusal:?}");
    }
    // A dictionary that holds another twice, which holds another twice, and so on: 2^40 entries.
    let mut bomb = b"\x80\x02}q\x00".to_vec();
    for level in 0..20u8 {
        bomb.extend(b"}(X\x01\x00\x00\x00a");
        bomb.extend([b'h', level]);
        bomb.extend(b"X\x01\x00\x00\x00b");
        bomb.extend([b'h', level, b'u', b'q', level + 1]);
    }
    bomb.push(b'.');
    assert!(refusal("openai.pt", &archive(&bomb)).contains("than any network does"));
    // A dictionary within itself.
    let refusal = refusal("openai.pt", &archive(b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."));
    assert!(refusal.contains("than any network does"), "{refusal}");
}

/// Whatever happens to a file on its way, the answer is a model or an error, never a panic.
#[test]
fn no_damage_is_a_panic() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let written = model("resnet.safetensors").to_safetensors().unwrap();
    let mut refused = 0;
    for name in [
        "openai.pt",
        "script.pt",
        "hugging_face.safetensors",
        "resnet.safetensors",
        "written",
    ] {
        let original = if name == "written" {
            written.clone()
        } else {
            bytes(name)
        };
        // Names and shapes are at the beginning of one format, and within the other.
        let head = 8 + u64::from_le_bytes(original[..8].try_into().unwrap()) as usize;
        let pickle = original
            .windows(7)
            .position(|bytes| bytes == b"_utils\n")
            .unwrap_or(0);
        let range = if head < original.len() {
            0..head
        } else {
            pickle.saturating_sub(500)..pickle + 8000
        };
        for _ in 0..100 {
            let mut bytes = original.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(range.start..range.end.min(bytes.len()));
                match random.random_range(0..4) {
                    0 => bytes[at] = random.random(),
                    1 => bytes[at] = b"0123456789.tu}(Rq"[random.random_range(0..17)],
                    2 => bytes[at] ^= 1 << random.random_range(0..8),
                    _ => bytes.insert(at, bytes[at]),
                }
            }
            let model = match name {
                "written" => ClipModel::from_safetensors(&bytes),
                name => import(name, &bytes),
            };
            refused += usize::from(model.and_then(|model| model.network(&Device::flex())).is_err());
        }
    }
    assert!(refused > 250, "only {refused} of 500 were refused");
}
