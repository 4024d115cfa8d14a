//! Events of `up`, `down` and `redrive`.

use serde::Serialize;

/// What happens while a stack is brought up or taken down.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum DeployEvent {}
