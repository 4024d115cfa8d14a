//! The fake over plain HTTP: what it models, and every injected fault. The tests of the handler and of the provisioner
//! use it through the AWS SDK.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails, also in its helpers")]

mod client;
mod cloudformation;
mod consistency;
mod dynamodb;
mod faults;
mod s3;
mod services;
mod sqs;
