//! Measures of pictures and the statistics behind them.

mod kid;
mod psnr;
mod variety;

pub use kid::kid;
pub use psnr::psnr;
pub use variety::Variety;
