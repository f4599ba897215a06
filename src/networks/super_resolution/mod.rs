//! Networks that enlarge pictures.

pub mod srvgg;
