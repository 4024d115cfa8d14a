//! Bytes in, metadata out: sniffing, validation and extraction, inside a child process with limits.
//!
//! The process that holds credentials never parses a byte. It hashes, counts and pipes ([`Extractor`], [`Session`]);
//! a child, one a file, sniffs, validates and extracts ([`child`]), and whatever a hostile file does to the child
//! becomes a named [`handler_contract::Failure`].
//!
//! ```text
//! parent                                   child (the same executable, started again)
//!   allowed types, limits ────────────────►  limits, sandbox; from here on it may wait for a file
//!   file name ────────────────────────────►
//!   bytes ────────────────────────────────►  sniff ─► validate ─► extract
//!   hash, count, wait, name a death  ◄─────  type, metadata, failure (a JSON line each)
//! ```
//!
//! This crate knows parsers; no SDK, no network, no environment but the directory for temporary files.

mod charset;
pub mod child;
mod death;
mod extractor;
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

pub use extractor::Extractor;
pub use protocol::Containment;
pub use session::Session;
