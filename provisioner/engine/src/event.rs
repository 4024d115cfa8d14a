//! Events that commands emit while they run. Events are data: only `report` formats and prints them.

pub mod deploy;
pub mod files;
pub mod reconcile;
pub mod redrive;
pub mod replay;
pub mod verify;
pub mod watch;
pub mod web;

use provisioner_emulator::event::LocalEvent;
use serde::Serialize;

/// The version of the event format. It is raised when an event or field is renamed, removed or changes its meaning; new
/// events and new fields do not raise it.
pub const VERSION: u32 = 1;

/// An event of a command. As JSON it is one line, with its name under `event`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// From `up` and `down`.
    Deploy(deploy::DeployEvent),
    /// From `put`.
    Files(files::FilesEvent),
    /// From `local`, and from `up` when it starts the emulator.
    Local(LocalEvent),
    /// From `redrive`.
    Redrive(redrive::RedriveEvent),
    /// From `reconcile`.
    Reconcile(reconcile::ReconcileEvent),
    /// From `reconcile --fix` and `reprocess`.
    Replay(replay::ReplayEvent),
    /// From `verify`, and from `up` when it verifies.
    Verify(verify::VerifyEvent),
    /// From `up --watch`.
    Watch(watch::WatchEvent),
    /// From `web`.
    Web(web::WebEvent),
}

/// An event as a line of JSON, with the version of the format.
#[derive(Debug, Serialize)]
pub struct Line<'a, T> {
    version: u32,
    #[serde(flatten)]
    event: &'a T,
}

impl<'a, T> Line<'a, T> {
    /// The line for an event.
    pub fn new(event: &'a T) -> Self {
        Self { version: VERSION, event }
    }
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
    LocalEvent => Local,
    redrive::RedriveEvent => Redrive,
    reconcile::ReconcileEvent => Reconcile,
    replay::ReplayEvent => Replay,
    verify::VerifyEvent => Verify,
    watch::WatchEvent => Watch,
    web::WebEvent => Web
);
