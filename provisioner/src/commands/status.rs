//! `provisioner status`: the stack, its resources, code, permissions and failed events on one screen. Changes nothing,
//! and a stack that is not deployed is an answer, not a failure.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;

use crate::aws::Aws;
use crate::aws::function::Function;
use crate::aws::queue::Queue;
use crate::aws::records;
use crate::aws::roles::Roles;
use crate::aws::stacks::Stacks;
use crate::aws::storage::Storage;
use crate::aws::table::Table;
use crate::cli::{self, Global};
use crate::commands::{self, observe};
use crate::drift::{Depth, Drift};
use crate::error::Result;
use crate::fault::absent_is_none;
use crate::handler_build::{self, Build};
use crate::names::Names;
use crate::package::short;
use crate::query::Row;
use crate::report::Style;
use crate::report::deploy::words;
use crate::report::files;
use crate::report::{Report, table};
use crate::resolve::Context;
use crate::spec::{StackFile, StackSpec};
use crate::stack::{Deployed, Output, Presence, Resource, Stack};
use crate::status::Phase;
use crate::units::Size;

/// So many of the newest records are shown.
const NEWEST: usize = 5;

/// What `status` knows; with `--json` exactly this.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    stack: String,
    account: String,
    region: String,
    phase: Phase,
    #[serde(rename = "status", skip_serializing_if = "Option::is_none")]
    code_name: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<String>,
    resources: Vec<Resource>,
    outputs: Vec<Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<Permissions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<Drift>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_events: Option<u64>,
    /// The newest records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    records: Vec<Row>,
    /// Bucket or table that an earlier `down` kept; only where there is no stack.
    kept: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Code {
    deployed: Deployed,
    /// The SHA-256 of the zip that the last build would give, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    local: Option<String>,
    same: Option<bool>,
    /// Whether it is the last build of `up --watch`.
    development: bool,
}

/// Whether the role is allowed what the template says, and not more.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
enum Permissions {
    /// Exactly.
    AsGenerated,
    /// Somebody changed them; this is how.
    Changed(String),
    /// They cannot be compared, for this reason.
    Unknown(String),
}

/// Runs the command.
pub async fn run(global: &Global, args: &cli::Status, report: &Report) -> Result<()> {
    let file = StackFile::load(&global.stack)?;
    let aws = commands::connect(global, &file.spec).await?;
    let names = Names::new(&file.spec.name, &aws.account, &aws.region);
    let stacks = Stacks::new(&aws);
    let stack = stacks
        .describe(&names.stack)
        .await
        .map_err(|e| e.into_error(&format!("look at the stack {}", names.stack)))?
        .filter(|stack| stack.status.phase() != Phase::Absent);
    let status = match stack {
        None => absent(&aws, &names).await?,
        Some(stack) => Box::pin(present(&aws, &stacks, &file, &names, stack, args.drift)).await?,
    };
    let style = report.style;
    report.data(&status, || human(&status, style));
    Ok(())
}

async fn absent(aws: &Aws, names: &Names) -> Result<Status> {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let (bucket, table) = tokio::join!(bucket.presence(), table.describe());
    let mut kept = Vec::new();
    if bucket.map_err(|e| e.into_error("look for the bucket"))? == Presence::Ours {
        kept.push(format!("bucket {}", names.bucket));
    }
    if table.map_err(|e| e.into_error("look for the table"))?.is_some() {
        kept.push(format!("table {}", names.table));
    }
    Ok(Status {
        stack: names.stack.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        phase: Phase::Absent,
        code_name: None,
        reason: None,
        changed: None,
        resources: Vec::new(),
        outputs: Vec::new(),
        code: None,
        permissions: None,
        drift: None,
        failed_events: None,
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
    closely: bool,
) -> Result<Status> {
    let function = Function::new(aws, &names.function);
    let (drift, resources, function, depth, records, local) = tokio::join!(
        drift(aws, stacks, names, closely),
        stacks.resources(&stack.arn),
        function.describe(),
        depth(aws, names),
        newest(aws, names),
        local_code(file)
    );
    let resources = resources.map_err(|e| e.into_error("look at the stack's resources"))?;
    let function = function.map_err(|e| e.into_error("look at the function"))?;
    let permissions = permissions(aws, &file.spec, &resources).await?;
    Ok(Status {
        stack: names.stack.clone(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        phase: stack.status.phase(),
        code_name: Some(stack.status.as_str()),
        reason: stack.reason,
        changed: stack.changed,
        code: function.map(|deployed| Code {
            same: local.release.as_ref().map(|local| *local == deployed.sha256),
            development: local.development.is_some_and(|local| local == deployed.sha256),
            deployed,
            local: local.release,
        }),
        permissions,
        drift: drift?,
        resources,
        outputs: stack.outputs,
        failed_events: depth?,
        records: records?,
        kept: Vec::new(),
    })
}

/// What was changed behind the tool's back; only of a stack that works.
async fn drift(aws: &Aws, stacks: &Stacks, names: &Names, closely: bool) -> Result<Option<Drift>> {
    let observed = observe::observe(aws, stacks, names).await?;
    let drift = observe::drift(aws, stacks, &observe::place(aws, names), &observed, closely).await?;
    Ok((drift.depth != Depth::None).then_some(drift))
}

async fn depth(aws: &Aws, names: &Names) -> Result<Option<u64>> {
    let doing = "look into the queue of failed events";
    match Queue::find(aws, &names.queue).await.map_err(|e| e.into_error(doing))? {
        Some(queue) => Ok(Some(queue.depth().await.map_err(|e| e.into_error(doing))?)),
        None => Ok(None),
    }
}

/// The newest records; none where there is no table yet.
async fn newest(aws: &Aws, names: &Names) -> Result<Vec<Row>> {
    let rows = records::newest(aws, &names.table, NEWEST, &commands::now()?).await;
    Ok(absent_is_none(rows).map_err(|e| e.into_error("read the newest records"))?.unwrap_or_default())
}

/// The hashes of the handlers that are at hand.
#[derive(Debug, Default)]
struct LocalCode {
    /// What `up` would deploy: the workspace's last build, outside of it the handler inside this program.
    release: Option<String>,
    /// The last build of `up --watch`.
    development: Option<String>,
}

async fn local_code(file: &StackFile) -> LocalCode {
    let Ok(here) = std::env::current_dir() else { return LocalCode::default() };
    let runs_on = handler_build::runs_on(&file.spec);
    let Some(workspace) = handler_build::workspace(&[&here, &file.path]) else {
        let embedded = crate::embedded::package(runs_on).ok().map(|package| package.sha256);
        return LocalCode { release: embedded, development: None };
    };
    let paths = handler_build::last_builds(&workspace, [Build::Release, Build::Development]).await;
    let hash = move |path: Option<PathBuf>| Some(handler_build::pack(&path?, runs_on).ok()?.sha256);
    let hashes = tokio::task::spawn_blocking(move || paths.map(hash)).await;
    hashes.map(|[release, development]| LocalCode { release, development }).unwrap_or_default()
}

/// Compares the role's inline policies in IAM with those of the template.
async fn permissions(aws: &Aws, spec: &StackSpec, resources: &[Resource]) -> Result<Option<Permissions>> {
    let Some(role) = resources.iter().find(|r| r.kind == "AWS::IAM::Role" && !r.physical_id.is_empty()) else {
        return Ok(None);
    };
    let template = commands::template(spec)?;
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
        return Ok(Some(Permissions::Changed(format!("the role {} is gone", role.physical_id))));
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
            Some(found) if found != document => differences.push(format!("policy {name} says something else")),
            Some(_) => {}
        }
    }
    if differences.is_empty() { Permissions::AsGenerated } else { Permissions::Changed(differences.join("; ")) }
}

fn human(status: &Status, style: Style) -> String {
    let place = format!("account {}, {}", status.account, status.region);
    let name = style.strong(&status.stack);
    let Some(code_name) = status.code_name else {
        let mut text = format!("{name}  not deployed ({place})");
        if status.kept.is_empty() {
            text.push_str(&format!("\nDeploy it with: provisioner up -s {}", status.stack));
        } else {
            text.push_str(&format!(
                "\nkept from earlier: {}\nTake it back with: provisioner up -s {1}, or delete it with: provisioner down -s {1} --delete-data",
                status.kept.join(", "),
                status.stack
            ));
        }
        return text;
    };
    let painted = match status.phase {
        Phase::Ready => style.good(code_name),
        Phase::Running | Phase::Review => style.warn(code_name),
        _ => style.bad(code_name),
    };
    let mut text = format!("{name}  {painted}  ({place})");
    if let Some(changed) = &status.changed {
        text.push_str(&format!("\nlast changed {changed}"));
    }
    if let Some(reason) = &status.reason {
        text.push_str(&format!("\nreason: {reason}"));
    }
    let rows: Vec<Vec<String>> = status
        .resources
        .iter()
        .map(|r| vec![words(&r.kind).to_owned(), r.status.clone(), r.physical_id.clone()])
        .collect();
    text.push_str(&format!("\n\n{}", table::table(&["RESOURCE", "STATUS", "NAME"], &rows, style)));
    if !status.outputs.is_empty() {
        text.push_str(&format!("\n\n{}", crate::report::deploy::outputs(&status.outputs, style)));
    }
    text.push('\n');
    if let Some(code) = &status.code {
        let local = match (&code.local, code.same) {
            _ if code.development => style.warn("a development build of up --watch; up deploys the release build"),
            (Some(_), Some(true)) => style.good("same as the local build"),
            (Some(local), _) => style.warn(&format!("the local build is {}", short(local))),
            (None, _) => "no local build to compare with".to_owned(),
        };
        text.push_str(&format!(
            "\ncode           {} ({}), {local}",
            short(&code.deployed.sha256),
            Size(code.deployed.size).rounded()
        ));
    }
    match &status.permissions {
        Some(Permissions::AsGenerated) => text.push_str("\npermissions    as generated"),
        Some(Permissions::Changed(how)) => text.push_str(&format!("\npermissions    {}: {how}", style.bad("changed"))),
        Some(Permissions::Unknown(why)) => text.push_str(&format!("\npermissions    not compared: {why}")),
        None => {}
    }
    match &status.drift {
        Some(drift) if drift.is_empty() => {
            text.push_str(&format!("\ndrift          none, {}", crate::report::plan::looked(drift.depth)));
        }
        Some(drift) => {
            text.push_str(&format!("\ndrift          {}", style.bad("changed")));
            text.push_str(&format!("\n{}", crate::report::plan::drifted(&status.stack, drift, style)));
        }
        None => {}
    }
    match status.failed_events {
        // The alarm watches nothing else than this number, and follows it within a minute or two.
        Some(0) => text.push_str("\nfailed events  none; the alarm is quiet"),
        Some(n) => text.push_str(&format!(
            "\nfailed events  {}, and the alarm rings; send them again with: provisioner redrive -s {}",
            style.bad(&n.to_string()),
            status.stack
        )),
        None => {}
    }
    if !status.records.is_empty() {
        text.push_str(&format!("\n\n{}", files::records(&status.records, style)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
            (inline(&wider), vec![], "something else"),
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
