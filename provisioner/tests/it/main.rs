//! Tests of the provisioner from outside.
//!
//! Those in `local`, `put` and `records` run it against the real emulator, as people do: each has its own port, data folder and stack files,
//! and stops what it started, also when it fails. The others need no service.

mod inspect;
mod local;
mod put;
mod records;
mod service;
mod spec;
mod specs;
mod template;
mod world;

/// The workspace's folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
