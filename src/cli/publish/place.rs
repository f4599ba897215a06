//! Where a bundle is written, whole or not at all.

use super::SHEET;
use crate::{cli::sheet::write_png, weights::Manifest};
use anyhow::{Context, bail, ensure};
use image::RgbaImage;
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The folder that a bundle is written to.
pub(super) struct Place {
    pub dir: PathBuf,
    parent: PathBuf,
    /// The folder's own name.
    pub name: String,
}

impl Place {
    /// Checks, before any work, that a bundle may be written to `dir`.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        let Some(name) = dir.file_name().and_then(|name| name.to_str()) else {
            bail!(
                "--out is {}, expected the name of a folder such as models/NAME",
                dir.display()
            );
        };
        let taken = dir.exists() && fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_some());
        ensure!(
            !taken || dir.join(Manifest::FILE_NAME).is_file(),
            "{} is there already and is no model: name another folder with --out, or remove it",
            dir.display()
        );
        let parent = match dir.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok(Self {
            dir: dir.to_owned(),
            parent: parent.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Writes everything beside its place, then puts it there.
    pub fn write(&self, files: &[(&str, Vec<u8>)], sheet: &RgbaImage) -> anyhow::Result<()> {
        let [partial, old] =
            ["partial", "old"].map(|kind| self.parent.join(format!(".{}.{kind}", self.name)));
        let written = write_files(&partial, files, sheet);
        if written.is_err() {
            // The disk may be full: give back what half a bundle takes.
            let _ = fs::remove_dir_all(&partial);
        }
        written?;
        let moved = || {
            remove_if_there(&old)?;
            if self.dir.exists() {
                fs::rename(&self.dir, &old)?;
            }
            fs::rename(&partial, &self.dir).inspect_err(|_| {
                // Without the new bundle, the old one is better than none.
                let _ = fs::rename(&old, &self.dir);
            })?;
            remove_if_there(&old)
        };
        moved().with_context(|| format!("cannot put the bundle at {}", self.dir.display()))
    }
}

fn write_files(dir: &Path, files: &[(&str, Vec<u8>)], sheet: &RgbaImage) -> anyhow::Result<()> {
    let create = || {
        remove_if_there(dir)?;
        fs::create_dir_all(dir)
    };
    create().with_context(|| format!("cannot create the folder {}", dir.display()))?;
    for (name, contents) in files {
        let path = dir.join(name);
        let write = || {
            let mut file = fs::File::create(&path)?;
            file.write_all(contents)?;
            // A rename may reach the disk before the bytes that it names.
            file.sync_all()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    write_png(&dir.join(SHEET), sheet)
}

fn remove_if_there(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
