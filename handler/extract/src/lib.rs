//! Bytes in, metadata out: sniffing, validation and extraction, inside a child process with limits.
//!
//! The process that holds credentials never parses a byte. It hashes, counts and pipes ([`Extractor`], [`Session`]);
//! a child, one a file, sniffs, validates and extracts ([`child`]), and whatever a hostile file does to the child
//! becomes a named [`handler_contract::Failure`].
//!
//! ```text
//! parent                                   child (the same executable, started again)
//!   file name, allowed types, limits ─────►  limits, sandbox
//!   bytes ────────────────────────────────►  sniff ─► validate ─► extract
//!   hash, count, wait, name a death  ◄─────  type, metadata, failure (a JSON line each)
//! ```
//!
//! This crate knows parsers; no SDK, no network, no environment but the directory for temporary files.

mod charset;
pub mod child;
mod death;
mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;
mod protocol;
mod session;
mod sniff;
mod validate;
mod words;

pub use protocol::Containment;
pub use session::{Extractor, Session};
