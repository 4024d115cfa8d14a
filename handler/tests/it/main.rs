//! The real executable against a Lambda Runtime API, an S3 and a `DynamoDB` on this machine, and the rules of the
//! record against a model.

mod error_codes;
mod exactly_once;
mod faults;
mod pipeline;
mod world;
