//! Who pulls how much of what: the download detectors.

mod breadth_window;
pub mod conduct;
pub mod consumers;
pub mod download_breadth;
pub mod download_volume;
pub mod series;
#[cfg(test)]
pub(crate) mod stage;
mod statement;
mod window;

pub use breadth_window::Cohorts;
pub use window::{Width, WindowRate};
