//! The status document: the stack, its resources, code, permissions and failed events. Changes nothing. A stack that is
//! not deployed is not an error.

use std::collections::BTreeMap;
use std::path::PathBuf;

use handler_contract::SandboxReport;
use provisioner_artifact::embedded;
use provisioner_artifact::handler_build::{self, Build};
use provisioner_aws::Aws;
use provisioner_aws::queue::Queue;
use provisioner_aws::records::Records;
use provisioner_aws::roles::Roles;
use provisioner_aws::stacks::Stacks;
use provisioner_model::call_error::optional;
use provisioner_model::error::Result;
use provisioner_model::names::Names;
use provisioner_model::query::{Query, Row};
use provisioner_model::resolve::Context;
use provisioner_model::spec::{DeploymentMode, StackSpec};
use provisioner_model::stack::{Deployed, Output, Presence, Resource, Stack};
use provisioner_model::status::Phase;
use provisioner_model::template;
use provisioner_planner::canary;
use provisioner_planner::drift::{Depth, Drift};
use provisioner_planner::health::{Facts, Health, health};
use serde::Serialize;
use serde_json::Value;

use crate::clock;
use crate::observe::{self, StackReads};
use crate::reconcile::{self, LastRun, Newest};
use crate::sandbox;
use crate::stack_file::StackFile;

/// The number of newest records to show.
const NEWEST: usize = 5;
/// The number of newest files whose records are looked for.
const CHECKED: usize = 20;
/// The largest number of records that are examined for them, because test files are left out.
const BUDGET: usize = 1_000;

/// The output of `status`; `--json` prints it unchanged.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The stack.
    pub stack: String,
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Whether the stack does its work, and if not, why.
    pub health: Health,
    /// The phase of the stack.
    pub phase: Phase,
    /// CloudFormation's status; absent where there is no stack.
    #[serde(rename = "status", skip_serializing_if = "Option::is_none")]
    pub code_name: Option<&'static str>,
    /// Why it has this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was created or last changed, ISO 8601.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// How it was last deployed, if CloudFormation reports it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentMode>,
    /// Its resources.
    pub resources: Vec<Resource>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// The function's code; absent where there is no function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Whether the role has the permissions of the template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Permissions>,
    /// The sandbox in which the function reads files, as it last reported it; absent without a report in 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxReport>,
    /// What was changed out of band; only for a working stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Events that failed every attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_events: Option<u64>,
    /// Files without a record: of the last `reconcile`, and of a look at the newest; only for a working stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// The newest records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<Row>,
    /// Bucket or table that an earlier `down` kept; only if there is no stack.
    pub kept: Vec<String>,
}

/// The deployed code compared with the local build.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Code {
    /// The deployed code.
    pub deployed: Deployed,
    /// The SHA-256 of the zip of the last local build, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// Whether both are the same; absent without a local build.
    pub same: Option<bool>,
    /// Whether it is the last build of `up --watch`, which `up` without it would replace.
    pub development: bool,
}

/// What is known of files without a record.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// The result of the last `reconcile`; absent if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reconcile: Option<LastRun>,
    /// What a look at the newest files found; absent without bucket or table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<Newest>,
}

impl Files {
    /// The number of files that are known to have no record.
    pub fn without_record(&self) -> u64 {
        let last = self.last_reconcile.as_ref().map_or(0, |run| run.counts.missing.saturating_sub(run.fixed));
        last.max(self.newest.as_ref().map_or(0, |newest| newest.without_record))
    }
}

/// Whether the role has exactly the permissions of the template.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Permissions {
    /// It has exactly these.
    AsGenerated,
    /// They were changed out of band, in this way.
    Changed(String),
    /// They cannot be compared, for this reason.
    Unknown(String),
}

/// Reads the stack and everything that belongs to it. `closely` also runs CloudFormation's drift detection.
pub async fn status(aws: &Aws, file: &StackFile, closely: bool) -> Result<Status> {
    let names = Names::new(&file.spec, &aws.account, &aws.region);
    let stacks = Stacks::new(aws);
    let reads = observe::read_all(aws, &stacks, &names).await;
    match reads.stack(&names)?.filter(|stack| stack.status.phase() != Phase::Absent) {
        None => absent(aws, &names, reads),
        Some(stack) => Box::pin(present(aws, &stacks, file, &names, stack, reads, closely)).await,
    }
}

fn absent(aws: &Aws, names: &Names, reads: StackReads) -> Result<Status> {
    let mut kept = Vec::new();
    if reads.bucket.map_err(|e| e.into_error("look for the bucket"))? == Presence::Ours {
        kept.push(format!("bucket {}", names.bucket));
    }
    if reads.table.map_err(|e| e.into_error("look for the table"))?.is_some() {
        kept.push(format!("table {}", names.table));
    }
    Ok(Status {
        stack: names.stack.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        health: health(Facts {
            stack: &names.stack,
            status: None,
            drift: None,
            failed_events: None,
            files_without_record: None,
        }),
        phase: Phase::Absent,
        code_name: None,
        reason: None,
        changed: None,
        deployment: None,
        resources: Vec::new(),
        outputs: Vec::new(),
        code: None,
        permissions: None,
        sandbox: None,
        drift: None,
        failed_events: None,
        files: None,
        records: Vec::new(),
        kept,
    })
}

async fn present(
    aws: &Aws,
    stacks: &Stacks,
    file: &StackFile,
    names: &Names,
    stack: Stack,
    reads: StackReads,
    closely: bool,
) -> Result<Status> {
    let resources = reads.resources.clone().map_err(|e| e.into_error("read the stack's resources"))?;
    let function = reads.code.clone().map_err(|e| e.into_error("read the function"))?;
    let observed = reads.observed(names)?;
    let place = observe::place(aws, names);
    let (drift, depth, records, local, permissions, sandbox, files) = tokio::join!(
        observe::drift(aws, stacks, &place, &observed, closely),
        depth(aws, names),
        newest(aws, names),
        local_code(file),
        permissions(aws, &file.spec, &resources),
        sandbox::reported(aws, names),
        files(aws, &file.spec, names),
    );
    let files = files?;
    let (drift, failed_events) = (drift?, depth?);
    Ok(Status {
        stack: names.stack.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        health: health(Facts {
            stack: &names.stack,
            status: Some(stack.status),
            drift: Some(&drift),
            failed_events,
            files_without_record: Some(files.without_record()),
        }),
        phase: stack.status.phase(),
        code_name: Some(stack.status.as_str()),
        reason: stack.reason,
        changed: stack.changed,
        deployment: stack.deployment,
        code: function.map(|deployed| Code {
            same: local.release.as_ref().map(|local| *local == deployed.sha256),
            development: local.development.is_some_and(|local| local == deployed.sha256),
            deployed,
            local: local.release,
        }),
        permissions: permissions?,
        sandbox,
        // Only for a working stack.
        drift: (drift.depth != Depth::None).then_some(drift),
        resources,
        outputs: stack.outputs,
        failed_events,
        files: Some(files),
        records: records?,
        kept: Vec::new(),
    })
}

async fn depth(aws: &Aws, names: &Names) -> Result<Option<u64>> {
    let doing = "read the queue of failed events";
    match Queue::find(aws, &names.queue).await.map_err(|e| e.into_error(doing))? {
        Some(queue) => Ok(Some(queue.depth().await.map_err(|e| e.into_error(doing))?)),
        None => Ok(None),
    }
}

/// Files without a record. Without the table, its loss is the finding, and of each file it would be reported again.
async fn files(aws: &Aws, spec: &StackSpec, names: &Names) -> Result<Files> {
    let (last, newest) = tokio::join!(reconcile::last_run(aws, names), reconcile::look(aws, spec, names, CHECKED));
    let newest = optional(newest.map(Some)).map_err(|e| e.into_error("look for the newest files"))?.flatten();
    Ok(Files { last_reconcile: last?, newest })
}

/// The newest records; none without a table.
async fn newest(aws: &Aws, names: &Names) -> Result<Vec<Row>> {
    let query = Query { excluded: Some(canary::NAME), ..Query::default() };
    let rows = Records::new(aws, &names.table).page(&query, &clock::now()?, NEWEST, BUDGET).await;
    let rows = rows.map(|page| page.rows);
    Ok(optional(rows).map_err(|e| e.into_error("read the newest records"))?.unwrap_or_default())
}

/// The hashes of the local builds.
#[derive(Debug, Default)]
struct LocalCode {
    /// The build that `up` would deploy: the workspace's last build; outside a workspace, the embedded handler.
    release: Option<String>,
    /// The last build of `up --watch`.
    development: Option<String>,
}

async fn local_code(file: &StackFile) -> LocalCode {
    let Ok(here) = std::env::current_dir() else { return LocalCode::default() };
    let runs_on = handler_build::runs_on(&file.spec);
    let Some(workspace) = handler_build::workspace(&[&here, &file.path]) else {
        let embedded = embedded::package(runs_on).ok().map(|package| package.sha256);
        return LocalCode { release: embedded, development: None };
    };
    let kind = Build::of(&file.spec, false);
    let paths = handler_build::last_builds(&workspace, [kind, Build::Development]).await;
    let hash = move |path: Option<PathBuf>| Some(handler_build::pack(&path?, runs_on).ok()?.sha256);
    let hashes = tokio::task::spawn_blocking(move || paths.map(hash)).await;
    let [release, watched] = hashes.unwrap_or_default();
    LocalCode { release, development: watched.filter(|_| kind != Build::Development) }
}

/// Compares the role's inline policies in IAM with those of the template.
async fn permissions(aws: &Aws, spec: &StackSpec, resources: &[Resource]) -> Result<Option<Permissions>> {
    let Some(role) = resources.iter().find(|r| r.kind == "AWS::IAM::Role" && !r.physical_id.is_empty()) else {
        return Ok(None);
    };
    let template = template::build(spec).document();
    let context = Context {
        partition: aws.partition().to_owned(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        resources: resources.iter().map(|r| (r.logical_id.clone(), (r.kind.clone(), r.physical_id.clone()))).collect(),
        ..Context::default()
    };
    let generated = &template["Resources"][&role.logical_id]["Properties"];
    let found = Roles::new(aws).policies(&role.physical_id).await;
    let Some((inline, attached)) = found.map_err(|e| e.into_error("read the role's permissions"))? else {
        return Ok(Some(Permissions::Changed(format!("the role {} was deleted", role.physical_id))));
    };
    Ok(Some(compare(generated, &context, &inline, &attached)))
}

fn compare(generated: &Value, context: &Context, inline: &BTreeMap<String, Value>, attached: &[String]) -> Permissions {
    let wanted = match context.resolve(&generated["Policies"]) {
        Ok(wanted) => wanted,
        Err(error) => return Permissions::Unknown(error.to_string()),
    };
    let wanted: BTreeMap<String, Value> = wanted
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| Some((p["PolicyName"].as_str()?.to_owned(), p["PolicyDocument"].clone())))
        .collect();
    let managed = match context.resolve(&generated["ManagedPolicyArns"]) {
        Ok(managed) => managed.as_array().cloned().unwrap_or_default(),
        Err(error) => return Permissions::Unknown(error.to_string()),
    };
    let mut differences: Vec<String> = Vec::new();
    differences.extend(
        attached.iter().filter(|arn| !managed.iter().any(|m| m == *arn)).map(|arn| format!("{arn} is attached")),
    );
    differences
        .extend(inline.keys().filter(|name| !wanted.contains_key(*name)).map(|name| format!("policy {name} is new")));
    for (name, document) in &wanted {
        match inline.get(name) {
            None => differences.push(format!("policy {name} is missing")),
            Some(found) if found != document => differences.push(format!("policy {name} differs")),
            Some(_) => {}
        }
    }
    if differences.is_empty() { Permissions::AsGenerated } else { Permissions::Changed(differences.join("; ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn permissions_are_compared_with_what_iam_has() {
        let generated = json!({ "Policies": [{ "PolicyName": "handler", "PolicyDocument": {
            "Statement": [{ "Action": "dynamodb:PutItem", "Resource": { "Fn::Sub": "arn:${AWS::Partition}:x" } }],
        }}]});
        let context = Context { partition: "aws".into(), ..Context::default() };
        let same = json!({ "Statement": [{ "Action": "dynamodb:PutItem", "Resource": "arn:aws:x" }] });
        let wider = json!({ "Statement": [{ "Action": "dynamodb:*", "Resource": "arn:aws:x" }] });
        let inline = |document: &Value| BTreeMap::from([("handler".to_owned(), document.clone())]);
        assert_eq!(compare(&generated, &context, &inline(&same), &[]), Permissions::AsGenerated);
        for (inline, attached, word) in [
            (inline(&wider), vec![], "differs"),
            (BTreeMap::new(), vec![], "missing"),
            (inline(&same), vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()], "attached"),
        ] {
            let Permissions::Changed(how) = compare(&generated, &context, &inline, &attached) else { panic!("{word}") };
            assert!(how.contains(word), "{how}");
        }
        let odd = json!({ "Policies": [{ "Fn::ImportValue": "x" }] });
        assert!(matches!(compare(&odd, &context, &BTreeMap::new(), &[]), Permissions::Unknown(_)));
    }
}
