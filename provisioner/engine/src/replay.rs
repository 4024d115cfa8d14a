//! Sends files through the pipeline again: by synchronous invocations, whose answers name what became of each.

use provisioner_model::call_error::CallError;
use provisioner_model::delivery::Delivery;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::units::counted;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::dialog::Dialog;
use crate::event::replay::{ReplayEvent, Sent};
use crate::interrupt;
use crate::resend::{MOST_UNANSWERED, Resender, Unanswered};

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
/// An invocation that fails does not stop the others; a function that cannot be invoked at all does, and after
/// [`MOST_UNANSWERED`] files in a row without an answer no more are sent, nor after an interruption. Those that run continue
/// in Lambda; sending them again changes nothing.
pub(crate) async fn send(
    function: &Resender,
    parallel: usize,
    mut next: impl FnMut() -> Result<Option<Replay>>,
    sent: &mut Sent,
    dialog: &dyn Dialog,
) -> Result<()> {
    let mut interrupts = interrupt::subscribe();
    let mut running: JoinSet<(Replay, std::result::Result<Delivery, CallError>)> = JoinSet::new();
    let (mut is_last, mut has_unsent, mut unanswered) = (false, false, Unanswered::default());
    loop {
        while !is_last && running.len() < parallel.max(1) {
            let Some(replay) = next()? else {
                is_last = true;
                break;
            };
            if unanswered.is_enough() {
                (is_last, has_unsent) = (true, true);
                break;
            }
            let function = function.clone();
            running.spawn(async move {
                let sent = function.send(&replay.event).await;
                (replay, sent)
            });
        }
        let finished = tokio::select! {
            finished = running.join_next() => finished,
            () = interrupts.next() => {
                return Err(Error::new(
                    Exit::Interrupted,
                    "interrupted",
                    format!("interrupted after {}, {} of them not finished", counted(sent.total() + running.len() as u64, "file"), running.len()),
                )
                .hint("Run the same command again. Files that were processed meanwhile are not processed twice."));
            }
        };
        let Some(finished) = finished else { break };
        let (replay, delivered) =
            finished.map_err(|e| Error::new(Exit::Failure, "internal", "an invocation was lost").source(e))?;
        let Delivery { outcome, reason, document_id } =
            delivered.map_err(|error| error.into_error("invoke the function"))?;
        unanswered.note(outcome);
        sent.add(outcome);
        let Replay { key, version_id, .. } = replay;
        dialog.event(ReplayEvent::Replayed { key, version_id, document_id, outcome, reason });
    }
    if has_unsent { Err(no_answer()) } else { Ok(()) }
}

fn no_answer() -> Error {
    let message = format!("the function does not answer: {MOST_UNANSWERED} files in a row, and others were not sent");
    Error::new(Exit::Failure, "no-answer", message)
        .hint("Run the same command again later. Files that were processed meanwhile are not processed twice.")
}
