//! `guise doctor`.

use super::{
    bundle,
    device::{DeviceChoice, processor_name},
    trust::{self, Purpose},
};
use crate::{
    ops::Isa,
    train::{Parity, Rehearsal},
    weights::bundle::load_part,
};
use anyhow::{Context, bail};
use burn::tensor::Device;
use serde::Serialize;
use std::path::{Path, PathBuf};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// Say what this machine has, and whether it draws and trains rightly.
///
/// Every device and instruction set draws a published model's reference pictures, takes its guided step, and
/// takes a training step of a small network; all of it is compared with plain Rust. The exit code is 0 only
/// if the device that commands use by default is right.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The published model to check with [default: models/pixel-art, here or beside the program].
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Check this device alone; the exit code is then its.
    #[arg(long, value_enum)]
    device: Option<DeviceChoice>,
    /// Print JSON instead of words.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Report {
    version: &'static str,
    processor: String,
    cores: usize,
    /// Those that the kernels can use here, the best first.
    instruction_sets: Vec<&'static str>,
    memory_bytes: u64,
    available_memory_bytes: u64,
    gpus: Vec<Gpu>,
    model: Option<PathBuf>,
    devices: Vec<Checked>,
}

/// A graphics adapter that the system offers.
#[derive(Debug, Serialize)]
struct Gpu {
    name: String,
    kind: String,
    driver: String,
    api: String,
}

/// A device, with what was computed on it.
#[derive(Debug, Serialize)]
struct Checked {
    device: &'static str,
    /// For the processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    instruction_set: Option<&'static str>,
    /// Whether commands use it unless they are told otherwise.
    default: bool,
    right: bool,
    /// Why it cannot be used at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    unusable: Option<String>,
    /// How the model's references come out: nothing where there is no model.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training_step: Option<Step>,
}

/// How a training step compares with the same in plain Rust.
#[derive(Debug, Serialize)]
struct Step {
    right: bool,
    losses: f64,
    weights: f64,
    updates: f64,
}

/// What a check comes to where nothing deviates.
const RIGHT: &str = "right";

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let model = match args.model {
        Some(model) => Some(model),
        None => bundled_model(),
    };
    let default = Isa::current();
    let plain = trust::in_plain_rust(|| Rehearsal::run(&Device::flex()))?;
    let mut devices = vec![];
    let choices = args
        .device
        .map_or_else(DeviceChoice::built, |choice| vec![choice]);
    for choice in choices {
        if choice == DeviceChoice::Cpu {
            for isa in Isa::available() {
                isa.choose();
                let is_default = isa == default && args.device.is_none_or(|it| it == choice);
                devices.push(Checked {
                    instruction_set: Some(isa.name()),
                    default: is_default,
                    ..check(choice, model.as_deref(), &plain)?
                });
            }
            default.choose();
        } else {
            devices.push(Checked {
                default: args.device == Some(choice),
                ..check(choice, model.as_deref(), &plain)?
            });
        }
    }
    let memory = System::new_with_specifics(
        RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()),
    );
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        processor: processor_name(),
        cores: std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        instruction_sets: Isa::available().into_iter().map(Isa::name).collect(),
        memory_bytes: memory.total_memory(),
        available_memory_bytes: memory.available_memory(),
        gpus: gpus(),
        model,
        devices,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    match report
        .devices
        .iter()
        .find(|device| device.default && !device.right)
    {
        Some(device) => bail!("{} does not compute rightly on this machine", device.name()),
        None => Ok(()),
    }
}

/// The model of this repository, where it can be found.
fn bundled_model() -> Option<PathBuf> {
    let program = std::env::current_exe().ok();
    let beside = program
        .iter()
        .flat_map(|program| program.ancestors().skip(1).take(3));
    let folders = [Path::new("")].into_iter().chain(beside);
    let mut models = folders.map(|folder| folder.join("models/pixel-art"));
    models.find(|model| model.join("model.json").is_file())
}

/// Opens a device and has it draw the references and take the training step.
fn check(choice: DeviceChoice, model: Option<&Path>, plain: &Rehearsal) -> anyhow::Result<Checked> {
    let mut checked = Checked {
        device: choice.name(),
        instruction_set: None,
        default: false,
        right: false,
        unusable: None,
        model: None,
        training_step: None,
    };
    let device = match choice.open() {
        Ok(device) => device,
        Err(error) => {
            checked.unusable = Some(format!("{error:#}"));
            return Ok(checked);
        }
    };
    checked.right = true;
    if let Some(dir) = model {
        let found = check_model(dir, &device)?;
        checked.right &= found == RIGHT || found == NOTHING_TO_COMPARE;
        checked.model = Some(found);
    }
    let parity = Rehearsal::run(&device)?.parity(plain);
    checked.right &= parity.holds();
    checked.training_step = Some(Step {
        right: parity.holds(),
        losses: parity.losses,
        weights: parity.weights,
        updates: parity.updates,
    });
    Ok(checked)
}

const NOTHING_TO_COMPARE: &str = "it keeps no references: `guise publish --refresh` adds them";

fn check_model(dir: &Path, device: &Device) -> anyhow::Result<String> {
    let manifest = bundle::manifest(dir)?;
    if manifest.self_check.is_none() {
        return Ok(NOTHING_TO_COMPARE.into());
    }
    let part = &manifest.parts.generator;
    let generator = load_part(part, &bundle::read(dir, &part.file)?, device)
        .with_context(|| format!("cannot use {}", dir.display()))?;
    let checked = trust::check_now(dir, &manifest, Purpose::Guide, &generator, device)?;
    Ok(checked.map_or_else(|deviation| deviation.to_string(), |()| RIGHT.into()))
}

#[cfg(feature = "webgpu")]
fn gpus() -> Vec<Gpu> {
    use burn::tensor::wgpu::wgpu::{Backends, Instance};
    let adapters = futures::executor::block_on(Instance::default().enumerate_adapters(Backends::all()));
    let describe = |adapter: burn::tensor::wgpu::wgpu::Adapter| {
        let info = adapter.get_info();
        Gpu {
            name: info.name,
            kind: format!("{:?}", info.device_type),
            driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
            api: format!("{:?}", info.backend),
        }
    };
    adapters.into_iter().map(describe).collect()
}

#[cfg(not(feature = "webgpu"))]
fn gpus() -> Vec<Gpu> {
    vec![]
}

impl Checked {
    fn name(&self) -> String {
        match self.instruction_set {
            Some(isa) => format!("{} ({isa})", self.device),
            None => self.device.into(),
        }
    }
}

impl Report {
    fn print(&self) {
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        println!("guise {}", self.version);
        println!("processor: {}, {} cores", self.processor, self.cores);
        println!("instruction sets: {}", self.instruction_sets.join(", "));
        println!(
            "memory: {:.1} GiB, {:.1} GiB of it available",
            gib(self.memory_bytes),
            gib(self.available_memory_bytes)
        );
        for Gpu {
            name,
            kind,
            driver,
            api,
        } in &self.gpus
        {
            println!("GPU: {name} ({kind}), {api}, {driver}");
        }
        if self.gpus.is_empty() {
            println!("GPU: none found");
        }
        match &self.model {
            Some(model) => println!("model: {}", model.display()),
            None => println!("model: none found, name one with --model"),
        }
        for device in &self.devices {
            let verdict = match (device.right, &device.unusable) {
                (true, _) => "right".into(),
                (false, Some(why)) => format!("cannot be used: {why}"),
                (false, None) => "WRONG".into(),
            };
            let default = if device.default { ", the default" } else { "" };
            println!("\n{}{default}: {verdict}", device.name());
            if let Some(model) = &device.model {
                println!("  the model's pictures and guided step: {model}");
            }
            if let Some(step) = &device.training_step {
                println!(
                    "  a training step: {}; losses differ by {:.1e} (at most {:.0e}), weights by {:.1e} (at most {:.0e}), \
                     their changes by {:.1e} (at most {:.0e})",
                    if step.right { "right" } else { "WRONG" },
                    step.losses,
                    Parity::TOLERANCE,
                    step.weights,
                    Parity::TOLERANCE,
                    step.updates,
                    Parity::UPDATE_TOLERANCE
                );
            }
        }
    }
}
