//! `provisioner down`: say what goes and what stays, ask, delete, and prove that nothing is left.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::apply::down::ARTIFACT_KEY;
use crate::apply::{Applier, Run};
use crate::aws::Aws;
use crate::aws::stacks::{Stack, Stacks};
use crate::aws::storage::{Presence, Storage};
use crate::aws::table::{Described, Table};
use crate::cli::{Down, Global};
use crate::commands;
use crate::diff;
use crate::error::{Error, Exit, Result};
use crate::event::deploy::DeployEvent;
use crate::names::Names;
use crate::plan::{DownPlan, DownStep, Lock, Standing, decide_down};
use crate::report::Report;
use crate::spec::{StackFile, StackSpec};
use crate::status::Phase;

/// Objects are counted up to about so many; beyond, "more than" is said.
const COUNTED: u64 = 10_000;
/// Operations of others that are watched before giving up.
const MOST_ATTACHMENTS: u32 = 4;

/// Runs the command.
pub async fn run(global: &Global, args: &Down, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let spec = &file.spec;
    let aws = commands::connect(global, spec).await?;
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let stacks = Stacks::new(&aws);
    for attachment in 0..=MOST_ATTACHMENTS {
        let applier = Applier::new(&aws, report, Run(format!("{}-{attachment}", commands::run_id())));
        let (standing, table) = look(&aws, &stacks, &names).await?;
        match decide_down(&spec.name, spec.data, args.delete_data, &standing) {
            DownPlan::Nothing => {
                // A crash may have left the artifact bucket behind.
                applier.take_down(&names, &DownStep::DeleteArtifacts, None).await?;
                report.event(DeployEvent::NothingToDelete { stack: spec.name.clone(), kept: Vec::new() });
                return Ok(());
            }
            DownPlan::OnlyKeptData => {
                let kept = data(&aws, &names, &standing, table.as_ref()).await?;
                report.event(DeployEvent::NothingToDelete { stack: spec.name.clone(), kept });
                return Ok(());
            }
            DownPlan::Attach { stack, operation } => applier.attach(&stack, operation).await?,
            DownPlan::Blocked { code, reason, hint } => {
                return Err(Error::new(Exit::Refused, code, reason).hint(hint));
            }
            DownPlan::Proceed { delete_data, steps } => {
                let data = data(&aws, &names, &standing, table.as_ref()).await?;
                announce(report, spec, &standing, &steps, delete_data, &data);
                if !args.yes {
                    let what = if delete_data && !data.is_empty() { ", with all files and records" } else { "" };
                    commands::ask(report, &format!("Delete the stack {}{what}?", spec.name), "--yes").await?;
                }
                return Box::pin(finish(&applier, &names, &standing, &steps, delete_data, report)).await;
            }
        }
    }
    Err(Error::new(Exit::Deployment, "busy", format!("other operations on the stack {} do not end", spec.name)))
}

/// Looks at what stands.
async fn look(aws: &Aws, stacks: &Stacks, names: &Names) -> Result<(Standing, Option<Described>)> {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let (stack, bucket, table) = tokio::join!(stacks.describe(&names.stack), bucket.presence(), table.describe());
    let stack: Option<Stack> = stack.map_err(|e| e.into_error(&format!("look at the stack {}", names.stack)))?;
    let bucket = bucket.map_err(|e| e.into_error(&format!("look for the bucket {}", names.bucket)))?;
    let table = table.map_err(|e| e.into_error(&format!("look for the table {}", names.table)))?;
    let (mut resources, mut retained) = (Vec::new(), BTreeSet::new());
    if let Some(stack) = stack.as_ref().filter(|s| s.status.phase() != Phase::Absent) {
        resources = stacks.resources(&stack.arn).await.map_err(|e| e.into_error("look at the stack's resources"))?;
        if stack.status.phase() == Phase::Ready {
            let template = stacks.template(&stack.arn).await.map_err(|e| e.into_error("read the deployed template"))?;
            retained = retained_types(&template);
        }
    }
    let standing = Standing {
        stack,
        resources,
        retained,
        bucket,
        table: table.as_ref().map(|t| if t.protected { Lock::Protected } else { Lock::Open }),
    };
    Ok((standing, table))
}

/// The types of the resources that the deployed template keeps. It was sent as JSON, which is YAML too.
fn retained_types(template: &str) -> BTreeSet<String> {
    let template: Value = serde_yaml::from_str(template).unwrap_or_default();
    let resources = template["Resources"].as_object();
    resources
        .into_iter()
        .flatten()
        .filter(|(_, r)| matches!(r["DeletionPolicy"].as_str(), Some("Retain" | "RetainExceptOnCreate")))
        .filter_map(|(_, r)| r["Type"].as_str().map(ToOwned::to_owned))
        .collect()
}

/// What holds data, counted and named.
async fn data(aws: &Aws, names: &Names, standing: &Standing, table: Option<&Described>) -> Result<Vec<String>> {
    let mut data = Vec::new();
    if standing.bucket == Presence::Ours {
        let count = Storage::new(aws, &names.bucket)
            .count(COUNTED)
            .await
            .map_err(|e| e.into_error(&format!("count the files in {}", names.bucket)))?;
        data.push(format!("bucket {} with {count} file(s)", names.bucket));
    }
    if let Some(table) = table {
        let count = Table::new(aws, &names.table)
            .count(table)
            .await
            .map_err(|e| e.into_error(&format!("count the records in {}", names.table)))?;
        data.push(format!("table {} with {count} record(s)", names.table));
    }
    Ok(data)
}

fn announce(
    report: &Report,
    spec: &StackSpec,
    standing: &Standing,
    steps: &[DownStep],
    delete_data: bool,
    data: &[String],
) {
    let (mut deletes, mut keeps) = (Vec::new(), Vec::new());
    if delete_data {
        deletes.extend_from_slice(data);
    } else {
        keeps.extend_from_slice(data);
    }
    if steps.iter().any(|step| matches!(step, DownStep::DeleteStack { .. })) {
        let holds_data = |kind: &str| [diff::BUCKET, diff::TABLE].contains(&kind);
        deletes.extend(
            standing
                .resources
                .iter()
                .filter(|r| !holds_data(&r.kind) && r.status != "DELETE_COMPLETE")
                .map(|r| format!("{} {}", crate::report::deploy::words(&r.kind), r.physical_id)),
        );
        deletes.push("the handler's zip, unless another stack uses it".to_owned());
    }
    report.event(DeployEvent::DeletionPlanned { stack: spec.name.clone(), deletes, keeps });
}

/// Takes the steps and looks whether everything is gone.
async fn finish(
    applier: &Applier<'_>,
    names: &Names,
    standing: &Standing,
    steps: &[DownStep],
    delete_data: bool,
    report: &Report,
) -> Result<()> {
    let key = standing.stack.as_ref().and_then(|s| s.parameters.get(ARTIFACT_KEY));
    let role = standing.resources.iter().find(|r| r.kind == "AWS::IAM::Role").map(|r| r.physical_id.as_str());
    for step in steps {
        applier.take_down(names, step, key.map(String::as_str)).await?;
    }
    let (left, looked_for) = Box::pin(applier.look_for_leftovers(names, role)).await?;
    let data = [format!("bucket {}", names.bucket), format!("table {}", names.table)];
    let (kept, left): (Vec<String>, Vec<String>) =
        left.into_iter().partition(|what| !delete_data && data.contains(what));
    if left.is_empty() {
        let checked = looked_for.into_iter().filter(|what| !kept.contains(what)).collect();
        report.event(DeployEvent::Gone { stack: names.stack.clone(), checked, kept });
        return Ok(());
    }
    Err(Error::new(
        Exit::Leftovers,
        "leftovers",
        format!("the stack {} is gone, but not all of it: {}", names.stack, left.join(", ")),
    )
    .hint("Delete these by hand; they do not belong to any stack any more. Then run the same command again."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retained_resources_of_a_template() {
        let template = r#"{"Resources":{
            "A":{"Type":"AWS::S3::Bucket","DeletionPolicy":"RetainExceptOnCreate"},
            "B":{"Type":"AWS::DynamoDB::Table","DeletionPolicy":"Delete"},
            "C":{"Type":"AWS::SQS::Queue"}}}"#;
        assert_eq!(retained_types(template).into_iter().collect::<Vec<_>>(), ["AWS::S3::Bucket"]);
        assert!(retained_types("").is_empty());
    }
}
