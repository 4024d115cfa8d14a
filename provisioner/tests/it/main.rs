//! Tests of the provisioner from outside.

mod spec;
mod specs;
mod template;

/// The workspace's folder.
fn root() -> &'static std::path::Path {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
