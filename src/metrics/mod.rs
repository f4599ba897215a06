//! Measures of pictures and the statistics behind them.

mod kid;
mod psnr;

pub use kid::kid;
pub use psnr::psnr;
