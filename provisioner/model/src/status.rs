//! Every status of CloudFormation and what it means: for a stack, for a change set, for a resource.
//!
//! The only place that distinguishes statuses; [`crate::advice`] reads the reasons. Pure; a test a row. The
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
    /// In words: `creation`, `update`, …
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

/// What can be done with a stack in a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// There is no stack.
    Absent,
    /// A change set was created and not executed; there are no resources.
    Review,
    /// An operation runs.
    Running,
    /// It works and can be updated.
    Ready,
    /// Its creation failed. It has no usable resources and can only be deleted.
    #[serde(rename = "never-made")]
    CreateFailed,
    /// The rollback of an update failed; it must be continued first.
    RollbackStuck,
    /// Its deletion failed.
    DeleteStuck,
    /// An import was rolled back. What the stack held before it works; a stack that was made for it holds nothing.
    ImportUndone,
    /// The rollback of an import failed; the user must decide.
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

            /// Reads CloudFormation's name; `None` for an unknown one.
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
    CreateFailed = "CREATE_FAILED" => CreateFailed, Some(Create), false;
    RollbackInProgress = "ROLLBACK_IN_PROGRESS" => Running, Some(Create), false;
    RollbackComplete = "ROLLBACK_COMPLETE" => CreateFailed, Some(Create), false;
    RollbackFailed = "ROLLBACK_FAILED" => CreateFailed, Some(Create), false;
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
    /// Whether an operation has just started, or a change set is pending.
    pub fn is_beginning(self) -> bool {
        matches!(
            self,
            Self::ReviewInProgress
                | Self::CreateInProgress
                | Self::UpdateInProgress
                | Self::DeleteInProgress
                | Self::ImportInProgress
        )
    }

    /// Whether what an operation did is being taken back.
    pub fn is_rolling_back(self) -> bool {
        matches!(self, Self::RollbackInProgress | Self::UpdateRollbackInProgress | Self::ImportRollbackInProgress)
    }

    /// Whether `operation`, having ended in this status, did what was asked.
    pub fn is_success_for(self, operation: Operation) -> bool {
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
    /// In progress.
    Running,
    /// Work on it ended well.
    Done,
    /// Work on it failed.
    Failed,
    /// It was left alone on purpose.
    Kept,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// It is made.
    Create,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is taken into the stack.
    Import,
    /// What was done to it is taken back.
    RollBack,
    /// An unknown operation.
    Other,
}

impl Work {
    fn verb(self) -> (&'static str, &'static str) {
        match self {
            Self::Create => ("creating", "created"),
            Self::Update => ("updating", "updated"),
            Self::Delete => ("deleting", "deleted"),
            Self::Import => ("adopting", "adopted"),
            Self::RollBack => ("rolling back", "rolled back"),
            Self::Other => ("working on", "finished"),
        }
    }
}

/// A resource's status: what is done to it, and how far that is. As text, it is CloudFormation's name.
///
/// There are dozens of names, and CloudFormation adds to them; they are regular: the prefix is the
/// operation and the suffix its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceStatus {
    name: String,
    work: Work,
    rolls_back: bool,
    progress: Progress,
}

impl Serialize for ResourceStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl ResourceStatus {
    /// Reads CloudFormation's name.
    pub fn parse(name: &str) -> Self {
        let (beginning, _) = name.split_once('_').unwrap_or((name, ""));
        let work = match beginning {
            "CREATE" => Work::Create,
            "UPDATE" => Work::Update,
            "DELETE" => Work::Delete,
            "IMPORT" => Work::Import,
            "ROLLBACK" => Work::RollBack,
            _ => Work::Other,
        };
        let progress = match name {
            "DELETE_SKIPPED" => Progress::Kept,
            _ if name.ends_with("_FAILED") => Progress::Failed,
            _ if name.ends_with("_COMPLETE") => Progress::Done,
            _ => Progress::Running,
        };
        Self { name: name.to_owned(), work, rolls_back: name.contains("ROLLBACK_"), progress }
    }

    /// CloudFormation's name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The verb for what is done, in its running and its finished form.
    pub fn verb(&self) -> (&'static str, &'static str) {
        self.work.verb()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether an update of the resource failed; one that is taken back is not meant.
    pub fn is_failed_update(&self) -> bool {
        self.work == Work::Update && !self.rolls_back && self.progress == Progress::Failed
    }

    /// Whether the resource was to be taken into the stack, and was not.
    pub fn is_undone_import(&self) -> bool {
        self.work == Work::Import && (self.rolls_back || self.progress != Progress::Done)
    }

    /// Whether its deletion failed.
    pub fn is_failed_deletion(&self) -> bool {
        (self.work, self.progress) == (Work::Delete, Progress::Failed)
    }

    /// Whether the resource is gone.
    pub fn is_deleted(&self) -> bool {
        (self.work, self.progress) == (Work::Delete, Progress::Done)
    }
}

impl std::fmt::Display for ResourceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
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
/// own: CloudFormation reports FAILED with these messages.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stack_status_has_its_phase() {
        use Phase::{
            Absent, CreateFailed, DeleteStuck, ImportStuck, ImportUndone, Ready, Review, RollbackStuck, Running,
        };
        let rows = [
            ("REVIEW_IN_PROGRESS", Review),
            ("CREATE_IN_PROGRESS", Running),
            ("CREATE_COMPLETE", Ready),
            ("CREATE_FAILED", CreateFailed),
            ("ROLLBACK_IN_PROGRESS", Running),
            ("ROLLBACK_COMPLETE", CreateFailed),
            ("ROLLBACK_FAILED", CreateFailed),
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
                StackStatus::ALL.iter().filter(|s| s.is_success_for(operation)).map(|s| s.as_str()).collect();
            assert_eq!(fulfilling, [good], "{operation:?}");
        }
    }

    #[test]
    fn beginnings_and_rollbacks() {
        let are = |is: fn(StackStatus) -> bool| {
            StackStatus::ALL.iter().filter(|status| is(**status)).map(|status| status.as_str()).collect::<Vec<_>>()
        };
        let begin = ["REVIEW", "CREATE", "UPDATE", "DELETE", "IMPORT"].map(|what| format!("{what}_IN_PROGRESS"));
        assert_eq!(are(StackStatus::is_beginning), begin);
        let back = ["ROLLBACK", "UPDATE_ROLLBACK", "IMPORT_ROLLBACK"].map(|what| format!("{what}_IN_PROGRESS"));
        assert_eq!(are(StackStatus::is_rolling_back), back);
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
            assert_eq!(ResourceStatus::parse(status).progress(), expected, "{status}");
        }
        for (status, verb) in [
            ("CREATE_IN_PROGRESS", "creating"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "updating"),
            ("ROLLBACK_IN_PROGRESS", "rolling back"),
            ("SOMETHING_NEW", "working on"),
        ] {
            assert_eq!(ResourceStatus::parse(status).verb().0, verb, "{status}");
        }
        let are = |is: fn(&ResourceStatus) -> bool| {
            let all = ["UPDATE", "UPDATE_ROLLBACK", "DELETE", "IMPORT", "IMPORT_ROLLBACK"];
            let all =
                all.iter().flat_map(|work| ["IN_PROGRESS", "COMPLETE", "FAILED"].map(|end| format!("{work}_{end}")));
            all.filter(|name| is(&ResourceStatus::parse(name))).collect::<Vec<_>>()
        };
        assert_eq!(are(ResourceStatus::is_deleted), ["DELETE_COMPLETE"]);
        assert_eq!(are(ResourceStatus::is_failed_deletion), ["DELETE_FAILED"]);
        assert_eq!(are(ResourceStatus::is_failed_update), ["UPDATE_FAILED"]);
        let undone = [
            "IMPORT_IN_PROGRESS",
            "IMPORT_FAILED",
            "IMPORT_ROLLBACK_IN_PROGRESS",
            "IMPORT_ROLLBACK_COMPLETE",
            "IMPORT_ROLLBACK_FAILED",
        ];
        assert_eq!(are(ResourceStatus::is_undone_import), undone);
    }
}
