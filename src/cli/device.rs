//! The device that a command computes on.

use burn::tensor::Device;
use clap::ValueEnum;

/// Where tensors live and networks run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum DeviceChoice {
    /// All cores of this machine's processor.
    #[default]
    Cpu,
    /// The first NVIDIA GPU (a build with `--features cuda`).
    Cuda,
    /// The first GPU with a Vulkan driver (a build with `--features vulkan`).
    Vulkan,
}

impl DeviceChoice {
    /// Opens the device, or says which build has it.
    pub(super) fn open(self) -> anyhow::Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda => anyhow::bail!(
                "this build has no CUDA: build with `cargo build --release --features cuda`, or use --device cpu"
            ),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(Default::default())),
            #[cfg(not(feature = "vulkan"))]
            Self::Vulkan => anyhow::bail!(
                "this build has no Vulkan: build with `cargo build --release --features vulkan`, or use --device cpu"
            ),
        }
    }

    /// What it is, in words for a model card.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Cpu => {
                let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
                // Only Linux tells a processor's name to everybody who reads a file.
                let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
                let name = info
                    .lines()
                    .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
                    .map_or(std::env::consts::ARCH, |(_, name)| name.trim());
                format!("{cores} cores of a CPU ({name})")
            }
            Self::Cuda => "an NVIDIA GPU".into(),
            Self::Vulkan => "a GPU through Vulkan".into(),
        }
    }
}
