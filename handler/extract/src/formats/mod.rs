//! Readers, one file a family of formats.


pub(crate) mod boxes;
pub(crate) mod image;
pub(crate) mod media;
pub(crate) mod reading;
pub(crate) mod view;
