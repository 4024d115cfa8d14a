//! The world around the handler, on this machine: the Lambda Runtime API, S3 and `DynamoDB` as far as the handler
//! calls them, and the process itself. The benchmarks measure in it, and the handler's tests fail things in it.
//!
//! Every server binds to 127.0.0.1 on free ports and ends when its value is dropped, also when a test fails.

mod checksum;
pub mod dynamodb;
pub mod events;
pub mod fake;
pub mod function;
pub mod http;
pub mod runtime_api;
pub mod s3;
