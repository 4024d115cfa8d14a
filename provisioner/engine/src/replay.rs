//! Sends files through the pipeline again: by synchronous invocations, whose answers name what became of each.

use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::delivery::InvocationAnswer;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_planner::replay::Outcome;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::dialog::Dialog;
use crate::event::replay::{ReplayEvent, Sent};
use crate::interrupt;
use crate::redrive::Resender;

/// A file to send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Replay {
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
    pub(crate) event: Value,
}

/// Sends files, at most `parallel` at the same time, and reports each. `next` returns one file after the other. Adds to
/// `sent`.
///
/// An invocation that fails does not stop the others; a function that cannot be invoked at all does. After an interruption
/// no more are sent. Those that run continue in Lambda; sending them again changes nothing.
pub(crate) async fn send(
    function: &Resender,
    parallel: usize,
    mut next: impl FnMut() -> Result<Option<Replay>>,
    sent: &mut Sent,
    dialog: &dyn Dialog,
) -> Result<()> {
    let mut interrupts = interrupt::subscribe();
    let mut running: JoinSet<(Replay, std::result::Result<InvocationAnswer, CallError>)> = JoinSet::new();
    let mut is_last = false;
    loop {
        while !is_last && running.len() < parallel.max(1) {
            let Some(replay) = next()? else {
                is_last = true;
                break;
            };
            let function = function.clone();
            running.spawn(async move {
                let invoked = function.invoke(&replay.event).await;
                (replay, invoked)
            });
        }
        let finished = tokio::select! {
            finished = running.join_next() => finished,
            () = interrupts.next() => {
                return Err(Error::new(
                    Exit::Interrupted,
                    "interrupted",
                    format!("interrupted; {} files were sent, {} of them are not finished", sent.total() + running.len() as u64, running.len()),
                )
                .hint("Run the same command again. Files that were processed meanwhile are not processed twice."));
            }
        };
        let Some(finished) = finished else { break };
        let (replay, invoked) =
            finished.map_err(|e| Error::new(Exit::Failure, "internal", "an invocation was lost").source(e))?;
        let (outcome, document_id, reason) = match invoked {
            Ok(InvocationAnswer { function_error: None, payload }) => match Outcome::in_answer(&payload) {
                Some(outcome) => (outcome, payload["files"][0]["documentId"].as_str().map(ToOwned::to_owned), None),
                None => (Outcome::Failed, None, Some("the answer of the function is not understood".to_owned())),
            },
            // Lambda developer guide, "Lambda function errors": the payload has errorType and errorMessage.
            Ok(InvocationAnswer { function_error: Some(kind), payload }) => {
                (Outcome::Failed, None, Some(payload["errorMessage"].as_str().map_or(kind, ToOwned::to_owned)))
            }
            Err(error) if is_final(&error) => return Err(error.into_error("invoke the function")),
            Err(error) => (Outcome::Failed, None, Some(error.message)),
        };
        sent.add(outcome);
        let Replay { key, version_id, .. } = replay;
        dialog.event(ReplayEvent::Replayed { key, version_id, document_id, outcome, reason });
    }
    Ok(())
}

/// Whether further invocations would fail as well.
fn is_final(error: &CallError) -> bool {
    matches!(error.kind, Kind::Denied | Kind::NotFound | Kind::InvalidCredentials | Kind::Unreachable)
}
