//! Tests of the provisioner from outside.
//!
//! Those in `local` run it against the real emulator, as people do: each has its own port, data folder and stack files,
//! and stops what it started, also when it fails. The others need no service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, also in its helpers")]

mod deploy;
mod fake;
mod local;
mod package;
mod spec;
mod specs;
mod template;
mod world;

/// The workspace's folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
