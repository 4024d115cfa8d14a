//! `provisioner history`: lists the deployments of a stack.

use provisioner_engine::{connection, history};
use provisioner_model::error::Result;
use provisioner_model::hash::short;
use provisioner_model::names::Names;
use provisioner_planner::history::Deployment;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Global, History};
use crate::report::Report;
use crate::report::table::table;

/// The JSON output.
#[derive(Debug, Serialize)]
struct Document {
    /// The newest first, without their templates.
    deployments: Vec<Value>,
}

/// Prints the newest deployments.
pub async fn run(global: &Global, args: &History, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let names = Names::new(&spec, &aws.account, &aws.region);
    let deployments = history::read(&aws, &names, args.limit.into()).await?;
    if deployments.is_empty() && !report.is_json() {
        report.narrate("No deployment is recorded. The next `up` starts the history.");
        return Ok(());
    }
    let document = Document { deployments: deployments.iter().map(without_template).collect() };
    report.data(&document, || {
        let rows: Vec<Vec<String>> = deployments.iter().map(row).collect();
        table(&["ENDED (UTC)", "RESULT", "BY", "CODE", "WHO", "CHANGES"], &rows, report.data_style)
    });
    Ok(())
}

fn without_template(deployment: &Deployment) -> Value {
    let mut value = serde_json::to_value(deployment).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("template");
    }
    value
}

fn row(deployment: &Deployment) -> Vec<String> {
    let time = deployment.at.get(..19).unwrap_or(&deployment.at).replace('T', " ");
    let result = if deployment.failure.is_some() { "FAILED" } else { "done" };
    // The last part of an ARN names who it is: a user, or a role and its session.
    let who = deployment.caller.as_deref().and_then(|arn| arn.rsplit(':').next()).unwrap_or("-");
    let changes: Vec<String> = deployment
        .changes
        .iter()
        .map(|change| match change.properties.as_slice() {
            [] => format!("{} {}", change.action, change.logical_id),
            properties => format!("{} {} ({})", change.action, change.logical_id, properties.join(", ")),
        })
        .collect();
    let changes = if changes.is_empty() { "-".to_owned() } else { changes.join("; ") };
    vec![
        time,
        result.to_owned(),
        deployment.mode.words().to_owned(),
        short(&deployment.code.sha256).to_owned(),
        who.to_owned(),
        changes,
    ]
}
