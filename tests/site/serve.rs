//! `guise serve`, spoken to in raw HTTP.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A server, which ends with the test.
struct Server {
    process: Child,
    port: u16,
    announced: String,
}

impl Server {
    fn start(dir: &Path, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_guise"))
            .args(["serve", dir.to_str().unwrap(), "--port", "0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut announced = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut announced).unwrap();
        let port = announced.split("http://127.0.0.1:").nth(1).unwrap();
        let port = port.split('/').next().unwrap().parse().unwrap();
        Self {
            process,
            port,
            announced,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// What the server answers to these bytes: status, head and body.
    fn answer(&self, request: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut answer = vec![];
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head[9..12].parse().unwrap(), head, answer[end..].to_vec())
    }

    fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        self.answer(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port).as_bytes())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn site() -> TempDir {
    let root = TempDir::new().unwrap();
    let dir = root.path().join("site");
    fs::create_dir_all(dir.join("models/a b")).unwrap();
    fs::create_dir_all(dir.join(".git")).unwrap();
    for (path, contents) in [
        ("site/index.html", "the page"),
        ("site/404.html", "lost"),
        ("site/engine_bg.wasm", "\0asm"),
        ("site/site.webmanifest", "{}"),
        ("site/models/a b/model.json", "{}"),
        ("site/models/a b/x.gguf", "GGUF"),
        ("site/.git/config", "secret"),
        ("secret.txt", "secret"),
    ] {
        fs::write(root.path().join(path), contents).unwrap();
    }
    root
}

#[test]
fn files_are_served_as_they_are() {
    let root = site();
    let server = Server::start(&root.path().join("site"), &[]);
    assert!(
        server.announced.ends_with("/ (Ctrl-C ends it)\n"),
        "{}",
        server.announced
    );
    for (path, kind, contents) in [
        ("/", "text/html; charset=utf-8", "the page"),
        ("/index.html?device=cpu", "text/html; charset=utf-8", "the page"),
        ("/engine_bg.wasm", "application/wasm", "\0asm"),
        ("/site.webmanifest", "application/manifest+json", "{}"),
        ("/models/a%20b/model.json", "application/json", "{}"),
        ("/models/a%20b/x.gguf", "application/octet-stream", "GGUF"),
    ] {
        let (status, head, body) = server.get(path);
        assert_eq!(
            (status, body.as_slice()),
            (200, contents.as_bytes()),
            "{path}: {head}"
        );
        assert!(head.contains(&format!("content-type: {kind}\r\n")), "{head}");
        assert!(
            head.contains(&format!("content-length: {}\r\n", contents.len())),
            "{head}"
        );
        // As on a plain host: nothing that a page could come to depend on.
        for header in ["cross-origin", "content-security", "content-encoding", "location"] {
            assert!(!head.contains(header), "{head}");
        }
    }
    let (status, head, body) = server.answer(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((status, body.len()), (200, 0));
    assert!(head.contains("content-length: 8\r\n"), "{head}");
}

#[test]
fn nothing_else_is_served() {
    let root = site();
    let dir = root.path().join("site");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(root.path().join("secret.txt"), dir.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(root.path(), dir.join("up")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", dir.join("zero")).unwrap();
    }
    let server = Server::start(&dir, &[]);
    for path in [
        "/nothing",
        "/models",
        "/models/",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/models/../../secret.txt",
        "/models/..%5c..%5csecret.txt",
        "/.git/config",
        "//etc/passwd",
        "/%00",
        "/index.html%00.js",
        "/%ff",
        "/link.txt",
        "/up/secret.txt",
        "/zero",
        "index.html",
        "http://127.0.0.1/index.html",
    ] {
        let (status, _, body) = server.get(path);
        assert_eq!((status, body.as_slice()), (404, &b"lost"[..]), "{path}");
    }
    for (request, expected) in [
        ("POST / HTTP/1.1\r\nHost: localhost\r\n\r\nbody", 405),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421),
        ("nonsense\r\n\r\n", 400),
        ("GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
        (&format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(20_000)), 400),
        (&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100)), 400),
    ] {
        let (status, head, _) = server.answer(request.as_bytes());
        assert_eq!(status, expected, "{head}");
    }
    assert_eq!(server.get("/").0, 200, "it lives");
}

#[test]
fn slow_clients_keep_no_one_waiting() {
    let root = site();
    let server = Server::start(&root.path().join("site"), &[]);
    let mut slow: Vec<_> = (0..20).map(|_| server.connect()).collect();
    slow.iter_mut()
        .for_each(|stream| stream.write_all(b"GET / HT").unwrap());
    let began = Instant::now();
    assert_eq!(server.get("/").0, 200);
    assert!(began.elapsed() < Duration::from_secs(5));
    // More than it takes at once are turned away, not waited for, and those that say nothing are let go.
    let more: Vec<_> = (0..60).map(|_| server.connect()).collect();
    assert_eq!(server.get("/").0, 503);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    let mut left = vec![];
    let _ = slow[0].read_to_end(&mut left);
    assert!(left.is_empty());
    while server.get("/").0 == 503 {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "the places were not given back"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    drop(more);
}

#[test]
fn only_this_machine_reaches_it() {
    let root = site();
    let server = Server::start(&root.path().join("site"), &[]);
    // The whole of 127/8 is this machine, and only 127.0.0.1 is listened to: so it is no wildcard.
    let other: SocketAddr = format!("127.0.0.2:{}", server.port).parse().unwrap();
    if cfg!(target_os = "linux") {
        assert!(TcpStream::connect_timeout(&other, Duration::from_secs(2)).is_err());
    }
    assert_eq!(server.get("/").0, 200);
}

#[test]
fn a_site_lives_under_a_path() {
    let root = site();
    let server = Server::start(&root.path().join("site"), &["--base", "/some/avatars"]);
    assert!(
        server.announced.contains("/some/avatars/ (Ctrl-C"),
        "{}",
        server.announced
    );
    assert_eq!(server.get("/some/avatars/").2, b"the page");
    assert_eq!(server.get("/some/avatars/models/a%20b/x.gguf").2, b"GGUF");
    for path in ["/", "/index.html", "/some/avatars/../avatars/index.html"] {
        assert_eq!(server.get(path).0, 404, "{path}");
    }
}

#[test]
fn what_cannot_be_served_is_said() {
    let root = site();
    let fails = |args: &[&str], expected: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_guise"))
            .arg("serve")
            .args(args)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(expected), "{said}");
    };
    let dir = root.path().join("site");
    let dir = dir.to_str().unwrap();
    fails(&[&format!("{dir}/none")], "cannot serve");
    fails(&[&format!("{dir}/index.html")], "is no folder");
    fails(&[dir, "--base", "../up"], "expected a path such as");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    fails(&[dir, "--port", &port], "choose another with --port");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it() {
    use rustix::process::{Pid, Signal, kill_process};
    let root = site();
    let mut server = Server::start(&root.path().join("site"), &[]);
    kill_process(Pid::from_child(&server.process), Signal::INT).unwrap();
    let began = Instant::now();
    // Only a server that hangs takes as long, however busy the machine is.
    while server.process.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(20));
    }
}
