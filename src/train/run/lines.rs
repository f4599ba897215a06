//! Reading `stats.jsonl` line by line, whatever it holds.

use crate::{
    data::{Links, open_regular},
    train::{Error, io_error},
};
use std::{
    io::{BufRead, BufReader, ErrorKind, Read},
    path::Path,
};

/// A line of statistics is no longer than this.
const MAX_LINE_BYTES: u64 = 1 << 16;

/// Gives every line of the file `path` to `go_on`, with the place where it ends, until that says no. There is
/// no text where a line has no end, as a power cut leaves it, or is too long. A file that is not there has no
/// lines.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, and what `go_on` returns.
pub(super) fn each_line(
    path: &Path,
    mut go_on: impl FnMut(u64, Option<&[u8]>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let file = match open_regular(path, Links::Refused) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(io_error("read", path))?,
    };
    let mut reader = BufReader::new(file);
    let (mut line, mut end) = (vec![], 0);
    loop {
        line.clear();
        let mut limited = (&mut reader).take(MAX_LINE_BYTES);
        let length = limited
            .read_until(b'\n', &mut line)
            .map_err(io_error("read", path))?;
        end += length as u64;
        // One without its end is not whole, even where it looks so.
        if length == 0 || !go_on(end, line.strip_suffix(b"\n"))? {
            return Ok(());
        }
    }
}
