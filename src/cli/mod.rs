//! The command line: one file per subcommand, flags resolved once into the library's settings.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

mod bundle;
mod device;
mod draw_svg;
mod evaluate;
mod files;
mod generate;
mod import;
mod prepare;
mod progress;
mod publish;
mod seeds;
mod sheet;
mod stop;
mod train;
mod train_clip;
mod upscale;
mod words;

/// Train a generator on your own avatar collection and publish it as a folder of static files.
#[derive(Debug, Parser)]
#[command(name = "guise", version, propagate_version = true, args_override_self = true)]
struct Guise {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Prepare(prepare::Args),
    // Boxed because it is much larger than the others.
    Train(Box<train::Args>),
    Generate(Box<generate::Args>),
    Evaluate(evaluate::Args),
    Upscale(upscale::Args),
    Import(import::Args),
    Publish(publish::Args),
    DrawSvg(draw_svg::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let command = Guise::parse().command;
    // It listens to what its renderer logs, and only one can.
    if let Command::DrawSvg(args) = command {
        return draw_svg::run(args);
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GUISE_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let result = match command {
        Command::Prepare(args) => prepare::run(args),
        Command::Train(args) => train::run(*args),
        Command::Generate(args) => generate::run(*args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Upscale(args) => upscale::run(args),
        Command::Import(args) => import::run(args),
        Command::Publish(args) => publish::run(args),
        Command::DrawSvg(args) => return draw_svg::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
