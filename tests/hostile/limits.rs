//! What no input may do: take more memory or time than it is allowed.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

/// The system's allocator, which counts what is there and ends the process when that is more than is allowed:
/// an allocation cannot fail in any other way that a test would notice.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that are allocated, and how many may be.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static ALLOWED: AtomicUsize = AtomicUsize::new(usize::MAX);
static REPORTING: AtomicBool = AtomicBool::new(false);

// SAFETY: everything is the system allocator's; what is counted besides touches no memory of others.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps to the contract, and it is passed on as it is.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        LIVE.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

fn count(size: usize) {
    let live = LIVE.fetch_add(size, SeqCst).saturating_add(size);
    if live > ALLOWED.load(SeqCst) {
        // Saying so allocates as well.
        ALLOWED.store(usize::MAX, SeqCst);
        end(&format!("{size} bytes are asked for, which makes {live}"));
    }
}

/// The case that runs, if one does.
static CASE: Mutex<Option<Case>> = Mutex::new(None);

struct Case {
    name: String,
    input: Vec<u8>,
    began: Instant,
    time: Duration,
}

/// Runs `case` with `input` and gives what it gives; ends the process if it takes more than `memory` bytes or
/// `time`, or if it panics. The input is saved then, and `name` names it.
pub fn within<T>(
    name: String,
    input: &[u8],
    memory: usize,
    time: Duration,
    case: impl FnOnce(&[u8]) -> T,
) -> T {
    *CASE.lock().unwrap() = Some(Case {
        name,
        input: input.to_vec(),
        began: Instant::now(),
        time,
    });
    ALLOWED.store(LIVE.load(SeqCst) + memory, SeqCst);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(input)));
    ALLOWED.store(usize::MAX, SeqCst);
    match result {
        Ok(result) => {
            *CASE.lock().unwrap() = None;
            result
        }
        Err(_) => end("it panicked"),
    }
}

/// Watches the clock for as long as the process lives.
pub fn watch() {
    std::thread::spawn(|| {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let late = CASE
                .lock()
                .unwrap()
                .as_ref()
                .is_some_and(|case| case.began.elapsed() > case.time);
            if late {
                end("it takes too long");
            }
        }
    });
}

/// Saves the input that runs, says what is wrong with it, and ends the process.
fn end(problem: &str) -> ! {
    ALLOWED.store(usize::MAX, SeqCst);
    if REPORTING.swap(true, SeqCst) {
        // Another thread is at it.
        loop {
            std::thread::park();
        }
    }
    if let Some(case) = CASE.lock().unwrap().take() {
        let folder = folder();
        let path = folder.join(&case.name);
        let saved = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &case.input));
        eprintln!("\nhostile: {}: {problem}", case.name);
        match saved {
            Ok(()) => eprintln!("hostile: try again with ./x fuzz --input {}", path.display()),
            Err(error) => eprintln!("hostile: it could not be saved to {}: {error}", path.display()),
        }
    }
    // Not by a panic, which would try to unwind out of an allocator.
    std::process::abort()
}

/// Where inputs are saved.
fn folder() -> PathBuf {
    std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile")
}
