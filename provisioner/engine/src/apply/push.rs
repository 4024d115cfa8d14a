//! The fast way for code: the function takes the new zip at once, and the stack is brought to the same key after it.
//!
//! CloudFormation then finds the code already there, so nothing drifts. Whatever happens in between, the stack's
//! parameter is still the old one, so the next `up` sees the difference and finishes.
//!
//! Safe only after consent: `UpdateFunctionCode` has a `DryRun`, but not every service that speaks Lambda's API honours
//! it.

use std::time::{Duration, Instant};

use provisioner_aws::function::Function;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::stack::{Deployed, LastUpdate};

use super::follow::Backoff;
use super::{Applier, Code};
use crate::event::deploy::DeployEvent;

/// How long a function may take to change. Lambda needs a second or two; a function that somebody else is changing as
/// well needs longer.
const UPDATE_TIMEOUT: Duration = Duration::from_mins(2);
/// The pause between two looks at the function while it may well be ready any moment, and how long that is. Lambda
/// answers a hundred such calls a second (Lambda quotas, "API requests").
const FAST_POLL: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl Applier<'_> {
    /// Uploads the code and has the function serve it. `from` is what the function was when consent was given.
    ///
    /// Returns whether the function serves it now. Where it cannot be told to, because it is gone or the caller lacks the
    /// permission, that is told, and the stack's update has the last word; everything else that fails ends the command
    /// before anything of the stack was changed.
    pub async fn push(&self, name: &str, code: Code<'_>, from: &Deployed) -> Result<bool> {
        let function = Function::new(self.aws, name);
        self.upload(code).await?;
        let began = Instant::now();
        let handed = self.update_code(&function, code, from, began).await;
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

    /// Tells what the function serves after the stack's update failed: CloudFormation puts the old code back only where
    /// it had come to the function.
    pub async fn report_code_after_failure(&self, name: &str, code: Code<'_>) -> Result<()> {
        let deployed = Function::new(self.aws, name).describe().await;
        if let Some(deployed) = deployed.map_err(|e| e.into_error("look at the function"))? {
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
        from: &Deployed,
        began: Instant,
    ) -> Result<(), PushError> {
        let (key, wanted) = (code.package.key(), &code.package.sha256);
        let mut revision = from.revision.clone();
        let mut backoff = Backoff::new(self.run.seed());
        loop {
            let error = match function.update_code(code.bucket, &key, revision.as_deref()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error.kind {
                Kind::Superseded => {
                    let now = function.describe().await.map_err(describe_failed)?;
                    match now {
                        // The answer to an earlier attempt was lost.
                        Some(now) if now.sha256 == *wanted => return Ok(()),
                        // A revision names settings and states too; the code is the one that was seen.
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
                        let message = "Lambda cannot run the new code; the function goes on with the one before";
                        let error = Error::new(Exit::Deployment, "push-failed", message).source(reason);
                        return Err(PushError::Failed(Box::new(error.hint("The stack was not changed."))));
                    }
                },
                // An answer from before the change.
                Some(_) => {}
                None => return Err(PushError::NotPossible("the function was deleted meanwhile".into())),
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
    /// It cannot be told to; the stack's update may do better.
    NotPossible(String),
    /// It is the end of the command.
    Failed(Box<Error>),
}

fn failed(error: CallError) -> PushError {
    PushError::Failed(Box::new(error.into_error("give the function its new code; the stack was not changed")))
}

fn describe_failed(error: CallError) -> PushError {
    PushError::Failed(Box::new(error.into_error("look at the function")))
}
