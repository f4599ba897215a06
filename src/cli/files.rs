//! Reading files of which nothing is known yet, and writing files whole.

use crate::data::{Colors, Picture, PictureFile, PictureLimits};
use anyhow::{Context, ensure};
use atomic_write_file::AtomicWriteFile;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Writes a whole file or nothing. Where the system can, what is not finished has no name and goes with the
/// process.
pub(super) fn write_whole(path: &Path, contents: &[u8]) -> anyhow::Result<()> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(contents)?;
        file.commit()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Makes sure that a file can be written to `path`, before the work whose result it is to hold.
pub(super) fn check_writable(path: &Path) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let context = || format!("cannot write {}", path.display());
    ensure!(folder.is_dir(), "{}: its folder does not exist", context());
    ensure!(!path.is_dir(), "{}: it is a folder", context());
    // A file without a name, which is gone at once, shows whether one with a name can be made.
    tempfile::tempfile_in(folder).with_context(context)?;
    Ok(())
}

/// The path of a file to write, as a flag.
pub(super) fn writable(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    match check_writable(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// Opens a file to read it. Pipes, devices and folders are refused: some never end, and some make the reader
/// wait for ever.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    check_regular(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        // Another kind of file may have come in its place in the meantime: opening it must not wait.
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
    }
    let file = options.open(path)?;
    check_regular(&file.metadata()?)?;
    Ok(file)
}

fn check_regular(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_file() {
        return Ok(());
    }
    let kind = if metadata.is_dir() {
        "a folder"
    } else {
        "a pipe, a device or a socket"
    };
    let problem = format!("it is {kind}, expected a regular file");
    Err(io::Error::new(io::ErrorKind::InvalidInput, problem))
}

/// The whole file, unless it is larger than `limit` bytes, whatever its directory entry says.
pub(super) fn read_at_most(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let context = || format!("cannot read {}", path.display());
    let too_large = || {
        format!(
            "{} is larger than {limit} bytes: it cannot be the file that is expected here",
            path.display()
        )
    };
    let file = open_file(path).with_context(context)?;
    let length = file.metadata().with_context(context)?.len();
    ensure!(length <= limit, too_large());
    let mut bytes = vec![];
    // All at once: a vector that grows as it is read takes up to three times the file.
    let reserved = usize::try_from(length).map(|length| bytes.try_reserve_exact(length));
    ensure!(
        matches!(reserved, Ok(Ok(()))),
        "{}: there is no memory for its {length} bytes",
        context()
    );
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .with_context(context)?;
    ensure!(bytes.len() as u64 <= limit, too_large());
    Ok(bytes)
}

/// The largest picture that is read: it is kept in memory whole, in 4 bytes a pixel.
const PICTURE_LIMITS: PictureLimits = PictureLimits {
    file_bytes: 1_000_000_000,
    side: 65_535,
    pixels: 100_000_000,
};

/// Reads a picture that may be anything, and says on standard error what of it is not used.
pub(super) fn open_picture(path: &Path, colors: Colors) -> anyhow::Result<Picture> {
    let picture = Picture::open(path, &PICTURE_LIMITS, colors)?;
    for note in &picture.notes {
        eprintln!("note: {}: {note}", path.display());
    }
    Ok(picture)
}

/// Reads what may be a picture or an animation; what of it is not used stands in its notes.
pub(super) fn open_picture_file(path: &Path, colors: Colors) -> anyhow::Result<PictureFile> {
    Ok(PictureFile::open(path, &PICTURE_LIMITS, colors)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn only_regular_files_are_read() {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "12345").unwrap();
        assert_eq!(read_at_most(&file, 5).unwrap(), b"12345");
        let said = |path: &Path| format!("{:#}", read_at_most(path, 4).unwrap_err());
        assert!(said(&file).contains("is larger than 4 bytes"));
        assert!(said(dir.path()).contains("it is a folder, expected a regular file"));
        assert!(said(&dir.path().join("none")).starts_with("cannot read"));
        #[cfg(unix)]
        for path in ["/dev/zero", "/dev/null"] {
            assert!(said(Path::new(path)).contains("it is a pipe, a device or a socket"));
            assert!(open_picture(Path::new(path), Colors::Srgb).is_err());
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_known_before() {
        let dir = TempDir::new().unwrap();
        assert!(check_writable(&dir.path().join("new")).is_ok());
        let said = |path: &Path| format!("{:#}", check_writable(path).unwrap_err());
        assert!(said(dir.path()).contains("it is a folder"));
        assert!(said(&dir.path().join("no/file")).contains("its folder does not exist"));
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "nothing is left of the trial"
        );
    }
}
