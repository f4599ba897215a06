//! What steps on pictures of a megapixel take is what was estimated.

use burn::tensor::{Device, Tensor};
use guise::{
    data::Dataset,
    networks::generators::dcgan::DcganConfig,
    train::{
        StepFigures,
        dcgan::{DcganKind, DcganRecipe, DcganSettings, DcganState},
    },
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};
use tempfile::TempDir;

/// The system's allocator, which counts what is there and what there ever was at most.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static LIVE: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is the system allocator's; what is counted besides touches no memory of others.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size() as u64, Relaxed) + layout.size() as u64;
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller keeps to the contract, and it is passed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Settings for two pictures of 1024 x 1024 pixels in a step, in turns of `turn_steps`.
fn settings(dir: &Path, turn_steps: usize) -> DcganSettings {
    fs::write(dir.join("dataset.json"), r#"{"labels": null}"#).unwrap();
    let picture = image::RgbImage::new(1024, 1024);
    picture.save(dir.join("img00000000.png")).unwrap();
    let recipe = DcganRecipe {
        batch_size: Some(2),
        turn_steps: Some(turn_steps),
        ..DcganRecipe::default()
    };
    let dataset = Dataset::open(dir).unwrap();
    let mut settings = DcganSettings::new(DcganKind::Megapixel, &dataset, dir, recipe);
    settings.network = DcganConfig {
        ngf: 4,
        ndf: 4,
        ..settings.network
    };
    settings.network.layers.channel_max = 64;
    settings
}

#[test]
fn a_step_takes_what_was_estimated() {
    let dir = TempDir::new().unwrap();
    let device = Device::flex();
    for (steps, turn_steps) in [(1, 0), (2, 1)] {
        let settings = settings(dir.path(), turn_steps);
        let before = LIVE.load(Relaxed);
        PEAK.store(before, Relaxed);
        let mut state = DcganState::init(&settings, &device);
        for step in 0..steps {
            let real = Tensor::ones([2, 3, 1024, 1024], &device) * 0.5;
            let stats;
            (state, stats) = state.advance(&settings, step, real);
            assert!(stats.is_finite(), "{stats:?}");
        }
        let (peak, estimate) = (PEAK.load(Relaxed) - before, settings.step_bytes());
        println!("turns of {turn_steps}: {peak} bytes, {estimate} estimated");
        assert!(peak <= estimate, "{peak} bytes, {estimate} estimated");
        assert!(peak > estimate / 3, "{peak} bytes, and {estimate} estimated");
    }
}
