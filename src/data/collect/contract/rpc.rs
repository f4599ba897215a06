//! Questions to an endpoint of a chain: JSON-RPC, many at a time where it takes that.

use serde_json::{Value, json};
use url::Url;

use super::super::failure::Failure;
use super::super::reach::Reach;
use super::super::sink::{Memory, hex};
use super::super::web::Request;
use super::abi;

/// Addresses of a hundred tokens, pictures inside of some of them.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// A question that the endpoint could not answer is repeated so often.
const REPEATS: u32 = 4;
/// Multicall3, which has this address on nearly every chain.
const MULTICALL: &str = "ca11bde05977b3631167028862be2a173976ca11";

/// How the reasons of failures begin that are the contract's and not the endpoint's.
pub const REFUSAL: &str = "the contract refuses";

/// An endpoint, and what it turned out to take.
#[derive(Debug)]
pub struct Rpc {
    url: Url,
    has_multicall: bool,
    takes_batches: bool,
}

/// What one call returned.
pub type Returned = Result<Vec<u8>, Failure>;

impl Rpc {
    pub fn open(reach: &Reach, url: &Url, chain: u64) -> Result<Self, Failure> {
        let mut this = Self {
            url: url.clone(),
            has_multicall: false,
            takes_batches: true,
        };
        let found = this.ask(reach, "eth_chainId", json!([]))?;
        let found = found
            .as_str()
            .and_then(|text| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok());
        if found != Some(chain) {
            let found = found.map_or("no chain that it names".into(), |number| {
                format!("the chain {number}")
            });
            return Err(Failure::lasting(format!(
                "the endpoint is of {found}, expected the chain {chain}"
            )));
        }
        this.has_multicall = this.has_code(reach, MULTICALL).unwrap_or(false);
        Ok(this)
    }

    /// Whether there is a contract at `address`.
    pub fn has_code(&self, reach: &Reach, address: &str) -> Result<bool, Failure> {
        let code = self.ask(reach, "eth_getCode", json!([format!("0x{address}"), "latest"]))?;
        Ok(code.as_str().is_some_and(|code| code.len() > 2))
    }

    /// Calls the contract at `address`; what is returned has the order of the calls. What is too much at once
    /// is asked for in halves.
    pub fn calls(
        &mut self,
        reach: &Reach,
        address: &str,
        calls: &[Vec<u8>],
    ) -> Result<Vec<Returned>, Failure> {
        let mut returned = vec![];
        let mut pieces = vec![(0, calls.len())];
        while let Some((start, end)) = pieces.pop() {
            let some = &calls[start..end];
            if let [one] = some {
                match self.call(reach, address, one) {
                    Err(failure) if failure.passes => return Err(failure),
                    one => returned.push(one),
                }
            } else if !some.is_empty() {
                match self.together(reach, address, some) {
                    Some(Ok(mut all)) => returned.append(&mut all),
                    Some(Err(failure)) if failure.passes || failure.is_ours => return Err(failure),
                    _ => {
                        let middle = start + some.len() / 2;
                        pieces.push((middle, end));
                        pieces.push((start, middle));
                    }
                }
            }
        }
        Ok(returned)
    }

    /// Many calls in one request; nothing where the endpoint does not take that.
    fn together(
        &mut self,
        reach: &Reach,
        address: &str,
        calls: &[Vec<u8>],
    ) -> Option<Result<Vec<Returned>, Failure>> {
        if self.has_multicall {
            let target = abi::from_hex(&format!("0x{address}"))?.try_into().ok()?;
            let call = abi::aggregate(target, calls);
            let answer = match self.call(reach, MULTICALL, &call) {
                Ok(answer) => answer,
                Err(failure) => return Some(Err(failure)),
            };
            let all = abi::aggregated(&answer, calls.len())?;
            let reverted = || Failure::lasting(format!("{REFUSAL} this token"));
            return Some(Ok(all.into_iter().map(|one| one.ok_or_else(reverted)).collect()));
        }
        if !self.takes_batches {
            return None;
        }
        let batch = calls
            .iter()
            .enumerate()
            .map(|(id, call)| question(id, "eth_call", eth_call(address, call)));
        let answer = match self.post(reach, &Value::Array(batch.collect())) {
            Ok(answer) => answer,
            Err(failure) => return Some(Err(failure)),
        };
        let Value::Array(answers) = answer else {
            self.takes_batches = false;
            return None;
        };
        let mut all: Vec<Option<Returned>> = calls.iter().map(|_| None).collect();
        for answer in answers {
            let place = answer.get("id").and_then(Value::as_u64)?;
            *all.get_mut(place as usize)? = Some(result(answer).and_then(bytes));
        }
        // One that may pass is asked for again by itself.
        let is_whole = all
            .iter()
            .all(|one| !matches!(one, None | Some(Err(Failure { passes: true, .. }))));
        is_whole.then(|| Ok(all.into_iter().flatten().collect()))
    }

    pub fn call(&self, reach: &Reach, address: &str, call: &[u8]) -> Returned {
        bytes(self.ask(reach, "eth_call", eth_call(address, call))?)
    }

    fn ask(&self, reach: &Reach, method: &str, parameters: Value) -> Result<Value, Failure> {
        let question = question(0, method, parameters);
        for attempt in 0.. {
            match result(self.post(reach, &question)?) {
                Err(failure) if failure.passes && attempt < REPEATS => reach.web.pace.back_off(attempt)?,
                // The endpoint is there and will not: smaller questions may do.
                answer => return answer.map_err(|failure| Failure::lasting(failure.reason)),
            }
        }
        unreachable!("the last attempt returns")
    }

    fn post(&self, reach: &Reach, question: &Value) -> Result<Value, Failure> {
        let mut memory = Memory::new(MAX_ANSWER_BYTES);
        let request = Request::post(self.url.clone(), question.to_string()).accept("application/json");
        reach.web.fetch(&[request], &mut memory)?;
        serde_json::from_slice(&memory.bytes)
            .map_err(|error| Failure::lasting(format!("the endpoint answers no JSON: {error}")))
    }
}

fn question(id: usize, method: &str, parameters: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": parameters})
}

fn eth_call(address: &str, call: &[u8]) -> Value {
    json!([{"to": format!("0x{address}"), "data": format!("0x{}", hex(call))}, "latest"])
}

fn result(mut answer: Value) -> Result<Value, Failure> {
    if let Some(result) = answer.get_mut("result").filter(|result| !result.is_null()) {
        return Ok(result.take());
    }
    let error = answer.get("error").cloned().unwrap_or_default();
    let message = error
        .get("message")
        .and_then(Value::as_str)
        .unwrap_or("it says nothing");
    let lower = message.to_lowercase();
    // A contract that refuses does so for ever; whatever else goes wrong is the endpoint's.
    let is_refusal = error.get("code").and_then(Value::as_i64) == Some(3)
        || ["revert", "invalid opcode", "out of gas"]
            .iter()
            .any(|word| lower.contains(word));
    Err(match is_refusal {
        true => Failure::lasting(format!("{REFUSAL}: {message}")),
        false => Failure::passing(format!("the endpoint answers with an error: {message}")),
    })
}

fn bytes(answer: Value) -> Returned {
    let found = answer.as_str().and_then(abi::from_hex);
    found.ok_or_else(|| Failure::lasting("the endpoint answers no bytes"))
}
