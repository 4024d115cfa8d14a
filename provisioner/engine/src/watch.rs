//! `up --watch` after the first deployment: builds and pushes the handler whenever its sources are saved, and
//! shows the function's log meanwhile.
//!
//! Every build, including the one of the first deployment, is a development build (see
//! [`provisioner_artifact::handler_build::Build`]), so that a change is deployed within seconds. It stays deployed when
//! watching ends; the last event names the command that deploys the optimized build.
//!
//! The stack's update follows each push, so the function matches the stack whenever no deployment is running. After an
//! interruption, a running deployment is completed.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use provisioner_artifact::handler_build::Build;
use provisioner_artifact::sources::{Snapshot, Sources};
use provisioner_aws::logs::Logs;
use provisioner_model::error::{Error, Exit, Result};

use crate::dialog::Dialog;
use crate::event::watch::WatchEvent;
use crate::handler::{Built, package};
use crate::logs::Tail;
use crate::up::DeployTarget;
use crate::{clock, interrupt};

/// The interval between two snapshots of the sources. A save is complete when two snapshots in a row are equal.
const POLL_INTERVAL: Duration = Duration::from_millis(150);

/// Watches until interrupted. `handler` is an executable that another process builds; `deployed` is the current build.
pub async fn run(target: &DeployTarget<'_>, handler: Option<&Path>, deployed: Built) -> Result<()> {
    let group = Logs::new(target.aws, &target.names.log_group);
    let tail = Tail::new(&group, clock::now_millis());
    tokio::select! {
        ended = watch(target, handler, deployed) => ended,
        never = follow_log(tail, target.dialog) => match never {},
    }
}

async fn watch(target: &DeployTarget<'_>, handler: Option<&Path>, built: Built) -> Result<()> {
    let dialog = target.dialog;
    // A deployment that runs is completed: its own subscription gets no interruption.
    let mut interrupts = interrupt::subscribe_exclusive();
    let (mut deployed, development) = (built.package.sha256, built.development);
    let mut watched = Watched::start(built.sources, &target.file.path);
    dialog.event(WatchEvent::Watching { files: watched.seen.len() });
    loop {
        let change = tokio::select! {
            () = interrupts.next() => break,
            change = watched.next_change() => change,
        };
        let (files, saved) = match change {
            Change::StackFile => {
                dialog.event(WatchEvent::StackFileChanged { file: target.file.path.clone() });
                continue;
            }
            Change::Sources { files, saved } => (files, saved),
        };
        dialog.event(WatchEvent::SourcesChanged { files });
        let built = tokio::select! {
            () = interrupts.next() => break,
            built = package(target.file, handler, Build::Development, dialog) => built,
        };
        // A failed build has no new list of sources, so the old list stays.
        let package = match built {
            Ok(Built { package, sources, .. }) => {
                watched.replace_sources(sources);
                package
            }
            Err(error) => {
                report_failure(&error, dialog);
                continue;
            }
        };
        if package.sha256 == deployed {
            dialog.event(WatchEvent::SameCode);
            continue;
        }
        let mut deploying = std::pin::pin!(target.deploy_code(&package));
        let (done, ending) = tokio::select! {
            done = &mut deploying => (done, false),
            () = interrupts.next() => {
                dialog.event(WatchEvent::Ending);
                // Another interruption belongs to the operation, which is left running in AWS.
                interrupts.release();
                (deploying.await, true)
            }
        };
        match done {
            Ok(_) => {
                deployed.clone_from(&package.sha256);
                dialog.event(WatchEvent::Deployed {
                    sha256: package.sha256.clone(),
                    seconds: saved.elapsed().as_secs_f64(),
                });
            }
            Err(error) if ending || error.exit == Exit::Interrupted => return Err(error),
            Err(error) => report_failure(&error, dialog),
        }
        if ending {
            break;
        }
    }
    dialog.event(WatchEvent::WatchEnded {
        release: (development && target.file.spec.emulator.is_none()).then(|| target.command("up")),
    });
    Ok(())
}

fn report_failure(error: &Error, dialog: &dyn Dialog) {
    dialog.event(WatchEvent::NotDeployed {
        message: error.message.clone(),
        causes: error.causes(),
        hint: error.hint.clone(),
    });
}

/// Shows the function's log until cancelled. An unreadable log is reported once.
async fn follow_log(mut tail: Tail, dialog: &dyn Dialog) -> Infallible {
    let mut readable = true;
    loop {
        let read = tail.read(|entry| {
            dialog.event(WatchEvent::Log { time: entry.time, message: entry.message.trim_end().to_owned() });
        });
        match read.await {
            Ok(()) => readable = true,
            Err(error) if readable => {
                readable = false;
                dialog.event(WatchEvent::LogUnreadable { reason: error.to_string() });
            }
            Err(_) => {}
        }
        tokio::time::sleep(tail.interval()).await;
    }
}

/// The files that were saved.
enum Change {
    /// The stack file.
    StackFile,
    /// Sources of the handler.
    Sources {
        /// The changed files.
        files: Vec<PathBuf>,
        /// When the first change was detected.
        saved: Instant,
    },
}

/// The watched files, in the state of the last deployment.
struct Watched {
    sources: Sources,
    seen: Snapshot,
    stack_file: Sources,
    stack_file_seen: Snapshot,
}

impl Watched {
    fn start(sources: Sources, stack_file: &Path) -> Self {
        let stack_file = Sources::of_file(stack_file);
        Self { seen: sources.snapshot(), sources, stack_file_seen: stack_file.snapshot(), stack_file }
    }

    /// Replaces the watched files after a build. Files that were saved during the build still count as changed.
    fn replace_sources(&mut self, sources: Sources) {
        self.seen = sources.snapshot().or_as_in(&self.seen);
        self.sources = sources;
    }

    /// Waits for a save to complete.
    async fn next_change(&mut self) -> Change {
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let stack_file = self.stack_file.snapshot();
            if stack_file != self.stack_file_seen {
                self.stack_file_seen = stack_file;
                return Change::StackFile;
            }
            let mut now = self.sources.snapshot();
            if now == self.seen {
                continue;
            }
            let saved = Instant::now();
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                let later = self.sources.snapshot();
                if later == now {
                    break;
                }
                now = later;
            }
            let files = now.changed_since(&self.seen);
            self.seen = now;
            if !files.is_empty() {
                return Change::Sources { files, saved };
            }
        }
    }
}
