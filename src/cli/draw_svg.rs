//! `guise draw-svg`, which `guise prepare` starts.

use crate::data::draw_for_parent;
use std::process::ExitCode;

/// Draw the SVGs that another `guise` sends on standard input. People have no use for it.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Args {}

pub(super) fn run(Args {}: Args) -> ExitCode {
    draw_for_parent()
}
