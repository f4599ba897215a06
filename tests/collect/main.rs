//! `guise collect`, from servers on this machine that misbehave on purpose, and never from the internet.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use guise::data::{CollectEvent, CollectOptions, CollectSummary, Error, Rights, collect};
use serde_json::Value;
use server::{Reply, Request, Server};
use tempfile::TempDir;

mod command;
mod contract;
mod folder;
mod ipfs;
mod opensea;
mod rerun;
mod server;
mod web;

/// A collection in the making.
struct Bench {
    dir: TempDir,
    options: CollectOptions,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = CollectOptions {
            ipfs_gateways: vec!["http://127.0.0.1:9".parse().unwrap()],
            arweave_gateways: vec!["http://127.0.0.1:9".parse().unwrap()],
            rate: 10_000.0,
            retries: 3,
            timeout: 20.0,
            is_hasty: true,
            ..CollectOptions::default()
        };
        Self { dir, options }
    }

    fn tokens(mut self, tokens: &str) -> Self {
        self.options.tokens = Some(tokens.parse().unwrap());
        self
    }

    fn gateways(mut self, servers: &[&Server]) -> Self {
        self.options.ipfs_gateways = servers.iter().map(|it| it.url("").parse().unwrap()).collect();
        self
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("collection")
    }

    fn collect(&self, source: &str) -> CollectSummary {
        self.try_collect(source).unwrap()
    }

    fn try_collect(&self, source: &str) -> Result<CollectSummary, Error> {
        self.listen(source, &Arc::default(), &mut |_| {})
    }

    fn listen(
        &self,
        source: &str,
        stop: &Arc<AtomicBool>,
        listen: &mut dyn FnMut(CollectEvent),
    ) -> Result<CollectSummary, Error> {
        let source = source.parse().unwrap();
        let key = guise::data::ApiKey::new(opensea::KEY);
        collect(
            &source,
            &self.out(),
            &self.options,
            (&Rights::default(), key),
            stop,
            listen,
        )
    }

    fn read(&self, name: &str) -> Vec<u8> {
        let path = self.out().join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    /// The lines of a record.
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = String::from_utf8(self.read(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Why one thing that should be there is missing; it must be the only one.
    fn reason(&self) -> String {
        let lines = self.lines("failed.jsonl");
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0]["reason"].as_str().unwrap().into()
    }

    /// The files of the collection that are not hidden, in order.
    fn files(&self) -> Vec<String> {
        names(&self.out())
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// A picture that no other number has.
fn png(number: u32) -> Vec<u8> {
    let color = [number as u8, (number >> 8) as u8, 77, 255];
    let picture = image::RgbaImage::from_fn(24, 24, |x, y| match (x / 4 + y / 4) % 2 {
        0 => image::Rgba(color),
        _ => image::Rgba([y as u8 * 8, 200, x as u8 * 7, 255]),
    });
    let mut bytes = std::io::Cursor::new(vec![]);
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// What a token says about itself.
fn erc721(number: u32, image: &str) -> String {
    let hair = ["pink", "green", "blue"][number as usize % 3];
    format!(
        r#"{{"name": "Ape {number}", "image": "{image}", "attributes": [{{"trait_type": "hair", "value": "{hair}"}}]}}"#
    )
}

/// The number in a path such as `/json/17.json`.
fn number(path: &str) -> Option<u32> {
    let name = path.rsplit('/').next()?;
    name.split(['.', '?']).next()?.parse().ok()
}

/// A plain server of tokens at `/json/N.json` with their pictures beside, `/png/N.png`.
fn plain(request: &Request) -> Reply {
    match number(&request.path) {
        Some(number) if request.path.starts_with("/json/") => {
            Reply::of(erc721(number, &format!("../png/{number}.png")))
        }
        Some(number) if request.path.starts_with("/png/") => Reply::of(png(number)),
        _ => Reply::status(404),
    }
}
