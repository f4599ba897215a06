//! Addresses of the web: servers that are slow, broken, absent or hostile.

use super::*;
use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

#[test]
fn tokens_are_fetched_with_their_traits() {
    let server = Server::start(plain);
    let bench = Bench::new().tokens("1-3,7");
    let summary = bench.collect(&server.url("/json/{id}.json"));
    assert_eq!((summary.tokens, summary.new, summary.missing), (4, 4, 0));
    let mut expected = vec![];
    for number in [1, 2, 3, 7] {
        expected.extend([format!("{number}.json"), format!("{number}.png")]);
    }
    expected.extend(["collection.json", "provenance.jsonl"].map(String::from));
    assert_eq!(bench.files(), expected);
    assert_eq!(bench.read("7.png"), png(7));
    let said = bench.json("7.json");
    assert_eq!(said["image"], "7.png");
    assert_eq!(said["attributes"][0]["value"], "green");
    let records = bench.lines("provenance.jsonl");
    assert_eq!(records[0]["token"], "1");
    assert_eq!(records[0]["picture"]["from"], server.url("/png/1.png"));
    assert_eq!(records[0]["metadata"]["from"], server.url("/json/1.json"));
    assert_eq!(records[0]["terms"], "unknown");
    assert!(records[0]["fetched"].as_str().unwrap().ends_with('Z'));
    let facts = bench.json("collection.json");
    assert_eq!(facts["source"], server.url("/json/{id}.json"));
    assert!(facts["terms"].as_str().unwrap().starts_with("unknown"), "{facts}");
}

/// A server that gives the picture after `failures`, which it answers first.
fn after(failures: Vec<Reply>) -> Server {
    let left = Mutex::new(failures);
    Server::start(move |request| match request.path.starts_with("/png/") {
        true => left.lock().unwrap().pop().unwrap_or_else(|| plain(request)),
        false => plain(request),
    })
}

#[test]
fn what_passes_is_asked_for_again() {
    for failure in [
        Reply::status(500),
        Reply::status(503),
        Reply::status(429),
        Reply::status(408),
        Reply::Half(png(1)),
        Reply::Silence,
    ] {
        let server = after(vec![failure.clone(), failure.clone()]);
        let bench = Bench::new().tokens("1");
        let summary = bench.collect(&server.url("/json/{id}.json"));
        assert_eq!((summary.missing, server.count("/png/")), (0, 3), "{failure:?}");
        assert_eq!(bench.read("1.png"), png(1), "{failure:?}");
    }
    let server = after(vec![Reply::status(500); 9]);
    let bench = Bench::new().tokens("1");
    let summary = bench.collect(&server.url("/json/{id}.json"));
    assert_eq!(
        (summary.missing, server.count("/png/")),
        (1, 4),
        "once and three times more"
    );
    assert!(bench.reason().contains("answers 500"), "{}", bench.reason());
    assert!(!bench.files().contains(&"1.png".into()));
}

#[test]
fn what_stays_is_asked_for_once() {
    for (reply, reason) in [
        (Reply::status(404), "answers 404"),
        (Reply::status(403), "answers 403"),
        (Reply::of("<!doctype html><p>Not found</p>"), "it is a web page"),
        (Reply::of(""), "an empty file"),
        (Reply::of("{}"), "it is JSON"),
        (Reply::of("....ftypmp42...."), "a video"),
        (Reply::of(vec![0; 3000]), "larger than 2000 bytes"),
        (Reply::Unmeasured(vec![0; 3000]), "larger than 2000 bytes"),
        (
            Reply::status_with(503, &[("Retry-After", "86400")]),
            "asks to wait 86400 seconds",
        ),
        (Reply::status(302), "without a place"),
        (
            Reply::status_with(302, &[("Location", "file:///etc/passwd")]),
            "file:",
        ),
    ] {
        let server = after(vec![reply.clone()]);
        let mut bench = Bench::new().tokens("1");
        (bench.options.max_bytes, bench.options.retries) = (2000, 3);
        bench.collect(&server.url("/json/{id}.json"));
        assert!(bench.reason().contains(reason), "{reply:?}: {}", bench.reason());
        assert_eq!(server.count("/png/"), 1, "{reply:?}");
    }
}

#[test]
fn a_server_is_left_alone_for_as_long_as_it_asks() {
    let server = after(vec![Reply::status_with(429, &[("Retry-After", "3")])]);
    let bench = Bench::new().tokens("1");
    let start = Instant::now();
    assert_eq!(bench.collect(&server.url("/json/{id}.json")).missing, 0);
    assert!(
        start.elapsed() >= Duration::from_millis(2900),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn no_server_is_asked_more_often_than_agreed() {
    let server = Server::start(plain);
    let mut bench = Bench::new().tokens("1-10");
    bench.options.rate = 40.0;
    let start = Instant::now();
    bench.collect(&server.url("/json/{id}.json"));
    assert!(
        start.elapsed() >= Duration::from_millis(19 * 25),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    let server = after(vec![Reply::Drip, Reply::Drip]);
    let mut bench = Bench::new().tokens("1");
    (bench.options.timeout, bench.options.retries) = (0.3, 1);
    bench.collect(&server.url("/json/{id}.json"));
    assert!(
        bench.reason().contains("within 0.3 seconds"),
        "{}",
        bench.reason()
    );
}

/// A server whose pictures lead on `hops` times.
fn leading(hops: usize) -> Server {
    Server::start(move |request| match request.path.strip_prefix("/png/1.png") {
        Some(rest) if rest.len() < hops => {
            Reply::status_with(302, &[("Location", &format!("{}x", request.path))])
        }
        Some(_) => Reply::of(png(1)),
        None => plain(request),
    })
}

#[test]
fn redirects_are_followed_and_counted() {
    let server = leading(5);
    let bench = Bench::new().tokens("1");
    assert_eq!(bench.collect(&server.url("/json/{id}.json")).missing, 0);
    assert_eq!(bench.read("1.png"), png(1));
    let server = leading(6);
    let bench = Bench::new().tokens("1");
    bench.collect(&server.url("/json/{id}.json"));
    assert!(
        bench.reason().contains("leads on more than 5 times"),
        "{}",
        bench.reason()
    );
}

#[test]
fn tokens_do_not_lead_into_the_network_of_the_user() {
    let inner = Server::start(|_| Reply::of(png(1)));
    let private = inner.url("/1.png");
    for image in [
        private.clone(),
        private.replace("127.0.0.1", "localhost"),
        private.replace("127.0.0.1", "[::ffff:127.0.0.1]"),
        private.replace("127.0.0.1", "2130706433"),
        "http://169.254.169.254/latest/meta-data/".into(),
        "http://192.168.0.1/1.png".into(),
        // Through a redirect of the server that the user has named.
        "/away".into(),
    ] {
        let to = private.clone();
        let json = erc721(1, &image);
        let server = Server::start(move |request| match &*request.path {
            "/away" => Reply::status_with(302, &[("Location", &to)]),
            _ => Reply::of(json.clone()),
        });
        let bench = Bench::new().tokens("1");
        bench.collect(&server.url("/{id}.json"));
        assert!(
            bench.reason().contains("private network"),
            "{image}: {}",
            bench.reason()
        );
        assert_eq!(inner.asked().len(), 0, "{image}");
    }
    let json = erc721(1, &private);
    let server = Server::start(move |_| Reply::of(json.clone()));
    let mut bench = Bench::new().tokens("1");
    bench.options.allow_private = true;
    assert_eq!(bench.collect(&server.url("/{id}.json")).missing, 0);
}

#[test]
fn pictures_inside_of_json_are_written() {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><rect width='8' height='8' fill='#f00'/></svg>";
    let base64 = |bytes: &[u8]| {
        use base64::Engine;
        base64::prelude::BASE64_STANDARD.encode(bytes)
    };
    let images: HashMap<u32, String> = HashMap::from([
        (1, format!("data:image/png;base64,{}", base64(&png(1)))),
        (2, format!("data:image/svg+xml;base64,{}", base64(svg.as_bytes()))),
        (3, format!("data:image/svg+xml;utf8,{svg}")),
        (4, svg.into()),
        (5, "data:image/png;base64,&&&".into()),
    ]);
    let server = Server::start(move |request| {
        Reply::of(erc721(
            number(&request.path).unwrap(),
            &images[&number(&request.path).unwrap()],
        ))
    });
    let bench = Bench::new().tokens("1-5");
    let summary = bench.collect(&server.url("/{id}"));
    assert_eq!((summary.new, summary.missing), (4, 1));
    assert!(bench.reason().contains("not base64"), "{}", bench.reason());
    assert_eq!(bench.read("1.png"), png(1));
    for number in 2..=4 {
        assert_eq!(bench.read(&format!("{number}.svg")), svg.as_bytes(), "{number}");
        let json = String::from_utf8(bench.read(&format!("{number}.json"))).unwrap();
        assert!(!json.contains("<svg"), "it is beside: {json}");
    }
    let again = bench.collect(&server.url("/{id}"));
    assert_eq!((again.new, again.unchanged), (0, 4));
}

#[test]
fn a_whole_collection_can_be_one_document() {
    let list = r#"[{"id": 4, "image": "4.png", "attributes": []}, {"image": "5.png"}, 7]"#;
    for (text, tokens) in [
        (list.to_string(), ["1", "4"]),
        (format!(r#"{{"nfts": {list}}}"#), ["1", "4"]),
        (
            r#"{"4": {"image": "4.png"}, "a": {"image": "5.png"}}"#.into(),
            ["4", "a"],
        ),
    ] {
        let said = text.clone();
        let server = Server::start(move |request| match number(&request.path) {
            Some(number) => Reply::of(png(number)),
            None => Reply::of(said.clone()),
        });
        let bench = Bench::new();
        let summary = bench.collect(&server.url("/all.json"));
        assert_eq!((summary.new, summary.missing), (2, 0), "{text}");
        for token in tokens {
            assert!(
                bench.files().contains(&format!("{token}.png")),
                "{text}: {:?}",
                bench.files()
            );
        }
    }
    let server = Server::start(|_| Reply::of(r#"{"a": 1}"#));
    let error = Bench::new()
        .try_collect(&server.url("/all.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("names no token"), "{error}");
    let error = Bench::new()
        .try_collect(&server.url("/{id}.json"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--tokens"), "{error}");
}

#[test]
fn no_token_takes_the_files_of_another() {
    let list = r#"[{"id": "Ape", "image": "1.png"}, {"id": "ape-94e0f9bc5feb", "image": "2.png"},
        {"id": "../../ape", "image": "3.png"}]"#;
    let server = Server::start(move |request| match number(&request.path) {
        Some(number) => Reply::of(png(number)),
        None => Reply::of(list),
    });
    let bench = Bench::new();
    let summary = bench.collect(&server.url("/all.json"));
    assert_eq!((summary.tokens, summary.new, summary.missing), (3, 2, 1));
    assert_eq!(
        bench.read("ape-94e0f9bc5feb.png"),
        png(1),
        "the first keeps its name"
    );
    assert!(
        bench.reason().contains("would be called as those of Ape"),
        "{}",
        bench.reason()
    );
    assert_eq!(names(bench.dir.path()), ["collection"], "nothing is beside it");
}

#[test]
fn data_is_a_source_as_well() {
    let svg = "<svg xmlns='http://www.w3.org/2000/svg'/>";
    for source in [
        format!(r#"data:application/json,{{"id": 1, "image": "{svg}", "attributes": []}}"#),
        format!("data:image/svg+xml,{svg}"),
    ] {
        let bench = Bench::new();
        assert_eq!(bench.collect(&source).new, 1, "{source}");
        assert_eq!(bench.read("1.svg"), svg.as_bytes());
        assert_eq!(bench.json("collection.json")["source"], "data:");
    }
}

#[test]
fn types_are_what_the_bytes_are() {
    let gif = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let server = Server::start(move |_| Reply::with(*gif, &[("Content-Type", "text/html")]));
    let bench = Bench::new().tokens("1");
    bench.collect(&server.url("/{id}.jpeg"));
    assert_eq!(
        bench.read("1.gif"),
        gif,
        "a picture without JSON is a token as well"
    );
    assert_eq!(bench.files(), ["1.gif", "collection.json", "provenance.jsonl"]);
}
