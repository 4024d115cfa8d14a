//! Bytes in, metadata out: sniffing, validation and extraction, inside a child process with limits.
//!
//! The process that holds credentials never parses a byte. It hashes, counts and pipes ([`Extractor`], [`Session`]);
//! a child, one a file, sniffs, validates and extracts ([`child`]), and whatever a hostile file does to the child
//! becomes a named [`handler_contract::Failure`].
//!
//! This crate knows parsers; no SDK, no network, no environment.

pub mod child;
mod formats;
mod session;

pub use session::{Extractor, Session};
