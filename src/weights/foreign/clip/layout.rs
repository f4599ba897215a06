//! The names that CLIP's tensors have in other programs, brought to those of OpenAI's release, and from there
//! to those of our network's parameters.

use super::Error;
use crate::weights::Tensors;
use crate::{
    networks::encoders::clip::{ClipConfig, VisualConfig},
    weights::foreign::{Found, batch_norm::fold, shortened},
};
use burn::tensor::TensorData;
use std::collections::BTreeMap;

/// PyTorch's constant in batch norms.
const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Tensors under the names of OpenAI's release, those of the text tower with `text.` before them.
///
/// Tensors that hold no weights, such as masks and counters, are left out.
pub(super) fn canonical(mut found: Found) -> Result<Tensors, Error> {
    // What PyTorch's data-parallel training puts before every name.
    if found.keys().all(|name| name.starts_with("module.")) {
        found = found
            .into_iter()
            .map(|(name, value)| (name["module.".len()..].to_owned(), value))
            .collect();
    }
    let mut tensors = Tensors::new();
    for (name, value) in found {
        let field = name.rsplit('.').next().unwrap_or_default();
        let constant = matches!(
            field,
            "position_ids"
                | "attn_mask"
                | "num_batches_tracked"
                | "input_resolution"
                | "context_length"
                | "vocab_size"
        );
        match value {
            _ if constant => (),
            Ok(data) => drop(tensors.insert(name, data)),
            Err(problem) => {
                return Err(Error::Clip(format!("the tensor {} {problem}", shortened(&name))));
            }
        }
    }
    if tensors
        .keys()
        .any(|name| name.starts_with("text_model.") || name.starts_with("vision_model."))
    {
        return from_hugging_face(tensors);
    }
    if !tensors.keys().any(|name| name.starts_with("visual.")) {
        let names: Vec<_> = tensors.keys().take(3).map(|name| shortened(name)).collect();
        return Err(Error::Clip(format!(
            "its tensors should be called visual... (OpenAI, open_clip) or vision_model... (Hugging Face), \
             but it has {}: {names:?}",
            tensors.len()
        )));
    }
    let ours = |name: String| match name.starts_with("visual.") || name.starts_with("text.") {
        true => name,
        false if name == "logit_scale" => name,
        false => format!("text.{name}"),
    };
    Ok(tensors
        .into_iter()
        .map(|(name, data)| (ours(name), data))
        .collect())
}

/// Hugging Face's `CLIPModel`, which keeps queries, keys and values apart and turns the projections.
fn from_hugging_face(tensors: Tensors) -> Result<Tensors, Error> {
    let mut renamed = Tensors::new();
    let mut attention: BTreeMap<String, [Option<TensorData>; 3]> = BTreeMap::new();
    for (name, data) in tensors {
        let (tower, rest) = match name.split_once('.') {
            Some(("text_model", rest)) => ("text.", rest),
            Some(("vision_model", rest)) => ("visual.", rest),
            _ => ("", name.as_str()),
        };
        let block = rest
            .strip_prefix("encoder.layers.")
            .and_then(|rest| rest.split_once('.'));
        let part = block.and_then(|(_, rest)| rest.strip_prefix("self_attn.")?.split_once("_proj."));
        if let (Some((block, _)), Some((part @ ("q" | "k" | "v"), field))) = (block, part) {
            let name = format!("{tower}transformer.resblocks.{block}.attn.in_proj_{field}");
            let index = "qkv".find(part).unwrap_or_default();
            attention.entry(name).or_default()[index] = Some(data);
            continue;
        }
        let new = match block {
            Some((block, rest)) => {
                let rest = rest
                    .replace("self_attn.out_proj", "attn.out_proj")
                    .replace("layer_norm", "ln_")
                    .replace("mlp.fc1", "mlp.c_fc")
                    .replace("mlp.fc2", "mlp.c_proj");
                format!("{tower}transformer.resblocks.{block}.{rest}")
            }
            None => match (tower, rest) {
                ("", "text_projection.weight") => "text.text_projection".into(),
                ("", "visual_projection.weight") => "visual.proj".into(),
                ("text.", "embeddings.token_embedding.weight") => "text.token_embedding.weight".into(),
                ("visual.", "embeddings.class_embedding") => "visual.class_embedding".into(),
                ("visual.", "embeddings.patch_embedding.weight") => "visual.conv1.weight".into(),
                (_, "embeddings.position_embedding.weight") => format!("{tower}positional_embedding"),
                // The misspelling is the original's.
                ("visual.", rest) => {
                    let rest = rest.replace("pre_layrnorm", "ln_pre");
                    format!("visual.{}", rest.replace("post_layernorm", "ln_post"))
                }
                (_, rest) => format!("{tower}{}", rest.replace("final_layer_norm", "ln_final")),
            },
        };
        let data = match name.as_str() {
            "text_projection.weight" | "visual_projection.weight" => turned(&name, &data)?,
            _ => data,
        };
        renamed.insert(new, data);
    }
    for (name, parts) in attention {
        let [Some(q), Some(k), Some(v)] = parts else {
            return Err(Error::Clip(format!(
                "the queries, keys or values of {} are missing",
                shortened(&name)
            )));
        };
        let shape = q.shape().to_vec();
        if shape.is_empty() || k.shape()[..] != shape[..] || v.shape()[..] != shape[..] {
            return Err(Error::Clip(format!(
                "the queries, keys and values of {} have the shapes {shape:?}, {:?} and {:?}, expected the same",
                shortened(&name),
                k.shape().to_vec(),
                v.shape().to_vec()
            )));
        }
        let mut joined = shape;
        joined[0] *= 3;
        let values = [q, k, v]
            .iter()
            .flat_map(|part| part.iter::<f32>())
            .collect::<Vec<_>>();
        renamed.insert(name, TensorData::new(values, joined));
    }
    Ok(renamed)
}

/// A matrix with rows and columns exchanged.
fn turned(name: &str, data: &TensorData) -> Result<TensorData, Error> {
    let &[rows, columns] = &data.shape()[..] else {
        return Err(Error::Clip(format!(
            "the tensor {name} has the shape {:?}, expected two dimensions",
            data.shape().to_vec()
        )));
    };
    let values: Vec<f32> = data.iter::<f32>().collect();
    let turned = (0..columns).flat_map(|column| values.iter().skip(column).step_by(columns).copied());
    Ok(TensorData::new(turned.collect::<Vec<_>>(), [columns, rows]))
}

/// Tensors under the names of our network's parameters, with the batch norms in their convolutions.
pub(super) fn ours(tensors: Tensors, config: &ClipConfig) -> Result<Tensors, Error> {
    // The architecture of the image tower is part of a parameter's name.
    let (tensors, tower) = match config.visual {
        VisualConfig::Vit(_) => (tensors, "visual.Vit."),
        VisualConfig::ResNet(_) => (without_batch_norms(tensors)?, "visual.ResNet."),
    };
    let named = |name: String| match name.strip_prefix("visual.") {
        Some(rest) => format!("{tower}{rest}"),
        None => name,
    };
    Ok(tensors
        .into_iter()
        .map(|(name, data)| match name.as_str() {
            // A number in the originals, a vector of one in ours.
            "logit_scale" if data.shape().is_empty() => {
                (name, TensorData::new(data.iter::<f32>().collect::<Vec<_>>(), [1]))
            }
            _ => (named(name), data),
        })
        .collect())
}

/// Multiplies every batch norm of the ResNet into the convolution before it.
fn without_batch_norms(mut tensors: Tensors) -> Result<Tensors, Error> {
    // `conv1` is followed by `bn1`; in a shortcut the two are 0 and 1 of a list.
    let norms: Vec<(String, String, String)> = tensors
        .keys()
        .filter_map(|name| {
            let norm = name.strip_suffix(".running_mean")?;
            let (before, last) = norm.rsplit_once('.')?;
            let (convolution, ours) = match last.strip_prefix("bn") {
                Some(number) => (format!("{before}.conv{number}"), format!("{before}.conv{number}")),
                None => (format!("{before}.0"), before.to_owned()),
            };
            Some((norm.to_owned(), convolution, ours))
        })
        .collect();
    for (norm, convolution, ours) in norms {
        fold(&mut tensors, &norm, &convolution, &ours, BATCH_NORM_EPSILON).map_err(Error::Clip)?;
    }
    Ok(tensors)
}
