//! A folder of pictures, to a folder of results.

use super::{
    form::Format,
    job::{Job, Shown},
};
use crate::{
    cli::{files::write_whole, folder::lock, in_words, progress},
    pipeline,
};
use anyhow::{Context, ensure};
use indicatif::HumanCount;
use serde_json::json;
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use walkdir::WalkDir;

/// Some pictures could not be enlarged.
const FAILED: u8 = 3;

/// Stopped by the user, as shells have it.
const STOPPED: u8 = 130;

/// Lists what could not be enlarged, a JSON object a line.
const FAILED_FILE_NAME: &str = "not_enlarged.jsonl";

/// So many of what could not be enlarged are shown.
const SHOWN: usize = 10;

/// What is in a folder.
#[derive(Debug, Default)]
struct Listed {
    /// Pictures, by their names.
    pictures: Vec<PathBuf>,
    /// What cannot be read, with the reasons.
    failed: Vec<(PathBuf, String)>,
    /// How many files are no pictures, by their names.
    others: u64,
}

/// Enlarges what is in the folder `input`.
pub(super) fn run(job: &Job, input: &Path, output: &Path, format: Format) -> anyhow::Result<ExitCode> {
    let context = || format!("cannot write to {}", output.display());
    fs::create_dir_all(output).with_context(context)?;
    let [from, to] = [input, output].map(|path| path.canonicalize());
    let (from, to) = (
        from.with_context(|| format!("cannot read {}", input.display()))?,
        to.with_context(context)?,
    );
    ensure!(
        from != to,
        "{} is both IN and OUT: name another folder for the results",
        input.display()
    );
    let _lock = lock(output).with_context(context)?;
    let Listed {
        pictures,
        mut failed,
        others,
    } = list(&from, &to)?;
    ensure!(
        !pictures.is_empty() || !failed.is_empty(),
        "there are no pictures in {}: expected files that end in .png, .apng, .jpg, .jpeg, .webp or .gif",
        input.display()
    );
    let shown = Shown::among_others(progress::bar(pictures.len() as u64, "pictures"));
    let (mut done, mut there, mut is_stopped) = (0u64, 0u64, false);
    let mut results: HashMap<PathBuf, &Path> = HashMap::new();
    for name in &pictures {
        if job.cancel.check().is_err() {
            is_stopped = true;
            break;
        }
        shown.begin(name);
        let result = name.with_extension(format.extension());
        let path = to.join(&result);
        if let Some(other) = results.get(&result) {
            let reason = format!(
                "its result would be {}, as that of {}: rename one of them",
                result.display(),
                other.display()
            );
            failed.push((name.clone(), reason));
        } else if path.exists() {
            there += 1;
        } else {
            let folder = path.parent().unwrap_or(&to);
            let outcome = fs::create_dir_all(folder)
                .with_context(|| format!("cannot create the folder {}", folder.display()))
                .and_then(|()| job.run(&from.join(name), &path, format, &shown));
            match outcome {
                Ok(_) => done += 1,
                Err(error) => match error.downcast_ref::<pipeline::Error>() {
                    Some(pipeline::Error::Cancelled) => {
                        is_stopped = true;
                        break;
                    }
                    // Every other picture would fail as well.
                    Some(pipeline::Error::NotNumbers { .. } | pipeline::Error::Device(_)) => {
                        shown.clear();
                        return Err(error.context(format!("cannot enlarge {}", name.display())));
                    }
                    _ => failed.push((name.clone(), in_words(&error))),
                },
            }
        }
        results.insert(result, name);
        shown.file_done();
    }
    shown.clear();
    write_failures(&to, &failed)?;
    for (name, reason) in failed.iter().take(SHOWN) {
        eprintln!("failed: {}: {reason}", name.display());
    }
    if failed.len() > SHOWN {
        eprintln!("and {} more", HumanCount((failed.len() - SHOWN) as u64));
    }
    if is_stopped {
        println!("stopped: the same command goes on from here");
        return Ok(ExitCode::from(STOPPED));
    }
    println!(
        "{}: {} enlarged, {} were there already, {} failed; {} other files left alone",
        output.display(),
        HumanCount(done),
        HumanCount(there),
        HumanCount(failed.len() as u64),
        HumanCount(others)
    );
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "the reasons are in {}; the same command tries again",
        output.join(FAILED_FILE_NAME).display()
    );
    Ok(ExitCode::from(FAILED))
}

/// The pictures in the folder `dir` and in its folders, but for the folder `results`, in order.
fn list(dir: &Path, results: &Path) -> anyhow::Result<Listed> {
    let mut listed = Listed::default();
    let walk = WalkDir::new(dir)
        .min_depth(1)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| {
            // Hidden files are the desktop's and the version control's.
            entry.path() != results && !entry.file_name().to_string_lossy().starts_with('.')
        });
    for entry in walk {
        let relative = |path: &Path| path.strip_prefix(dir).unwrap_or(path).to_path_buf();
        match entry {
            Err(error) if error.depth() == 0 => {
                return Err(error).with_context(|| format!("cannot list {}", dir.display()));
            }
            Err(error) => {
                let name = error.path().map(relative).unwrap_or_default();
                listed.failed.push((name, format!("cannot be listed: {error}")));
            }
            Ok(entry) if entry.file_type().is_dir() => {}
            Ok(entry) if Format::named(entry.path()).is_none() => listed.others += 1,
            Ok(entry) if entry.file_type().is_symlink() => {
                let reason = "a symbolic link, which is not followed: copy the file here";
                listed.failed.push((relative(entry.path()), reason.into()));
            }
            Ok(entry) => listed.pictures.push(relative(entry.path())),
        }
    }
    Ok(listed)
}

/// Lists what failed, or removes the list of an earlier run.
fn write_failures(dir: &Path, failed: &[(PathBuf, String)]) -> anyhow::Result<()> {
    let path = dir.join(FAILED_FILE_NAME);
    if failed.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        };
    }
    let lines: String = failed
        .iter()
        .map(|(name, reason)| {
            format!(
                "{}\n",
                json!({"file": name.display().to_string(), "reason": reason})
            )
        })
        .collect();
    write_whole(&path, lines.as_bytes())
}
