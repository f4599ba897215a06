//! Measures of pictures and the statistics behind them.

mod distance;
mod eigenvalues;
mod features;
mod frechet;
mod kid;
mod name;
mod precision;
mod psnr;
mod ssim;
mod variety;

pub use distance::{distance_to_nearest, distance_within};
pub use features::Features;
pub use frechet::frechet_distance;
pub use kid::kid;
pub use name::measure_name;
pub use precision::{PrecisionRecall, precision_recall};
pub use psnr::psnr;
pub use ssim::{SSIM_WINDOW, ssim};
pub use variety::Variety;
