//! Deletes a stack in the planned steps, and checks that nothing is left.

use provisioner_aws::function::Function;
use provisioner_aws::log_groups;
use provisioner_aws::queue::Queue;
use provisioner_aws::roles::Roles;
use provisioner_aws::storage::Storage;
use provisioner_aws::table::Table;
use provisioner_model::call_error::Kind;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::stack::Presence;
use provisioner_model::status::Operation;
use provisioner_planner::down::DownStep;

use super::follow::{Backoff, Follower};
use super::{Applier, failed, name_of};
use crate::event::deploy::DeployEvent;
use crate::interrupt;

/// The number of attempts to empty and delete a bucket that another process writes to.
const ROUNDS: u32 = 5;
/// The number of polls until a table is deleted: about ten minutes.
const TABLE_POLLS: u32 = 400;

impl Applier<'_> {
    /// Executes one step. `held` is the number of versions and delete markers in the stack's bucket, if they were counted.
    pub async fn take_down(&self, names: &Names, step: &DownStep, held: Option<u64>) -> Result<()> {
        let bucket = Storage::new(self.aws, &names.bucket);
        let table = Table::new(self.aws, &names.table);
        match step {
            DownStep::RemoveNotification => {
                bucket.disable_notifications().await.map_err(|e| e.into_error("remove the bucket's notification"))
            }
            DownStep::EmptyBucket => self.empty(&names.bucket, held).await,
            DownStep::UnprotectTable => {
                table.unprotect().await.map_err(|e| e.into_error("disable the table's deletion protection"))
            }
            DownStep::DeleteStack { stack, retain } => self.delete_stack(names, stack, retain).await,
            DownStep::DeleteBucket => self.delete_bucket(&names.bucket, "bucket").await,
            DownStep::DeleteTable => self.delete_table(&names.table).await,
            DownStep::DeleteArtifacts => self.delete_bucket(&names.artifacts, "artifact bucket").await,
        }
    }

    /// Empties a bucket that is about to be deleted. If another process keeps writing to it, writes are denied.
    async fn empty(&self, name: &str, of: Option<u64>) -> Result<()> {
        let bucket = Storage::new(self.aws, name);
        let doing = format!("empty the bucket {name}");
        let mut interrupts = interrupt::subscribe();
        let mut deleted = 0;
        for round in 0..ROUNDS {
            let progress = |removed| {
                let deleted = deleted + removed;
                self.dialog.event(DeployEvent::Emptying { bucket: name.to_owned(), deleted, of });
            };
            let removed = tokio::select! {
                removed = bucket.delete_pass(progress) => removed.map_err(|e| e.into_error(&doing))?,
                () = interrupts.next() => return Err(interrupted_while(&doing)),
            };
            deleted += removed;
            if removed == 0 {
                break;
            }
            // Objects that a later round finds were written meanwhile.
            if round == 1 {
                bucket.refuse_writes().await.map_err(|e| e.into_error("deny further uploads"))?;
            }
        }
        if deleted > 0 {
            self.dialog.event(DeployEvent::Emptied { bucket: name.to_owned(), deleted });
        }
        Ok(())
    }

    /// Deletes the stack. If objects were written to its bucket meanwhile, denies writes, empties the bucket again and
    /// repeats the deletion.
    async fn delete_stack(&self, names: &Names, stack: &str, retain: &[String]) -> Result<()> {
        let mut round = 1;
        loop {
            let doing = "read the stack's resources";
            let listed = self.stacks.resources(stack).await.map_err(|e| e.into_error(doing))?;
            let resources = listed.iter().filter(|r| !r.status.is_deleted()).count();
            let token = self.run.token(&format!("delete-{round}"));
            let interrupts = interrupt::subscribe();
            self.stacks.delete(stack, &token, retain).await.map_err(|e| e.into_error("delete the stack"))?;
            self.dialog.event(DeployEvent::Started {
                stack: name_of(stack).to_owned(),
                operation: Operation::Delete,
                resources: Some(resources),
                mode: None,
            });
            let (status, follower) =
                self.follow(stack, Operation::Delete, Follower::new(Some(&token)), interrupts).await?;
            if status.is_success_for(Operation::Delete) {
                return Ok(());
            }
            let refilled = follower.cause().is_some_and(|c| c.contains("not empty"));
            if !refilled || round == ROUNDS {
                let cause = self.cause_of(stack, follower.cause()).await;
                let mut error = failed(stack, Operation::Delete, status, cause.as_deref());
                error.exit = Exit::Leftovers;
                return Err(error);
            }
            round += 1;
            let bucket = Storage::new(self.aws, &names.bucket);
            bucket.refuse_writes().await.map_err(|e| e.into_error("deny further uploads"))?;
            self.empty(&names.bucket, None).await?;
        }
    }

    async fn delete_bucket(&self, name: &str, what: &'static str) -> Result<()> {
        let bucket = Storage::new(self.aws, name);
        let doing = format!("delete the bucket {name}");
        if bucket.presence().await.map_err(|e| e.into_error(&doing))? != Presence::Ours {
            return Ok(());
        }
        for _ in 0..ROUNDS {
            self.empty(name, None).await?;
            match bucket.delete().await {
                Ok(()) => {
                    self.dialog.event(DeployEvent::Deleted { what, name: name.to_owned() });
                    return Ok(());
                }
                Err(error) if error.kind == Kind::NotEmpty => {
                    bucket.refuse_writes().await.map_err(|e| e.into_error("deny further uploads"))?;
                }
                Err(error) => return Err(error.into_error(&doing)),
            }
        }
        Err(Error::new(
            Exit::Leftovers,
            "not-empty",
            format!("objects are written to the bucket {name} faster than they are deleted"),
        )
        .hint("Stop the writers and run the same command again."))
    }

    async fn delete_table(&self, name: &str) -> Result<()> {
        let table = Table::new(self.aws, name);
        let doing = format!("delete the table {name}");
        let mut backoff = Backoff::new(self.run.seed());
        let (mut asked, mut existed) = (false, false);
        for _ in 0..TABLE_POLLS {
            if table.describe().await.map_err(|e| e.into_error(&doing))?.is_none() {
                if existed {
                    self.dialog.event(DeployEvent::Deleted { what: "table", name: name.to_owned() });
                }
                return Ok(());
            }
            existed = true;
            if !asked {
                asked = table.delete().await.map_err(|e| e.into_error(&doing))?;
            }
            tokio::time::sleep(backoff.next_delay()).await;
        }
        Err(Error::new(Exit::Leftovers, "table-left", format!("the table {name} is still being deleted"))
            .hint("Run the same command again in some minutes."))
    }

    /// Looks for all parts of a stack. Returns the parts that exist, and all that were checked.
    pub async fn look_for_leftovers(&self, names: &Names, role: Option<&str>) -> Result<(Vec<String>, Vec<String>)> {
        let doing = "look for leftovers";
        let aws = self.aws;
        let (bucket, table, function) =
            (Storage::new(aws, &names.bucket), Table::new(aws, &names.table), Function::new(aws, &names.function));
        let artifacts = Storage::new(aws, &names.artifacts);
        let (bucket, artifacts, table, function, logs, queue) = tokio::join!(
            bucket.presence(),
            artifacts.presence(),
            table.describe(),
            function.describe(),
            log_groups::exists(aws, &names.log_group),
            Queue::find(aws, &names.queue),
        );
        let found =
            |result: Result<bool, provisioner_model::call_error::CallError>| result.map_err(|e| e.into_error(doing));
        let mut rows = vec![
            (format!("table {}", names.table), found(table.map(|t| t.is_some()))?),
            (format!("function {}", names.function), found(function.map(|f| f.is_some()))?),
            (format!("log group {}", names.log_group), found(logs)?),
            (format!("queue {}", names.queue), found(queue.map(|q| q.is_some()))?),
        ];
        // A bucket to which access is denied belongs to another account, or its deletion cannot be checked.
        for (name, presence) in [(&names.artifacts, artifacts), (&names.bucket, bucket)] {
            let presence = presence.map_err(|e| e.into_error(doing))?;
            if presence != Presence::Foreign {
                rows.insert(0, (format!("bucket {name}"), presence == Presence::Ours));
            }
        }
        if let Some(role) = role {
            rows.push((format!("role {role}"), found(Roles::new(aws).exists(role).await)?));
        }
        let left = rows.iter().filter(|(_, there)| *there).map(|(what, _)| what.clone()).collect();
        Ok((left, rows.into_iter().map(|(what, _)| what).collect()))
    }
}

fn interrupted_while(doing: &str) -> Error {
    Error::new(Exit::Interrupted, "interrupted", format!("interrupted while about to {doing}"))
        .hint("Deleted resources stay deleted. Run the same command again to continue.")
}
