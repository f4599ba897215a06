//! What commands print.
//!
//! Nearly every line holds a name or a text of others: a model's, a file's, a folder's. So the commands have
//! no other `print!`, `println!`, `eprint!` and `eprintln!` than these, which shadow the standard ones:
//! whatever is printed is made safe for a terminal, and a reader that closes the pipe, as `head` does, is no
//! reason to panic.

use crate::weights::printable_lines;
use std::io::Write;

/// Prints to standard output.
pub(super) fn out(text: &str) {
    // There is nothing left to tell anybody when this fails.
    let _ = std::io::stdout().write_all(printable_lines(text).as_bytes());
}

/// Prints to standard error.
pub(super) fn err(text: &str) {
    let _ = std::io::stderr().write_all(printable_lines(text).as_bytes());
}

macro_rules! print {
    ($($text:tt)*) => { $crate::cli::print::out(&format!($($text)*)) };
}

macro_rules! println {
    () => { $crate::cli::print::out("\n") };
    ($($text:tt)*) => { $crate::cli::print::out(&(format!($($text)*) + "\n")) };
}

macro_rules! eprintln {
    ($($text:tt)*) => { $crate::cli::print::err(&(format!($($text)*) + "\n")) };
}
