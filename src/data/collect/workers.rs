//! Threads that list and fetch, while one keeps the books.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::failure::Failure;
use super::listing::Listing;
use super::lock;
use super::reach::Reach;
use super::record::Record;
use super::token::{self, Outcome, Token};

/// News are waited for no longer than this, so that a user who wants to stop is heard.
const PATIENCE: Duration = Duration::from_millis(100);

type Job = (Token, Option<Record>);

/// What a worker has to tell.
pub(super) enum News {
    /// The next tokens; nothing behind the last.
    Listed(Result<Option<Vec<Token>>, Failure>),
    /// What became of a token. An error ends the run.
    Fetched(Box<Result<Outcome, Failure>>),
}

/// Threads at work. They are not waited for: when no one listens any more they end with what they are doing,
/// which leaves no file that has a name and is not whole.
pub(super) struct Workers {
    pages: Sender<()>,
    jobs: Sender<Job>,
    news: Receiver<News>,
}

impl Workers {
    /// One that lists, and `count` that fetch into `folder`, under `terms`.
    pub fn start(
        reach: Arc<Reach>,
        mut listing: Listing,
        count: usize,
        (folder, terms): (&Path, &str),
    ) -> Self {
        let (pages, wanted) = channel();
        let (jobs, open) = channel::<Job>();
        let (tell, news) = channel();
        let open = Arc::new(Mutex::new(open));
        for _ in 0..count {
            let (reach, open, tell) = (reach.clone(), open.clone(), tell.clone());
            let (folder, terms): (PathBuf, String) = (folder.into(), terms.into());
            thread::spawn(move || {
                let next = || lock(&open).recv().ok();
                while let Some((token, known)) = next() {
                    let outcome = unharmed(|| token::fetch(&reach, &folder, token, known, &terms));
                    if tell.send(News::Fetched(Box::new(outcome))).is_err() {
                        break;
                    }
                }
            });
        }
        thread::spawn(move || {
            while wanted.recv().is_ok() {
                let page = unharmed(|| listing.page(&reach));
                if tell.send(News::Listed(page)).is_err() {
                    break;
                }
            }
        });
        Self { pages, jobs, news }
    }

    /// Asks for the next tokens.
    pub fn list(&self) {
        // Without a thread to hear it there are no news either, which is noticed there.
        let _ = self.pages.send(());
    }

    /// Asks for a token, of which this is known.
    pub fn fetch(&self, token: Token, known: Option<Record>) {
        let _ = self.jobs.send((token, known));
    }

    /// What has happened, if it happens soon.
    pub fn news(&self) -> Option<News> {
        self.news.recv_timeout(PATIENCE).ok()
    }
}

/// A panic is a bug, and must not be waited for without end.
fn unharmed<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Failure::lasting("a thread has panicked")))
}
