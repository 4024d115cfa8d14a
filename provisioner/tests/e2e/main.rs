//! End to end: the real provisioner, the real handler, real files, the emulator. `make test` installs the emulator.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, also in its helpers")]

mod acceptance;
mod code;
mod crash;
mod dist;
mod drift;
mod faults;
mod operate;
mod program;
mod reconcile;
mod rig;
mod story;
mod tls;
mod web;
