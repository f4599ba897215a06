//! Damage, as an attacker might do it. Ours, and seeded: the same seed does the same damage.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What breaks readers of text.
const PIECES: &[&str] = &[
    "-1",
    "0",
    "1e999",
    "-0",
    "NaN",
    "18446744073709551615",
    "18446744073709551616",
    "9223372036854775808",
    "4294967296",
    "2147483648",
    "0.0000001",
    "null",
    "[]",
    "{}",
    "[[[[",
    "\"\"",
    "\\u0000",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{0}",
    "\u{feff}",
    "../",
    "/dev/zero",
    "%s",
    "\r\n",
    "\t",
    "é",
    "👩🏽‍🎤",
    "<!--",
    "&x;",
    "data:,",
    ",",
    ":",
    "|",
    "=",
];

/// `base` with one to four kinds of damage; `others` are files of the same format, to take parts from.
pub fn mutate(base: &[u8], others: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = base.to_vec();
    for _ in 0..rng.random_range(1..=4) {
        damage(&mut bytes, others, rng);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, others: &[Vec<u8>], rng: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        bytes.push(rng.random());
    }
    let at = place(bytes.len(), rng);
    match rng.random_range(0..12) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
        3 | 4 => extreme(bytes, at, rng),
        5 => bytes.truncate(at),
        6 => {
            let more: Vec<u8> = (0..rng.random_range(1..=64)).map(|_| rng.random()).collect();
            bytes.splice(at..at, more);
        }
        7 => drop(bytes.drain(at..end(bytes.len(), at, rng))),
        8 => {
            let chunk = bytes[at..end(bytes.len(), at, rng)].to_vec();
            let to = place(bytes.len(), rng);
            bytes.splice(to..to, chunk);
        }
        9 => {
            // Two chunks of one length change places.
            let other = place(bytes.len(), rng);
            let (first, second) = (at.min(other), at.max(other));
            let most = (second - first).min(bytes.len() - second).min(256);
            let length = rng.random_range(0..=most);
            let (left, right) = bytes.split_at_mut(second);
            left[first..first + length].swap_with_slice(&mut right[..length]);
        }
        10 => {
            let other = &others[rng.random_range(0..others.len())];
            if !other.is_empty() {
                let from = place(other.len(), rng);
                let chunk = other[from..end(other.len(), from, rng)].to_vec();
                let until = (at + chunk.len()).min(bytes.len());
                bytes.splice(at..until, chunk);
            }
        }
        _ => {
            // Instead of a number, or in between.
            let digits = bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let piece = PIECES[rng.random_range(0..PIECES.len())];
            bytes.splice(at..at + digits, piece.bytes());
        }
    }
}

/// A number of one to eight bytes becomes one that lengths and counts rarely are.
fn extreme(bytes: &mut [u8], at: usize, rng: &mut ChaCha8Rng) {
    let length = bytes.len() as u64;
    let value = match rng.random_range(0..8) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => u64::MAX >> rng.random_range(0..64),
        4 => 1 << rng.random_range(0..64),
        5 => length,
        6 => length.wrapping_add(rng.random_range(0..64)).wrapping_sub(32),
        _ => rng.random(),
    };
    let width = [1, 2, 4, 8][rng.random_range(0..4)].min(bytes.len() - at);
    let little = value.to_le_bytes();
    for (place, byte) in bytes[at..at + width].iter_mut().enumerate() {
        *byte = match value & 1 == 1 && width > 1 {
            // Some formats have the highest byte first.
            true => little[width - 1 - place],
            false => little[place],
        };
    }
}

/// Mostly in the first bytes and the last, where directories are.
fn place(length: usize, rng: &mut ChaCha8Rng) -> usize {
    let near = length.min(1 << rng.random_range(4..14));
    match rng.random_range(0..4) {
        0 => rng.random_range(0..length),
        1 => length - 1 - rng.random_range(0..near),
        _ => rng.random_range(0..near),
    }
}

fn end(length: usize, start: usize, rng: &mut ChaCha8Rng) -> usize {
    let most = 1 << rng.random_range(0..12);
    length.min(start + rng.random_range(1..=most))
}
