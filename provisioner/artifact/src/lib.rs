//! The handler before it is deployed: where it comes from, whether it can run, the zip it is packed into.

/// The code of the error that there is no handler to deploy: none is named, none is carried, and none can be built here.
pub const NO_HANDLER: &str = "no-handler";

/// The code of the error that a handler cannot run where it would be deployed.
pub const UNSUITABLE_HANDLER: &str = "handler";

pub mod embedded;
pub mod handler_build;
pub mod package;
pub mod sources;
pub mod zip_cache;
