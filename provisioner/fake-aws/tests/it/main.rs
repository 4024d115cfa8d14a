//! The fake, spoken to over plain HTTP: what it models, and every way in which it fails on order. That SDKs understand
//! it, the tests of the handler and of the provisioner show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, also in its helpers")]

mod client;
mod cloudformation;
mod consistency;
mod dynamodb;
mod faults;
mod s3;
mod services;
mod sqs;
