//! What others call our parameters.

use crate::networks::generators::vqgan::VqGanConfig;

/// Who named them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Names {
    /// The authors, from whom we have ours.
    Taming,
    /// diffusers.
    Diffusers,
}

/// Names of ours and of diffusers within encoder and decoder, in the order in which they are replaced.
const DIFFUSERS: [(&str, &str); 11] = [
    ("mid.block_1.", "mid_block.resnets.0."),
    ("mid.block_2.", "mid_block.resnets.1."),
    ("mid.attn_1.", "mid_block.attentions.0."),
    (".norm_out.", ".conv_norm_out."),
    (".downsample.", ".downsamplers.0."),
    (".upsample.", ".upsamplers.0."),
    (".nin_shortcut.", ".conv_shortcut."),
    (".block.", ".resnets."),
    (".attn.", ".attentions."),
    // Those of attention, which have a number or a block in front of them.
    (".proj_out.", ".to_out.0."),
    (".norm.", ".group_norm."),
];

/// Names that diffusers had for parts of attention before version 0.17, and has now.
const BEFORE: [(&str, &str); 4] = [
    (".query.", ".to_q."),
    (".key.", ".to_k."),
    (".value.", ".to_v."),
    (".proj_attn.", ".to_out.0."),
];

impl Names {
    /// What they call the parameter `name` of a network of this shape.
    pub fn of(self, name: &str, config: &VqGanConfig) -> String {
        if name == "codebook" {
            return "quantize.embedding.weight".into();
        }
        match self {
            Self::Taming => name.into(),
            Self::Diffusers => diffusers(name, config),
        }
    }

    /// Whether a tensor of a file belongs to no autoencoder: the discriminator and the network that compares
    /// pictures.
    pub fn is_beside(self, key: &str) -> bool {
        matches!(self, Self::Taming) && key.starts_with("loss.")
    }

    /// The name that a file's tensor has today.
    pub fn today(self, key: &str) -> String {
        match self {
            Self::Taming => key.into(),
            Self::Diffusers => replaced(key, &BEFORE),
        }
    }

    /// The file that describes a network.
    pub fn description(self) -> &'static str {
        match self {
            Self::Taming => "model.yaml",
            Self::Diffusers => "config.json",
        }
    }

    /// What the sizes of the codebook are called there.
    pub fn codebook_fields(self) -> &'static str {
        match self {
            Self::Taming => "n_embed and embed_dim",
            Self::Diffusers => "num_vq_embeddings and vq_embed_dim",
        }
    }
}

fn replaced(name: &str, replacements: &[(&str, &str)]) -> String {
    replacements
        .iter()
        .fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

fn diffusers(name: &str, config: &VqGanConfig) -> String {
    if !name.starts_with("encoder.") && !name.starts_with("decoder.") {
        return name.into();
    }
    let mut name = replaced(name, &DIFFUSERS);
    for part in ["q", "k", "v"] {
        name = name.replace(&format!(".{part}."), &format!(".to_{part}."));
    }
    let levels = config.channel_multipliers.len();
    for level in 0..levels {
        name = name.replace(&format!(".down.{level}."), &format!(".down_blocks.{level}."));
        // diffusers counts the decoder's levels from the smallest side.
        let up = levels - 1 - level;
        name = name.replace(&format!(".up.{level}."), &format!(".up_blocks.{up}."));
    }
    name
}
