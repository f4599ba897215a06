//! The one progress bar that every command shows.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` units named `unit` (plural), with rate and time left, on standard error.
pub(super) fn bar(total: u64, unit: &str) -> ProgressBar {
    let template = format!("{{wide_bar}} {{human_pos}}/{{human_len}} {unit} {{per_sec}} ETA {{eta}} {{msg}}");
    ProgressBar::new(total)
        .with_style(ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
