//! A real HTTP server on this machine that misbehaves on purpose.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Request {
    /// With its query.
    pub path: String,
    /// Their names in lower case.
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// What is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    Whole {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    },
    /// Half of what was promised, and then the connection is closed.
    Half(Vec<u8>),
    /// All of it, without a word about how much it is.
    Unmeasured(Vec<u8>),
    /// One byte at a time, for ever.
    Drip,
    /// The connection is closed.
    Silence,
}

impl Reply {
    pub fn of(body: impl Into<Vec<u8>>) -> Self {
        Self::with(body, &[])
    }

    pub fn with(body: impl Into<Vec<u8>>, headers: &[(&'static str, &str)]) -> Self {
        Self::Whole {
            status: 200,
            headers: headers
                .iter()
                .map(|(name, value)| (*name, value.to_string()))
                .collect(),
            body: body.into(),
        }
    }

    pub fn status(status: u16) -> Self {
        Self::status_with(status, &[])
    }

    pub fn status_with(status: u16, headers: &[(&'static str, &str)]) -> Self {
        Self::Whole {
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (*name, value.to_string()))
                .collect(),
            body: b"<html>no</html>".to_vec(),
        }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// A server, which ends with the test.
pub struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(vec![]));
        let is_over = Arc::new(AtomicBool::new(false));
        let shared: (Arc<Handler>, _, _) = (Arc::new(handler), asked.clone(), is_over.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.2.load(Ordering::Relaxed) {
                    break;
                }
                let (handler, asked, is_over) = shared.clone();
                // What a client does not take is lost to it alone.
                thread::spawn(move || stream.ok().and_then(|it| serve(it, &*handler, &asked, &is_over)));
            }
        });
        Self { port, asked, is_over }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// All that was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// How often something was asked whose path contains `part`.
    pub fn count(&self, part: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.path.contains(part))
            .count()
    }

    pub fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    stream: TcpStream,
    handler: &Handler,
    asked: &Mutex<Vec<Request>>,
    is_over: &AtomicBool,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    while !is_over.load(Ordering::Relaxed) {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let path = line.split(' ').nth(1)?.to_string();
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_string());
        }
        let length = headers
            .get("content-length")
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request = Request {
            path,
            headers,
            body: String::from_utf8(body).ok()?,
        };
        asked.lock().unwrap().push(request.clone());
        match handler(&request) {
            Reply::Whole {
                status,
                headers,
                body,
            } => {
                let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n", body.len());
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                stream.write_all(format!("{head}\r\n").as_bytes()).ok()?;
                if status != 304 {
                    stream.write_all(&body).ok()?;
                }
            }
            Reply::Half(body) => {
                let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", body.len());
                stream.write_all(head.as_bytes()).ok()?;
                stream.write_all(&body[..body.len() / 2]).ok()?;
                stream.shutdown(Shutdown::Both).ok()?;
            }
            Reply::Unmeasured(body) => {
                stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").ok()?;
                stream.write_all(&body).ok()?;
                stream.shutdown(Shutdown::Both).ok()?;
            }
            Reply::Drip => {
                stream.write_all(b"HTTP/1.1 200 X\r\n\r\n").ok()?;
                while !is_over.load(Ordering::Relaxed) {
                    stream.write_all(b"x").ok()?;
                    thread::sleep(Duration::from_millis(20));
                }
            }
            Reply::Silence => stream.shutdown(Shutdown::Both).ok()?,
        }
    }
    None
}
