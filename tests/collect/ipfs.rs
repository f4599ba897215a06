//! IPFS: real blocks of the reference implementation, served by gateways that are honest, poor or liars.

use super::*;
use base64::{Engine, prelude::BASE64_STANDARD};
use cid::Cid;
use std::collections::HashMap;

/// What tests/fixtures/ipfs/make.mjs made.
struct Fixture {
    roots: HashMap<String, String>,
    blocks: HashMap<String, Vec<u8>>,
}

impl Fixture {
    fn read() -> Arc<Self> {
        let text = include_str!("../fixtures/ipfs/blocks.json");
        let json: Value = serde_json::from_str(text).unwrap();
        let map =
            |name: &str| -> HashMap<String, String> { serde_json::from_value(json[name].clone()).unwrap() };
        let blocks = map("blocks").into_iter();
        Arc::new(Self {
            roots: map("roots"),
            blocks: blocks
                .map(|(cid, bytes)| (cid, BASE64_STANDARD.decode(bytes).unwrap()))
                .collect(),
        })
    }

    fn root(&self, name: &str) -> &str {
        &self.roots[name]
    }

    /// The block that a raw request asks for.
    fn block(&self, path: &str) -> Option<&Vec<u8>> {
        let cid = path.strip_prefix("/ipfs/")?.split(['/', '?']).next()?;
        let cid = Cid::try_from(cid).ok()?;
        self.blocks.get(&Cid::new_v1(0x55, *cid.hash()).to_string())
    }

    /// A gateway that serves blocks. `change` may spoil them.
    fn gateway(self: &Arc<Self>, change: fn(&mut Vec<u8>)) -> Server {
        let fixture = self.clone();
        Server::start(move |request| {
            if !request.path.ends_with("?format=raw") {
                return Reply::status(406);
            }
            match fixture.block(&request.path) {
                Some(block) => {
                    let mut block = block.clone();
                    change(&mut block);
                    Reply::with(block, &[("Content-Type", "application/vnd.ipld.raw")])
                }
                None => Reply::status(404),
            }
        })
    }
}

fn svg(number: u32) -> Vec<u8> {
    format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><!-- {number} --></svg>"#).into()
}

fn large() -> Vec<u8> {
    format!("<svg>{}</svg>", "<!-- a large picture -->".repeat(200)).into()
}

fn honest(_: &mut Vec<u8>) {}

/// What the only picture's record says of it.
fn checked(bench: &Bench) -> Value {
    bench.lines("provenance.jsonl")[0]["picture"]["checked"].clone()
}

#[test]
fn files_of_every_shape_are_checked_block_by_block() {
    let fixture = Fixture::read();
    let gateway = fixture.gateway(honest);
    for (root, expected) in [("leaf", svg(7)), ("large", large()), ("old", large())] {
        let bench = Bench::new().gateways(&[&gateway]);
        let cid = fixture.root(root);
        assert_eq!(bench.collect(&format!("ipfs://{cid}")).missing, 0, "{root}");
        assert_eq!(bench.read("1.svg"), expected, "{root}");
        assert_eq!(checked(&bench), true, "{root}");
    }
}

#[test]
fn folders_are_followed_and_listed() {
    let fixture = Fixture::read();
    let gateway = fixture.gateway(honest);
    let folder = fixture.root("folder");
    let bench = Bench::new().gateways(&[&gateway]).tokens("1-3");
    let summary = bench.collect(&format!("ipfs://{folder}/json/{{id}}.json"));
    assert_eq!((summary.new, summary.missing, summary.unchecked), (2, 1, 0));
    assert_eq!(bench.read("2.svg"), svg(2));
    assert_eq!(bench.json("2.json")["attributes"][0]["value"], "no 2");
    assert!(
        bench.reason().contains("there is no \"3.json\" in its folder"),
        "{}",
        bench.reason()
    );
    // Nothing that has a CID changes: only the folder is looked at, for the one that is missing.
    gateway.forget();
    assert_eq!(
        bench
            .collect(&format!("ipfs://{folder}/json/{{id}}.json"))
            .unchanged,
        2
    );
    assert_eq!(gateway.asked().len(), 2);
    let bench = Bench::new().gateways(&[&gateway]);
    assert_eq!(bench.collect(&format!("ipfs://{folder}/json")).new, 2);
    let error = Bench::new()
        .gateways(&[&gateway])
        .try_collect(&format!("ipfs://{folder}/none/1"));
    assert!(error.unwrap_err().to_string().contains("no \"none\""));
}

#[test]
fn sharded_folders_are_followed_and_listed() {
    let fixture = Fixture::read();
    let gateway = fixture.gateway(honest);
    let sharded = fixture.root("sharded");
    let bench = Bench::new().gateways(&[&gateway]).tokens("0-299");
    assert_eq!(bench.collect(&format!("ipfs://{sharded}/{{id}}.svg")).missing, 0);
    for number in [0, 17, 299] {
        assert_eq!(bench.read(&format!("{number}.svg")), svg(number));
    }
    let bench = Bench::new().gateways(&[&gateway]);
    assert_eq!(bench.collect(&format!("ipfs://{sharded}")).new, 300);
    let bench = Bench::new().gateways(&[&gateway]).tokens("300");
    bench.collect(&format!("ipfs://{sharded}/{{id}}.svg"));
    assert!(
        bench.reason().contains("there is no \"300.svg\""),
        "{}",
        bench.reason()
    );
}

#[test]
fn a_wrong_byte_is_refused() {
    let fixture = Fixture::read();
    let liars: [fn(&mut Vec<u8>); 3] = [
        |block| *block.last_mut().unwrap() ^= 1,
        |block| block.push(0),
        |block| *block = svg(8),
    ];
    for (number, lie) in liars.into_iter().enumerate() {
        for root in ["leaf", "large", "old"] {
            let liar = fixture.gateway(lie);
            let source = format!("ipfs://{}/", fixture.root(root));
            let alone = Bench::new().gateways(&[&liar]);
            let said = match alone.try_collect(&source) {
                Ok(_) => alone.reason(),
                Err(error) => error.to_string(),
            };
            assert!(
                said.contains("are not those of its CID"),
                "{root}, lie {number}: {said}"
            );
            assert!(!alone.files().contains(&"1.svg".into()), "{root}, lie {number}");
            // Another gateway makes up for it.
            let other = fixture.gateway(honest);
            let both = Bench::new().gateways(&[&liar, &other]);
            assert_eq!(both.collect(&source).missing, 0, "{root}, lie {number}");
            assert_eq!(checked(&both), true);
        }
    }
}

#[test]
fn gateways_without_blocks_are_believed_only_as_far_as_can_be() {
    let fixture = Fixture::read();
    let (large_cid, leaf_cid) = (
        fixture.root("large").to_string(),
        fixture.root("leaf").to_string(),
    );
    // A gateway may pass over what it does not know, or refuse it.
    let plain = |change: fn(&mut Vec<u8>), is_picky: bool| {
        let (large_cid, leaf_cid) = (large_cid.clone(), leaf_cid.clone());
        Server::start(move |request| {
            if is_picky && request.path.contains("format=raw") {
                return Reply::status(400);
            }
            let mut body = match request.path.split('?').next().unwrap() {
                path if path.ends_with(&large_cid) => large(),
                path if path.ends_with(&leaf_cid) => svg(7),
                _ => return Reply::status(404),
            };
            change(&mut body);
            Reply::with(body, &[("Content-Type", "image/svg+xml")])
        })
    };
    let at = |cid: &str| {
        let json = format!(r#"{{"image": "ipfs://{cid}"}}"#);
        Server::start(move |_| Reply::of(json.clone()))
    };
    for is_picky in [false, true] {
        let poor = plain(honest, is_picky);
        let server = at(&large_cid);
        let bench = Bench::new().gateways(&[&poor]).tokens("1");
        let summary = bench.collect(&server.url("/{id}"));
        assert_eq!((summary.missing, summary.unchecked), (0, 1));
        assert_eq!((bench.read("1.svg"), checked(&bench)), (large(), false.into()));
        let mut bench = Bench::new().gateways(&[&poor]).tokens("1");
        bench.options.only_checked = true;
        bench.collect(&server.url("/{id}"));
        assert!(bench.reason().contains("--only-checked"), "{}", bench.reason());
        // A single raw block can be checked all the same.
        let server = at(&leaf_cid);
        let bench = Bench::new().gateways(&[&poor]).tokens("1");
        assert_eq!(bench.collect(&server.url("/{id}")).missing, 0);
        assert_eq!(checked(&bench), true);
        let liar = plain(|body| body.push(b' '), is_picky);
        let bench = Bench::new().gateways(&[&liar]).tokens("1");
        bench.collect(&server.url("/{id}"));
        assert!(
            bench.reason().contains("are not those of its CID"),
            "{}",
            bench.reason()
        );
    }
}

#[test]
fn gateways_are_tried_in_turn() {
    let fixture = Fixture::read();
    let down = Server::start(|_| Reply::status(504));
    let without = Server::start(|_| Reply::status(404));
    let good = fixture.gateway(honest);
    let bench = Bench::new().gateways(&[&down, &without, &good]);
    let summary = bench.collect(&format!("ipfs://{}", fixture.root("sharded")));
    assert_eq!((summary.new, summary.missing), (300, 0));
    assert!(
        down.asked().len() < 5,
        "one that fails is asked last: {}",
        down.asked().len()
    );
    // A gateway's address is that of its CID, wherever the gateway has gone.
    let json = format!(
        r#"{{"image": "https://gateway.invalid/ipfs/{}"}}"#,
        fixture.root("leaf")
    );
    let server = Server::start(move |_| Reply::of(json.clone()));
    let bench = Bench::new().gateways(&[&good]).tokens("1");
    assert_eq!(bench.collect(&server.url("/{id}")).missing, 0);
    assert_eq!(bench.read("1.svg"), svg(7));
}

#[test]
fn arweave_has_gateways_as_well() {
    let id = "a".repeat(43);
    let path = format!("/{id}/1.png");
    let gateway = Server::start(move |request| match request.path == path {
        true => Reply::of(png(1)),
        false => Reply::status(404),
    });
    let mut bench = Bench::new().tokens("1");
    bench.options.arweave_gateways = vec![gateway.url("").parse().unwrap()];
    assert_eq!(bench.collect(&format!("ar://{id}/{{id}}.png")).missing, 0);
    assert_eq!(bench.read("1.png"), png(1));
}
