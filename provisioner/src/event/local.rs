//! Events of the emulator's life.

use serde::Serialize;

/// What happens to the emulator.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum LocalEvent {}
