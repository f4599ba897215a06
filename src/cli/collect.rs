//! `guise collect`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use indicatif::{HumanBytes, HumanCount};

use super::{files::read_at_most, progress, stop::on_ctrl_c};
use crate::data::{ApiKey, CollectEvent, CollectOptions, CollectSummary, Rights, Source, Terms, collect};

/// The variable that holds the key for OpenSea.
const KEY: &str = "OPENSEA_API_KEY";

/// Some pictures or documents are missing.
const MISSING: u8 = 3;

/// Stopped by the user, as shells have it.
const STOPPED: u8 = 130;

/// Fetch a collection with its traits: from OpenSea, a contract, IPFS, Arweave, the web or a folder.
///
/// SOURCE is `opensea:SLUG` or a collection's address there (with a key in OPENSEA_API_KEY or
/// --api-key-file), `erc721:CHAIN:ADDRESS` (with --rpc; ERC-1155 as well), `ipfs://CID/{id}`,
/// `ar://ID/{id}.json` or `https://HOST/{id}.json` (with --tokens), an address of a JSON that lists tokens, a
/// folder of IPFS, a `data:` URI, or a folder of pictures with JSON or CSV beside them. Given again, the same
/// command goes on where it was interrupted, or fetches what is new. What could not be had is listed in
/// failed.jsonl, with the exit code 3. Collect what you have the right to use: where each file came from is
/// in provenance.jsonl.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to collect.
    source: Source,
    /// The folder to write the collection to.
    #[arg(long, value_name = "COLLECTION")]
    out: PathBuf,
    /// A file that holds the key for OpenSea's API.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// The license of the pictures, best an SPDX identifier [default: what the source states].
    #[arg(long)]
    license: Option<String>,
    /// Whom to credit for the pictures.
    #[arg(long)]
    attribution: Option<String>,
    #[command(flatten)]
    options: CollectOptions,
}

pub(super) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let key = match args.source {
        Source::OpenSea(_) => key(args.api_key_file.as_deref())?,
        _ => None,
    };
    let rights = Rights {
        license: args.license,
        attribution: args.attribution,
    };
    let stop = on_ctrl_c()?;
    let bar = progress::bar(0, "tokens");
    let (mut bytes, mut missing) = (0, vec![]);
    let mut count = 0u64;
    let summary = collect(
        &args.source,
        &args.out,
        &args.options,
        (&rights, key),
        &stop,
        &mut |event| match event {
            CollectEvent::Opened { total, is_continued } => {
                match total {
                    Some(total) => bar.set_length(total),
                    None => bar.unset_length(),
                }
                if is_continued {
                    bar.suspend(|| eprintln!("going on with a run that was interrupted"));
                }
            }
            CollectEvent::Done {
                bytes: more,
                missing: of_it,
            } => {
                bytes += more;
                count += of_it.len() as u64;
                // All of them are in the file.
                missing.extend(of_it.into_iter().take(SHOWN.saturating_sub(missing.len())));
                bar.set_message(format!("{}, {count} missing", HumanBytes(bytes)));
                bar.inc(1);
            }
        },
    )
    .with_context(|| format!("cannot collect {}", args.source));
    bar.finish_and_clear();
    let summary = summary?;
    for one in &missing {
        let from = if one.from.is_empty() { "" } else { " at " };
        eprintln!(
            "missing: {} of {}{from}{}: {}",
            one.what, one.token, one.from, one.reason
        );
    }
    if summary.missing > missing.len() as u64 {
        eprintln!("and {} more", HumanCount(summary.missing - missing.len() as u64));
    }
    if summary.is_stopped {
        println!("stopped: the same command goes on from here");
        return Ok(ExitCode::from(STOPPED));
    }
    let dir = args.out.display();
    tell(&summary, &dir.to_string());
    if summary.missing > 0 {
        println!(
            "the reasons are in {}; the same command tries again",
            args.out.join("failed.jsonl").display()
        );
        return Ok(ExitCode::from(MISSING));
    }
    Ok(ExitCode::SUCCESS)
}

/// So many of what is missing are shown.
const SHOWN: usize = 10;

fn tell(summary: &CollectSummary, dir: &str) {
    let count = |count: u64| HumanCount(count);
    println!(
        "{} tokens in {dir}: {} new or changed, {} as they were, {} missing parts, {} fetched",
        count(summary.tokens),
        count(summary.new),
        count(summary.unchanged),
        count(summary.missing),
        HumanBytes(summary.bytes)
    );
    if summary.unchecked > 0 {
        println!(
            "{} pictures could not be checked against their CIDs, because no gateway gave raw blocks of them",
            count(summary.unchecked)
        );
    }
    if summary.gone > 0 {
        println!(
            "{} tokens of earlier runs are no longer listed; they were kept",
            count(summary.gone)
        );
    }
    let license = &summary.provenance.license;
    match &**license {
        "" => println!("license: {}", Terms::Unknown.in_words()),
        license => println!("license: {license}. {}", Terms::of(license).in_words()),
    }
}

/// The key for OpenSea, which neither the command line nor any message holds.
fn key(file: Option<&std::path::Path>) -> anyhow::Result<Option<ApiKey>> {
    let (text, place) = match file {
        Some(path) => {
            let bytes = read_at_most(path, 4096)?;
            (String::from_utf8(bytes).ok(), path.display().to_string())
        }
        None => match std::env::var_os(KEY) {
            Some(text) if !text.is_empty() => (text.into_string().ok(), KEY.to_string()),
            _ => return Ok(None),
        },
    };
    match text.and_then(|text| ApiKey::new(&text)) {
        Some(key) => Ok(Some(key)),
        None => bail!("{place} holds no key: expected one line of letters and digits"),
    }
}
