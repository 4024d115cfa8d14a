//! Events of `put`.

use serde::Serialize;

/// What happens while files are uploaded and their records awaited.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum FilesEvent {}
