//! The command line: one file per subcommand, flags resolved once into the library's settings.

// First, because its macros are there for the modules below it.
#[macro_use]
mod print;

mod bundle;
mod collect;
mod compare_sr;
mod device;
mod doctor;
mod draw_svg;
mod drawing;
mod evaluate;
mod explore;
mod files;
mod folder;
mod generate;
mod import;
mod latents;
mod likeness;
mod memory;
mod model;
mod plot;
mod prepare;
mod progress;
mod project;
mod publish;
mod seeds;
mod serve;
mod sheet;
mod site;
mod snapshot;
mod stop;
mod train;
mod traits;
mod trust;
mod upscale;
mod upscaler;
mod vqgan;
mod words;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::{ffi::OsString, io::IsTerminal, process::ExitCode};

/// Train a generator on your own avatar collection and publish it as a folder of static files.
#[derive(Debug, Parser)]
#[command(name = "guise", version, propagate_version = true, args_override_self = true)]
struct Guise {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    // Boxed because it is larger than most.
    Collect(Box<collect::Args>),
    Prepare(prepare::Args),
    // Boxed because it is much larger than the others.
    Train(Box<train::Args>),
    Generate(Box<generate::Args>),
    Evaluate(evaluate::Args),
    Explore(explore::Args),
    Project(project::Args),
    Plot(plot::Args),
    Upscale(upscale::Args),
    CompareSr(compare_sr::Args),
    Import(import::Args),
    Publish(publish::Args),
    Site(site::Args),
    Serve(serve::Args),
    Doctor(doctor::Args),
    DrawSvg(draw_svg::Args),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    run(std::env::args_os().collect()).unwrap_or_else(|error| {
        eprintln!("error: {}", in_words(&error));
        ExitCode::FAILURE
    })
}

/// An error with its causes, each said once: some errors of ours name their cause themselves.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.ends_with(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

fn run(args: Vec<OsString>) -> anyhow::Result<ExitCode> {
    let matches = Guise::command().get_matches_from(train::with_kind(args)?);
    let parsed = Guise::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // It listens to what its renderer logs, and only one can.
    if let Command::DrawSvg(args) = parsed.command {
        return Ok(draw_svg::run(args));
    }
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GUISE_LOG").unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        // Colors in a file or a pipe are noise.
        .with_ansi(
            std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty()),
        )
        .init();
    device::obey_environment()?;
    match parsed.command {
        // Some of it may be missing, which scripts want to know.
        Command::Collect(args) => return collect::run(*args),
        Command::Upscale(args) => return upscale::run(args),
        Command::Prepare(args) => prepare::run(args),
        Command::Train(args) => train::run(*args, &matches),
        Command::Generate(args) => generate::run(*args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Explore(args) => explore::run(args),
        Command::Project(args) => project::run(args),
        Command::Plot(args) => plot::run(args),
        Command::CompareSr(args) => compare_sr::run(args),
        Command::Import(args) => import::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Site(args) => site::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Doctor(args) => doctor::run(args),
        // It answers its parent in a form of its own, and errors are a part of that.
        Command::DrawSvg(_) => unreachable!("it came back above"),
    }?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_said_once() {
        let error = anyhow::anyhow!("no such file").context("cannot read x: no such file");
        assert_eq!(in_words(&error), "cannot read x: no such file");
        assert_eq!(
            in_words(&error.context("cannot train")),
            "cannot train: cannot read x: no such file"
        );
    }
}
