//! Every status of CloudFormation and what it means: for a stack, for a change set, for a resource.
//!
//! The only place that tells statuses apart, and the only one that reads a reason's words. Pure; a test a row. The
//! statuses and their meanings are those of the CloudFormation user guide, "Stack status codes".

use schemars::JsonSchema;
use serde::Serialize;

/// What CloudFormation is asked to do with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Makes the stack and its resources.
    Create,
    /// Changes the resources of a stack.
    Update,
    /// Takes existing resources into a stack.
    Import,
    /// Removes the stack and its resources.
    Delete,
    /// Ends a rollback that got stuck.
    ContinueRollback,
}

impl Operation {
    /// In words: `Creation`, `Update`, …
    pub fn noun(self) -> &'static str {
        match self {
            Self::Create => "creation",
            Self::Update => "update",
            Self::Import => "adoption",
            Self::Delete => "deletion",
            Self::ContinueRollback => "rollback",
        }
    }
}

/// What one can do with a stack in some status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// There is no stack.
    Absent,
    /// A change set waits that was never executed; nothing was ever made.
    Review,
    /// An operation runs.
    Running,
    /// It works and can be updated.
    Ready,
    /// Its creation failed. It holds nothing of use and can only be deleted.
    NeverMade,
    /// The rollback of an update failed; it must be continued first.
    RollbackStuck,
    /// Its deletion failed.
    DeleteStuck,
    /// An import was rolled back. What the stack held before it works; a stack that was made for it holds nothing.
    ImportUndone,
    /// The rollback of an import failed; only a person can tell what to do.
    ImportStuck,
}

macro_rules! stack_statuses {
    ($($variant:ident = $text:literal => $phase:ident, $operation:expr, $good:literal;)+) => {
        /// A stack's status, as CloudFormation names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum StackStatus { $(
            #[doc = concat!("`", $text, "`")]
            $variant,
        )+ }

        impl StackStatus {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Reads CloudFormation's name; `None` for one that this program does not know.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }

            /// CloudFormation's name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// What one can do with the stack.
            pub fn phase(self) -> Phase {
                match self { $(Self::$variant => Phase::$phase,)+ }
            }

            /// The operation that runs, or that ended in this status; `None` before the first.
            pub fn operation(self) -> Option<Operation> {
                match self { $(Self::$variant => $operation,)+ }
            }

            /// Whether the operation ended as asked.
            pub fn is_success(self) -> bool {
                match self { $(Self::$variant => $good,)+ }
            }
        }
    };
}

use Operation::{Create, Delete, Import, Update};

stack_statuses! {
    ReviewInProgress = "REVIEW_IN_PROGRESS" => Review, None, false;
    CreateInProgress = "CREATE_IN_PROGRESS" => Running, Some(Create), false;
    CreateComplete = "CREATE_COMPLETE" => Ready, Some(Create), true;
    CreateFailed = "CREATE_FAILED" => NeverMade, Some(Create), false;
    RollbackInProgress = "ROLLBACK_IN_PROGRESS" => Running, Some(Create), false;
    RollbackComplete = "ROLLBACK_COMPLETE" => NeverMade, Some(Create), false;
    RollbackFailed = "ROLLBACK_FAILED" => NeverMade, Some(Create), false;
    UpdateInProgress = "UPDATE_IN_PROGRESS" => Running, Some(Update), false;
    UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => Running, Some(Update), false;
    UpdateComplete = "UPDATE_COMPLETE" => Ready, Some(Update), true;
    UpdateFailed = "UPDATE_FAILED" => Ready, Some(Update), false;
    UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS" => Running, Some(Update), false;
    UpdateRollbackCompleteCleanupInProgress =
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS" => Running, Some(Update), false;
    UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE" => Ready, Some(Update), false;
    UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED" => RollbackStuck, Some(Update), false;
    DeleteInProgress = "DELETE_IN_PROGRESS" => Running, Some(Delete), false;
    DeleteComplete = "DELETE_COMPLETE" => Absent, Some(Delete), true;
    DeleteFailed = "DELETE_FAILED" => DeleteStuck, Some(Delete), false;
    ImportInProgress = "IMPORT_IN_PROGRESS" => Running, Some(Import), false;
    ImportComplete = "IMPORT_COMPLETE" => Ready, Some(Import), true;
    ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS" => Running, Some(Import), false;
    ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE" => ImportUndone, Some(Import), false;
    ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED" => ImportStuck, Some(Import), false;
}

impl StackStatus {
    /// Whether `operation`, having ended in this status, did what was asked.
    pub fn fulfils(self, operation: Operation) -> bool {
        match operation {
            Operation::ContinueRollback => self == Self::UpdateRollbackComplete,
            Operation::Create | Operation::Update | Operation::Import | Operation::Delete => {
                self.is_success() && self.operation() == Some(operation)
            }
        }
    }
}

/// How far a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Work on it goes on.
    Running,
    /// Work on it ended well.
    Done,
    /// Work on it failed.
    Failed,
    /// It was left alone on purpose.
    Kept,
}

/// How far a resource is, by the status of its event. The names are regular, so the ending decides.
pub fn progress(resource_status: &str) -> Progress {
    match resource_status {
        "DELETE_SKIPPED" => Progress::Kept,
        status if status.ends_with("_FAILED") => Progress::Failed,
        status if status.ends_with("_COMPLETE") => Progress::Done,
        _ => Progress::Running,
    }
}

/// The verb for what is done to a resource, by the status of its event, in its running and its finished form.
pub fn verb(resource_status: &str) -> (&'static str, &'static str) {
    let (action, _) = resource_status.split_once('_').unwrap_or((resource_status, ""));
    match action {
        "CREATE" => ("creating", "created"),
        "UPDATE" => ("updating", "updated"),
        "DELETE" => ("deleting", "deleted"),
        "IMPORT" => ("adopting", "adopted"),
        "ROLLBACK" => ("rolling back", "rolled back"),
        _ => ("working on", "finished"),
    }
}

/// Whether a failed resource only suffers from another one's failure. Words of CloudFormation, which has no code for it.
pub fn is_consequence(reason: &str) -> bool {
    reason.contains("cancelled") || reason.contains("canceled")
}

/// What became of a change set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeSetState {
    /// CloudFormation still computes it.
    Pending,
    /// It can be executed.
    Ready,
    /// The stack already is as it should be.
    NoChange,
    /// It cannot be made or executed, for this reason.
    Failed(String),
}

/// What became of a change set, by its status, execution status and reason. That nothing changes has no status of its
/// own: CloudFormation says FAILED and these words.
pub fn change_set_state(status: &str, execution: &str, reason: &str) -> ChangeSetState {
    match (status, execution) {
        ("CREATE_PENDING" | "CREATE_IN_PROGRESS", _) => ChangeSetState::Pending,
        ("CREATE_COMPLETE", "AVAILABLE") => ChangeSetState::Ready,
        ("FAILED", _)
            if reason.contains("didn't contain changes") || reason.contains("No updates are to be performed") =>
        {
            ChangeSetState::NoChange
        }
        _ if reason.is_empty() => ChangeSetState::Failed(format!("{status}, {execution}")),
        _ => ChangeSetState::Failed(reason.to_owned()),
    }
}

/// What to do about the first cause of a failure, where its words are known.
pub fn advice(reason: &str) -> Option<&'static str> {
    const KNOWN: &[(&[&str], &str)] = &[
        (
            &["cannot be assumed by Lambda"],
            "A new role takes some seconds to be known everywhere. Run the same command again.",
        ),
        (
            &["already exists"],
            "Something of this name was made outside the stack. Delete it, or give the stack another name.",
        ),
        (
            &["is not authorized to perform", "not authorized", "AccessDenied", "Access Denied"],
            "The caller lacks a permission. policies/provisioner.json lists what deploying needs.",
        ),
        (
            &["UnreservedConcurrentExecution"],
            "The account's limit of concurrent executions leaves no room. Lower or remove handler.maxConcurrency in the \
             stack file.",
        ),
        (
            &["ExpiredToken", "security token included in the request is expired"],
            "Renew the credentials and run the same command again.",
        ),
        (
            &["Rate exceeded", "Throttling", "TooManyRequests"],
            "The service was too busy. Run the same command again in a minute.",
        ),
        (&["LimitExceeded", "limit exceeded", "Limit of"], "A limit of the account is reached; the message names it."),
        (
            &["NoSuchKey", "S3 Error Code", "artifact bucket"],
            "The handler's zip is not where it was uploaded to. Run the same command again: it uploads what is missing.",
        ),
        (&["not empty"], "Something wrote into the bucket while it was emptied. Run the same command again."),
        (
            &["Unable to validate the following destination configurations"],
            "S3 could not invoke the function yet. Run the same command again.",
        ),
    ];
    KNOWN.iter().find(|(signs, _)| signs.iter().any(|sign| reason.contains(sign))).map(|(_, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stack_status_has_its_phase() {
        use Phase::{Absent, DeleteStuck, ImportStuck, ImportUndone, NeverMade, Ready, Review, RollbackStuck, Running};
        let rows = [
            ("REVIEW_IN_PROGRESS", Review),
            ("CREATE_IN_PROGRESS", Running),
            ("CREATE_COMPLETE", Ready),
            ("CREATE_FAILED", NeverMade),
            ("ROLLBACK_IN_PROGRESS", Running),
            ("ROLLBACK_COMPLETE", NeverMade),
            ("ROLLBACK_FAILED", NeverMade),
            ("UPDATE_IN_PROGRESS", Running),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Running),
            ("UPDATE_COMPLETE", Ready),
            ("UPDATE_FAILED", Ready),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Running),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Running),
            ("UPDATE_ROLLBACK_COMPLETE", Ready),
            ("UPDATE_ROLLBACK_FAILED", RollbackStuck),
            ("DELETE_IN_PROGRESS", Running),
            ("DELETE_COMPLETE", Absent),
            ("DELETE_FAILED", DeleteStuck),
            ("IMPORT_IN_PROGRESS", Running),
            ("IMPORT_COMPLETE", Ready),
            ("IMPORT_ROLLBACK_IN_PROGRESS", Running),
            ("IMPORT_ROLLBACK_COMPLETE", ImportUndone),
            ("IMPORT_ROLLBACK_FAILED", ImportStuck),
        ];
        assert_eq!(rows.len(), StackStatus::ALL.len());
        for (text, phase) in rows {
            let status = StackStatus::parse(text).unwrap_or_else(|| panic!("{text} is unknown"));
            assert_eq!((status.as_str(), status.phase()), (text, phase));
        }
        assert_eq!(StackStatus::parse("SOMETHING_NEW"), None);
    }

    #[test]
    fn an_operation_succeeds_in_one_status_only() {
        for (operation, good) in [
            (Operation::Create, "CREATE_COMPLETE"),
            (Operation::Update, "UPDATE_COMPLETE"),
            (Operation::Import, "IMPORT_COMPLETE"),
            (Operation::Delete, "DELETE_COMPLETE"),
            (Operation::ContinueRollback, "UPDATE_ROLLBACK_COMPLETE"),
        ] {
            let fulfilling: Vec<_> =
                StackStatus::ALL.iter().filter(|s| s.fulfils(operation)).map(|s| s.as_str()).collect();
            assert_eq!(fulfilling, [good], "{operation:?}");
        }
    }

    #[test]
    fn change_sets() {
        let rows = [
            ("CREATE_PENDING", "UNAVAILABLE", "", ChangeSetState::Pending),
            ("CREATE_IN_PROGRESS", "UNAVAILABLE", "", ChangeSetState::Pending),
            ("CREATE_COMPLETE", "AVAILABLE", "", ChangeSetState::Ready),
            ("CREATE_COMPLETE", "AVAILABLE", "Verify that resources …", ChangeSetState::Ready),
            (
                "FAILED",
                "UNAVAILABLE",
                "The submitted information didn't contain changes. Submit different information to create a change set.",
                ChangeSetState::NoChange,
            ),
            ("FAILED", "UNAVAILABLE", "No updates are to be performed.", ChangeSetState::NoChange),
            ("FAILED", "UNAVAILABLE", "Template error: x", ChangeSetState::Failed("Template error: x".into())),
            ("CREATE_COMPLETE", "UNAVAILABLE", "", ChangeSetState::Failed("CREATE_COMPLETE, UNAVAILABLE".into())),
            ("CREATE_COMPLETE", "OBSOLETE", "", ChangeSetState::Failed("CREATE_COMPLETE, OBSOLETE".into())),
            ("DELETE_COMPLETE", "UNAVAILABLE", "", ChangeSetState::Failed("DELETE_COMPLETE, UNAVAILABLE".into())),
        ];
        for (status, execution, reason, state) in rows {
            assert_eq!(change_set_state(status, execution, reason), state, "{status} {execution} {reason}");
        }
    }

    #[test]
    fn resources() {
        for (status, expected) in [
            ("CREATE_IN_PROGRESS", Progress::Running),
            ("UPDATE_COMPLETE", Progress::Done),
            ("IMPORT_FAILED", Progress::Failed),
            ("DELETE_SKIPPED", Progress::Kept),
            ("UPDATE_ROLLBACK_FAILED", Progress::Failed),
        ] {
            assert_eq!(progress(status), expected, "{status}");
        }
        assert!(is_consequence("Resource creation cancelled"));
        assert!(!is_consequence("Bucket already exists"));
    }

    #[test]
    fn known_causes_have_advice() {
        for (reason, word) in [
            ("The role defined for the function cannot be assumed by Lambda.", "again"),
            ("my-bucket already exists", "another name"),
            ("User: arn:… is not authorized to perform: iam:CreateRole", "permission"),
            ("The bucket you tried to delete is not empty", "again"),
            ("Rate exceeded", "minute"),
            ("The security token included in the request is expired", "Renew"),
            ("Error occurred while GetObject. S3 Error Code: NoSuchKey.", "uploads"),
            (
                "Specified ReservedConcurrentExecutions … decreases account's UnreservedConcurrentExecution below",
                "Lower",
            ),
        ] {
            assert!(advice(reason).is_some_and(|a| a.contains(word)), "{reason}: {:?}", advice(reason));
        }
        assert_eq!(advice("Internal Failure"), None);
    }
}
