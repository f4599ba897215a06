//! `guise serve`: a plain static file server on this machine only, as bare as the plainest host that a site
//! must work on: right content types, no special headers, no rewriting.

use super::files::open_file;
use anyhow::{Context, ensure};
use httparse::{EMPTY_HEADER, Request};
use percent_encoding::percent_decode_str;
use std::{
    fs::File,
    io::{self, Cursor, ErrorKind, Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The longest that a request's head may be.
const MAX_HEAD: usize = 16 << 10;

/// A client has this long to send its request.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// And this long to take the next piece of what it asked for.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// So many are answered at the same time; a browser asks for six files at once.
const MAX_CLIENTS: usize = 64;

/// Show a site on this machine, at http://127.0.0.1:8080.
///
/// Nothing but this machine can reach it. It serves files as they are, as a plain static host does; Ctrl-C
/// ends it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder to serve, such as `guise site` writes it.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The port to listen at; 0 takes any that is free.
    #[arg(long, value_name = "N", default_value_t = 8080)]
    port: u16,
    /// The path to serve it under, as hosts do that give a site no domain of its own, such as /avatars/.
    #[arg(long, value_name = "PATH", default_value = "/", value_parser = base)]
    base: String,
}

pub(super) fn run(args: Args) -> anyhow::Result<()> {
    let root = args.dir.canonicalize();
    let root = root.with_context(|| format!("cannot serve {}", args.dir.display()))?;
    ensure!(root.is_dir(), "{} is no folder", args.dir.display());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))
        .with_context(|| format!("cannot listen at port {}: choose another with --port", args.port))?;
    let port = listener.local_addr()?.port();
    println!(
        "{} is at http://127.0.0.1:{port}{} (Ctrl-C ends it)",
        args.dir.display(),
        args.base
    );
    let site = Arc::new((root, args.base));
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // A client that left before it was answered is no reason to end; without files to open, waiting
        // helps.
        let Ok(stream) = stream else {
            thread::sleep(Duration::from_millis(20));
            continue;
        };
        let (site, place) = (site.clone(), Place::take(&clients));
        let Some(place) = place else {
            // It is not waited for: a client that holds all places may be slow on purpose.
            let _ = stream.set_nonblocking(true);
            let _ = answer_with(&stream, 503, "text/plain", b"too many at once");
            continue;
        };
        let _ = thread::Builder::new().spawn(move || {
            // What a client does not take is lost to it alone.
            let _ = serve(&stream, &site.0, &site.1);
            drop(place);
        });
    }
    Ok(())
}

/// One of the places for clients, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Self(taken.clone());
        (taken.fetch_add(1, Ordering::Relaxed) < MAX_CLIENTS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the one request of a connection.
fn serve(stream: &TcpStream, root: &Path, base: &str) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_TIME))?;
    let head = read_head(stream)?;
    let mut headers = [EMPTY_HEADER; 64];
    let mut request = Request::new(&mut headers);
    let parsed = request.parse(&head).is_ok_and(|parsed| parsed.is_complete());
    let (Some(method), Some(target), true) = (request.method, request.path, parsed) else {
        return answer_with(stream, 400, "text/plain", b"not a request");
    };
    let hosts = request
        .headers
        .iter()
        .filter(|it| it.name.eq_ignore_ascii_case("host"));
    if !hosts.map(|host| host.value).all(is_this_machine) {
        // Another site's name may be led to this machine, to read what is served here.
        return answer_with(stream, 421, "text/plain", b"expected the host 127.0.0.1");
    }
    let whole = match method {
        "GET" => true,
        "HEAD" => false,
        _ => return answer_with(stream, 405, "text/plain", b"only GET and HEAD"),
    };
    match find(root, base, target) {
        Some((path, file)) => send(stream, 200, &path, file, whole),
        // As hosts do, if the site has it.
        None => match find(root, "/", "/404.html") {
            Some((path, file)) => send(stream, 404, &path, file, whole),
            None => answer_with(stream, 404, "text/plain", b"no such file"),
        },
    }
}

/// What comes before the first empty line. Ends with the time that a client has, however slowly it sends.
fn read_head(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let until = Instant::now() + HEAD_TIME;
    let mut head = vec![];
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() <= MAX_HEAD {
        let left = until.saturating_duration_since(Instant::now());
        // A time of zero would be none at all.
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) if !left.is_zero() => head.extend_from_slice(&piece[..read]),
            Ok(_) => return Err(ErrorKind::TimedOut.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(head)
}

/// Whether a `Host` header names this machine, with any port.
fn is_this_machine(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host);
    let name = host.rsplit_once(':').map_or(&*host, |(name, _)| name);
    ["127.0.0.1", "localhost"].contains(&name.to_ascii_lowercase().as_str())
}

/// The file that a request means, opened. Nothing outside `root`, by whatever name or link, and nothing
/// hidden.
fn find(root: &Path, base: &str, target: &str) -> Option<(PathBuf, File)> {
    let path = target.split(['?', '#']).next()?;
    let path = percent_decode_str(path).decode_utf8().ok()?;
    let mut path = path.strip_prefix(base)?.to_owned();
    if path.is_empty() || path.ends_with('/') {
        path.push_str("index.html");
    }
    // A name with a dot in front is hidden, or leads up; the others lead elsewhere on Windows.
    let is_plain = |part: &str| {
        !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', ':']) && !part.contains('\0')
    };
    let plain = path.split('/').all(is_plain);
    let real = plain.then(|| root.join(&path).canonicalize().ok()).flatten()?;
    let file = real.starts_with(root).then(|| open_file(&real).ok()).flatten()?;
    Some((real, file))
}

fn send(stream: &TcpStream, status: u16, path: &Path, file: File, whole: bool) -> io::Result<()> {
    let length = file.metadata()?.len();
    answer(
        stream,
        status,
        content_type(path),
        length,
        whole.then_some(file.take(length)),
    )
}

fn answer_with(stream: &TcpStream, status: u16, content_type: &str, body: &[u8]) -> io::Result<()> {
    answer(
        stream,
        status,
        content_type,
        body.len() as u64,
        Some(Cursor::new(body)),
    )
}

fn answer(
    mut stream: &TcpStream,
    status: u16,
    content_type: &str,
    length: u64,
    body: Option<impl Read>,
) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed\r\nallow: GET, HEAD",
        421 => "Misdirected Request",
        _ => "Service Unavailable",
    };
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         cache-control: no-cache\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if let Some(mut body) = body {
        io::copy(&mut body, &mut stream)?;
    }
    // What a client sent and was not read would have the system reset the connection, and the answer with it.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(Duration::from_millis(500)))?;
    io::copy(&mut stream.take(MAX_HEAD as u64), &mut io::sink())?;
    Ok(())
}

/// The type that hosts give a file by its name.
fn content_type(path: &Path) -> &'static str {
    match path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" => "application/json",
        "md" => "text/markdown; charset=utf-8",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

/// The path that a site is served under, as a flag.
fn base(text: &str) -> Result<String, String> {
    let inside = text.trim_matches('/');
    let plain = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
            && !part.is_empty()
            && !part.starts_with('.')
    };
    match inside {
        "" => Ok("/".into()),
        inside if text.starts_with('/') && inside.split('/').all(plain) => Ok(format!("/{inside}/")),
        _ => Err("expected a path such as /avatars/".into()),
    }
}
