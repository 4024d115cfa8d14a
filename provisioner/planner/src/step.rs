//! What a plan does first, in one word, and why it does nothing where it does not.

use provisioner_model::error::{Error, Exit};
use provisioner_model::status::Operation;
use serde::Serialize;

use crate::plan::Plan;

/// What `up` would do first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing.
    None,
    /// Make the stack.
    Create,
    /// Change the stack.
    Update,
    /// Take a bucket or table that an earlier `down` kept into a new stack, and bring that up to date.
    Adopt,
    /// Delete a stack of which nothing was ever made, and make it anew.
    Recreate,
    /// End a deletion that failed, and make the stack anew around what stays.
    EndDeletion,
    /// Continue a rollback that got stuck; what changes after it is not known yet.
    ContinueRollback,
    /// Show another operation to its end; what changes after it is not known yet.
    Wait,
    /// Nothing, until a person has decided.
    Blocked,
}

/// Why nothing can be done without a person's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocker {
    /// A stable name of the case.
    pub code: String,
    /// Why.
    pub reason: String,
    /// How to go on.
    pub hint: String,
}

impl Blocker {
    /// The error of a plan that cannot be applied as it is.
    pub fn refusal(&self) -> Error {
        Error::new(Exit::Refused, "blocked", format!("{} ({})", self.reason, self.code)).hint(self.hint.clone())
    }
}

/// The step of a plan, and what is in its way.
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
            let block = Blocker { code: (*code).to_owned(), reason: reason.clone(), hint: hint.clone() };
            return (Step::Blocked, Some(block));
        }
    };
    (step, None)
}
