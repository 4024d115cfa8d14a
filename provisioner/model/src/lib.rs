//! The provisioner's types and pure functions on them: stack files and their templates, changes, statuses, records,
//! failures. Pure: no SDK, no clock, no environment, no files; bytes and text come in as arguments.
//!
//! Every other crate of the provisioner depends on this one; it depends only on `handler-contract`.

pub mod advice;
pub mod call_error;
pub mod change;
pub mod delivery;
pub mod diff;
pub mod drifted;
pub mod error;
pub mod failed_event;
pub mod hash;
pub mod lint;
pub mod log_filter;
pub mod log_lines;
pub mod names;
pub mod object;
pub mod partition;
pub mod placeholders;
pub mod query;
pub mod record_csv;
pub mod remedy;
pub mod resolve;
pub mod resource_type;
pub mod search;
pub mod sink;
pub mod spec;
pub mod stack;
pub mod status;
pub mod template;
pub mod text;
pub mod units;
