//! What the provisioner and the handler must agree on, and nothing else.
//!
//! The provisioner writes settings, creates the table and grants actions; the handler reads the settings, fills the
//! table and uses the actions. Whatever both sides must spell alike is here once: environment variables
//! ([`settings`]), the record and its attributes ([`record`], [`metadata`], [`error_code`]), table and index names
//! ([`table`]), the identity of an upload ([`upload`]), what the provisioner asks for ([`request`]), the IAM actions the
//! handler needs ([`actions`]) and what its log reports of its sandbox ([`sandbox`]).
//!
//! This crate knows no SDK, no clock, no environment and no file system: time and variables are arguments.

pub mod actions;
pub mod error_code;
pub mod file_types;
pub mod metadata;
pub mod origin;
pub mod record;
pub mod request;
pub mod sandbox;
pub mod settings;
pub mod table;
pub mod timestamp;
pub mod upload;

pub use error_code::ErrorCode;
pub use file_types::FileTypes;
pub use metadata::Metadata;
pub use record::{Failure, Record, Status};
pub use request::Request;
pub use sandbox::SandboxReport;
pub use settings::{Limits, Settings};
pub use timestamp::Timestamp;
pub use upload::{DocumentId, Upload};
