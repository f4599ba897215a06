//! Drawing in processes of their own, each within a limit of memory and of time.
//!
//! A few lines of SVG can ask for gigabytes or for hours: patterns of huge tiles, references to references,
//! nested entities. A process that asks for too much ends, and with it only the picture that it was drawing.
//! Processes are kept and draw one picture after the other, because starting one takes longer than drawing an
//! avatar.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use image::RgbaImage;
use serde::{Deserialize, Serialize};

use super::super::{Error, io_error};
use super::MAX_BYTES;

/// An ordinary avatar takes a millisecond, a rich drawing at full size a second.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// A drawing of 1024 x 1024 pixels takes 4 MB for itself and for each of its layers.
const MEMORY_LIMIT: u64 = 1 << 30;
/// How a process ends that drew for too long.
const TOO_LONG: i32 = 124;
/// What one answer says in words; more would not be of our making.
const MAX_ANSWER_BYTES: u32 = 1 << 20;
/// Warnings for one picture: the first few tell what is wrong.
const MAX_WARNINGS: usize = 3;

/// What is asked of a process, before the bytes of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    bytes: u32,
    side: u32,
    background: Option<[u8; 3]>,
}

/// What a process answers, before the pixels if there are any: what the renderer warned of, or why there is
/// no picture.
type Answer = Result<Vec<String>, String>;

/// Processes that draw.
#[derive(Debug)]
pub(in super::super) struct Renderer {
    program: PathBuf,
    idle: Mutex<Vec<Worker>>,
}

impl Renderer {
    /// Processes of `program`, which is `guise`; they start when they are needed.
    pub(in super::super) fn new(program: PathBuf) -> Self {
        Self {
            program,
            idle: Mutex::default(),
        }
    }

    /// Draws the file as a square of `side` pixels over `background`, or transparent where nothing is
    /// drawn; also what the renderer warned of.
    ///
    /// # Errors
    /// The inner error says why there is no picture; the outer one that no process can be started.
    #[allow(clippy::type_complexity)]
    pub(in super::super) fn draw(
        &self,
        bytes: &[u8],
        side: u32,
        background: Option<[u8; 3]>,
    ) -> Result<Result<(RgbaImage, Vec<String>), String>, Error> {
        if bytes.len() > MAX_BYTES {
            return Ok(Err(format!(
                "too big: an SVG of {} bytes, expected at most {} MiB",
                bytes.len(),
                MAX_BYTES >> 20
            )));
        }
        let request = Request {
            bytes: bytes.len() as u32,
            side,
            background,
        };
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used = idle().pop();
        loop {
            let is_fresh = used.is_none();
            let mut worker = match used.take() {
                Some(worker) => worker,
                None => Worker::start(&self.program).map_err(io_error("start", &self.program))?,
            };
            match worker.ask(&request, bytes) {
                Ok(answer) => {
                    idle().push(worker);
                    return Ok(answer);
                }
                Err(_) => {
                    let status = worker.end().map_err(io_error("wait for", &self.program))?;
                    // What earlier pictures left behind may have been too much: none pays for another.
                    if is_fresh || status.code() == Some(TOO_LONG) {
                        return Ok(Err(how_it_ended(status)));
                    }
                }
            }
        }
    }
}

fn how_it_ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    match (status.code(), signal) {
        (Some(TOO_LONG), _) => format!("an SVG that takes more than {} s to draw", TIME_LIMIT.as_secs()),
        // Out of memory, a program aborts; some systems kill it first.
        (_, Some(6 | 9)) => format!("an SVG that takes more than {} MiB to draw", MEMORY_LIMIT >> 20),
        _ => format!("an SVG that breaks its renderer ({status})"),
    }
}

#[derive(Debug)]
struct Worker {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn start(program: &std::path::Path) -> std::io::Result<Self> {
        let mut process = Command::new(program)
            .arg("draw-svg")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let missing = || std::io::Error::from(ErrorKind::BrokenPipe);
        Ok(Self {
            requests: process.stdin.take().ok_or_else(missing)?,
            answers: BufReader::new(process.stdout.take().ok_or_else(missing)?),
            process,
        })
    }

    /// # Errors
    /// When the process has ended or does not answer as agreed.
    fn ask(
        &mut self,
        request: &Request,
        bytes: &[u8],
    ) -> std::io::Result<Result<(RgbaImage, Vec<String>), String>> {
        write_message(&mut self.requests, request)?;
        self.requests.write_all(bytes)?;
        self.requests.flush()?;
        match read_message::<Answer>(&mut self.answers)? {
            Err(reason) => Ok(Err(reason)),
            Ok(warnings) => {
                let mut pixels = RgbaImage::new(request.side, request.side);
                self.answers.read_exact(&mut pixels)?;
                Ok(Ok((pixels, warnings)))
            }
        }
    }

    /// Ends the process, unless it has ended by itself.
    fn end(mut self) -> std::io::Result<ExitStatus> {
        self.process.kill()?;
        self.process.wait()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It draws nothing now, and there is nothing to lose in it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_message(to: &mut impl Write, message: &impl Serialize) -> std::io::Result<()> {
    let text = serde_json::to_vec(message)?;
    to.write_all(&(text.len() as u32).to_le_bytes())?;
    to.write_all(&text)
}

fn read_message<T: for<'a> Deserialize<'a>>(from: &mut impl Read) -> std::io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > MAX_ANSWER_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut text = vec![0; length as usize];
    from.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The other side: draws what is asked for on standard input, until that ends.
pub fn draw_for_parent() -> ExitCode {
    // Only the first logger of a process counts, and this process has no other.
    let _ = log::set_logger(&WARNINGS).map(|()| log::set_max_level(log::LevelFilter::Warn));
    let watch = Watch::start();
    // The thread has its stack before memory is short.
    limit_memory();
    let (mut requests, mut answers) = (std::io::stdin().lock(), std::io::stdout().lock());
    while let Ok(request) = read_message::<Request>(&mut requests) {
        let mut bytes = vec![0; (request.bytes as usize).min(MAX_BYTES)];
        if requests.read_exact(&mut bytes).is_err() {
            break;
        }
        WARNINGS.take();
        watch.begin();
        let drawn = std::panic::catch_unwind(|| super::draw(&bytes, request.side, request.background))
            .unwrap_or_else(|_| Err("an SVG that breaks its renderer".into()));
        watch.end();
        let answer: Answer = match &drawn {
            Ok(_) => Ok(WARNINGS.take()),
            Err(reason) => Err(reason.clone()),
        };
        let said = write_message(&mut answers, &answer)
            .and_then(|()| answers.write_all(drawn.as_deref().unwrap_or_default()))
            .and_then(|()| answers.flush());
        if said.is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

/// What the process has reserved so far, where the system tells.
#[cfg(unix)]
fn reserved_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}

/// Linux keeps to this limit; elsewhere only time is limited.
fn limit_memory() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        // An allocator may have reserved more than the limit before it is known; what drawings take comes on
        // top.
        let limit = |bytes| Rlimit {
            current: Some(bytes),
            maximum: Some(bytes),
        };
        // A system without these limits draws as well, only less safely.
        let _ = setrlimit(Resource::Data, limit(reserved_bytes() + MEMORY_LIMIT));
        let _ = setrlimit(Resource::Core, limit(0));
    }
}

/// Ends the process when a picture takes too long.
struct Watch(mpsc::Sender<bool>);

impl Watch {
    fn start() -> Self {
        let (sender, drawing) = mpsc::channel();
        std::thread::spawn(move || {
            while let Ok(begins) = drawing.recv() {
                if begins && drawing.recv_timeout(TIME_LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                    std::process::exit(TOO_LONG);
                }
            }
        });
        Self(sender)
    }

    fn begin(&self) {
        let _ = self.0.send(true);
    }

    fn end(&self) {
        let _ = self.0.send(false);
    }
}

/// What the renderer warns of, which it only ever logs.
struct Warnings(Mutex<Vec<String>>);

static WARNINGS: Warnings = Warnings(Mutex::new(vec![]));

impl Warnings {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl log::Log for Warnings {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record) {
        let mut warnings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.enabled(record.metadata()) && warnings.len() < MAX_WARNINGS {
            let text: String = record.args().to_string().chars().take(200).collect();
            warnings.push(format!("its renderer warns: {text}"));
        }
    }

    fn flush(&self) {}
}
