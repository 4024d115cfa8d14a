//! The first step of a plan, and the reason if it is blocked.

use provisioner_model::error::{Error, Exit};
use provisioner_model::status::Operation;
use serde::Serialize;

use crate::plan::Plan;

/// The first step of `up`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// No change.
    None,
    /// Create the stack.
    Create,
    /// Update the stack.
    Update,
    /// Import a bucket or table that an earlier `down` kept into a new stack, then update the stack.
    Adopt,
    /// Delete a stack whose creation failed, then create it.
    Recreate,
    /// Repeat a failed deletion, then create the stack and import what was retained.
    EndDeletion,
    /// Continue a failed rollback; the changes after it are not known yet.
    ContinueRollback,
    /// Follow another operation to its end; the changes after it are not known yet.
    Wait,
    /// The user must decide first.
    Blocked,
}

/// Why a plan is blocked until the user decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// A stable code.
    pub code: String,
    /// Why.
    pub reason: String,
    /// How to proceed.
    pub hint: String,
}

impl Blocker {
    /// The error of a blocked plan.
    pub fn refusal(&self) -> Error {
        Error::new(Exit::Refused, "blocked", format!("{} ({})", self.reason, self.code)).hint(self.hint.clone())
    }
}

/// The first step of a plan, and what blocks it.
pub fn step(plan: &Plan) -> (Step, Option<Blocker>) {
    let step = match plan {
        Plan::NoChange => Step::None,
        Plan::Propose(Operation::Create) => Step::Create,
        Plan::Propose(_) | Plan::Execute { .. } => Step::Update,
        Plan::Recreate { .. } => Step::Recreate,
        Plan::RetryDelete { .. } => Step::EndDeletion,
        Plan::Adopt { .. } => Step::Adopt,
        Plan::Attach { .. } => Step::Wait,
        Plan::ContinueRollback { .. } => Step::ContinueRollback,
        Plan::Blocked { code, reason, hint } => {
            let blocker = Blocker { code: (*code).to_owned(), reason: reason.clone(), hint: hint.clone() };
            return (Step::Blocked, Some(blocker));
        }
    };
    (step, None)
}
