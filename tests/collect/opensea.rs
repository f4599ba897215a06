//! OpenSea's API, as far as it is used.

use super::*;

/// Sent, and shown nowhere.
pub const KEY: &str = "a-secret-key-0123456789";

/// A collection of `count` tokens in pages of two, on a server of its own.
fn api(count: u32) -> Server {
    Server::start(move |request| {
        if !request.path.starts_with("/api/") {
            assert!(
                !request.headers.contains_key("x-api-key"),
                "the key is for OpenSea alone"
            );
            return plain(request);
        }
        if request.headers.get("x-api-key").map(|key| &**key) != Some(KEY) {
            return Reply::status(401);
        }
        let host = format!("http://{}", request.headers["host"]);
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            "/api/v2/collections/apes" => Reply::of(format!(
                r#"{{"collection": "apes", "name": "The Apes", "description": "CC0, they say", "license": null,
                "contracts": [{{"address": "0xAA", "chain": "ethereum"}}], "total_supply": {count},
                "fees": [{{"fee": 5.0, "recipient": "0xBB", "required": false}}]}}"#
            )),
            "/api/v2/collection/apes/nfts" => {
                let first: u32 = query
                    .split("next=")
                    .nth(1)
                    .map_or(1, |next| next.parse().unwrap());
                let nfts = (first..=count).take(2).map(|number| {
                    let metadata = match number {
                        // Its own JSON is lost, but OpenSea knows it.
                        3 | 6 => format!("\"{host}/gone/{number}.json\""),
                        4 => "null".into(),
                        _ => format!("\"{host}/json/{number}.json\""),
                    };
                    format!(
                        r#"{{"identifier": "{number}", "contract": "0xaa", "name": "Ape #{number}",
                        "image_url": "{host}/png/{number}.png?w=500", "metadata_url": {metadata}}}"#
                    )
                });
                let nfts: Vec<String> = nfts.collect();
                let next = match first + 2 <= count {
                    true => format!("\"{}\"", first + 2),
                    false => "null".into(),
                };
                Reply::of(format!(r#"{{"nfts": [{}], "next": {next}}}"#, nfts.join(",")))
            }
            _ => match path.strip_prefix("/api/v2/chain/ethereum/contract/0xAA/nfts/") {
                Some("6") => Reply::status(404),
                Some(number) => Reply::of(format!(
                    r#"{{"nft": {{"identifier": "{number}", "image_url": "{host}/png/{number}.png",
                    "traits": [{{"trait_type": "hat", "value": "crown"}}]}}}}"#
                )),
                None => Reply::status(404),
            },
        }
    })
}

fn bench(server: &Server) -> Bench {
    let mut bench = Bench::new();
    bench.options.opensea_api = server.url("").parse().unwrap();
    bench
}

#[test]
fn a_collection_is_listed_to_its_end() {
    let server = api(5);
    let bench = bench(&server);
    let summary = bench.collect("https://opensea.io/collection/apes");
    assert_eq!((summary.tokens, summary.new, summary.missing), (5, 5, 0));
    assert_eq!(server.count("/collection/apes/nfts"), 3);
    assert_eq!(
        bench.json("1.json")["attributes"][0]["value"],
        "green",
        "its own JSON"
    );
    assert_eq!(
        bench.json("3.json")["traits"][0]["value"],
        "crown",
        "what OpenSea knows"
    );
    assert_eq!(bench.json("4.json")["traits"][0]["value"], "crown");
    assert_eq!(bench.read("5.png"), png(5));
    let facts = bench.json("collection.json");
    assert_eq!(
        (&facts["name"], &facts["source"]),
        (&"The Apes".into(), &"https://opensea.io/collection/apes".into())
    );
    assert_eq!(
        (&facts["fees"][0]["fee"], &facts["license"]),
        (&5.0.into(), &"".into())
    );
    assert_eq!(
        facts["description"], "CC0, they say",
        "a description is no license"
    );
    for name in bench.out().read_dir().unwrap() {
        let path = name.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        assert!(
            !bytes.windows(KEY.len()).any(|it| it == KEY.as_bytes()),
            "{}",
            path.display()
        );
    }
}

#[test]
fn traits_that_are_lost_are_missing() {
    let server = api(6);
    let bench = bench(&server);
    let summary = bench.collect("opensea:apes");
    assert_eq!((summary.new, summary.missing), (6, 2));
    assert_eq!(bench.read("6.png"), png(6), "its picture is there");
    for (line, place) in bench
        .lines("failed.jsonl")
        .iter()
        .zip(["/gone/6.json", "/nfts/6"])
    {
        assert_eq!((&line["token"], &line["what"]), (&"6".into(), &"metadata".into()));
        assert!(line["from"].as_str().unwrap().ends_with(place), "{line}");
    }
    let records = bench.lines("provenance.jsonl");
    let partial: Vec<&Value> = records.iter().filter(|it| it["is_partial"] == true).collect();
    assert_eq!(partial.len(), 1);
    assert_eq!(partial[0]["token"], "6");
}

#[test]
fn numbers_of_several_contracts_are_told_apart() {
    let server = Server::start(|request| {
        if request.path.contains("/nfts") {
            let host = format!("http://{}", request.headers["host"]);
            let nft = |contract: &str, number: u32| {
                format!(
                    r#"{{"identifier": "1", "contract": "{contract}", "image_url": "{host}/png/{number}.png",
                    "traits": [{{"trait_type": "hat", "value": "crown"}}]}}"#
                )
            };
            return Reply::of(format!(r#"{{"nfts": [{}, {}]}}"#, nft("0xaa", 1), nft("0xbb", 2)));
        }
        match request.path.contains("/collections/") {
            true => Reply::of(
                r#"{"contracts": [{"address": "0xAA", "chain": "ethereum"}, {"address": "0xBB", "chain": "base"}]}"#,
            ),
            false => plain(request),
        }
    });
    let bench = bench(&server);
    assert_eq!(bench.collect("opensea:apes").new, 2);
    assert_eq!(
        (bench.read("0xaa-1.png"), bench.read("0xbb-1.png")),
        (png(1), png(2))
    );
    assert_eq!(bench.json("0xbb-1.json")["traits"][0]["value"], "crown");
}

#[test]
fn a_key_is_asked_for_and_never_shown() {
    let server = Server::start(|_| Reply::status(401));
    let error = bench(&server)
        .try_collect("opensea:apes")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("does not accept the key") && !error.contains(KEY),
        "{error}"
    );
    let shown = format!("{:?}", guise::data::ApiKey::new(KEY).unwrap());
    assert!(!shown.contains(KEY), "{shown}");
    assert!(guise::data::ApiKey::new(" \n").is_none() && guise::data::ApiKey::new("a\nb").is_none());
    // A server that leads elsewhere does not take the key along.
    let thief = Server::start(|_| Reply::of("{}"));
    let to = thief.url("/");
    let server = Server::start(move |_| Reply::status_with(302, &[("Location", &to)]));
    let mut bench = bench(&server);
    bench.options.allow_private = true;
    let _ = bench.try_collect("opensea:apes");
    assert!(!thief.asked().is_empty());
    assert!(
        thief
            .asked()
            .iter()
            .all(|request| !request.headers.contains_key("x-api-key"))
    );
}

#[test]
fn a_list_in_a_circle_ends() {
    let server = Server::start(|request| match request.path.contains("/nfts") {
        true => Reply::of(r#"{"nfts": [], "next": "again"}"#),
        false => Reply::of(r#"{"contracts": []}"#),
    });
    let error = bench(&server)
        .try_collect("opensea:apes")
        .unwrap_err()
        .to_string();
    assert!(error.contains("circle"), "{error}");
    let server = Server::start(|_| Reply::of("<html>"));
    let error = bench(&server)
        .try_collect("opensea:apes")
        .unwrap_err()
        .to_string();
    assert!(error.contains("not understood"), "{error}");
}
