//! Whether a device is trusted with a model: it must draw the bundle's references before it draws anything
//! else.
//!
//! What deviates is passed over for the next best: a GPU for the processor, an instruction set for a simpler
//! one. A device that passed with a model is remembered for this machine, so that later commands do not pay
//! for it.

use super::{bundle, device::processor_name};
use crate::{
    networks::generators::{Generate, Generator},
    ops::Isa,
    pipeline::{
        self,
        self_check::{self, Deviation},
    },
    train::Rehearsal,
    weights::{Manifest, bundle::load_part},
};
use anyhow::{anyhow, bail};
use burn::{backend::DispatchDevice, tensor::Device};
use futures::executor::block_on;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// What a model is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To draw.
    Draw,
    /// To refine avatars as well, which takes gradients.
    Guide,
}

/// The generator of the bundle in `dir` on a device that computes what it should, `wish` if possible. `load`
/// gives it for a device.
///
/// # Errors
///
/// What `load` gives, and a sentence when everything on this machine deviates.
pub(super) fn settle(
    dir: &Path,
    manifest: &Manifest,
    purpose: Purpose,
    wish: &Device,
    load: impl Fn(&Device) -> anyhow::Result<Generator>,
) -> anyhow::Result<(Generator, Device)> {
    if manifest.self_check.is_none() {
        return settle_by_itself(dir, manifest.truncation_psi, wish, load);
    }
    settle_by(dir, wish, load, |generator, device| {
        check(dir, manifest, purpose, generator, device)
    })
}

/// As [`settle`], for what keeps no references, a run or an older bundle: plain Rust draws them here and now.
pub(super) fn settle_by_itself(
    dir: &Path,
    truncation_psi: f32,
    wish: &Device,
    load: impl Fn(&Device) -> anyhow::Result<Generator>,
) -> anyhow::Result<(Generator, Device)> {
    let device = Device::flex();
    let opened = load(wish)?;
    if opened.resolution() > SMALL {
        return Ok((opened, wish.clone()));
    }
    let references = in_plain_rust(|| {
        let generator = load(&device)?;
        let references = self_check::draw_references(&generator, truncation_psi, &device);
        anyhow::Ok(block_on(references)?)
    })?;
    settle_by(dir, wish, load, |generator, device| {
        let checked = self_check::check_pictures(generator, truncation_psi, &references, device);
        Ok(block_on(checked)?)
    })
}

/// The side in pixels up to which plain Rust draws references: it would take half a minute and gigabytes for
/// larger ones.
const SMALL: usize = 256;

/// What `compute` comes to without any special instructions.
pub(super) fn in_plain_rust<T>(compute: impl FnOnce() -> T) -> T {
    let asked = Isa::current();
    Isa::Plain.choose();
    let result = compute();
    asked.choose();
    result
}

fn settle_by(
    dir: &Path,
    wish: &Device,
    load: impl Fn(&Device) -> anyhow::Result<Generator>,
    check: impl Fn(&Generator, &Device) -> anyhow::Result<Result<(), Deviation>>,
) -> anyhow::Result<(Generator, Device)> {
    let mut device = wish.clone();
    loop {
        let generator = load(&device)?;
        let (deviation, no_numbers) = match check(&generator, &device) {
            Ok(Ok(())) => return Ok((generator, device)),
            Ok(Err(deviation)) => (deviation.to_string(), None),
            // Where it is the weights that are to blame, no device is left in the end.
            Err(error) if error.is::<pipeline::Error>() => (error.to_string(), Some(error)),
            Err(error) => return Err(error),
        };
        let found = describe(&device);
        let Some(next) = next_best(&device) else {
            return Err(no_numbers.unwrap_or_else(|| {
                anyhow!(
                    "{} cannot be drawn rightly on this machine ({deviation}): publish it again, or report this with \
                     what `guise doctor` prints",
                    dir.display()
                )
            }));
        };
        eprintln!(
            "note: {found} does not compute {} rightly here ({deviation}): {} is used instead",
            dir.display(),
            describe(&next)
        );
        device = next;
    }
}

/// What comes after a device that deviates; instruction sets are chosen for the whole process.
pub(super) fn next_best(device: &Device) -> Option<Device> {
    if is_gpu(device) {
        return Some(Device::flex());
    }
    self_check::simpler_processor().map(|_| Device::flex())
}

pub(super) fn is_gpu(device: &Device) -> bool {
    !matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

/// A device in a few words.
pub(super) fn describe(device: &Device) -> String {
    match is_gpu(device) {
        true => "the GPU".into(),
        false => format!("the processor with {}", Isa::current().name()),
    }
}

/// How the device deviates from what the bundle in `dir` keeps, if it keeps anything and the device has not
/// passed before.
fn check(
    dir: &Path,
    manifest: &Manifest,
    purpose: Purpose,
    generator: &Generator,
    device: &Device,
) -> anyhow::Result<Result<(), Deviation>> {
    let seen = marker(manifest, purpose, device);
    if seen.as_ref().is_some_and(|path| path.exists()) {
        return Ok(Ok(()));
    }
    let checked = check_now(dir, manifest, purpose, generator, device)?;
    if checked.is_ok() {
        remember(seen);
    }
    Ok(checked)
}

/// As [`check`], whatever is remembered.
pub(super) fn check_now(
    dir: &Path,
    manifest: &Manifest,
    purpose: Purpose,
    generator: &Generator,
    device: &Device,
) -> anyhow::Result<Result<(), Deviation>> {
    let Some(it) = &manifest.self_check else {
        return Ok(Ok(()));
    };
    let psi = manifest.truncation_psi;
    let references = bundle::references(dir, manifest, it)?;
    let pictures = block_on(self_check::check_pictures(generator, psi, &references, device))?;
    let (Ok(()), Purpose::Guide, Some(step), Some(tower)) =
        (&pictures, purpose, &it.guided, &manifest.parts.image_tower)
    else {
        return Ok(pictures);
    };
    let tower = load_part(tower, &bundle::read(dir, &tower.file)?, device)?;
    Ok(block_on(self_check::check_step(
        generator,
        &tower,
        psi,
        &references,
        step,
        device,
    ))?)
}

/// The file whose presence says that `device` passed with this model and this program.
fn marker(manifest: &Manifest, purpose: Purpose, device: &Device) -> Option<PathBuf> {
    let it = manifest.self_check.as_ref()?;
    remembered(&format!(
        "{} {} {} {purpose:?} {device:?}",
        manifest.parts.generator.file.sha256, it.pictures.sha256, manifest.truncation_psi
    ))
}

/// Makes sure, before hours of training, that `device` trains as plain Rust does. Of the processor, an
/// instruction set that does not is passed over.
///
/// # Errors
///
/// A sentence when a GPU trains otherwise: the processor would take days for what was asked of it.
pub(super) fn check_training(device: &Device) -> anyhow::Result<()> {
    let seen = remembered(&format!("training {device:?}"));
    if seen.as_ref().is_some_and(|path| path.exists()) {
        return Ok(());
    }
    let plain = in_plain_rust(|| Rehearsal::run(&Device::flex()))?;
    loop {
        let parity = Rehearsal::run(device)?.parity(&plain);
        if parity.holds() {
            remember(seen);
            return Ok(());
        }
        let found = describe(device);
        let instead = (!is_gpu(device)).then(self_check::simpler_processor).flatten();
        let Some(next) = instead else {
            bail!(
                "{found} does not train rightly here ({parity:?}): update its driver, or use --device cpu; \
                 `guise doctor` says more"
            );
        };
        eprintln!("note: {found} does not train rightly here ({parity:?}): {next} is used instead");
    }
}

/// The file whose presence says that `what` was found right on this machine, by this program.
fn remembered(what: &str) -> Option<PathBuf> {
    let program = std::env::current_exe().and_then(|path| path.metadata()).ok();
    let built = program.and_then(|file| file.modified().ok());
    let version = env!("CARGO_PKG_VERSION");
    let what = format!(
        "{what} {version} {built:?} {} {}",
        Isa::current().name(),
        processor_name()
    );
    let name: String = Sha256::digest(what)
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(dirs::cache_dir()?.join("guise/trusted").join(name))
}

fn remember(seen: Option<PathBuf>) {
    if let Some(path) = seen {
        // Without a folder to remember it in, it is checked again next time.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = std::fs::write(path, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::memory::Memory;
    use crate::pipeline::self_check::{SEEDS, check_pictures, draw_references};
    use std::process::Command;

    /// In a process of its own, as what is broken there is broken for all tests.
    #[test]
    fn a_broken_kernel_is_passed_over() {
        const CHILD: &str = "GUISE_TEST_BROKEN_KERNEL";
        if std::env::var_os(CHILD).is_none() {
            let cache = tempfile::tempdir().unwrap();
            let child = Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "cli::trust::tests::a_broken_kernel_is_passed_over",
                    "--nocapture",
                ])
                .env(CHILD, "1")
                .env("XDG_CACHE_HOME", cache.path())
                .output()
                .unwrap();
            let said = String::from_utf8(child.stderr).unwrap();
            assert!(child.status.success(), "{said}");
            for note in [
                "bundle-tiny rightly here (avatar",
                "note: the processor with broken does not train rightly here",
            ] {
                assert_eq!(said.matches(note).count(), 1, "{said}");
            }
            return;
        }
        Isa::break_the_best();
        let device = Device::flex();
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundle-tiny");
        let manifest = bundle::manifest(&dir).unwrap();
        let references = bundle::references(&dir, &manifest, manifest.self_check.as_ref().unwrap()).unwrap();

        assert_eq!(Isa::current(), Isa::Broken);
        let open = bundle::open(&dir, Purpose::Guide, &device, Memory::LEFT).unwrap();
        assert_eq!(Isa::current(), Isa::available()[1]);
        let psi = manifest.truncation_psi;
        let checked = block_on(check_pictures(&open.generator, psi, &references, &device)).unwrap();
        assert_eq!(checked, Ok(()));
        // What passed is remembered, and what did not is not.
        bundle::open(&dir, Purpose::Guide, &device, Memory::LEFT).unwrap();
        let folder = dirs::cache_dir().unwrap().join("guise/trusted");
        assert_eq!(folder.read_dir().unwrap().count(), 1);

        Isa::Broken.choose();
        let wrong = block_on(draw_references(&open.generator, psi, &device)).unwrap();
        assert_eq!(wrong.width(), SEEDS.len() as u32 * wrong.height());
        assert_ne!(wrong, references);
        check_training(&device).unwrap();
        assert_eq!(Isa::current(), Isa::available()[1]);
    }
}
