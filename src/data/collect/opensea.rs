//! A collection as OpenSea lists it: version 2 of its API.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::address::Address;
use super::failure::Failure;
use super::listing::Facts;
use super::options::MAX_TOKENS;
use super::reach::Reach;
use super::sink::Memory;
use super::token::{Document, Json, Token};
use super::web::{Request, host_of};

/// Tokens in an answer; the API gives no more.
const PAGE: usize = 200;
const MAX_PAGE_BYTES: u64 = 32 << 20;
/// What a free key allows.
const RATE: f64 = 3.0;

/// A collection, as far as it has been listed.
#[derive(Debug)]
pub(super) struct OpenSea {
    api: Url,
    slug: String,
    contracts: Vec<Contract>,
    /// Where the next page is; nothing behind the last.
    next: Option<String>,
    seen: HashSet<String>,
    listed: u64,
}

#[derive(Debug, Clone, Deserialize)]
struct Contract {
    address: String,
    chain: String,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Collection {
    name: Option<String>,
    description: Option<String>,
    license: Option<Value>,
    owner: Option<String>,
    contracts: Option<Vec<Contract>>,
    total_supply: Option<Value>,
    unique_item_count: Option<Value>,
    fees: Option<Value>,
    project_url: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    nfts: Vec<Json>,
    #[serde(default)]
    next: Option<String>,
}

impl OpenSea {
    /// Asks for the collection itself.
    pub fn open(reach: &Reach, api: &Url, slug: &str) -> Result<(Self, Facts), Failure> {
        if reach.key.is_none() {
            return Err(Failure::lasting(
                "OpenSea wants a key: put yours into the variable OPENSEA_API_KEY, or into a file and \
                 give that with --api-key-file",
            ));
        }
        reach.web.pace.slow(&host_of(api), RATE);
        let bytes = ask(reach, at(api, &["collections", slug]))?;
        let found: Collection = parse(&bytes)?;
        let number = |value: &Option<Value>| match value {
            Some(Value::Number(number)) => number.as_u64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => None,
        };
        let contracts = found.contracts.unwrap_or_default();
        let mut said = Json::new();
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value.filter(|value| !value.is_null() && value.as_str() != Some("")) {
                said.insert(name.into(), value);
            }
        };
        say("description", found.description.map(Value::from));
        say("fees", found.fees);
        say("owner", found.owner.map(Value::from));
        say("project_url", found.project_url.map(Value::from));
        let listed = contracts
            .iter()
            .take(100)
            .map(|it| format!("{}:{}", it.chain, it.address));
        say("contracts", Some(listed.collect::<Vec<_>>().into()));
        let facts = Facts {
            name: found.name.unwrap_or_default(),
            license: super::listing::license_of(found.license.as_ref()),
            total: number(&found.unique_item_count).or(number(&found.total_supply)),
            said,
            ..Facts::default()
        };
        let this = Self {
            api: api.clone(),
            slug: slug.into(),
            contracts,
            next: Some(String::new()),
            seen: HashSet::new(),
            listed: 0,
        };
        Ok((this, facts))
    }

    /// The next tokens; nothing behind the last.
    pub fn page(&mut self, reach: &Reach) -> Result<Option<Vec<Token>>, Failure> {
        let Some(cursor) = self.next.take() else {
            return Ok(None);
        };
        let mut url = at(&self.api, &["collection", &self.slug, "nfts"]);
        url.query_pairs_mut().append_pair("limit", &PAGE.to_string());
        if !cursor.is_empty() {
            url.query_pairs_mut().append_pair("next", &cursor);
        }
        let page: Page = parse(&ask(reach, url)?)?;
        self.listed += page.nfts.len() as u64;
        self.next = page.next.filter(|next| !next.is_empty());
        if let Some(next) = &self.next {
            if !self.seen.insert(next.clone()) {
                return Err(Failure::lasting(
                    "OpenSea's list leads in a circle: the same cursor came twice",
                ));
            }
            if self.listed > MAX_TOKENS {
                return Err(Failure::lasting(format!(
                    "OpenSea lists more than {MAX_TOKENS} tokens"
                )));
            }
        }
        Ok(Some(page.nfts.into_iter().map(|nft| self.token(nft)).collect()))
    }

    fn token(&self, nft: Json) -> Token {
        let text = |name: &str| {
            nft.get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let number = text("identifier").unwrap_or_default().to_string();
        let own = text("contract").unwrap_or_default().to_string();
        // Numbers repeat where there are several contracts.
        let id = match self.contracts.len() {
            ..=1 => number.clone(),
            _ => format!("{own}-{number}"),
        };
        let images = ["image_url", "display_image_url"].into_iter().filter_map(text);
        let images = images
            .filter_map(|image| Address::parse(image, None).ok())
            .collect();
        let mut documents = vec![];
        let has_traits = nft
            .get("traits")
            .and_then(Value::as_array)
            .is_some_and(|it| !it.is_empty());
        if !has_traits {
            documents.extend(
                text("metadata_url").map(|address| match Address::parse(address, None) {
                    Ok(address) => Document::At(address),
                    Err(reason) => Document::Failed(Failure::lasting(reason)),
                }),
            );
            let chain = self
                .contracts
                .iter()
                .find(|it| it.address.eq_ignore_ascii_case(&own));
            if let Some(Contract { chain, address }) = chain.or(self.contracts.first()) {
                let path = ["chain", chain, "contract", address, "nfts", &number];
                documents.push(Document::OpenSea(at(&self.api, &path)));
            }
        }
        documents.push(Document::Here(nft, None));
        Token {
            id,
            documents,
            images,
        }
    }
}

/// A place of the API.
fn at(api: &Url, path: &[&str]) -> Url {
    let mut url = api.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(["api", "v2"]).extend(path);
    }
    url
}

fn ask(reach: &Reach, url: Url) -> Result<Vec<u8>, Failure> {
    let mut memory = Memory::new(MAX_PAGE_BYTES);
    let request = Request::get(url)
        .accept("application/json")
        .key(reach.key.as_ref());
    match reach.web.fetch(&[request], &mut memory) {
        Ok(_) => Ok(memory.bytes),
        Err(failure) if failure.reason.contains("answers 401") || failure.reason.contains("answers 403") => {
            Err(Failure::lasting(format!(
                "OpenSea does not accept the key: {}",
                failure.reason
            )))
        }
        Err(failure) => Err(failure),
    }
}

fn parse<T: for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::lasting(format!("OpenSea's answer is not understood: {error}")))
}
