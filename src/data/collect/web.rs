//! Requests to servers that may be slow, wrong, absent or hostile.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use ureq::config::Config;
use ureq::http::{HeaderValue, Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};
use url::{Origin, Url};

use super::failure::Failure;
use super::guard::{PublicOnly, Refused};
use super::lock;
use super::options::CollectOptions;
use super::pace::{Pace, retry_after};
use super::sink::{Sink, too_large};

/// An address may lead on to another one this many times.
const MAX_REDIRECTS: usize = 5;
/// A host that asks for a longer pause is given up.
const LONGEST_HOLD: Duration = Duration::from_secs(120);
/// With other hosts to ask, one is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// A key that is sent to one server and shown nowhere.
#[derive(Clone)]
pub struct ApiKey(HeaderValue);

impl ApiKey {
    /// The key in `text`, without the space and the line end around it; nothing if that cannot be a key.
    pub fn new(text: &str) -> Option<Self> {
        let mut value = HeaderValue::from_str(text.trim()).ok()?;
        value.set_sensitive(true);
        (!value.is_empty()).then_some(Self(value))
    }
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// What a server said about a file's version, to ask later whether there is another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Version {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub etag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub modified: String,
}

/// One request.
#[derive(Debug)]
pub(super) struct Request<'a> {
    url: Url,
    accept: Option<&'static str>,
    key: Option<&'a ApiKey>,
    known: Option<&'a Version>,
    body: Option<String>,
}

impl<'a> Request<'a> {
    pub fn get(url: Url) -> Self {
        Self {
            url,
            accept: None,
            key: None,
            known: None,
            body: None,
        }
    }

    /// A question in JSON.
    pub fn post(url: Url, body: String) -> Self {
        Self {
            body: Some(body),
            ..Self::get(url)
        }
    }

    pub fn accept(self, accept: &'static str) -> Self {
        Self {
            accept: Some(accept),
            ..self
        }
    }

    pub fn key(self, key: Option<&'a ApiKey>) -> Self {
        Self { key, ..self }
    }

    /// Only if it is no longer this version.
    pub fn unless(self, known: Option<&'a Version>) -> Self {
        Self { known, ..self }
    }

    /// The host as messages may name it: whole addresses of endpoints and gateways hold keys.
    fn host(&self) -> String {
        host_of(&self.url)
    }
}

pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.into(),
    }
}

/// What a server answered, its bytes aside.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// It is still the version that was known.
    pub is_unchanged: bool,
    pub content_type: String,
    pub version: Version,
    /// Which of the alternatives answered.
    pub alternative: usize,
}

/// All that asks servers.
#[derive(Debug)]
pub(super) struct Web {
    guarded: Agent,
    open: Agent,
    /// Servers that the user has named: they may be at home.
    trusted: HashSet<Origin>,
    allow_private: bool,
    retries: u32,
    timeout: f64,
    pub pace: Pace,
    /// How often in a row a host has failed. Of alternatives, the one that fails least is asked first.
    failures: Mutex<HashMap<String, u32>>,
}

impl Web {
    /// Nothing more is asked once `stop` is set.
    pub fn new(options: &CollectOptions, trusted: &[&Url], stop: Arc<AtomicBool>) -> Self {
        let config = || -> Config {
            Agent::config_builder()
                .user_agent(concat!("guise/", env!("CARGO_PKG_VERSION")))
                // A proxy would look names up where no address can be checked.
                .proxy(None)
                // Pictures are compressed already, and what unpacks may unpack to anything.
                .accept_encoding("identity")
                // Each hop is looked at, and so is what a server answers.
                .max_redirects(0)
                .http_status_as_error(false)
                .timeout_connect(Some(CONNECT_TIME))
                .timeout_global(Some(Duration::from_secs_f64(options.timeout)))
                .max_idle_connections(4 * options.concurrency)
                .max_idle_connections_per_host(options.concurrency)
                .build()
        };
        Self {
            guarded: Agent::with_parts(config(), DefaultConnector::default(), PublicOnly::default()),
            open: Agent::with_parts(config(), DefaultConnector::default(), DefaultResolver::default()),
            trusted: trusted.iter().map(|url| url.origin()).collect(),
            allow_private: options.allow_private,
            retries: options.retries,
            timeout: options.timeout,
            pace: Pace::new(options.rate, options.is_hasty, stop),
            failures: Mutex::default(),
        }
    }

    /// Asks until one of the alternatives has answered in full, in rounds with pauses between them: each
    /// once, and then those again of which it may help, as often as there are retries. The one whose host has
    /// failed least is asked first.
    ///
    /// # Errors
    /// What all of them said in the end. It may pass if that is true of each.
    pub fn fetch(&self, alternatives: &[Request<'_>], sink: &mut dyn Sink) -> Result<Answer, Failure> {
        let mut said: Vec<Option<Failure>> = alternatives.iter().map(|_| None).collect();
        let may_help = |said: &Option<Failure>| said.as_ref().is_none_or(|failure| failure.passes);
        let mut attempts = alternatives.len() as u32 + self.retries;
        for round in 0.. {
            let mut order: Vec<usize> = (0..alternatives.len())
                .filter(|it| may_help(&said[*it]))
                .collect();
            order.sort_by_key(|it| self.failures_of(&alternatives[*it].host()));
            order.truncate(attempts as usize);
            if order.is_empty() {
                break;
            }
            if round > 0 {
                self.pace.back_off(round - 1)?;
            }
            for (place, index) in order.iter().copied().enumerate() {
                let request = &alternatives[index];
                let host = request.host();
                let is_last = place + 1 == order.len();
                if !is_last && self.pace.delay(&host) > PATIENCE {
                    continue;
                }
                attempts -= 1;
                match self.once(request, sink) {
                    Ok(answer) => {
                        lock(&self.failures).remove(&host);
                        return Ok(Answer {
                            alternative: index,
                            ..answer
                        });
                    }
                    Err(failure) if failure.is_ours => return Err(failure),
                    Err(failure) => {
                        if failure.passes {
                            *lock(&self.failures).entry(host).or_default() += 1;
                        }
                        said[index] = Some(failure);
                    }
                }
            }
        }
        let said: Vec<Failure> = said.into_iter().flatten().collect();
        let reasons: Vec<&str> = said.iter().map(|failure| &*failure.reason).collect();
        let reason = reasons.join("; ");
        Err(match said.iter().all(|failure| failure.passes) {
            true => Failure::passing(reason),
            false => Failure::lasting(reason),
        })
    }

    fn failures_of(&self, host: &str) -> u32 {
        lock(&self.failures).get(host).copied().unwrap_or(0)
    }

    /// Asks once, wherever that leads.
    fn once(&self, request: &Request<'_>, sink: &mut dyn Sink) -> Result<Answer, Failure> {
        sink.restart()?;
        let mut url = request.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let host = host_of(&url);
            let named = |failure: Failure| failure.of(&host);
            self.pace.turn(&host)?;
            match self.hop(request, &url, sink).map_err(named)? {
                Hop::Answer(answer) => return Ok(answer),
                Hop::Elsewhere(next) if url.scheme() == "https" && next.scheme() != "https" => {
                    return Err(named(Failure::lasting(
                        "it leads from https to an address that can be changed on the way",
                    )));
                }
                Hop::Elsewhere(next) => url = next,
            }
        }
        let reason = format!("leads on more than {MAX_REDIRECTS} times");
        Err(Failure::lasting(reason).of(&request.host()))
    }

    /// Asks one server.
    fn hop(&self, request: &Request<'_>, url: &Url, sink: &mut dyn Sink) -> Result<Hop, Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::lasting(format!(
                "it leads to an address with {}:, expected http or https",
                url.scheme()
            )));
        }
        let agent = match self.allow_private || self.trusted.contains(&url.origin()) {
            true => &self.open,
            false => &self.guarded,
        };
        let mut headers = vec![(
            "accept",
            HeaderValue::from_static(request.accept.unwrap_or("*/*")),
        )];
        if let Some(ApiKey(key)) = request.key
            && url.origin() == request.url.origin()
        {
            headers.push(("x-api-key", key.clone()));
        }
        if let Some(known) = request.known {
            for (name, value) in [
                ("if-none-match", &known.etag),
                ("if-modified-since", &known.modified),
            ] {
                headers.extend(
                    HeaderValue::from_str(value)
                        .ok()
                        .filter(|it| !it.is_empty())
                        .map(|it| (name, it)),
                );
            }
        }
        let response = match &request.body {
            None => {
                let asked = agent.get(url.as_str());
                headers
                    .into_iter()
                    .fold(asked, |asked, (name, value)| asked.header(name, value))
                    .call()
            }
            Some(body) => {
                let asked = agent.post(url.as_str()).content_type("application/json");
                headers
                    .into_iter()
                    .fold(asked, |asked, (name, value)| asked.header(name, value))
                    .send(body)
            }
        };
        let response = response.map_err(|error| self.failed(error))?;
        let status = response.status();
        if status == StatusCode::NOT_MODIFIED && request.known.is_some() {
            return Ok(Hop::Answer(Answer {
                is_unchanged: true,
                ..Answer::default()
            }));
        }
        if status.is_redirection() {
            let next = header(&response, "location");
            let next = url.join(&next).ok().filter(|_| !next.is_empty());
            let next = next.ok_or_else(|| Failure::lasting(format!("answers {status} without a place")))?;
            return Ok(Hop::Elsewhere(next));
        }
        if status != StatusCode::OK {
            return Err(self.refusal(&response, url));
        }
        let answer = Answer {
            content_type: header(&response, "content-type"),
            version: Version {
                etag: header(&response, "etag"),
                modified: header(&response, "last-modified"),
            },
            ..Answer::default()
        };
        self.receive(response, sink)?;
        Ok(Hop::Answer(answer))
    }

    /// What an answer that is no success means.
    fn refusal(&self, response: &Response<Body>, url: &Url) -> Failure {
        let status = response.status();
        let asked = retry_after(&header(response, "retry-after"), SystemTime::now());
        let reason = format!("answers {status}");
        let passes = matches!(
            status.as_u16(),
            408 | 425 | 429 | 500 | 502 | 503 | 504 | 520..=524
        );
        match asked {
            Some(time) if passes && time > LONGEST_HOLD => {
                Failure::lasting(format!("{reason} and asks to wait {} seconds", time.as_secs()))
            }
            Some(time) if passes => {
                self.pace.hold(&host_of(url), time);
                Failure::passing(reason)
            }
            _ if passes => Failure::passing(reason),
            _ => Failure::lasting(reason),
        }
    }

    fn receive(&self, response: Response<Body>, sink: &mut dyn Sink) -> Result<(), Failure> {
        let body = response.into_body();
        if body.content_length().is_some_and(|length| length > sink.limit()) {
            return Err(too_large(sink.limit()));
        }
        let mut reader = body.into_reader();
        let mut piece = vec![0; 1 << 16];
        loop {
            self.pace.go_on()?;
            match reader.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => sink.write(&piece[..read])?,
                Err(error) => return Err(self.failed(ureq::Error::from(error))),
            }
        }
    }

    /// Why no whole answer came. Addresses are left out, because they may hold a key.
    fn failed(&self, error: ureq::Error) -> Failure {
        use ureq::Error;
        match error {
            Error::Timeout(_) => Failure::passing(format!(
                "no whole answer within {} seconds (--timeout)",
                self.timeout
            )),
            Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) {
                Some(refused) => Failure::lasting(refused.to_string()),
                None => Failure::passing(format!("no whole answer: {error}")),
            },
            Error::HostNotFound => Failure::passing("there is no server of this name"),
            Error::BadUri(_) | Error::Http(_) => Failure::lasting("its address cannot be asked"),
            other => Failure::passing(format!("no whole answer: {other}")),
        }
    }
}

enum Hop {
    Answer(Answer),
    Elsewhere(Url),
}

/// A header's text; empty when it is missing or no text. More than any version or type needs is none.
fn header(response: &Response<Body>, name: &str) -> String {
    let value = response.headers().get(name).and_then(|value| value.to_str().ok());
    value
        .filter(|value| value.len() <= 4096)
        .unwrap_or_default()
        .into()
}
