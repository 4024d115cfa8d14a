//! Sends events to the function, by synchronous invocations whose answers name the outcome: what failed events, files without
//! a record and files that are read again have in common.

use std::sync::Arc;
use std::time::Duration;

use handler_contract::origin::Origin;
use provisioner_aws::Aws;
use provisioner_aws::function::Function;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::delivery::{Delivery, Outcome, delivery, envelope};
use provisioner_model::names::Names;
use provisioner_model::spec::StackSpec;
use serde_json::Value;

/// Pauses before an invocation that was throttled is repeated; after the last one, it counts as throttled.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// Events in a row without an answer after which the others are not sent.
pub(crate) const MOST_UNANSWERED: u32 = 3;

/// Sends events to the function and waits for the outcome.
#[derive(Debug, Clone)]
pub(crate) struct Resender {
    function: Arc<Function>,
    origin: Origin,
}

impl Resender {
    /// For the function of this stack. A call may take as long as the stack file lets the function work, and half a minute
    /// more.
    pub(crate) fn new(aws: &Aws, spec: &StackSpec, names: &Names, origin: Origin) -> Self {
        let timeout = Duration::from_secs(spec.handler.timeout.0);
        Self { function: Arc::new(Function::new(aws, &names.function).for_invocations(aws, timeout)), origin }
    }

    /// Sends an event, marked for the log with who sends it, and repeats an invocation that was throttled.
    ///
    /// # Errors
    /// The call failed in a way in which every further one would: no permission, no function, no credentials.
    pub(crate) async fn send(&self, event: &Value) -> Result<Delivery, CallError> {
        let event = serde_json::to_vec(&envelope(event, self.origin)).unwrap_or_default();
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self.function.invoke(event.clone()).await;
            let is_throttled = answer.as_ref().is_err_and(|error| error.kind == Kind::Throttled);
            match pauses.next().filter(|_| is_throttled) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return delivery(answer),
            }
        }
    }
}

/// Counts the events in a row that the function did not answer.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(u32);

impl Unanswered {
    /// Notes the outcome of the next event.
    pub(crate) fn note(&mut self, outcome: Outcome) {
        self.0 = if outcome.is_unanswered() { self.0 + 1 } else { 0 };
    }

    /// Whether no more events are to be sent: there were [`MOST_UNANSWERED`].
    pub(crate) const fn is_enough(&self) -> bool {
        self.0 >= MOST_UNANSWERED
    }
}
