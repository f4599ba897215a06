//! The command: exit codes, what it prints, ten thousand tokens, and what `guise prepare` makes of it.

use super::*;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn guise(bench: &Bench, source: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guise"));
    command.args(["collect", source, "--out"]).arg(bench.out());
    command
        .args(["--is-hasty", "--rate", "10000", "--retries", "2"])
        .args(more);
    command.env_remove("OPENSEA_API_KEY");
    command
}

fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{err}")
}

#[test]
fn what_is_missing_is_an_exit_code() {
    let server = Server::start(plain);
    let bench = Bench::new();
    let source = server.url("/json/{id}.json");
    let output = guise(&bench, &source, &["--tokens", "1-3", "--license", "CC0-1.0"])
        .output()
        .unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(
        told.contains("3 tokens") && told.contains("CC0-1.0. CC0: the artist reserves no rights"),
        "{told}"
    );
    let lost = Server::start(|request| match number(&request.path) {
        Some(2) => Reply::of("<html>\u{1b}[31m</html>"),
        _ => plain(request),
    });
    let bench = Bench::new();
    let output = guise(&bench, &lost.url("/json/{id}.json"), &["--tokens", "1-3"])
        .output()
        .unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("missing: metadata of 2 at") && told.contains("failed.jsonl"),
        "{told}"
    );
    assert!(told.contains("license: unknown"), "{told}");
    let output = guise(&Bench::new(), "opensea:apes", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("OPENSEA_API_KEY"), "{}", said(&output));
}

#[test]
fn the_key_is_in_nothing_that_is_printed() {
    let server = Server::start(
        |request| match request.headers.get("x-api-key").map(|key| &**key) {
            Some(opensea::KEY) => Reply::status(403),
            _ => Reply::status(500),
        },
    );
    let bench = Bench::new();
    let file = bench.dir.path().join("key");
    fs::write(&file, format!("{}\n", opensea::KEY)).unwrap();
    let api = server.url("");
    let from_file = ["--opensea-api", &api, "--api-key-file", file.to_str().unwrap()];
    let outputs = [
        guise(&bench, "opensea:apes", &from_file)
            .env("GUISE_LOG", "trace")
            .output()
            .unwrap(),
        guise(&bench, "opensea:apes", &from_file[..2])
            .env("OPENSEA_API_KEY", opensea::KEY)
            .env("GUISE_LOG", "trace")
            .output()
            .unwrap(),
    ];
    for output in outputs {
        let told = said(&output);
        assert!(told.contains("does not accept the key"), "it was sent: {told}");
        assert!(!told.contains(opensea::KEY), "{told}");
    }
    fs::write(&file, "two\nlines").unwrap();
    let told = said(&guise(&bench, "opensea:apes", &from_file).output().unwrap());
    assert!(told.contains("holds no key") && !told.contains("two"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_stopped_or_killed_goes_on() {
    let server = Server::start(|request| {
        std::thread::sleep(Duration::from_millis(10));
        plain(request)
    });
    let bench = Bench::new();
    let source = server.url("/json/{id}.json");
    for (signal, code) in [(libc::SIGINT, Some(130)), (libc::SIGKILL, None)] {
        let before = server.count("/png/");
        let mut run = guise(&bench, &source, &["--tokens", "1-400", "--concurrency", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while server.count("/png/") < before + 20 {
            assert!(run.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::sleep(Duration::from_millis(5));
        }
        // SAFETY: it is our own child, which has not been waited for.
        unsafe { libc::kill(run.id() as i32, signal) };
        assert_eq!(run.wait_with_output().unwrap().status.code(), code);
    }
    server.forget();
    let output = guise(&bench, &source, &["--tokens", "1-400"]).output().unwrap();
    let told = said(&output);
    assert!(
        output.status.success() && told.contains("going on with a run"),
        "{told}"
    );
    assert!(
        server.count("/png/") <= 400 - 40 + 4,
        "{} were fetched again",
        server.count("/png/")
    );
    assert_eq!(bench.files().len(), 802);
    for number in [1, 17, 400] {
        assert_eq!(bench.read(&format!("{number}.png")), png(number));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn ten_thousand_tokens_of_which_some_fail_take_little_memory() {
    // One answer of twenty fails at first, and one picture of a thousand for good. Each has 20 KB.
    let server = Server::start(|request| {
        let Some(number) = number(&request.path) else {
            return Reply::status(404);
        };
        if request.path.starts_with("/png/") && number % 1000 == 7 {
            return Reply::status(410);
        }
        let hash = request
            .path
            .bytes()
            .fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
        if hash.is_multiple_of(20) && !second_time(&request.path) {
            return if hash.is_multiple_of(40) {
                Reply::status(502)
            } else {
                Reply::Silence
            };
        }
        match request.path.starts_with("/json/") {
            true => plain(request),
            false => Reply::of([b"\x89PNG\r\n\x1a\n".to_vec(), vec![number as u8; 20_000]].concat()),
        }
    });
    let collect = |tokens: &str| {
        let bench = Bench::new();
        let arguments = ["--tokens", tokens, "--concurrency", "16"];
        let (code, peak) = peak_kb(&mut guise(&bench, &server.url("/json/{id}.json"), &arguments));
        (bench, code, peak)
    };
    let (_, code, of_few) = collect("10001-10100");
    assert_eq!(code, Some(3));
    let (bench, code, of_many) = collect("1-10000");
    assert_eq!(code, Some(3));
    assert_eq!(bench.lines("failed.jsonl").len(), 10);
    assert_eq!(bench.lines("provenance.jsonl").len(), 9_990);
    // The program itself takes what it takes. All pictures together have 200 MB.
    let more = of_many.saturating_sub(of_few);
    assert!(
        more < 40_000,
        "{of_few} KB for a hundred, {more} more for a hundred times as many"
    );
}

/// Runs a command to its end; gives its exit code and how much memory it took at most.
#[cfg(target_os = "linux")]
fn peak_kb(command: &mut Command) -> (Option<i32>, u64) {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        // The system keeps the highest value; of a process that has ended it says nothing any more.
        let lines = std::fs::read_to_string(&status).unwrap_or_default();
        let highest = lines.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(highest) = highest.and_then(|it| it.trim().strip_suffix(" kB")) {
            peak = highest.parse().unwrap();
        }
        if let Some(status) = child.try_wait().unwrap() {
            assert!(peak > 0);
            return (status.code(), peak);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether this path was asked for before.
fn second_time(path: &str) -> bool {
    use std::{collections::HashSet, sync::Mutex};
    static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut seen = SEEN.lock().unwrap();
    !seen.get_or_insert_with(HashSet::new).insert(path.into())
}

#[test]
fn what_was_collected_can_be_prepared() {
    let server = Server::start(plain);
    let bench = Bench::new();
    let output = guise(
        &bench,
        &server.url("/json/{id}.json"),
        &[
            "--tokens",
            "0-8",
            "--license",
            "CC-BY-4.0",
            "--attribution",
            "A. N. Artist",
        ],
    );
    let output = { output }.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    fs::write(bench.out().join("failed.jsonl"), "{\"token\": \"9\"}\n").unwrap();
    let dataset = bench.dir.path().join("dataset");
    let options = guise::data::PrepareOptions {
        resolution: Some(32),
        background: guise::data::Background::Color([255; 3]),
        pixel_art: guise::data::PixelArtChoice::Off,
        program: env!("CARGO_BIN_EXE_guise").into(),
    };
    let summary = guise::data::prepare(&bench.out(), &dataset, &options, &|_| {}).unwrap();
    assert_eq!(
        (summary.pictures, summary.with_traits),
        (9, 9),
        "{:?}",
        summary.skipped
    );
    assert_eq!(summary.skipped, []);
    let read = guise::data::Dataset::open(&dataset).unwrap();
    assert_eq!(read.provenance().license, "CC-BY-4.0");
    assert_eq!(read.provenance().attribution, "A. N. Artist");
}
