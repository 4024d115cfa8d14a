//! The handler before it is deployed: where it comes from, whether it can run, the zip it is packed into.

pub mod embedded;
pub mod handler_build;
pub mod package;
pub mod sources;
pub mod zip_cache;
