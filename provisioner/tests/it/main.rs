//! Tests of the provisioner from outside.
//!
//! `local`, `put`, `records`, `redrive`, `verify` and `down` run it against the real emulator, as people do: each test has
//! its own port, data folder and stack files, and stops what it started, also when it fails. `deploy`, `states` and
//! `terminal` run it against `fake-aws`, which shows what the emulator never does. The others need no service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, also in its helpers")]

mod deploy;
mod dist;
mod docs;
mod down;
mod inspect;
mod local;
mod package;
mod plan;
mod push;
mod put;
mod records;
mod redrive;
mod roles;
mod service;
mod spec;
mod specs;
mod states;
mod template;
mod terminal;
mod verify;
mod watch;
mod world;

/// The workspace's folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
