//! What commands tell while they work. Events are data: nothing here prints, and `report` alone decides how they look.

pub mod deploy;
pub mod files;
pub mod local;
pub mod verify;
pub mod watch;

use serde::Serialize;

/// Anything that is told while a command works. As JSON it is one line, with the kind under `event`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// From `up`, `down` and `redrive`.
    Deploy(deploy::DeployEvent),
    /// From `put`.
    Files(files::FilesEvent),
    /// From `local`, and from `up` when it starts the emulator.
    Local(local::LocalEvent),
    /// From `verify`, and from `up` when it verifies.
    Verify(verify::VerifyEvent),
    /// From `up --watch`.
    Watch(watch::WatchEvent),
}

macro_rules! from {
    ($($type:ty => $variant:ident),+) => { $(
        impl From<$type> for Event {
            fn from(event: $type) -> Self {
                Self::$variant(event)
            }
        }
    )+ };
}

from!(
    deploy::DeployEvent => Deploy,
    files::FilesEvent => Files,
    local::LocalEvent => Local,
    verify::VerifyEvent => Verify,
    watch::WatchEvent => Watch
);
