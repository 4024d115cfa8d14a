//! The real executable against a Lambda Runtime API and `fake-aws`, and the rules of the
//! record against a model.

mod error_codes;
mod exactly_once;
mod faults;
mod pipeline;
mod requests;
#[cfg(target_os = "linux")]
mod sandbox;
mod world;
