//! Reads one untrusted file: detects its type by content, validates it, and extracts metadata.
//!
//! This crate only parses. It starts no process and no thread, opens no file, and knows no network, no clock and no
//! environment: the caller passes the bytes in ([`Input`]) and receives what was found ([`Report`]). Limits on memory
//! and time are the caller's business as well; `handler-extract` runs this crate inside a child process that has them.
//!
//! Modules depend on each other in one direction only:
//!
//! ```text
//! media_type   input   report   charset   words        ground floor
//!                   formats                            one module for each format
//!               sniff    validate                      type by content; rules for name and type
//!                   extract                            sniff, validate, read
//! ```

mod charset;
mod extract;
mod formats;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod glibc;
mod input;
pub mod media_type;
mod report;
mod sniff;
mod validate;
mod words;

pub use extract::extract;
pub use input::Input;
pub use report::{Abort, Finding, MAX_ANSWER, MAX_EXPLANATION, Report, Sink};
