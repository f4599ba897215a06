//! How good a model is: PSNR, SSIM, FID, KID and the statistics behind them.

mod psnr;

pub use psnr::psnr;
