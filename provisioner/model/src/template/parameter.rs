//! Names of the template's parameters.

/// The parameter that names the bucket with the handler's zip.
pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";
/// The parameter that names the key of the handler's zip.
pub const ARTIFACT_KEY: &str = "ArtifactKey";
/// The parameter that names the version of that object: whoever overwrites the object changes no function.
pub const ARTIFACT_VERSION: &str = "ArtifactVersion";
