//! Measures of pictures and the statistics behind them.

mod kid;
mod pixel_judge;
mod psnr;

pub use kid::kid;
pub use pixel_judge::PixelJudge;
pub use psnr::psnr;
