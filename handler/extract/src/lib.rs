//! Runs the parsers of `handler-parsers` on one untrusted file, inside a child process with limits and a sandbox.
//!
//! The process that holds credentials never parses a byte. It hashes, counts and pipes ([`Extractor`], [`Session`]).
//! A child process, one for each file, sniffs, validates and extracts ([`child`]). Whatever a hostile file does to the
//! child is reported as a named [`handler_contract::Failure`].
//!
//! ```text
//! parent                                   child (the same executable, started again)
//!   allowed types, limits ────────────────►  limits, sandbox; from here on it may wait for a file
//!   file name ────────────────────────────►
//!   bytes ────────────────────────────────►  sniff ─► validate ─► extract
//!   hash, count, wait, classify the exit ◄─  type, metadata, failure (a JSON line each)
//! ```
//!
//! This crate starts processes and knows no file format, no SDK and no network. Of the environment it uses only the
//! directory for temporary files. Modules depend on each other in one direction:
//!
//! ```text
//! protocol   limits   exit_status
//!     child          child_output ─► process ─► session ─► extractor
//! ```

pub mod child;
mod child_output;
mod exit_status;
mod extractor;
mod limits;
mod process;
mod protocol;
mod session;

pub use extractor::Extractor;
pub use protocol::SandboxStatus;
pub use session::Session;
