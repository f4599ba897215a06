//! The tokens of a contract: ERC-721 and ERC-1155, asked through an endpoint of the chain.

use std::path::Path;

use serde_json::Value;
use url::Url;

use super::failure::Failure;
use super::kind::{Kind, kind};
use super::listing::{Facts, document, license_of};
use super::options::Ids;
use super::reach::Reach;
use super::sink::{Spool, hex};
use super::token::{Document, Json, Token};
use abi::{Word, call, front, word};
use rpc::{REFUSAL, Returned, Rpc};

mod abi;
mod rpc;

/// Tokens that are asked for at a time.
const PAGE: u64 = 100;
const ERC_721: [u8; 4] = [0x80, 0xac, 0x58, 0xcd];
const ERC_721_ENUMERABLE: [u8; 4] = [0x78, 0x0e, 0x9d, 0x63];
const ERC_1155: [u8; 4] = [0xd9, 0xb6, 0x7a, 0x26];
/// What a contract says about itself in more words.
const MAX_FACTS_BYTES: u64 = 4 << 20;

/// A contract, as far as its tokens have been listed.
pub(super) struct Contract {
    rpc: Rpc,
    address: String,
    uri: [u8; 4],
    tokens: Tokens,
}

/// Which tokens there are.
enum Tokens {
    Numbered(Box<dyn Iterator<Item = u64> + Send>),
    /// The contract lists them: the next place, and how many there are.
    Listed(u64, u64),
}

impl Contract {
    /// Asks what the contract is and which tokens it has.
    pub fn open(
        reach: &Reach,
        url: &Url,
        (chain, address): (u64, &str),
        ids: Option<Ids>,
        folder: &Path,
    ) -> Result<(Self, Facts), Failure> {
        let mut rpc = Rpc::open(reach, url, chain)?;
        if !rpc.has_code(reach, address)? {
            let reason = format!("there is no contract at 0x{address} on the chain {chain}");
            return Err(Failure::lasting(reason));
        }
        let supports = |interface| call(abi::SUPPORTS_INTERFACE, &[front(interface)]);
        let questions = [
            supports(ERC_721),
            supports(ERC_721_ENUMERABLE),
            supports(ERC_1155),
            call(abi::TOTAL_SUPPLY, &[]),
            call(abi::TOKEN_URI, &[word(0)]),
            call(abi::NAME, &[]),
            call(abi::CONTRACT_URI, &[]),
        ];
        let answers = rpc.calls(reach, address, &questions)?;
        for answer in &answers {
            // What the endpoint cannot say now must not be taken for what the contract is.
            if let Err(failure) = answer
                && !failure.reason.starts_with(REFUSAL)
            {
                return Err(failure.clone());
            }
        }
        let is = |place: usize| {
            answers[place]
                .as_ref()
                .is_ok_and(|bytes| abi::number(bytes, 0) == Some(1))
        };
        let text = |place: usize| answers[place].as_ref().ok().and_then(|bytes| abi::text(bytes));
        let supply = answers[3].as_ref().ok().and_then(|bytes| abi::number(bytes, 0));
        let (is_721, is_listed, is_1155) = (is(0), is(1), is(2));
        let tokens_missing = || {
            Failure::lasting(
                "the contract does not list its tokens: say which with --tokens, such as --tokens 1-10000",
            )
        };
        let (tokens, total) = match (ids, supply) {
            (Some(ids), _) => {
                let count = ids.count();
                (Tokens::Numbered(Box::new(ids.into_iter())), count)
            }
            (None, Some(supply)) if is_listed => (Tokens::Listed(0, supply as u64), supply as u64),
            // Most contracts of today number their tokens from 0 or 1 on.
            (None, Some(supply)) if supply > 0 && !is_1155 => {
                let ids = Ids::from_first(u64::from(answers[4].is_err()), supply as u64);
                (Tokens::Numbered(Box::new(ids.into_iter())), supply as u64)
            }
            _ => return Err(tokens_missing()),
        };
        if total > super::options::MAX_TOKENS {
            let reason = format!("the contract says that it has {total} tokens: say which with --tokens");
            return Err(Failure::lasting(reason));
        }
        if !is_721 && !is_1155 && answers[4].is_err() && supply.is_none() {
            return Err(Failure::lasting("the contract is neither ERC-721 nor ERC-1155"));
        }
        let mut facts = Facts {
            name: text(5).unwrap_or_default(),
            total: Some(total),
            ..Facts::default()
        };
        if let Some(uri) = text(6).filter(|uri| !uri.is_empty()) {
            describe(reach, &uri, folder, &mut facts)?;
        }
        let this = Self {
            rpc,
            address: address.into(),
            uri: if is_1155 && !is_721 {
                abi::URI
            } else {
                abi::TOKEN_URI
            },
            tokens,
        };
        Ok((this, facts))
    }

    /// The next tokens; nothing behind the last.
    pub fn page(&mut self, reach: &Reach) -> Result<Option<Vec<Token>>, Failure> {
        let ids: Vec<Result<Word, (u64, Failure)>> = match &mut self.tokens {
            Tokens::Numbered(ids) => ids.take(PAGE as usize).map(|id| Ok(word(id))).collect(),
            Tokens::Listed(next, total) => {
                let places = *next..(*next + PAGE).min(*total);
                *next = places.end;
                let calls: Vec<_> = places
                    .clone()
                    .map(|place| call(abi::TOKEN_BY_INDEX, &[word(place)]))
                    .collect();
                let answers = self.rpc.calls(reach, &self.address, &calls)?;
                let id = |answer: Returned| {
                    abi::word_at(&answer?, 0)
                        .ok_or_else(|| Failure::lasting("the contract names no token there"))
                };
                let answers = places.zip(answers);
                answers
                    .map(|(place, answer)| id(answer).map_err(|failure| (place, failure)))
                    .collect()
            }
        };
        if ids.is_empty() {
            return Ok(None);
        }
        let known = ids.iter().flatten();
        let calls: Vec<_> = known.map(|id| call(self.uri, &[*id])).collect();
        let mut uris = self.rpc.calls(reach, &self.address, &calls)?.into_iter();
        let tokens = ids.into_iter().map(|id| match id {
            Err((place, failure)) => token(
                format!("number {place} of the contract's list"),
                Document::Failed(failure),
            ),
            Ok(id) => {
                let uri = uris
                    .next()
                    .unwrap_or_else(|| Err(Failure::lasting("the endpoint says nothing")));
                let uri = uri.and_then(|bytes| {
                    let text = abi::text(&bytes).filter(|text| !text.trim().is_empty());
                    text.ok_or_else(|| Failure::lasting("the contract gives it no address"))
                });
                token(
                    abi::decimal(&id),
                    match uri {
                        // As ERC-1155 has it: 64 hexadecimal digits, in lower case.
                        Ok(uri) => document(&uri.replace("{id}", &hex(&id)), None),
                        Err(failure) => Document::Failed(failure),
                    },
                )
            }
        });
        Ok(Some(tokens.collect()))
    }
}

fn token(id: String, document: Document) -> Token {
    Token {
        id,
        documents: vec![document],
        images: vec![],
    }
}

/// Adds what the contract's own document says. It is welcome, and not needed.
fn describe(reach: &Reach, uri: &str, folder: &Path, facts: &mut Facts) -> Result<(), Failure> {
    let Document::At(address) = document(uri, None) else {
        return Ok(());
    };
    let mut spool = Spool::new(folder, MAX_FACTS_BYTES).map_err(Failure::disk)?;
    match reach.fetch(&address, None, &mut spool) {
        Err(failure) if failure.is_ours => return Err(failure),
        Ok(_) if kind(spool.head()) == Kind::Json => {}
        _ => return Ok(()),
    }
    let Ok(map) = serde_json::from_slice::<Json>(&spool.bytes(MAX_FACTS_BYTES)?) else {
        return Ok(());
    };
    facts.license = license_of(map.get("license").or(map.get("licence")));
    for name in [
        "description",
        "external_link",
        "seller_fee_basis_points",
        "fee_recipient",
    ] {
        if let Some(value) = map.get(name) {
            facts.said.insert(name.into(), value.clone());
        }
    }
    if facts.name.is_empty()
        && let Some(name) = map.get("name").and_then(Value::as_str)
    {
        facts.name = name.into();
    }
    Ok(())
}
