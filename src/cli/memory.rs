//! How much memory a command may take. What a file or a flag asks for is estimated before it is begun, and
//! refused in words: a process that the system ends for its hunger says nothing.

use crate::pipeline::memory::largest_batch;
use anyhow::{bail, ensure};
use std::fs;

/// What is taken for granted where the system does not say how much memory is left.
const ASSUMED: u64 = 4 << 30;

/// The flag of the commands that may need much.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct MemoryFlag {
    /// Memory to take at most, such as 8G or 500M; what needs more is refused [default: what is left].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    memory: Option<u64>,
}

impl MemoryFlag {
    /// What it says.
    pub fn limit(self) -> Memory {
        Memory { given: self.memory }
    }
}

/// The memory that may be taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory {
    /// For the whole process; without it, as much as is left.
    given: Option<u64>,
}

impl Memory {
    /// What is left.
    pub const LEFT: Self = Self { given: None };

    /// Bytes that may still be taken.
    fn left(self) -> u64 {
        match self.given {
            Some(given) => given.saturating_sub(field("/proc/self/status", "VmRSS:").unwrap_or(0)),
            None => available(),
        }
    }

    /// Makes sure that `what` fits, which takes `bytes`; `instead` says what to do if not.
    pub fn ensure(self, bytes: u64, what: &str, instead: &str) -> anyhow::Result<()> {
        let left = self.left();
        let limit = match self.given {
            Some(given) => format!("{} of the {} of --memory are left", said(left), said(given)),
            None => format!("{} are left (--memory SIZE sets another limit)", said(left)),
        };
        ensure!(
            bytes <= left,
            "{what} takes about {} of memory and {limit}: {instead}",
            said(bytes)
        );
        Ok(())
    }

    /// How many avatars to draw at once, where `n` take `bytes(n)`: as many as are `asked` for, or as fit, at
    /// most `usual`.
    pub fn batch(
        self,
        asked: Option<usize>,
        usual: usize,
        bytes: impl Fn(usize) -> u64,
    ) -> anyhow::Result<usize> {
        let instead = "close other programs, or take a smaller model";
        let fitting = largest_batch(asked.unwrap_or(usual), self.left(), &bytes);
        match (asked, fitting) {
            (Some(asked), Some(fitting)) if fitting < asked => {
                let instead = format!("ask for a --batch-size of {fitting} or less");
                self.ensure(
                    bytes(asked),
                    &format!("drawing {asked} avatars at once"),
                    &instead,
                )?;
                Ok(fitting)
            }
            (_, Some(fitting)) => Ok(fitting),
            (_, None) => {
                self.ensure(bytes(1), "drawing an avatar", instead)?;
                Ok(1)
            }
        }
    }
}

/// A size as people type it: 8G, 500M, 2.5 GiB, or bytes.
fn size(text: &str) -> Result<u64, String> {
    let parse = || -> anyhow::Result<u64> {
        let text = text.trim().to_ascii_lowercase();
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = match unit.trim().trim_end_matches('b').trim_end_matches('i') {
            "" => 1u64,
            "k" => 1 << 10,
            "m" => 1 << 20,
            "g" => 1 << 30,
            "t" => 1 << 40,
            _ => bail!("no unit"),
        };
        let bytes = number.parse::<f64>()? * unit as f64;
        ensure!((1.0..=u64::MAX as f64).contains(&bytes), "no size");
        Ok(bytes as u64)
    };
    parse().map_err(|_| "expected a size such as 8G, 500M or a number of bytes".into())
}

/// A number of bytes for people.
fn said(bytes: u64) -> String {
    match bytes as f64 / f64::from(1 << 30) {
        gib if gib >= 1.0 => format!("{gib:.1} GiB"),
        gib => format!("{:.1} MiB", gib * 1024.0),
    }
}

/// Bytes that the machine, the container and the limits of the process leave.
fn available() -> u64 {
    let machine = field("/proc/meminfo", "MemAvailable:");
    [machine, container(), address_space()]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(ASSUMED)
}

/// What the container, a control group of Linux, leaves.
fn container() -> Option<u64> {
    let number = |path: String| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap_or("/");
    let left = |folder: String, limit: &str, used: &str| {
        let limit = number(format!("{folder}/{limit}"))?;
        let used = number(format!("{folder}/{used}"))?;
        // Files that were read are given up when memory is needed.
        let files = field(&format!("{folder}/memory.stat"), "inactive_file").unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(files)))
    };
    let (root, v1) = ("/sys/fs/cgroup", "/sys/fs/cgroup/memory");
    [
        left(format!("{root}{own}"), "memory.max", "memory.current"),
        left(root.into(), "memory.max", "memory.current"),
        left(v1.into(), "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// What `ulimit -v` leaves.
fn address_space() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(field("/proc/self/status", "VmSize:").unwrap_or(0)))
}

/// The number after `name` in a file of Linux, in bytes.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let mut words = text
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    Some(match words.next() {
        Some("kB") => number.saturating_mul(1024),
        _ => number,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_type_them() {
        for (text, bytes) in [
            ("8G", 8 << 30),
            ("500M", 500 << 20),
            ("2.5 GiB", 5 << 29),
            ("1k", 1024),
            ("123", 123),
            ("64MB", 64 << 20),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1", "8X", "0", "nan", "1e999"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_batch_is_what_fits() {
        let limit = |bytes: u64| Memory {
            // What the test itself takes is not left.
            given: Some(field("/proc/self/status", "VmRSS:").unwrap_or(0) + bytes),
        };
        let each = |n: usize| (n as u64) << 34;
        let room = limit(40 << 30);
        assert_eq!(room.batch(None, 8, each).unwrap(), 2);
        assert_eq!(room.batch(Some(1), 8, each).unwrap(), 1);
        let error = room.batch(Some(4), 8, each).unwrap_err().to_string();
        assert!(
            error.contains("64.0 GiB") && error.contains("a --batch-size of 2 or less"),
            "{error}"
        );
        let error = limit(1 << 30).batch(None, 8, each).unwrap_err().to_string();
        assert!(
            error.contains("drawing an avatar takes about 16.0 GiB"),
            "{error}"
        );
        assert!(available() > 0);
    }
}
