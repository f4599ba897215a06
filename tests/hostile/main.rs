//! Damaged files of every format that is read: whatever they hold, there is an answer or an error in a
//! moment, in little memory, and in words that are safe to print.
//!
//! `cargo test` does it for half a minute with the same seed every time; `./x fuzz` for as long as one likes.

mod archives;
mod formats;
mod limits;
mod mutate;

use formats::{Format, formats};
use rand::{SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

/// So many cases of a format in turn, before the next one's.
const IN_TURN: u64 = 20;

/// A setting that `./x fuzz` makes.
fn setting(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is {text:?}, expected a number")),
        Err(_) => usual,
    }
}

#[test]
fn no_file_does_harm() {
    limits::watch();
    archives::check();
    let mut formats = formats();
    for format in &mut formats {
        for (number, base) in format.bases.clone().iter().enumerate() {
            let accepted = run(format, format!("{}-base-{number}", format.name), base);
            assert!(accepted, "{}: base {number} is refused undamaged", format.name);
        }
    }
    if let Ok(path) = std::env::var("GUISE_FUZZ_INPUT") {
        return again(&mut formats, &path);
    }
    let seed = setting("GUISE_FUZZ_SEED", 1);
    let time = Duration::from_secs(setting("GUISE_FUZZ_SECONDS", 25));
    println!(
        "hostile: seed {seed}, {} s, {} formats",
        time.as_secs(),
        formats.len()
    );
    let began = Instant::now();
    let mut counts = vec![[0u64; 2]; formats.len()];
    for first in (0..).step_by(IN_TURN as usize) {
        if began.elapsed() > time {
            break;
        }
        for (index, format) in formats.iter_mut().enumerate() {
            for case in first..first + IN_TURN.div_ceil(format.slowness) {
                // Each case has random numbers of its own, so that it can be done alone.
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                rng.set_stream((index as u64) << 48 | case);
                let base = format.bases.choose(&mut rng).expect("a format has a base");
                let input = mutate::mutate(base, &format.bases, &mut rng);
                let accepted = run(format, format!("{}-{seed}-{case}", format.name), &input);
                counts[index][usize::from(accepted)] += 1;
            }
        }
    }
    for (format, [refused, accepted]) in formats.iter().zip(counts) {
        println!(
            "hostile: {:<20} {refused:>8} refused {accepted:>8} accepted",
            format.name
        );
        assert!(refused + accepted > 0, "{} had no turn", format.name);
    }
}

/// Whether a file of the format is accepted.
fn run(format: &mut Format, name: String, input: &[u8]) -> bool {
    let memory = format.memory + 40 * input.len();
    let result = limits::within(name, input, memory, format.time, |input| {
        let result = (format.read)(input);
        if let Err(error) = &result {
            let safe = guise::weights::printable(error);
            assert!(safe == *error, "this is not safe to print: {safe}");
            assert!(error.len() < 8000, "this is too long: {safe}");
        }
        result
    });
    result.is_ok()
}

/// Reads a file again that an earlier run saved.
fn again(formats: &mut [Format], path: &str) {
    let input = std::fs::read(path).unwrap();
    let name = std::path::Path::new(path).file_name().unwrap().to_str().unwrap();
    let format = formats
        .iter_mut()
        .find(|format| name.starts_with(&format!("{}-", format.name)));
    let format = format.unwrap_or_else(|| panic!("{name} begins with no format's name"));
    let result = run(format, name.to_owned(), &input);
    println!(
        "hostile: {name} is {}",
        if result { "accepted" } else { "refused" }
    );
}
