//! Fast deployment of code: updates the function first, then the stack.
//!
//! The stack's update then finds the same code, so nothing drifts. After an interruption in between, the stack still has
//! the old parameter, so the next `up` detects the difference and completes the update.
//!
//! This needs consent first: `UpdateFunctionCode` has a `DryRun` option, but not every implementation of Lambda's API
//! supports it.

use std::time::{Duration, Instant};

use provisioner_aws::function::Function;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::stack::{Deployed, LastUpdate};

use super::follow::Backoff;
use super::{Applier, Code};
use crate::event::deploy::DeployEvent;

/// The timeout of a code update. Lambda needs a second or two; concurrent updates take longer.
const UPDATE_TIMEOUT: Duration = Duration::from_mins(2);
/// The first poll interval, and how long it is used. Lambda allows 100 such calls a second (Lambda quotas, "API
/// requests").
const FAST_POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl Applier<'_> {
    /// Updates the function to this version of the code. `from` is the function's code at the time of consent.
    ///
    /// Returns whether the function serves the new code. If the function does not exist or the caller lacks the
    /// permission, this is reported and left to the stack's update; any other failure ends the command before the stack is
    /// changed.
    pub async fn push(&self, name: &str, code: Code<'_>, version: &str, from: &Deployed) -> Result<bool> {
        let function = Function::new(self.aws, name);
        let began = Instant::now();
        let handed = self.update_code(&function, code, version, from, began).await;
        let served = match handed {
            Ok(()) => self.wait_until_served(&function, code, began).await,
            Err(error) => Err(error),
        };
        match served {
            Ok(()) => {
                self.dialog.event(DeployEvent::CodePushed {
                    function: name.to_owned(),
                    sha256: code.package.sha256.clone(),
                    seconds: began.elapsed().as_secs_f64(),
                });
                Ok(true)
            }
            Err(PushError::NotPossible(reason)) => {
                self.dialog.event(DeployEvent::PushSkipped { function: name.to_owned(), reason });
                Ok(false)
            }
            Err(PushError::Failed(error)) => Err(*error),
        }
    }

    /// Reports the code that the function serves after the stack's update failed: CloudFormation rolls the code back only if
    /// its update had reached the function.
    pub async fn report_code_after_failure(&self, name: &str, code: Code<'_>) -> Result<()> {
        let deployed = Function::new(self.aws, name).describe().await;
        if let Some(deployed) = deployed.map_err(|e| e.into_error("read the function"))? {
            self.dialog.event(DeployEvent::CodeAfterFailure {
                function: name.to_owned(),
                new: deployed.sha256 == code.package.sha256,
                sha256: deployed.sha256,
            });
        }
        Ok(())
    }

    async fn update_code(
        &self,
        function: &Function,
        code: Code<'_>,
        version: &str,
        from: &Deployed,
        began: Instant,
    ) -> Result<(), PushError> {
        let (key, wanted) = (code.package.key(), &code.package.sha256);
        let mut revision = from.revision.clone();
        let mut backoff = Backoff::new(self.run.seed());
        loop {
            let error = match function.update_code(code.bucket, &key, version, revision.as_deref()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error.kind {
                Kind::Superseded => {
                    let now = function.describe().await.map_err(describe_failed)?;
                    match now {
                        // The response to an earlier attempt was lost.
                        Some(now) if now.sha256 == *wanted => return Ok(()),
                        // The revision also changes with settings; the code is unchanged.
                        Some(now) if now.sha256 == from.sha256 => revision = now.revision,
                        _ => return Err(failed(error)),
                    }
                }
                Kind::Busy => {}
                Kind::Denied | Kind::NotFound => return Err(PushError::NotPossible(error.message)),
                _ => return Err(failed(error)),
            }
            if began.elapsed() >= UPDATE_TIMEOUT {
                return Err(failed(error));
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
    }

    async fn wait_until_served(&self, function: &Function, code: Code<'_>, began: Instant) -> Result<(), PushError> {
        let mut backoff = Backoff::new(self.run.seed());
        loop {
            let now = function.describe().await.map_err(describe_failed)?;
            match now {
                Some(now) if now.sha256 == code.package.sha256 => match now.last_update {
                    LastUpdate::Done => return Ok(()),
                    LastUpdate::Running => {}
                    LastUpdate::Failed(reason) => {
                        let message = "Lambda cannot run the new code; the function still runs the previous one";
                        let error = Error::new(Exit::Deployment, "push-failed", message).source(reason);
                        return Err(PushError::Failed(Box::new(error.hint("The stack was not changed."))));
                    }
                },
                // A response from before the update.
                Some(_) => {}
                None => return Err(PushError::NotPossible("the function was deleted".into())),
            }
            if began.elapsed() >= UPDATE_TIMEOUT {
                let message = format!("the function does not serve the new code after {} s", began.elapsed().as_secs());
                let error = Error::new(Exit::Deployment, "push-late", message);
                return Err(PushError::Failed(Box::new(error.hint("Run the same command again: it finishes."))));
            }
            // The pauses grow only once it takes long.
            if began.elapsed() < FAST_POLL.1 {
                tokio::time::sleep(FAST_POLL.0).await;
            } else {
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }
}

/// Why the function does not serve the new code.
#[derive(Debug)]
enum PushError {
    /// The function cannot be updated directly; the stack's update can succeed.
    NotPossible(String),
    /// The command fails.
    Failed(Box<Error>),
}

fn failed(error: CallError) -> PushError {
    PushError::Failed(Box::new(error.into_error("update the function's code; the stack was not changed")))
}

fn describe_failed(error: CallError) -> PushError {
    PushError::Failed(Box::new(error.into_error("read the function")))
}
