//! Readers, one a family of formats.

pub(crate) mod office;
pub(crate) mod reading;
