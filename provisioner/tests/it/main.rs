//! Black-box tests of the provisioner.
//!
//! `local`, `put`, `records`, `redrive`, `verify` and `down` run it against the real emulator: each test has its own
//! port, data folder and stack files, and stops the processes that it started, also when it fails. `deploy`, `states`
//! and `terminal` run it against `fake-aws`, which models failures that the emulator does not. The others need no
//! service.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails, also in its helpers")]

mod artifacts;
mod authorization;
mod command_line;
mod connection;
mod deploy;
mod dist;
mod docs;
mod down;
mod express;
mod failures;
mod forget;
mod hangs;
mod inspect;
mod local;
mod logs;
mod namespaces;
mod package;
mod partitions;
mod plan;
mod printed;
mod protection;
mod push;
mod put;
mod reconcile;
mod records;
mod redrive;
mod roles;
mod rollback;
mod service;
mod spec;
mod specs;
mod states;
mod template;
mod terminal;
mod time_limits;
mod trace;
mod upgrades;
mod uploads;
mod verify;
mod watch;
mod web;
mod world;

/// The workspace's folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
