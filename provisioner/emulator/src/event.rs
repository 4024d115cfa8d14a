//! Events of the emulator's life.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

/// What happens to the emulator.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum LocalEvent {
    /// It is being started.
    #[serde(rename = "emulator-starting")]
    Starting {
        /// The address of every service.
        endpoint: String,
        /// Where its state is.
        data_folder: PathBuf,
    },
    /// It answers.
    #[serde(rename = "emulator-started")]
    Started {
        /// The address of every service.
        endpoint: String,
        /// Its process.
        pid: u32,
        /// How long the start took.
        seconds: f64,
    },
    /// It was running before.
    #[serde(rename = "emulator-already-running")]
    AlreadyRunning {
        /// The address of every service.
        endpoint: String,
        /// Its process, if the provisioner started it.
        pid: Option<u32>,
    },
    /// It is not of the release that this program is tested with.
    #[serde(rename = "emulator-other-version")]
    OtherVersion {
        /// The address of every service.
        endpoint: String,
        /// The release that answers.
        found: String,
        /// The release that is tested.
        expected: String,
    },
    /// It was asked to end.
    #[serde(rename = "emulator-stopping")]
    Stopping {
        /// The address of every service.
        endpoint: String,
        /// Its process.
        pid: u32,
    },
    /// It did not end when asked, and is killed: what it had not written is lost.
    #[serde(rename = "emulator-forced")]
    Forced {
        /// Its process.
        pid: u32,
        /// How long it was waited for.
        seconds: u64,
    },
    /// It is gone, its state is kept.
    #[serde(rename = "emulator-stopped")]
    Stopped {
        /// The address of every service.
        endpoint: String,
    },
    /// There was nothing to stop.
    #[serde(rename = "emulator-not-running")]
    NotRunning {
        /// The address of every service.
        endpoint: String,
    },
    /// Its state was deleted.
    #[serde(rename = "emulator-state-deleted")]
    StateDeleted {
        /// Where the state was.
        data_folder: PathBuf,
    },
}
