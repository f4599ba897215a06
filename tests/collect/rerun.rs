//! Runs that were interrupted, and runs that come again.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

#[test]
fn an_interrupted_run_goes_on_where_it_was() {
    let server = Server::start(plain);
    let mut bench = Bench::new().tokens("1-40");
    bench.options.concurrency = 2;
    let source = server.url("/json/{id}.json");
    let stop = Arc::<AtomicBool>::default();
    let mut done = 0;
    let summary = bench.listen(&source, &stop, &mut |event| {
        if let CollectEvent::Done { .. } = event {
            done += 1;
            stop.store(done == 15, Ordering::Relaxed);
        }
    });
    assert!(summary.unwrap().is_stopped);
    // What was under way ends by itself.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before = bench.lines("provenance.jsonl").len();
    assert!((15..40).contains(&before), "{before}");
    server.forget();
    let mut is_continued = false;
    let summary = bench.listen(&source, &Arc::default(), &mut |event| {
        if let CollectEvent::Opened { is_continued: it, .. } = event {
            is_continued = it;
        }
    });
    let summary = summary.unwrap();
    assert!(is_continued);
    assert_eq!((summary.tokens, summary.new as usize), (40, 40 - before));
    assert_eq!(server.count("/png/"), 40 - before, "nothing is fetched twice");
    assert_eq!(server.count("/json/"), 40 - before);
    assert_eq!(bench.files().len(), 82);
    assert!(!bench.out().read_dir().unwrap().any(|entry| {
        entry
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".collect-")
    }));
}

#[test]
fn a_second_run_fetches_what_is_new_or_has_changed() {
    // The server knows versions of its pictures, and none of its JSON.
    let edition = Arc::new(AtomicU32::new(0));
    let now = edition.clone();
    let server = Server::start(move |request| {
        let edition = now.load(Ordering::Relaxed);
        let Some(number) = number(&request.path) else {
            return Reply::status(404);
        };
        if request.path.starts_with("/json/") {
            let hair = if number == 2 { edition } else { 0 };
            return Reply::of(
                erc721(number, &format!("/png/{number}.png")).replace("Ape", &format!("Ape{hair}")),
            );
        }
        let version = if number == 1 { edition } else { 0 };
        let etag = format!("\"{number}-{version}\"");
        match request.headers.get("if-none-match") == Some(&etag) {
            true => Reply::status(304),
            false => Reply::with(png(number + version * 100), &[("ETag", &etag)]),
        }
    });
    let bench = Bench::new().tokens("1-4");
    let source = server.url("/json/{id}.json");
    assert_eq!(bench.collect(&source).new, 4);
    let written = |name: &str| fs::metadata(bench.out().join(name)).unwrap().modified().unwrap();
    let before = written("3.png");

    let summary = bench.collect(&source);
    assert_eq!((summary.new, summary.unchanged, summary.missing), (0, 4, 0));
    assert!(summary.bytes < 2000, "only JSON was fetched: {}", summary.bytes);

    edition.store(1, Ordering::Relaxed);
    let summary = bench.collect(&source);
    assert_eq!((summary.new, summary.unchanged), (2, 2));
    assert_eq!(
        (bench.read("1.png"), bench.json("2.json")["name"].as_str()),
        (png(101), Some("Ape1 2"))
    );
    assert_eq!(written("3.png"), before, "what is as it was is not touched");

    // A file that was removed is fetched again, and so is one that was cut.
    fs::remove_file(bench.out().join("3.png")).unwrap();
    fs::write(bench.out().join("4.png"), "x").unwrap();
    assert_eq!(bench.collect(&source).new, 2);
    assert_eq!((bench.read("3.png"), bench.read("4.png")), (png(3), png(4)));
    assert_eq!(bench.lines("provenance.jsonl").len(), 4, "each token once");

    // New tokens come, and others go; nothing is thrown away.
    let bench = Bench {
        dir: bench.dir,
        ..Bench::new().tokens("4-6")
    };
    let summary = bench.collect(&source);
    assert_eq!((summary.new, summary.unchanged, summary.gone), (2, 1, 3));
    assert!(bench.files().contains(&"1.png".into()));
}

#[test]
fn what_is_missing_is_tried_again() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    let server = Server::start(move |request| match number(&request.path) {
        Some(2) if request.path.starts_with("/png/") && !well.load(Ordering::Relaxed) => Reply::status(404),
        _ => plain(request),
    });
    let bench = Bench::new().tokens("1-3");
    let source = server.url("/json/{id}.json");
    assert_eq!(bench.collect(&source).missing, 1);
    let failed = &bench.lines("failed.jsonl")[0];
    assert_eq!(
        (failed["token"].as_str(), failed["what"].as_str()),
        (Some("2"), Some("picture"))
    );
    assert_eq!(failed["from"], server.url("/png/2.png"));
    is_well.store(true, Ordering::Relaxed);
    let summary = bench.collect(&source);
    assert_eq!((summary.new, summary.missing), (1, 0));
    assert!(!bench.out().join("failed.jsonl").exists());
}

#[test]
fn another_picture_takes_the_place_of_the_first() {
    let is_gif = Arc::new(AtomicBool::new(false));
    let gif = is_gif.clone();
    let server = Server::start(move |request| match request.path.starts_with("/json/") {
        true => plain(request),
        false if gif.load(Ordering::Relaxed) => Reply::of(*b"GIF89a\x01\0\x01\0\0\0\0;"),
        false => Reply::of(png(1)),
    });
    let bench = Bench::new().tokens("1");
    let source = server.url("/json/{id}.json");
    bench.collect(&source);
    is_gif.store(true, Ordering::Relaxed);
    assert_eq!(bench.collect(&source).new, 1);
    assert_eq!(
        bench.files(),
        ["1.gif", "1.json", "collection.json", "provenance.jsonl"]
    );
    assert_eq!(bench.json("1.json")["image"], "1.gif");
}

#[test]
fn a_license_that_somebody_wrote_stays() {
    let server = Server::start(plain);
    let bench = Bench::new().tokens("1");
    fs::create_dir(bench.out()).unwrap();
    fs::write(
        bench.out().join("collection.json"),
        r#"{"licence": "CC-BY-4.0", "attribution": "A. N. Artist", "year": 2026}"#,
    )
    .unwrap();
    let summary = bench.collect(&server.url("/json/{id}.json"));
    assert_eq!(
        (&*summary.provenance.license, &*summary.provenance.attribution),
        ("CC-BY-4.0", "A. N. Artist")
    );
    let facts = bench.json("collection.json");
    assert_eq!(
        (&facts["license"], &facts["year"]),
        (&"CC-BY-4.0".into(), &2026.into())
    );
    assert!(facts["terms"].as_str().unwrap().starts_with("CC BY"), "{facts}");
    assert_eq!(bench.lines("provenance.jsonl")[0]["terms"], "CC-BY-4.0");
    let error = bench
        .try_collect(&server.url("/other/{id}.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("choose another folder"), "{error}");
}
