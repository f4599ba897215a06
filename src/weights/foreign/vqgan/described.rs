//! What the files say that come with the weights of a VQGAN.

use super::{Error, fail};
use crate::networks::generators::vqgan::VqGanConfig;
use serde::Deserialize;

/// Groups in the norms of taming's networks, which no file says.
const TAMING_GROUPS: usize = 32;

/// taming's `model.yaml`, as far as it is about the network.
#[derive(Deserialize)]
struct Yaml {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    params: Params,
}

#[derive(Deserialize)]
struct Params {
    n_embed: usize,
    embed_dim: usize,
    ddconfig: DdConfig,
}

#[derive(Deserialize)]
struct DdConfig {
    double_z: bool,
    z_channels: usize,
    resolution: usize,
    in_channels: usize,
    out_ch: usize,
    ch: usize,
    ch_mult: Vec<usize>,
    num_res_blocks: usize,
    attn_resolutions: Vec<usize>,
}

/// The shape that a `model.yaml` describes.
pub(super) fn by_taming(yaml: &[u8]) -> Result<VqGanConfig, Error> {
    /// Only this is asked first: other models have other fields.
    #[derive(Deserialize)]
    struct Kind {
        model: Target,
    }
    #[derive(Deserialize)]
    struct Target {
        target: String,
    }
    let wrong = |error: serde_yaml_ng::Error| fail(format!("its model.yaml cannot be read: {error}"));
    let kind: Kind = serde_yaml_ng::from_slice(yaml).map_err(wrong)?;
    let target = kind.model.target;
    // Latent diffusion's interface is the same network.
    let class = target.rsplit('.').next().unwrap_or_default();
    if !["VQModel", "VQModelInterface"].contains(&class) {
        return Err(fail(format!(
            "model.target in its model.yaml is {target:?}, expected taming.models.vqgan.VQModel: take the files of \
             the autoencoder, not of a transformer or of another quantizer"
        )));
    }
    let Yaml { model } = serde_yaml_ng::from_slice(yaml).map_err(wrong)?;
    let Params {
        n_embed,
        embed_dim,
        ddconfig,
    } = model.params;
    if ddconfig.double_z {
        return Err(fail(
            "double_z in its model.yaml is true, expected false: it is of an autoencoder without a codebook",
        ));
    }
    if ddconfig.in_channels != ddconfig.out_ch {
        return Err(fail(format!(
            "in_channels in its model.yaml is {} and out_ch is {}, expected the same",
            ddconfig.in_channels, ddconfig.out_ch
        )));
    }
    let levels = ddconfig.ch_mult.len().min(usize::BITS as usize);
    let has_attention = |level: &usize| {
        ddconfig
            .attn_resolutions
            .contains(&(ddconfig.resolution >> level))
    };
    Ok(VqGanConfig {
        attention_levels: (0..levels).filter(has_attention).collect(),
        resolution: ddconfig.resolution,
        img_channels: ddconfig.in_channels,
        channels: ddconfig.ch,
        channel_multipliers: ddconfig.ch_mult,
        res_blocks: ddconfig.num_res_blocks,
        norm_groups: TAMING_GROUPS,
        z_channels: ddconfig.z_channels,
        codebook_size: n_embed,
        codebook_dim: embed_dim,
    })
}

/// diffusers' `config.json` of a `VQModel`, with the defaults of that class.
#[derive(Deserialize)]
#[serde(default)]
struct Json {
    in_channels: usize,
    out_channels: usize,
    down_block_types: Vec<String>,
    up_block_types: Vec<String>,
    block_out_channels: Vec<usize>,
    layers_per_block: usize,
    act_fn: String,
    latent_channels: usize,
    sample_size: usize,
    num_vq_embeddings: usize,
    norm_num_groups: usize,
    vq_embed_dim: Option<usize>,
    norm_type: String,
    mid_block_add_attention: bool,
}

impl Default for Json {
    fn default() -> Self {
        Self {
            in_channels: 3,
            out_channels: 3,
            down_block_types: vec![DOWN.into()],
            up_block_types: vec![UP.into()],
            block_out_channels: vec![64],
            layers_per_block: 1,
            act_fn: "silu".into(),
            latent_channels: 3,
            sample_size: 32,
            num_vq_embeddings: 256,
            norm_num_groups: 32,
            vq_embed_dim: None,
            norm_type: "group".into(),
            mid_block_add_attention: true,
        }
    }
}

/// The blocks that our network has.
const DOWN: &str = "DownEncoderBlock2D";
const DOWN_WITH_ATTENTION: &str = "AttnDownEncoderBlock2D";
const UP: &str = "UpDecoderBlock2D";
const UP_WITH_ATTENTION: &str = "AttnUpDecoderBlock2D";

/// The shape that a `config.json` describes.
pub(super) fn by_diffusers(json: &[u8]) -> Result<VqGanConfig, Error> {
    #[derive(Deserialize)]
    struct Kind {
        _class_name: String,
    }
    let wrong = |error: serde_json::Error| fail(format!("its config.json cannot be read: {error}"));
    let kind: Kind = serde_json::from_slice(json).map_err(wrong)?;
    let said = |field: &str, found: &dyn std::fmt::Debug, expected: &str| {
        Err(fail(format!(
            "{field} in its config.json is {found:?}, expected {expected}"
        )))
    };
    if kind._class_name != "VQModel" {
        return said("_class_name", &kind._class_name, "VQModel");
    }
    let json: Json = serde_json::from_slice(json).map_err(wrong)?;
    if json.act_fn != "silu" && json.act_fn != "swish" {
        return said("act_fn", &json.act_fn, "silu");
    }
    if json.norm_type != "group" {
        return said("norm_type", &json.norm_type, "group");
    }
    if !json.mid_block_add_attention {
        return said("mid_block_add_attention", &false, "true");
    }
    if json.in_channels != json.out_channels {
        return said("out_channels", &json.out_channels, "as many as in_channels");
    }
    let levels = json.block_out_channels.len();
    let attends = |blocks: &[String], with: &str, without: &str| -> Option<Vec<bool>> {
        let each = blocks.iter().map(|block| match &**block {
            block if block == with => Some(true),
            block if block == without => Some(false),
            _ => None,
        });
        each.collect::<Option<Vec<bool>>>()
            .filter(|all| all.len() == levels)
    };
    let Some(down) = attends(&json.down_block_types, DOWN_WITH_ATTENTION, DOWN) else {
        let expected = format!("{DOWN} or {DOWN_WITH_ATTENTION} for each of block_out_channels");
        return said("down_block_types", &json.down_block_types, &expected);
    };
    let mut up = attends(&json.up_block_types, UP_WITH_ATTENTION, UP).unwrap_or_default();
    up.reverse();
    if up != down {
        let expected = format!("{UP} or {UP_WITH_ATTENTION}, with attention where down_block_types have it");
        return said("up_block_types", &json.up_block_types, &expected);
    }
    let first = json.block_out_channels.first().copied().unwrap_or(0);
    let multiplier = |width: &usize| (first > 0 && width.is_multiple_of(first)).then(|| width / first);
    let multipliers: Option<Vec<usize>> = json.block_out_channels.iter().map(multiplier).collect();
    let Some(channel_multipliers) = multipliers else {
        let expected = "multiples of the first of them";
        return said("block_out_channels", &json.block_out_channels, expected);
    };
    Ok(VqGanConfig {
        resolution: json.sample_size,
        img_channels: json.in_channels,
        channels: first,
        channel_multipliers,
        res_blocks: json.layers_per_block,
        attention_levels: (0..levels).filter(|&level| down[level]).collect(),
        norm_groups: json.norm_num_groups,
        z_channels: json.latent_channels,
        codebook_size: json.num_vq_embeddings,
        codebook_dim: json.vq_embed_dim.unwrap_or(json.latent_channels),
    })
}
