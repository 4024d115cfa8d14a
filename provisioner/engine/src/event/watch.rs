//! Events of `up --watch`, after the first deployment.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

/// Events of watching sources.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum WatchEvent {
    /// Watching starts.
    Watching {
        /// The number of watched files.
        files: usize,
    },
    /// Files were saved; the handler is built from them.
    SourcesChanged {
        /// The changed files.
        files: Vec<PathBuf>,
    },
    /// The handler does not build, or cannot be deployed. Watching continues.
    NotDeployed {
        /// The error.
        message: String,
        /// Why.
        causes: Vec<String>,
        /// How to fix it.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// The change gives the same handler.
    SameCode,
    /// The code is deployed, and the stack is updated.
    Deployed {
        /// The SHA-256 of the zip.
        sha256: String,
        /// From the save until the end of the stack's update, including the build.
        seconds: f64,
    },
    /// The stack file was changed. Watching does not deploy it.
    StackFileChanged {
        /// The file.
        file: PathBuf,
    },
    /// The log cannot be read at the moment. Watching continues.
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
    /// Watching was interrupted during a deployment, which is completed first.
    Ending,
    /// Watching has ended. The function matches the stack.
    WatchEnded {
        /// After a development build: the command that deploys the optimized build.
        #[serde(skip_serializing_if = "Option::is_none")]
        release: Option<String>,
    },
}
