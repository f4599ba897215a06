//! `guise evaluate`.

mod panel;
mod prompts;

/// Measure how good a published model is.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Prompts(prompts::Args),
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Prompts(args) => prompts::run(args),
    }
}
