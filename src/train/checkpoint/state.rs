//! What a checkpoint holds, said once: writing and reading it are the same visit.

use super::{Progress, check_optimizer};
use crate::train::{Error, file_error};
use burn::{module::Module, optim::ModuleOptimizer};
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

/// The numbers of a state that are no tensors, by name.
pub(super) type Numbers = BTreeMap<String, i64>;

/// Everything that a step of some kind of training changes, by name.
pub trait State {
    /// Shows every network, optimizer and number to `visitor`, always in the same order.
    ///
    /// # Errors
    ///
    /// What the visitor gives.
    fn visit(&mut self, visitor: &mut Visitor) -> Result<(), Error>;
}

/// Goes through a [`State`] to write it to a folder of burnpack files, or to read it from one.
pub struct Visitor<'a> {
    dir: &'a Path,
    action: Action,
    /// Those that were written, or are to be read.
    numbers: Numbers,
}

enum Action {
    /// Only the names of the files are wanted.
    Name(Vec<String>),
    Write,
    /// After so many steps.
    Read(u64),
}

impl<'a> Visitor<'a> {
    /// A network.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when its file cannot be written, or does not fit it.
    pub fn module<M: Module>(&mut self, name: &str, module: &mut M) -> Result<(), Error> {
        let path = self.file(name);
        match &mut self.action {
            Action::Name(names) => names.push(format!("{name}.bpk")),
            Action::Write => module
                .valid()
                .save_file(&path)
                .map_err(|error| file_error("write", &path, error))?,
            Action::Read(_) => {
                let read = module.clone().try_load_file(&path);
                *module = read.map_err(|error| file_error("read", &path, error))?;
            }
        }
        Ok(())
    }

    /// What an optimizer knows about the parameters of `module`, which was visited before it.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when its file cannot be written, or is of other parameters.
    pub fn optimizer<M: Module>(
        &mut self,
        name: &str,
        optimizer: &mut ModuleOptimizer,
        module: &M,
    ) -> Result<(), Error> {
        self.optimizer_since(name, optimizer, module, 0)
    }

    /// The same of an optimizer that takes its first step only after `since` others.
    ///
    /// # Errors
    ///
    /// As [`optimizer`](Self::optimizer).
    pub fn optimizer_since<M: Module>(
        &mut self,
        name: &str,
        optimizer: &mut ModuleOptimizer,
        module: &M,
        since: u64,
    ) -> Result<(), Error> {
        let path = self.file(name);
        match &mut self.action {
            Action::Name(names) => names.push(format!("{name}.bpk")),
            Action::Write => optimizer
                .save(&path)
                .map_err(|error| file_error("write", &path, error))?,
            Action::Read(steps) => {
                check_optimizer(&path, module, steps.saturating_sub(since))?;
                let read = optimizer.clone().load(&path);
                *optimizer = read.map_err(|error| file_error("read", &path, error))?;
            }
        }
        Ok(())
    }

    /// A whole number, in `bounds`. A checkpoint of before it was there leaves it as it is.
    ///
    /// # Errors
    ///
    /// [`Error::File`] when the one that was read is out of its bounds.
    pub fn number(&mut self, name: &str, value: &mut i64, bounds: RangeInclusive<i64>) -> Result<(), Error> {
        match &self.action {
            Action::Name(_) => (),
            Action::Write => drop(self.numbers.insert(name.into(), *value)),
            Action::Read(_) => {
                let read = self.numbers.get(name).copied().unwrap_or(*value);
                if !bounds.contains(&read) {
                    let (least, most) = bounds.into_inner();
                    let reason = format!("{name} is {read}, expected {least} to {most}");
                    return Err(file_error("read", &self.dir.join(Progress::FILE), reason));
                }
                *value = read;
            }
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.bpk"))
    }
}

/// The names of all files of a checkpoint, sorted.
pub(super) fn files(state: &mut impl State) -> Result<Vec<String>, Error> {
    let mut visitor = Visitor {
        dir: Path::new(""),
        action: Action::Name(vec![Progress::FILE.into()]),
        numbers: Numbers::new(),
    };
    state.visit(&mut visitor)?;
    let Action::Name(mut names) = visitor.action else {
        unreachable!("a visit does not change what it is for")
    };
    names.sort();
    Ok(names)
}

/// Writes all of them into the folder `dir`.
pub(super) fn write(dir: &Path, state: &mut impl State, progress: Progress) -> Result<(), Error> {
    let mut visitor = Visitor {
        dir,
        action: Action::Write,
        numbers: Numbers::new(),
    };
    state.visit(&mut visitor)?;
    progress.write(dir, &visitor.numbers)
}

/// Reads all of them into `state`.
pub(super) fn read<S: State>(dir: &Path, mut state: S) -> Result<(S, Progress), Error> {
    let (progress, numbers) = Progress::read(dir)?;
    state.visit(&mut Visitor {
        dir,
        action: Action::Read(progress.step),
        numbers,
    })?;
    Ok((state, progress))
}
