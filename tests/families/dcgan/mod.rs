//! DCGAN and the families of its layers: against PyTorch, through `guise` as its user runs it, guided, and
//! from files that mean harm.

mod command;
mod drawn;
mod parity;
