//! Deletes a stack: shows what is deleted and kept, asks, deletes, and checks that nothing is left.

use std::collections::BTreeSet;
use std::time::Duration;

use provisioner_aws::Aws;
use provisioner_aws::stacks::Stacks;
use provisioner_aws::storage::Storage;
use provisioner_aws::table::{Described, Table};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::resource_type::{self, words};
use provisioner_model::spec::StackSpec;
use provisioner_model::stack::{Contents, Items, Presence, Stack};
use provisioner_model::status::Phase;
use provisioner_model::template::ARTIFACT_BUCKET;
use provisioner_model::units::{Size, grouped};
use provisioner_planner::down::{DeletionProtection, DownPlan, DownState, DownStep, decide_down, keeps_by_template};
use serde_json::Value;

use crate::apply::{Applier, RunId};
use crate::clock;
use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::interrupt;

/// The largest number of pages of 1,000 versions that are counted, which takes some seconds; the count of a larger bucket is
/// shown as "more than".
const COUNTED_PAGES: u32 = 50;
/// The shortest and the longest pause between looks for leftovers.
const LEFTOVER_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));
/// The largest number of other operations that are followed.
const MOST_ATTACHMENTS: u32 = 4;

/// The options of `down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownOptions {
    /// Do not ask for confirmation.
    pub confirmed: bool,
    /// Delete files and records too, whatever the data policy is.
    pub delete_data: bool,
}

/// Deletes the stack.
pub async fn take_down(aws: &Aws, spec: &StackSpec, options: DownOptions, dialog: &dyn Dialog) -> Result<()> {
    let names = Names::new(spec, &aws.account, &aws.region);
    let stacks = Stacks::new(aws);
    for attachment in 0..=MOST_ATTACHMENTS {
        let applier = Applier::new(aws, dialog, RunId(format!("{}-{attachment}", clock::run_id())));
        let (state, table) = read_state(aws, &stacks, &names).await?;
        match decide_down(&spec.name, spec.data, options.delete_data, &state) {
            DownPlan::Nothing => {
                // The artifact bucket can be left from an aborted run.
                applier.take_down(&names, &DownStep::DeleteArtifacts, None).await?;
                dialog.event(DeployEvent::NothingToDelete { stack: spec.name.clone(), kept: Vec::new() });
                return Ok(());
            }
            DownPlan::OnlyKeptData => {
                let held = held(aws, &names, &state, table.as_ref()).await?;
                let kept = held.named(&names);
                dialog.event(DeployEvent::NothingToDelete { stack: spec.name.clone(), kept });
                return Ok(());
            }
            DownPlan::Attach { stack, operation } => applier.attach(&stack, operation).await?,
            DownPlan::Blocked { code, reason, hint } => {
                return Err(Error::new(Exit::Refused, code, reason).hint(hint));
            }
            DownPlan::Proceed { delete_data, steps } => {
                let held = held(aws, &names, &state, table.as_ref()).await?;
                announce(dialog, &names, &state, &steps, delete_data, &held);
                if !options.confirmed {
                    let what = if delete_data { held.lost() } else { String::new() };
                    dialog.ask(&format!("Delete the stack {}{what}?", spec.name), "--yes").await?;
                }
                let count = held.files.filter(|files| !files.truncated).map(|files| files.versions + files.markers);
                return Box::pin(finish(&applier, &names, &state, &steps, delete_data, count, dialog)).await;
            }
        }
    }
    Err(Error::new(Exit::Deployment, "busy", format!("other operations on the stack {} did not end", spec.name)))
}

/// Reads the state of the stack, its bucket and its table.
async fn read_state(aws: &Aws, stacks: &Stacks, names: &Names) -> Result<(DownState, Option<Described>)> {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let (stack, bucket, table) = tokio::join!(stacks.describe(&names.stack), bucket.presence(), table.describe());
    let stack: Option<Stack> = stack.map_err(|e| e.into_error(&format!("read the stack {}", names.stack)))?;
    let bucket = bucket.map_err(|e| e.into_error(&format!("look for the bucket {}", names.bucket)))?;
    let table = table.map_err(|e| e.into_error(&format!("look for the table {}", names.table)))?;
    let (mut resources, mut retained) = (Vec::new(), BTreeSet::new());
    if let Some(stack) = stack.as_ref().filter(|s| s.status.phase() != Phase::Absent) {
        resources = stacks.resources(&stack.arn).await.map_err(|e| e.into_error("read the stack's resources"))?;
        if keeps_by_template(stack.status.phase()) {
            let template = stacks.deployed_template(&stack.arn).await;
            let template = template.map_err(|e| e.into_error("read the deployed template"))?;
            retained = template.as_ref().map(retained_types).unwrap_or_default();
        }
    }
    let state = DownState {
        stack,
        resources,
        retained,
        bucket,
        table: table.as_ref().map(|t| if t.protected { DeletionProtection::On } else { DeletionProtection::Off }),
    };
    Ok((state, table))
}

/// The types of the resources that the deployed template retains.
fn retained_types(template: &Value) -> BTreeSet<String> {
    let resources = template["Resources"].as_object();
    resources
        .into_iter()
        .flatten()
        .filter(|(_, r)| matches!(r["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate")))
        .filter_map(|(_, r)| r["Type"].as_str().map(ToOwned::to_owned))
        .collect()
}

/// The files and records of a stack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct StoredData {
    files: Option<Contents>,
    records: Option<Items>,
}

impl StoredData {
    /// Names bucket and table with their contents.
    fn named(&self, names: &Names) -> Vec<String> {
        let files = self.files.map(|files| format!("bucket {} with {}", names.bucket, in_words(&files)));
        let records = self.records.map(|records| format!("table {} with {}", names.table, records_in_words(records)));
        files.into_iter().chain(records).collect()
    }

    /// The data that a deletion loses, as the end of a question: `, with 3 files (1.20 MiB) and 3 records`.
    fn lost(&self) -> String {
        let files = self.files.filter(|files| files.versions + files.markers > 0).map(|files| in_words(&files));
        let records = self.records.filter(|records| records.items > 0).map(records_in_words);
        let lost: Vec<String> = files.into_iter().chain(records).collect();
        if lost.is_empty() { String::new() } else { format!(", with {}", lost.join(" and ")) }
    }
}

fn plural(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

fn in_words(files: &Contents) -> String {
    if files.versions + files.markers == 0 {
        return "no files".to_owned();
    }
    let more = if files.truncated { "more than " } else { "" };
    let mut text = format!("{more}{}", plural(files.files, "file"));
    if files.versions > files.files {
        text.push_str(&format!(" in {}", plural(files.versions, "version")));
    }
    if files.markers > 0 {
        text.push_str(&format!(" and {}", plural(files.markers, "delete marker")));
    }
    text.push_str(&format!(" ({more}{})", Size(files.bytes).rounded()));
    text
}

fn records_in_words(records: Items) -> String {
    if records.items == 0 {
        return "no records".to_owned();
    }
    format!("{}{}", if records.approximate { "about " } else { "" }, plural(records.items, "record"))
}

/// Counts files and records.
async fn held(aws: &Aws, names: &Names, state: &DownState, table: Option<&Described>) -> Result<StoredData> {
    let (storage, client) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let files = async {
        if state.bucket != Presence::Ours {
            return Ok(None);
        }
        let contents = storage.contents(COUNTED_PAGES).await;
        contents.map(Some).map_err(|e| e.into_error(&format!("count the files in {}", names.bucket)))
    };
    let records = async {
        let Some(table) = table else { return Ok(None) };
        let items = client.count(table).await;
        items.map(Some).map_err(|e| e.into_error(&format!("count the records in {}", names.table)))
    };
    let (files, records) = tokio::try_join!(files, records)?;
    Ok(StoredData { files, records })
}

fn announce(
    dialog: &dyn Dialog,
    names: &Names,
    state: &DownState,
    steps: &[DownStep],
    delete_data: bool,
    held: &StoredData,
) {
    let (mut deletes, mut keeps) = (Vec::new(), Vec::new());
    if delete_data {
        deletes.extend(held.named(names));
    } else {
        keeps.extend(held.named(names));
    }
    if steps.iter().any(|step| matches!(step, DownStep::DeleteStack { .. })) {
        let holds_data = |kind: &str| [resource_type::BUCKET, resource_type::TABLE].contains(&kind);
        deletes.extend(
            state
                .resources
                .iter()
                .filter(|r| !holds_data(&r.kind) && !r.status.is_deleted())
                .map(|r| format!("{} {}", words(&r.kind), r.physical_id)),
        );
        deletes.push(format!("artifact bucket {}, with the handler's zips", names.artifacts));
    }
    let (files, records) = (held.files, held.records);
    dialog.event(DeployEvent::DeletionPlanned { stack: names.stack.clone(), deletes, keeps, files, records });
}

/// Executes the steps and checks that everything is deleted.
async fn finish(
    applier: &Applier<'_>,
    names: &Names,
    state: &DownState,
    steps: &[DownStep],
    delete_data: bool,
    count: Option<u64>,
    dialog: &dyn Dialog,
) -> Result<()> {
    let role = state.resources.iter().find(|r| r.kind == "AWS::IAM::Role").map(|r| r.physical_id.as_str());
    for step in steps {
        applier.take_down(names, step, count).await?;
    }
    let data = [format!("bucket {}", names.bucket), format!("table {}", names.table)];
    let (began, limit) = (tokio::time::Instant::now(), applier.aws().limits().leftovers);
    let mut interrupts = interrupt::subscribe();
    let mut pause = LEFTOVER_PAUSES.0;
    let left = loop {
        let (left, looked_for) = Box::pin(applier.look_for_leftovers(names, role)).await?;
        let (kept, left): (Vec<String>, Vec<String>) =
            left.into_iter().partition(|what| !delete_data && data.contains(what));
        if left.is_empty() {
            if let Some(shared) = shared_artifacts(names, state.stack.as_ref()) {
                dialog.event(DeployEvent::SharedArtifactsLeft { bucket: shared.to_owned() });
            }
            let checked = looked_for.into_iter().filter(|what| !kept.contains(what)).collect();
            dialog.event(DeployEvent::Gone { stack: names.stack.clone(), checked, kept });
            return Ok(());
        }
        if began.elapsed() >= limit {
            break left;
        }
        if pause == LEFTOVER_PAUSES.0 {
            dialog.remark(&format!("still reported, as deletions take a while: {}", left.join(", ")));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = interrupts.next() => {
                let message = format!("interrupted; the stack {} is deleted, but these were still reported: {}", names.stack, left.join(", "));
                return Err(Error::new(Exit::Interrupted, "interrupted", message).hint("Run the same command again to look for them."));
            }
        }
        pause = (pause * 2).min(LEFTOVER_PAUSES.1);
    };
    Err(Error::new(
        Exit::Leftovers,
        "leftovers",
        format!("the stack {} is deleted, but these are left: {}", names.stack, left.join(", ")),
    )
    .hint("Delete them manually; they no longer belong to a stack. Then run the same command again."))
}

/// The artifact bucket of a stack that an earlier release deployed, which its stacks shared.
fn shared_artifacts<'a>(names: &Names, stack: Option<&'a Stack>) -> Option<&'a str> {
    let used = stack?.parameters.get(ARTIFACT_BUCKET)?;
    (*used != names.artifacts).then_some(used)
}

#[cfg(test)]
mod tests {
    use provisioner_model::spec::BucketNamespace;

    use super::*;

    #[test]
    fn lost_data_is_counted_and_named() {
        let names = Names::of("s", BucketNamespace::Global, "000000000000", "eu-central-1");
        let files = Contents { files: 1, versions: 1, markers: 0, bytes: 10, truncated: false };
        let many = Contents { files: 40_000, versions: 50_000, markers: 2, bytes: 5 << 30, truncated: true };
        let held =
            |files, items, approximate| StoredData { files: Some(files), records: Some(Items { items, approximate }) };
        assert_eq!(held(files, 1, false).lost(), ", with 1 file (10 B) and 1 record");
        assert_eq!(
            held(many, 1_234_567, true).lost(),
            ", with more than 40,000 files in 50,000 versions and 2 delete markers (more than 5.00 GiB) and about \
             1,234,567 records"
        );
        let only_markers = Contents { markers: 1, ..Contents::default() };
        assert_eq!(held(only_markers, 0, false).lost(), ", with 0 files and 1 delete marker (0 B)");
        let empty = held(Contents::default(), 0, false);
        assert_eq!(empty.lost(), "");
        assert_eq!(
            empty.named(&names),
            ["bucket s-uploads-000000000000-eu-central-1 with no files", "table s-records with no records"]
        );
    }

    #[test]
    fn retained_resources_of_a_template() {
        let template = serde_json::json!({"Resources": {
            "A": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"},
            "B": {"Type": "AWS::DynamoDB::Table", "DeletionPolicy": "Delete"},
            "C": {"Type": "AWS::SQS::Queue"},
        }});
        assert_eq!(retained_types(&template).into_iter().collect::<Vec<_>>(), ["AWS::S3::Bucket"]);
        assert!(retained_types(&Value::Null).is_empty());
    }
}
