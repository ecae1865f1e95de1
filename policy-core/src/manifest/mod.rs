//! Text to documents: YAML and JSON as the API machinery reads them, with places.

pub mod document;
