//! Foreign VQGANs: what is read, and what is refused in which words.

use super::parity::{bytes, diffusers, taming};
use burn::tensor::Device;
use guise::weights::foreign::{Error, VqGanModel};

fn read_taming(yaml: &str) -> Result<VqGanModel, Error> {
    let checkpoint = bytes("taming/last.ckpt");
    VqGanModel::from_taming(
        &checkpoint,
        yaml.as_bytes(),
        "MIT".into(),
        "a".into(),
        &Device::flex(),
    )
}

fn read_diffusers(json: &str) -> Result<VqGanModel, Error> {
    let weights = bytes("diffusers/diffusion_pytorch_model.safetensors");
    VqGanModel::from_diffusers(
        &weights,
        json.as_bytes(),
        "MIT".into(),
        "a".into(),
        &Device::flex(),
    )
}

fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}

#[test]
fn what_is_written_is_read_again() {
    for model in [taming(), diffusers()] {
        let read = VqGanModel::from_safetensors(&model.to_safetensors().unwrap()).unwrap();
        assert_eq!(read.config, model.config);
        assert_eq!(read.license, "MIT");
        assert!(read.tensors == model.tensors);
        read.network(&Device::flex()).unwrap();
    }
    assert_eq!(taming().config.attention_levels, [1]);
    assert_eq!(
        (taming().config.codebook_size, taming().config.codebook_dim),
        (16, 3)
    );
}

#[test]
fn a_description_that_contradicts_the_authors_weights_is_refused() {
    let yaml = text("taming/model.yaml");
    for (from, to, said) in [
        (
            "n_embed: 16",
            "n_embed: 1024",
            "quantize.embedding.weight has shape [16, 3], and model.yaml says [1024, 3], which is n_embed and embed_dim",
        ),
        ("embed_dim: 3", "embed_dim: 4", "model.yaml says [16, 4]"),
        (
            "z_channels: 4",
            "z_channels: 8",
            "the tensor encoder.conv_out.weight has shape [4, 32, 3, 3], the network needs [8, 32, 3, 3]",
        ),
        (
            "num_res_blocks: 1",
            "num_res_blocks: 2",
            "missing (encoder.down.0.block.1.norm1.weight",
        ),
        ("[8]", "[]", "unexpected (decoder.up.1.attn.0.k.bias"),
        ("[1, 1]", "[1]", "unexpected"),
        (
            "[1, 1]",
            "[]",
            "the length of channel_multipliers is 0, expected 1 to 8",
        ),
        ("ch: 32", "ch: 33", "33, expected 1 to 2048, a multiple of 32"),
        (
            "ch: 32",
            "ch: 18446744073709551615",
            "channels is 18446744073709551615",
        ),
        ("ch: 32", "ch: wide", "model.params.ddconfig.ch: invalid type"),
        (
            "resolution: 16",
            "resolution: 17",
            "resolution is 17, expected 8 to 1024, a multiple of 2",
        ),
        ("double_z: false", "double_z: true", "without a codebook"),
        (
            "out_ch: 3",
            "out_ch: 1",
            "in_channels in its model.yaml is 3 and out_ch is 1",
        ),
        (
            "vqgan.VQModel",
            "vqgan.GumbelVQ",
            "expected taming.models.vqgan.VQModel",
        ),
        ("model:", "other:", "missing field `model`"),
        ("model:", "model: [", "its model.yaml cannot be read"),
    ] {
        assert!(yaml.contains(from), "{from}");
        let error = read_taming(&yaml.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(said), "{from} -> {to}: {error}");
    }
    // A few lines that name each other would be gigabytes.
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\nmodel: [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    assert!(read_taming(bomb).is_err());
}

#[test]
fn a_description_that_contradicts_diffusers_weights_is_refused() {
    let json = text("diffusers/config.json");
    read_diffusers(&json).unwrap();
    for (from, to, said) in [
        (
            "\"num_vq_embeddings\": 24",
            "\"num_vq_embeddings\": 256",
            "quantize.embedding.weight has shape [24, 5], and config.json says [256, 5], which is num_vq_embeddings",
        ),
        (
            "\"vq_embed_dim\": 5",
            "\"vq_embed_dim\": null",
            "config.json says [24, 6]",
        ),
        (
            "\"latent_channels\": 6",
            "\"latent_channels\": 7",
            "the tensor encoder.conv_out.weight has shape [6, 16, 3, 3], the network needs [7, 16, 3, 3]",
        ),
        (
            "\"VQModel\"",
            "\"AutoencoderKL\"",
            "_class_name in its config.json is \"AutoencoderKL\", expected VQModel",
        ),
        ("\"silu\"", "\"relu\"", "act_fn in its config.json is \"relu\""),
        (
            "\"group\"",
            "\"spatial\"",
            "norm_type in its config.json is \"spatial\"",
        ),
        (
            "\"AttnUpDecoderBlock2D\"",
            "\"UpDecoderBlock2D\"",
            "up_block_types",
        ),
        ("\"AttnDownEncoderBlock2D\"", "\"Other\"", "down_block_types"),
        (
            "    16\n",
            "    12\n",
            "block_out_channels in its config.json is [8, 12]",
        ),
        ("    8,\n", "    0,\n", "block_out_channels"),
        (
            "\"layers_per_block\": 1",
            "\"layers_per_block\": 9",
            "res_blocks is 9, expected 1 to 8",
        ),
        ("\"sample_size\": 16", "\"sample_size\": 3", "resolution is 3"),
        (
            "\"norm_num_groups\": 4",
            "\"norm_num_groups\": 0",
            "norm_groups is 0",
        ),
    ] {
        assert!(json.contains(from), "{from}");
        let error = read_diffusers(&json.replacen(from, to, 1))
            .unwrap_err()
            .to_string();
        assert!(error.contains(said), "{from} -> {to}: {error}");
    }
}

/// As diffusers called the parts of attention before version 0.17.
#[test]
fn older_folders_of_diffusers_are_read() {
    let weights = bytes("diffusers/diffusion_pytorch_model.safetensors");
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&weights[8..8 + length]).unwrap();
    let older = header
        .replace(".to_q.", ".query.")
        .replace(".to_k.", ".key.")
        .replace(".to_v.", ".value.")
        .replace(".to_out.0.", ".proj_attn.");
    assert_ne!(older, header);
    let mut file = (older.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(older.as_bytes());
    file.extend_from_slice(&weights[8 + length..]);
    let json = bytes("diffusers/config.json");
    let device = Device::flex();
    let model = VqGanModel::from_diffusers(&file, &json, "MIT".into(), "a".into(), &device).unwrap();
    assert!(model.tensors == diffusers().tensors);
}
