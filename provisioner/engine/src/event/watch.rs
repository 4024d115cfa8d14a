//! Events of `up --watch`, after the first deployment.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

/// What happens while sources are watched.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum WatchEvent {
    /// Watching begins.
    Watching {
        /// How many files.
        files: usize,
    },
    /// Files were saved; the handler is built from them.
    SourcesChanged {
        /// Which.
        files: Vec<PathBuf>,
    },
    /// The handler does not build, or cannot be deployed. Watching goes on.
    NotDeployed {
        /// What went wrong.
        message: String,
        /// Why.
        causes: Vec<String>,
        /// How to mend it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// What was saved makes the same handler.
    SameCode,
    /// The code is deployed, and the stack says so too.
    Deployed {
        /// The SHA-256 of the zip.
        sha256: String,
        /// From the save until the stack said so, building included.
        seconds: f64,
    },
    /// The stack file says something else than when watching began. That is not deployed here.
    StackFileChanged {
        /// The file.
        file: PathBuf,
    },
    /// The log cannot be read at the moment. Watching goes on.
    LogUnreadable {
        /// Why.
        reason: String,
    },
    /// A line of the function's log.
    Log {
        /// Milliseconds since the Unix epoch.
        time: i64,
        /// The line, as it was written.
        message: String,
    },
    /// Watching was interrupted while a change was on its way; that is brought to its end first.
    Ending,
    /// Watching has ended. What the function serves is what the stack says.
    WatchEnded {
        /// Where that is a development build: the command that deploys the optimized build.
        #[serde(skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
}
