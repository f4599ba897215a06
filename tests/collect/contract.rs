//! Contracts, asked through an endpoint that a test plays.

use super::*;
use serde_json::json;

const ADDRESS: &str = "0xbc4ca0eda7647a8ab7c2061c2e118a18a936f13d";
const MULTICALL: &str = "0xca11bde05977b3631167028862be2a173976ca11";

fn word(number: u64) -> String {
    format!("{number:064x}")
}

/// A text as Solidity returns it.
fn text(text: &str) -> String {
    let mut hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    while !hex.len().is_multiple_of(64) {
        hex.push('0');
    }
    word(0x20) + &word(text.len() as u64) + &hex
}

/// What a contract answers to a call, in hexadecimal digits; nothing if it refuses.
type Contract = fn(&str, &str) -> Option<String>;

/// Plays an endpoint of the chain 1 with one contract.
#[derive(Clone, Copy)]
struct Endpoint {
    contract: Contract,
    multicall: bool,
    batches: bool,
}

impl Endpoint {
    fn start(self) -> Server {
        Server::start(move |request| {
            let question: Value = serde_json::from_str(&request.body).unwrap();
            let answer = match &question {
                Value::Array(all) if self.batches => all.iter().rev().map(|one| self.answer(one)).collect(),
                Value::Array(_) => {
                    json!({"jsonrpc": "2.0", "id": null, "error": {"code": -32600, "message": "no batches"}})
                }
                one => self.answer(one),
            };
            Reply::of(answer.to_string())
        })
    }

    fn answer(&self, question: &Value) -> Value {
        let parameters = &question["params"];
        let result = match question["method"].as_str().unwrap() {
            "eth_chainId" => Some("0x1".to_string()),
            "eth_getCode" => {
                let is_there = parameters[0] == ADDRESS || self.multicall && parameters[0] == MULTICALL;
                Some(if is_there { "0x6001" } else { "0x" }.into())
            }
            "eth_call" => {
                let data = &parameters[0]["data"].as_str().unwrap()[2..];
                match parameters[0]["to"] == MULTICALL {
                    true => Some(self.together(data)),
                    false => (self.contract)(&data[..8], &data[8..]),
                }
                .map(|hex| format!("0x{hex}"))
            }
            other => panic!("{other}"),
        };
        match result {
            Some(result) => json!({"jsonrpc": "2.0", "id": question["id"], "result": result}),
            None => {
                json!({"jsonrpc": "2.0", "id": question["id"], "error": {"code": 3, "message": "execution reverted"}})
            }
        }
    }

    /// Multicall3's `aggregate3`.
    fn together(&self, data: &str) -> String {
        assert_eq!(&data[..8], "82ad56cb");
        let number = |at: usize| usize::from_str_radix(&data[8 + at * 2 + 48..8 + at * 2 + 64], 16).unwrap();
        let count = number(32);
        let (mut offsets, mut tuples) = (String::new(), String::new());
        for index in 0..count {
            let tuple = 64 + number(64 + index * 32);
            let (offset, length) = (tuple + number(tuple + 64) + 32, number(tuple + 96));
            let call = &data[8 + offset * 2..8 + (offset + length) * 2];
            let answer = (self.contract)(&call[..8], &call[8..]);
            offsets += &word((count * 32 + tuples.len() / 2) as u64);
            let mut bytes = answer.clone().unwrap_or_default();
            tuples += &(word(answer.is_some().into()) + &word(0x40) + &word(bytes.len() as u64 / 2));
            while !bytes.len().is_multiple_of(64) {
                bytes.push('0');
            }
            tuples += &bytes;
        }
        word(0x20) + &word(count as u64) + &offsets + &tuples
    }
}

fn argument(data: &str) -> u64 {
    u64::from_str_radix(&data[48..64], 16).unwrap()
}

fn token_json(number: u64) -> String {
    let svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><rect width='{}' height='9'/></svg>",
        number % 9 + 1
    );
    use base64::{Engine, prelude::BASE64_STANDARD};
    let image = format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(svg));
    let json = erc721(number as u32, &image);
    format!("data:application/json;base64,{}", BASE64_STANDARD.encode(json))
}

/// Lists 250 tokens, whose numbers are ten times their places. The one at 7 is not there.
fn listed(function: &str, data: &str) -> Option<String> {
    Some(match function {
        "01ffc9a7" => word(u64::from(matches!(&data[..8], "80ac58cd" | "780e9d63"))),
        "18160ddd" => word(250),
        "4f6ccce7" => word(argument(data) * 10),
        "06fdde03" => text("On-chain Apes"),
        "e8a3d485" => text(r#"data:application/json,{"license": "CC0-1.0", "description": "Apes"}"#),
        "c87b56dd" => match argument(data) {
            70 => return None,
            number => text(&token_json(number)),
        },
        _ => return None,
    })
}

fn bench(endpoint: &Server) -> Bench {
    let mut bench = Bench::new();
    bench.options.rpc = Some(endpoint.url("/v3/secret").parse().unwrap());
    bench
}

#[test]
fn a_contract_lists_its_tokens() {
    for (multicall, batches, most) in [(true, true, 20), (false, true, 20), (false, false, 600)] {
        let endpoint = Endpoint {
            contract: listed,
            multicall,
            batches,
        }
        .start();
        let bench = bench(&endpoint);
        let summary = bench.collect(&format!("erc721:ethereum:{ADDRESS}"));
        assert_eq!((summary.tokens, summary.new, summary.missing), (250, 249, 1));
        assert_eq!(bench.json("2490.json")["name"], "Ape 2490");
        assert!(bench.read("2490.svg").starts_with(b"<svg"));
        assert!(
            bench.reason().contains("the contract refuses"),
            "{}",
            bench.reason()
        );
        assert!(
            endpoint.asked().len() < most,
            "{} requests",
            endpoint.asked().len()
        );
        let facts = bench.json("collection.json");
        assert_eq!(
            (&facts["name"], &facts["license"]),
            (&"On-chain Apes".into(), &"CC0-1.0".into())
        );
        let all = String::from_utf8(bench.read("collection.json")).unwrap();
        assert!(!all.contains("secret"), "{all}");
        // What was written by hand counts more than what the contract says.
        fs::write(bench.out().join("collection.json"), r#"{"license": "CC-BY-4.0"}"#).unwrap();
        let again = bench.collect(&format!("erc721:1:{ADDRESS}"));
        assert_eq!(bench.json("collection.json")["license"], "CC-BY-4.0");
        assert_eq!((again.new, again.unchanged), (0, 249));
    }
}

/// Says how many it has, and numbers them from 1.
fn counted(function: &str, data: &str) -> Option<String> {
    Some(match function {
        "01ffc9a7" => word(u64::from(&data[..8] == "80ac58cd")),
        "18160ddd" => word(3),
        "c87b56dd" if (1..=3).contains(&argument(data)) => text(&token_json(argument(data))),
        _ => return None,
    })
}

#[test]
fn numbers_are_found_where_a_contract_counts_only() {
    let endpoint = Endpoint {
        contract: counted,
        multicall: true,
        batches: true,
    }
    .start();
    let bench = bench(&endpoint);
    assert_eq!(bench.collect(&format!("erc721:1:{ADDRESS}")).missing, 0);
    assert_eq!(
        bench.files()[..6],
        ["1.json", "1.svg", "2.json", "2.svg", "3.json", "3.svg"]
    );
}

#[test]
fn addresses_of_erc_1155_hold_64_digits() {
    fn many(function: &str, data: &str) -> Option<String> {
        match function {
            "01ffc9a7" => Some(word(u64::from(&data[..8] == "d9b67a26"))),
            "0e89341c" => Some(text("https://127.0.0.1/{id}.json")),
            _ => None,
        }
    }
    let endpoint = Endpoint {
        contract: many,
        multicall: false,
        batches: true,
    }
    .start();
    let error = bench(&endpoint)
        .try_collect(&format!("erc721:1:{ADDRESS}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--tokens"), "{error}");
    let bench = bench(&endpoint).tokens("300");
    assert_eq!(bench.collect(&format!("erc721:1:{ADDRESS}")).missing, 1);
    let from = bench.lines("failed.jsonl")[0]["from"].to_string();
    assert!(from.contains(&format!("/{}.json", word(300))), "{from}");
}

#[test]
fn the_endpoint_must_be_of_the_chain() {
    let endpoint = Endpoint {
        contract: listed,
        multicall: false,
        batches: false,
    }
    .start();
    let said = |source: &str| {
        let error = bench(&endpoint).try_collect(source).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        error
    };
    assert!(said(&format!("erc721:polygon:{ADDRESS}")).contains("of the chain 1, expected the chain 137"));
    assert!(said("erc721:1:0x0000000000000000000000000000000000000001").contains("no contract"));
    let broken = Server::start(|_| Reply::status(500));
    let error = bench(&broken)
        .try_collect(&format!("erc721:1:{ADDRESS}"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("answers 500") && !error.contains("secret"),
        "{error}"
    );
    let error = Bench::new()
        .try_collect(&format!("erc721:1:{ADDRESS}"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("--rpc"), "{error}");
}
