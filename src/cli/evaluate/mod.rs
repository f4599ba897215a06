//! `guise evaluate`.

mod panel;
pub(super) mod pictures;
mod prompts;

use super::files::write_whole;
use anyhow::Context;
use std::path::Path;

/// Measure how good a published model is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Pictures(pictures::Args),
    Prompts(prompts::Args),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Pictures(args) => pictures::run(args),
        What::Prompts(args) => prompts::run(args),
    }
}

/// Writes what was measured, as JSON, and says where.
fn write_figures(path: &Path, figures: &serde_json::Value) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec_pretty(figures)?;
    text.push(b'\n');
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    }
    write_whole(path, &text)?;
    println!("written to {}", path.display());
    Ok(())
}
