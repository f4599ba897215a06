//! `guise import`.

use super::{
    device::DeviceChoice,
    files::{check_writable, read_at_most, write_whole},
    memory::MemoryFlag,
    words::ensure_clip,
};
use crate::{
    networks::encoders::{
        clip::{Activation, VisualConfig},
        inception::Inception,
    },
    weights::foreign::{ClipModel, ClipOptions, InceptionModel, Rectifier, SuperResolution, VqGanModel},
};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// No ncnn network that can be imported is described in more bytes.
const MAX_PARAM_BYTES: u64 = 1 << 20;
/// No weights that can be imported are larger.
const MAX_BIN_BYTES: u64 = 1 << 28;
/// The largest CLIP that OpenAI published has 1.8 GB.
const MAX_CLIP_BYTES: u64 = 1 << 32;
/// FID's Inception has 95 MB.
const MAX_INCEPTION_BYTES: u64 = 1 << 28;
/// The largest VQGAN that its authors published has 1 GB, with the networks of its losses.
const MAX_VQGAN_BYTES: u64 = 1 << 32;
/// The largest super-resolution networks that were published have 200 MB.
const MAX_SR_BYTES: u64 = 1 << 29;
/// No description of a VQGAN is longer.
const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;
/// What diffusers calls a network's weights, the newer form first.
const DIFFUSERS_WEIGHTS: [&str; 2] = [
    "diffusion_pytorch_model.safetensors",
    "diffusion_pytorch_model.bin",
];

/// Convert foreign weights to safetensors.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Debug, clap::Subcommand)]
enum Source {
    Sr(SrArgs),
    RealesrganNcnn(RealesrganNcnn),
    Clip(ClipArgs),
    Inception(InceptionArgs),
    #[command(name = "vqgan")]
    VqGan(VqGanArgs),
}

/// Convert a super-resolution model: a .pth or .safetensors file of ESRGAN, BSRGAN or Real-ESRGAN.
///
/// Architecture and sizes are read off the weights: RRDBNet under its old names and its new ones, with any
/// number of blocks, and SRVGGNetCompact. Of `params_ema` and `params` the first is taken. Nothing in a .pth
/// file is run. `guise upscale --model` and `guise publish --sr` take the result.
#[derive(Debug, clap::Args)]
struct SrArgs {
    /// The weights, a .pth or .safetensors file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The license of the weights, an SPDX expression, for whom they are passed on to.
    #[arg(long, value_name = "SPDX", default_value = SuperResolution::UNKNOWN_LICENSE)]
    license: String,
    /// What an SRVGGNetCompact rectifies with that has no slopes, which its file does not say.
    #[arg(long, value_enum)]
    rectifier: Option<RectifierChoice>,
}

/// Convert a super-resolution model from Real-ESRGAN's ncnn files.
///
/// The models that can be converted are realesr-animevideov3-x2, -x3 and -x4;
/// `tools/realesrgan.sh FOLDER` fetches them.
#[derive(Debug, clap::Args)]
struct RealesrganNcnn {
    /// The network, a text file; its weights are read from the file of the same name that ends in .bin.
    #[arg(value_name = "MODEL.param")]
    param: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The license of the weights, an SPDX expression; Real-ESRGAN's own is the default.
    #[arg(
        long = "license",
        alias = "licence",
        value_name = "SPDX",
        default_value = "BSD-3-Clause"
    )]
    license: String,
}

/// Convert a CLIP: OpenAI's .pt, or the safetensors of Hugging Face or open_clip.
///
/// A .pt file may be a state dict or a TorchScript archive; nothing in it is run. Vision transformers and
/// modified ResNets of any size can be converted, their shape is read off the weights. Three things cannot be
/// read off: the nonlinearity and the numbers of heads, which OpenAI's models have as the defaults below.
#[derive(Debug, clap::Args)]
struct ClipArgs {
    /// The weights, a .pt or .safetensors file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The license of the weights, an SPDX expression; OpenAI's and most of open_clip's is the default.
    #[arg(
        long = "license",
        alias = "licence",
        value_name = "SPDX",
        default_value = "MIT"
    )]
    license: String,
    /// The nonlinearity: quick in OpenAI's models, exact in most that others trained (`hidden_act` or
    /// `quick_gelu` in their configuration says which).
    #[arg(long, value_enum, default_value_t)]
    gelu: Gelu,
    /// Attention heads of the image tower [default: one for each 64 features]
    #[arg(long, value_name = "N")]
    image_heads: Option<usize>,
    /// Attention heads of the text tower [default: one for each 64 features]
    #[arg(long, value_name = "N")]
    text_heads: Option<usize>,
    #[command(flatten)]
    memory: MemoryFlag,
}

/// Convert the Inception-v3 that FID is measured with, for `guise evaluate pictures --inception`.
///
/// It is pt_inception-2015-12-05-6726825d.pth, which pytorch-fid loads; nothing in it is run. Weights that
/// torchvision trained itself have other features and are refused.
#[derive(Debug, clap::Args)]
struct InceptionArgs {
    /// The weights, a .pth or .safetensors file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The license of the weights, an SPDX expression; that of TensorFlow, from where they come, is the
    /// default.
    #[arg(
        long = "license",
        alias = "licence",
        value_name = "SPDX",
        default_value = "Apache-2.0"
    )]
    license: String,
}

/// Convert a VQGAN: a checkpoint of taming-transformers, or a folder of diffusers' VQModel.
///
/// A checkpoint such as last.ckpt needs the model.yaml that was written with it; nothing in it is run. A
/// folder holds config.json and the weights. Both are refused where they contradict each other.
#[derive(Debug, clap::Args)]
struct VqGanArgs {
    /// The checkpoint, or the folder.
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// What the checkpoint is of [default: model.yaml beside the checkpoint].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The safetensors file to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The license of the weights, an SPDX expression; that of taming-transformers is the default.
    #[arg(
        long = "license",
        alias = "licence",
        value_name = "SPDX",
        default_value = "MIT"
    )]
    license: String,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RectifierChoice {
    /// Negative values become zero.
    Relu,
    /// Negative values become a tenth of themselves.
    Leaky,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Gelu {
    #[default]
    Quick,
    Exact,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.source {
        Source::Sr(args) => sr(args),
        Source::RealesrganNcnn(args) => realesrgan_ncnn(args),
        Source::Clip(args) => clip(args),
        Source::Inception(args) => inception(args),
        Source::VqGan(args) => vqgan(args),
    }
}

fn clip(args: ClipArgs) -> anyhow::Result<()> {
    let options = ClipOptions {
        activation: match args.gelu {
            Gelu::Quick => Activation::QuickGelu,
            Gelu::Exact => Activation::Gelu,
        },
        image_heads: args.image_heads,
        text_heads: args.text_heads,
    };
    check_writable(&args.out)?;
    ensure_clip(&args.file, args.memory.limit())?;
    let file = read_at_most(&args.file, MAX_CLIP_BYTES)?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let model = ClipModel::from_foreign(
        &file,
        &options,
        args.license,
        format!("a CLIP, converted from {name}"),
        &DeviceChoice::default().open()?,
    )
    .with_context(|| format!("cannot import {}", args.file.display()))?;
    // Both together may be gigabytes.
    drop(file);

    let bytes = model.to_safetensors()?;
    write_whole(&args.out, &bytes)?;
    let (config, text) = (&model.config, &model.config.text);
    let tower = match &config.visual {
        VisualConfig::Vit(vit) => format!(
            "vision transformer, {0} layers of {1} in {2} heads, patches of {3} x {3}",
            vit.transformer.layers, vit.transformer.width, vit.transformer.heads, vit.patch_size
        ),
        VisualConfig::ResNet(resnet) => format!(
            "modified ResNet, {:?} blocks of {} channels, {} heads",
            resnet.layers, resnet.width, resnet.heads
        ),
    };
    println!(
        "{}: pictures of {1} x {1} ({tower}), {2} tokens of {3} ({4} layers of {5} in {6} heads), embeddings of {7}, \
         {8}, {9} bytes, {10}",
        args.out.display(),
        config.visual.resolution(),
        text.context_length,
        text.vocab_size,
        text.transformer.layers,
        text.transformer.width,
        text.transformer.heads,
        config.embed_dim,
        match text.transformer.activation {
            Activation::QuickGelu => "quick GELU",
            Activation::Gelu => "exact GELU",
        },
        bytes.len(),
        model.license
    );
    Ok(())
}

fn inception(args: InceptionArgs) -> anyhow::Result<()> {
    check_writable(&args.out)?;
    let file = read_at_most(&args.file, MAX_INCEPTION_BYTES)?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let source = format!("Inception-v3 as pytorch-fid has it, converted from {name}");
    let model = InceptionModel::from_foreign(&file, args.license, source, &DeviceChoice::default().open()?)
        .with_context(|| format!("cannot import {}", args.file.display()))?;
    let bytes = model.to_safetensors()?;
    write_whole(&args.out, &bytes)?;
    println!(
        "{}: pictures of {1} x {1}, features of {2}, {3} bytes, {4}",
        args.out.display(),
        Inception::RESOLUTION,
        Inception::FEATURES,
        bytes.len(),
        model.license
    );
    Ok(())
}

fn vqgan(args: VqGanArgs) -> anyhow::Result<()> {
    check_writable(&args.out)?;
    let device = DeviceChoice::default().open()?;
    let name = args.path.file_name().unwrap_or_default().to_string_lossy();
    let source = format!("a VQGAN, converted from {name}");
    let describe = |path: &Path| read_at_most(path, MAX_DESCRIPTION_BYTES);
    let model = if args.path.is_dir() {
        anyhow::ensure!(
            args.config.is_none(),
            "{} is a folder, which has its config.json: --config is for checkpoints",
            args.path.display()
        );
        let json = describe(&args.path.join("config.json"))?;
        let files = DIFFUSERS_WEIGHTS.map(|name| args.path.join(name));
        let weights = files.iter().find(|file| file.exists()).unwrap_or(&files[0]);
        let weights = read_at_most(weights, MAX_VQGAN_BYTES)?;
        VqGanModel::from_diffusers(&weights, &json, args.license, source, &device)
    } else {
        let yaml = args
            .config
            .unwrap_or_else(|| args.path.with_file_name("model.yaml"));
        let yaml = describe(&yaml).context("a checkpoint needs its model.yaml: name it with --config")?;
        let checkpoint = read_at_most(&args.path, MAX_VQGAN_BYTES)?;
        VqGanModel::from_taming(&checkpoint, &yaml, args.license, source, &device)
    };
    let model = model.with_context(|| format!("cannot import {}", args.path.display()))?;
    let bytes = model.to_safetensors()?;
    write_whole(&args.out, &bytes)?;
    let config = &model.config;
    println!(
        "{}: {} codes of {} numbers, one for {3} x {3} pixels, trained at {4} x {4}, {5} bytes, {6}",
        args.out.display(),
        config.codebook_size,
        config.codebook_dim,
        config.factor(),
        config.resolution,
        bytes.len(),
        model.license
    );
    Ok(())
}

fn realesrgan_ncnn(args: RealesrganNcnn) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.param
            .extension()
            .is_some_and(|extension| extension == "param"),
        "{} does not end in .param: name the network's text file, the .bin beside it is found from it",
        args.param.display()
    );
    check_writable(&args.out)?;
    let bin = args.param.with_extension("bin");
    let name = args.param.file_stem().unwrap_or_default().to_string_lossy();
    let model = SuperResolution::from_ncnn(
        &read_at_most(&args.param, MAX_PARAM_BYTES)?,
        &read_at_most(&bin, MAX_BIN_BYTES)?,
        args.license,
        format!("{name} of Real-ESRGAN, Copyright (c) 2021, Xintao Wang; converted from ncnn"),
    )
    .with_context(|| format!("cannot import {} with {}", args.param.display(), bin.display()))?;

    write_sr(&args.out, &model)
}

fn sr(args: SrArgs) -> anyhow::Result<()> {
    check_writable(&args.out)?;
    let file = read_at_most(&args.file, MAX_SR_BYTES)?;
    let name = args.file.file_name().unwrap_or_default().to_string_lossy();
    let rectifier = args.rectifier.map(|rectifier| match rectifier {
        RectifierChoice::Relu => Rectifier::Relu,
        RectifierChoice::Leaky => Rectifier::Leaky,
    });
    let source = format!("a super-resolution network, converted from {name}");
    let device = DeviceChoice::default().open()?;
    let model = SuperResolution::from_foreign(&file, rectifier, args.license, source, &device)
        .with_context(|| format!("cannot import {}", args.file.display()))?;
    write_sr(&args.out, &model)
}

/// Writes a super-resolution model, and says what it is.
fn write_sr(out: &Path, model: &SuperResolution) -> anyhow::Result<()> {
    let bytes = model.to_safetensors()?;
    write_whole(out, &bytes)?;
    let config = &model.config;
    println!(
        "{}: enlarges {} times ({}, {}), {} bytes, {}",
        out.display(),
        config.scale(),
        config.architecture(),
        config.describe(),
        bytes.len(),
        match &*model.license {
            SuperResolution::UNKNOWN_LICENSE => "its license is not known (--license states it)",
            license => license,
        }
    );
    Ok(())
}
