//! A CLIP's shape from the shapes of its tensors, as OpenAI's own loader does it.

use super::{ClipOptions, Error};
use crate::networks::encoders::clip::{
    ClipConfig, ModifiedResNetConfig, TextConfig, TransformerConfig, VisualConfig, VitConfig,
};
use crate::weights::Tensors;

/// Features for each attention head in OpenAI's models.
const HEAD_WIDTH: usize = 64;

/// The network that `tensors`, under OpenAI's names, belong to.
///
/// Only a few tensors are looked at: whether all others fit is for the comparison with the network to say.
pub(super) fn config(tensors: &Tensors, options: &ClipOptions) -> Result<ClipConfig, Error> {
    let [_, embed_dim] = shape(tensors, "text.text_projection")?;
    let [context_length, _] = shape(tensors, "text.positional_embedding")?;
    let [vocab_size, _] = shape(tensors, "text.token_embedding.weight")?;
    let text = TextConfig {
        context_length,
        vocab_size,
        transformer: transformer(tensors, "text", options, options.text_heads)?,
    };
    let visual = match tensors.contains_key("visual.proj") {
        true => VisualConfig::Vit(vit(tensors, options)?),
        false => VisualConfig::ResNet(resnet(tensors, options)?),
    };
    Ok(ClipConfig {
        embed_dim,
        visual,
        text,
    })
}

fn vit(tensors: &Tensors, options: &ClipOptions) -> Result<VitConfig, Error> {
    let [_, _, patch_size, _] = shape(tensors, "visual.conv1.weight")?;
    let grid = grid(tensors, "visual.positional_embedding")?;
    Ok(VitConfig {
        resolution: grid.saturating_mul(patch_size),
        patch_size,
        transformer: transformer(tensors, "visual", options, options.image_heads)?,
    })
}

fn resnet(tensors: &Tensors, options: &ClipOptions) -> Result<ModifiedResNetConfig, Error> {
    let [width, _, _, _] = shape(tensors, "visual.layer1.0.conv1.weight")?;
    let grid = grid(tensors, "visual.attnpool.positional_embedding")?;
    let layers = [1, 2, 3, 4].map(|stage| {
        count(|block| tensors.contains_key(&format!("visual.layer{stage}.{block}.conv1.weight")))
    });
    let config = ModifiedResNetConfig {
        resolution: grid.saturating_mul(ModifiedResNetConfig::REDUCTION),
        width,
        layers,
        heads: options.image_heads.unwrap_or(width / 2),
    };
    Ok(config)
}

fn transformer(
    tensors: &Tensors,
    tower: &str,
    options: &ClipOptions,
    heads: Option<usize>,
) -> Result<TransformerConfig, Error> {
    let blocks = format!("{tower}.transformer.resblocks");
    let [mlp_width, width] = shape(tensors, &format!("{blocks}.0.mlp.c_fc.weight"))?;
    Ok(TransformerConfig {
        width,
        layers: count(|block| tensors.contains_key(&format!("{blocks}.{block}.ln_1.weight"))),
        heads: heads.unwrap_or(width / HEAD_WIDTH),
        mlp_width,
        activation: options.activation,
    })
}

/// How many of something there are from number zero on.
fn count(exists: impl Fn(usize) -> bool) -> usize {
    (0..).take_while(|&number| exists(number)).count()
}

/// Side of the square whose places, and one more, have an embedding.
fn grid(tensors: &Tensors, name: &str) -> Result<usize, Error> {
    let [places, _] = shape(tensors, name)?;
    let side = places.saturating_sub(1).isqrt();
    match places > 1 && side * side == places - 1 {
        true => Ok(side),
        false => Err(Error::Clip(format!(
            "{name} has {places} places, expected one more than a square number"
        ))),
    }
}

fn shape<const N: usize>(tensors: &Tensors, name: &str) -> Result<[usize; N], Error> {
    let Some(data) = tensors.get(name) else {
        return Err(Error::Clip(format!(
            "the tensor {name} (by OpenAI's name) is missing"
        )));
    };
    <[usize; N]>::try_from(&data.shape()[..]).map_err(|_| {
        Error::Clip(format!(
            "the tensor {name} has the shape {:?}, expected {N} dimensions",
            data.shape().to_vec()
        ))
    })
}
