//! The parts of a stack, each a function from the spec to resources.

pub(super) mod bucket;
pub(super) mod failures;
pub(super) mod handler;
pub(super) mod table;

pub use table::FREE_UNITS;

use super::resource::Resource;

/// Resources by logical id, in the template's order.
type Resources = Vec<(&'static str, Resource)>;
