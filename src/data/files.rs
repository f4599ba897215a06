//! Opening files that others made: nothing but a regular file is ever opened.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// What to do with a path that ends in a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Open what it leads to: for a path that the user typed.
    Followed,
    /// Refuse it: for a file in a folder that others made, where a link could lead to a private file.
    Refused,
}

/// Opens a regular file to be read. A pipe, a device or a socket would make the program wait for ever, or
/// worse.
///
/// # Errors
/// When the file cannot be opened, is no regular file, or is a link that is not to be followed.
pub fn open_regular(path: &Path, links: Links) -> Result<File> {
    // Opening a device can already do something to it, so the look comes first. It is repeated on what was
    // opened, because another file may lie there by then.
    check(&match links {
        Links::Followed => std::fs::metadata(path)?,
        Links::Refused => std::fs::symlink_metadata(path)?,
    })?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_link = match links {
            Links::Followed => 0,
            Links::Refused => libc::O_NOFOLLOW,
        };
        // A pipe that slipped in is opened without waiting for its other end; regular files do not mind.
        options.custom_flags(libc::O_NONBLOCK | no_link);
    }
    let file = options.open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes, whatever its folder says about its size.
///
/// # Errors
/// As [`open_regular`], and when the file is larger.
pub fn read_regular(path: &Path, links: Links, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = vec![];
    open_regular(path, links)?
        .take(limit + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let reason = format!("it is too big: expected at most {limit} bytes");
        return Err(Error::new(ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// The name of the file that `AtomicWriteFile` was about to put in its place when it was killed, such as
/// `dataset.json` for `.dataset.json.x1Y2z3`, if that is what `name` looks like.
pub fn unfinished(name: &str) -> Option<&str> {
    let (of, ending) = name.strip_prefix('.')?.rsplit_once('.')?;
    let is_random = ending.len() == 6 && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_random.then_some(of)
}

fn check(facts: &Metadata) -> Result<()> {
    let reason = if facts.is_symlink() {
        "a symbolic link, which is not followed: copy the file here"
    } else if facts.is_dir() {
        "a folder, expected a file"
    } else if !facts.is_file() {
        "not a regular file"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::InvalidInput, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(path: &Path, links: Links) -> String {
        open_regular(path, links).unwrap_err().to_string()
    }

    #[test]
    fn reads_files_up_to_a_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_regular(&path, Links::Refused, 5).unwrap(), b"12345");
        let error = read_regular(&path, Links::Refused, 4).unwrap_err();
        assert!(error.to_string().contains("at most 4 bytes"), "{error}");
        assert!(reason(dir.path(), Links::Followed).contains("a folder"));
    }

    #[test]
    fn knows_what_was_not_finished() {
        assert_eq!(unfinished(".dataset.json.x1Y2z3"), Some("dataset.json"));
        for name in [
            "dataset.json.x1Y2z3",
            ".dataset.json",
            ".dataset.json.x1",
            ".a.x1-2z3",
        ] {
            assert_eq!(unfinished(name), None, "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn refuses_pipes_sockets_devices_and_links() {
        let dir = tempfile::tempdir().unwrap();
        let [pipe, socket, link, to_pipe, file] =
            ["pipe", "socket", "link", "to-pipe", "file"].map(|name| dir.path().join(name));
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        std::fs::write(&file, "words").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        std::os::unix::fs::symlink(&pipe, &to_pipe).unwrap();
        for links in [Links::Followed, Links::Refused] {
            for path in [&pipe, &socket, Path::new("/dev/zero")] {
                assert!(reason(path, links).contains("not a regular file"));
            }
        }
        assert!(reason(&to_pipe, Links::Followed).contains("not a regular file"));
        assert!(reason(&link, Links::Refused).contains("a symbolic link"));
        assert_eq!(read_regular(&link, Links::Followed, 9).unwrap(), b"words");
    }
}
