//! Runs the parsers of `handler-parsers` on one untrusted file, inside a child process with limits and a sandbox.
//!
//! The process that holds credentials never parses a byte. It hashes, counts and pipes ([`Extractor`], [`Session`]).
//! A child process, one for each file, sniffs, validates and extracts ([`child`]). Whatever a hostile file does to the
//! child is reported as a named [`handler_contract::Failure`].
//!
//! On Linux the children are forked by a template, the same executable, started again. It has entered the sandbox and
//! has warmed up, and it never sees a byte of a file:
//!
//! ```text
//! parent                           template                     child
//!   types, limits, pipes, file ─►    limits, warm up, sandbox
//!   ask for a child ────────────►    fork ───────────────────►    rest of the sandbox; it may wait here
//!   file name, bytes ─────────────────────────────────────────►   sniff ─► validate ─► extract
//!   hash, count, wait, classify the exit ◄─────────────────────   type, metadata, failure (a JSON line each)
//! ```
//!
//! On other systems each child is the executable, started again, and does by itself what the template does.
//!
//! This crate starts processes and knows no file format, no SDK and no network. Of the environment it uses only the
//! directory for temporary files. Modules depend on each other in one direction:
//!
//! ```text
//! protocol   limits   exit_status   fallback   pipes   readable ─► forked
//!     child   child_output   template ─► process ─► session ─► extractor
//! ```

pub mod child;
mod child_output;
mod exit_status;
mod extractor;
#[cfg(target_os = "linux")]
mod fallback;
#[cfg(target_os = "linux")]
mod forked;
mod limits;
mod pipes;
mod process;
mod protocol;
#[cfg(target_os = "linux")]
mod readable;
mod session;
#[cfg(target_os = "linux")]
mod template;

pub use extractor::Extractor;
pub use protocol::SandboxStatus;
pub use session::Session;
