//! When to ask: no host more often than it likes, and not at once after a failure.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::failure::Failure;
use super::lock;

/// More hosts than this are not remembered when they have nothing to wait for.
const MAX_HOSTS: usize = 1024;
/// The first pause after a failure, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// While it waits, it looks this often whether the user wants to stop.
const STOP_TIME: Duration = Duration::from_millis(50);

/// The next time at which each host may be asked.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time from one request to the next, for hosts in general and for some.
    gap: Duration,
    gaps: Mutex<HashMap<String, Duration>>,
    next: Mutex<HashMap<String, Instant>>,
    first_pause: Duration,
    stop: Arc<AtomicBool>,
}

impl Pace {
    /// At most `per_second` requests to a host. `is_hasty` leaves out most of the pause after a failure;
    /// nothing is waited for once `stop` is set.
    pub fn new(per_second: f64, is_hasty: bool, stop: Arc<AtomicBool>) -> Self {
        Self {
            gap: Duration::from_secs_f64(1.0 / per_second),
            gaps: Mutex::default(),
            next: Mutex::default(),
            first_pause: if is_hasty { FIRST_PAUSE / 50 } else { FIRST_PAUSE },
            stop,
        }
    }

    /// At most `per_second` requests to this host, if that is less than to others.
    pub fn slow(&self, host: &str, per_second: f64) {
        let gap = Duration::from_secs_f64(1.0 / per_second).max(self.gap);
        lock(&self.gaps).insert(host.into(), gap);
    }

    /// Waits until it is our turn to ask `host`.
    pub fn turn(&self, host: &str) -> Result<(), Failure> {
        let now = Instant::now();
        let gap = lock(&self.gaps).get(host).copied().unwrap_or(self.gap);
        let at = {
            let mut next = lock(&self.next);
            if next.len() > MAX_HOSTS {
                next.retain(|_, at| *at > now);
            }
            let slot = next.entry(host.into()).or_insert(now);
            let at = (*slot).max(now);
            *slot = at + gap;
            at
        };
        self.wait_until(at)
    }

    /// How long a request to `host` would have to wait.
    pub fn delay(&self, host: &str) -> Duration {
        let at = lock(&self.next).get(host).copied();
        at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// `host` is not asked for this time, as it wishes.
    pub fn hold(&self, host: &str, time: Duration) {
        let until = Instant::now() + time;
        let mut next = lock(&self.next);
        let slot = next.entry(host.into()).or_insert(until);
        *slot = (*slot).max(until);
    }

    /// Waits before the attempt after `attempts` ones that failed: twice as long each time, and a random part
    /// of that, so that many who failed together do not come back together.
    pub fn back_off(&self, attempts: u32) -> Result<(), Failure> {
        let longest = (self.first_pause * 2u32.saturating_pow(attempts.min(16))).min(LONGEST_PAUSE);
        self.wait_until(Instant::now() + longest.mul_f64(rand::random_range(0.5..=1.0)))
    }

    /// # Errors
    /// When the user wants to stop.
    pub fn go_on(&self) -> Result<(), Failure> {
        match self.stop.load(Ordering::Relaxed) {
            true => Err(Failure::stopped()),
            false => Ok(()),
        }
    }

    fn wait_until(&self, at: Instant) -> Result<(), Failure> {
        loop {
            self.go_on()?;
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(STOP_TIME));
        }
    }
}

/// What `Retry-After` asks for: seconds, or a date.
pub(super) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_servers_ask_for() {
        let now = httpdate::parse_http_date("Fri, 27 Nov 2026 22:00:00 GMT").unwrap();
        for (value, seconds) in [
            ("3", Some(3)),
            (" 120 ", Some(120)),
            ("Fri, 27 Nov 2026 22:00:30 GMT", Some(30)),
            ("Fri, 27 Nov 2026 21:00:30 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(value, now),
                seconds.map(Duration::from_secs),
                "{value}"
            );
        }
    }

    #[test]
    fn hosts_are_asked_one_after_the_other() {
        let stop = Arc::new(AtomicBool::new(false));
        let pace = Pace::new(100.0, true, stop.clone());
        let start = Instant::now();
        for _ in 0..6 {
            pace.turn("a").unwrap();
        }
        assert!(
            start.elapsed() >= Duration::from_millis(50),
            "{:?}",
            start.elapsed()
        );
        pace.turn("b").unwrap();
        pace.hold("b", Duration::from_millis(60));
        assert!(pace.delay("b") > Duration::from_millis(40) && pace.delay("c").is_zero());
        let start = Instant::now();
        pace.turn("b").unwrap();
        assert!(
            start.elapsed() >= Duration::from_millis(40),
            "{:?}",
            start.elapsed()
        );
        stop.store(true, Ordering::Relaxed);
        pace.hold("b", Duration::from_secs(60));
        assert!(pace.turn("b").is_err() && pace.back_off(10).is_err());
    }
}
