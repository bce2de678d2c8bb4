//! Who pulls how much of what: the download detectors.

mod breadth_window;
pub mod download_breadth;
pub mod download_volume;
pub mod series;
mod window;

pub use breadth_window::Cohorts;
pub use window::{EmptyWindows, Width, WindowRate};
