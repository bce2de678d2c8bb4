//! Charts as inline SVG, drawn by the server: they read without JavaScript, and take their colours from the
//! stylesheet. Lengths are percentages, so that a chart fits every width while its letters keep their size.

pub(crate) mod band;
pub(crate) mod bar;
mod scale;
pub(crate) mod timeline;
