//! Pages, HTTP API and charts.
