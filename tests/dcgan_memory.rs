//! What training on pictures of a megapixel takes is what was estimated: steps, samples, checkpoints.

use burn::tensor::Device;
use guise::{
    data::Dataset,
    networks::generators::dcgan::DcganConfig,
    train::{
        Ended,
        dcgan::{DcganKind, DcganRecipe, DcganRun, DcganSettings, DcganTrainer},
    },
};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
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

/// Four pictures of 1024 x 1024 pixels, in the dataset layout.
fn dataset(dir: &Path) -> Dataset {
    fs::write(dir.join("dataset.json"), r#"{"labels": null}"#).unwrap();
    for i in 0..4 {
        let picture = image::RgbImage::from_fn(1024, 1024, |x, y| match (x / 100 + y / 90) % 4 {
            0 => image::Rgb([200, 30 * i, 0]),
            _ => image::Rgb([0, 90, 10 * i]),
        });
        picture.save(dir.join(format!("img{i:08}.png"))).unwrap();
    }
    Dataset::open(dir).unwrap()
}

/// The most that was allocated in the training of so many steps of four pictures, in turns of `turn_steps`,
/// and what was estimated.
fn train(dir: &Path, steps: usize, turn_steps: usize) -> [u64; 2] {
    let data = dir.join("data");
    let dataset = Dataset::open(&data).unwrap();
    let recipe = DcganRecipe {
        batch_size: Some(4),
        turn_steps: Some(turn_steps),
        total_kimg: steps as f64 * 0.004,
        ..DcganRecipe::default()
    };
    let mut settings = DcganSettings::new(DcganKind::Megapixel, &dataset, &data, recipe);
    settings.network = DcganConfig {
        ngf: 4,
        ndf: 4,
        ..settings.network
    };
    settings.network.layers.channel_max = 64;
    let estimate = settings.step_bytes();
    let run = DcganRun::create(&dir.join("runs"), settings).unwrap();
    PEAK.store(LIVE.load(Relaxed), Relaxed);
    let before = LIVE.load(Relaxed);
    let trainer = DcganTrainer::open(run, dataset, &Device::flex()).unwrap();
    let ended = trainer.train(&AtomicBool::new(false), |_| {}).unwrap();
    assert_eq!(ended, Ended::Finished);
    [PEAK.load(Relaxed) - before, estimate]
}

#[test]
fn a_megapixel_takes_what_was_estimated() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    assert_eq!(dataset(&data).resolution(), 1024);
    for (steps, turn_steps) in [(2, 0), (2, 1)] {
        let [peak, estimate] = train(dir.path(), steps, turn_steps);
        println!("turns of {turn_steps}: {peak} bytes, {estimate} estimated");
        assert!(peak <= estimate, "{peak} bytes, {estimate} estimated");
        assert!(peak > estimate / 3, "{peak} bytes, and {estimate} estimated");
    }
}
