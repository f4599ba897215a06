//! The device that a command computes on.

use crate::ops::Isa;
use anyhow::{Context, bail};
use burn::tensor::Device;
use clap::ValueEnum;

/// Where tensors live and networks run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DeviceChoice {
    /// All cores of this machine's processor.
    #[default]
    Cpu,
    /// The first GPU, through Vulkan, Metal or DX12 (a build with `--features webgpu`).
    Webgpu,
    /// The first NVIDIA GPU (a build with `--features cuda`).
    Cuda,
    /// The first GPU with a Vulkan driver, in its own machine language (a build with `--features vulkan`).
    Vulkan,
}

impl DeviceChoice {
    /// Those that this build has.
    pub(super) fn built() -> Vec<Self> {
        let mut built = vec![Self::Cpu];
        built.extend(cfg!(feature = "webgpu").then_some(Self::Webgpu));
        built.extend(cfg!(feature = "cuda").then_some(Self::Cuda));
        built.extend(cfg!(feature = "vulkan").then_some(Self::Vulkan));
        built
    }

    /// Its name as a flag.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Webgpu => "webgpu",
            Self::Cuda => "cuda",
            Self::Vulkan => "vulkan",
        }
    }

    /// Opens the device.
    ///
    /// # Errors
    ///
    /// A sentence that says which build has it, or what the machine lacks.
    pub(super) fn open(self) -> anyhow::Result<Device> {
        let device = match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "webgpu")]
            Self::Webgpu => Device::wgpu(Default::default()),
            #[cfg(feature = "cuda")]
            Self::Cuda => nvidia_gpu()?,
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::vulkan(Default::default()),
            #[allow(
                unreachable_patterns,
                reason = "which devices are missing depends on the build"
            )]
            missing => bail!(
                "this build has no {0}: build with `cargo build --release --features {0}`, or use --device cpu",
                missing.name()
            ),
        };
        if self != Self::Cpu {
            probe(&device).with_context(|| {
                format!(
                    "--device {} cannot be used on this machine; `guise doctor` lists what can",
                    self.name()
                )
            })?;
        }
        Ok(device)
    }

    /// What it is, in words for a model card.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Cpu => {
                let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
                format!(
                    "{cores} cores of a CPU ({}, {})",
                    processor_name(),
                    Isa::current().name()
                )
            }
            Self::Webgpu => "a GPU through WebGPU".into(),
            Self::Cuda => "an NVIDIA GPU".into(),
            Self::Vulkan => "a GPU through Vulkan".into(),
        }
    }
}

/// The first NVIDIA GPU. Asked for first, because what CUDA says where there is none names a shared library.
#[cfg(feature = "cuda")]
fn nvidia_gpu() -> anyhow::Result<Device> {
    let found = Device::enumerate(burn::tensor::DeviceType::Cuda);
    found.into_iter().next().context(
        "--device cuda: this machine has no NVIDIA GPU, or no NVIDIA driver (libcuda.so): install the driver, \
         or use --device cpu",
    )
}

/// Computes something small: drivers and adapters that are missing show themselves at the first use, by a
/// panic.
fn probe(device: &Device) -> anyhow::Result<()> {
    let silent = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let tried = std::panic::catch_unwind(|| {
        let ones = burn::tensor::Tensor::<1>::ones([4], device);
        ones.sum().try_into_data().map(|data| data.iter::<f32>().next())
    });
    std::panic::set_hook(silent);
    match tried {
        Ok(Ok(Some(4.0))) => Ok(()),
        Ok(Ok(other)) => bail!("it adds four ones to {other:?}"),
        Ok(Err(error)) => bail!("{error}"),
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            bail!(
                "{}",
                text.unwrap_or("it failed without a word")
                    .lines()
                    .next()
                    .unwrap_or_default()
            )
        }
    }
}

/// The processor's name, where the system tells it.
pub(super) fn processor_name() -> String {
    // Only Linux tells it to everybody who reads a file.
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    name.map_or(std::env::consts::ARCH, |(_, name)| name.trim())
        .into()
}

/// Has the kernels run with what `GUISE_ISA` names, for diagnosis.
///
/// # Errors
///
/// A sentence when this processor does not have it.
pub(super) fn obey_environment() -> anyhow::Result<()> {
    match std::env::var("GUISE_ISA") {
        Ok(name) => {
            let isa = Isa::from_name(&name).with_context(|| format!("GUISE_ISA is {name:?}"))?;
            isa.choose();
            Ok(())
        }
        Err(std::env::VarError::NotPresent) => Ok(()),
        Err(error) => bail!("GUISE_ISA: {error}"),
    }
}
