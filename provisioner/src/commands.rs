//! One file a verb: glue between the command line, the pure modules, AWS and the report.

pub mod bundle;
pub mod completions;
pub mod down;
pub mod init;
pub mod inspect;
pub mod local;
pub mod logs;
pub mod man;
pub mod observe;
pub mod plan;
pub mod put;
pub mod records;
pub mod redrive;
pub mod schema;
pub mod status;
pub mod synth;
pub mod up;
pub mod verify;
pub mod watch;

use crate::aws::{Aws, Role, Target};
use crate::cli::Global;
use crate::error::{Error, Exit, Result};
use crate::lint::{self, Severity};
use crate::report::Report;
use crate::spec::StackSpec;
use crate::template::Template;

/// The emulator accepts these as the root's credentials.
const EMULATOR_CREDENTIALS: (&str, &str) = ("test", "test");
/// The emulator's region where the stack file names none.
const EMULATOR_REGION: &str = "us-east-1";

/// Where a stack is deployed to: the command line before the stack file.
pub fn target(global: &Global, spec: &StackSpec) -> Target {
    let region = global.region.clone().or_else(|| spec.region.clone());
    let service_role = global.cloudformation_role_arn.clone().or_else(|| spec.cloudformation_role.clone());
    match &spec.emulator {
        Some(emulator) => Target {
            region: Some(region.unwrap_or_else(|| EMULATOR_REGION.to_owned())),
            profile: None,
            endpoint: Some(
                global.endpoint_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", emulator.port)),
            ),
            credentials: Some((EMULATOR_CREDENTIALS.0.to_owned(), EMULATOR_CREDENTIALS.1.to_owned())),
            role: None,
            service_role,
        },
        None => Target {
            region,
            profile: global.profile.clone(),
            endpoint: global.endpoint_url.clone(),
            credentials: None,
            role: global.role_arn.clone().map(|arn| Role {
                arn,
                session: global.role_session_name.clone(),
                external_id: global.external_id.clone(),
            }),
            service_role,
        },
    }
}

/// Connects, and refuses an account that the stack file does not name.
pub async fn connect(global: &Global, spec: &StackSpec) -> Result<Aws> {
    let aws = Aws::connect(&target(global, spec)).await.map_err(|error| match &spec.emulator {
        Some(_) if error.code == "unreachable" => error.hint(format!(
            "The emulator of the stack {0} does not answer. Start it with: provisioner local start -s {0}",
            spec.name
        )),
        _ => error,
    })?;
    match &spec.account {
        Some(account) if *account != aws.account => Err(Error::new(
            Exit::Access,
            "wrong-account",
            format!(
                "these credentials belong to account {}, and the stack {} is for account {account}",
                aws.account, spec.name
            ),
        )
        .hint("Choose another profile with --profile, or change `account:` in the stack file.")),
        _ => Ok(aws),
    }
}

/// Returns when this process is asked to end: Ctrl-C, or a polite kill.
pub async fn interrupted() {
    crate::interrupt::attend().next().await;
}

/// This moment, by this machine's clock. Milliseconds since the Unix epoch.
pub fn now_millis() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

/// This moment, by this machine's clock.
pub fn now() -> Result<handler_contract::Timestamp> {
    handler_contract::Timestamp::from_unix_millis(now_millis())
        .ok_or_else(|| Error::new(Exit::Failure, "clock", "this machine's clock is beyond the year 9999"))
}

/// The name of this run, from the clock and the process: here randomness enters, everything below takes it as input.
pub fn run_id() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let seed = format!("{}-{}", now.as_nanos(), std::process::id());
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, seed.as_bytes()).simple().to_string()
}

/// Asks a yes-or-no question. An interruption is a no, so that the caller can put things back.
pub async fn ask(report: &Report, question: &str, flag: &str) -> Result<()> {
    report.ask(question, flag).await
}

/// The stack's template, unless AWS would refuse it; what only looks doubtful is told.
pub fn linted(file: &std::path::Path, spec: &StackSpec, report: &Report) -> Result<Template> {
    let template = crate::template::build(spec);
    let findings = lint::check(spec, &template);
    for finding in findings.iter().filter(|finding| finding.severity() == Severity::Warning) {
        report.narrate(&format!("{} {}: {finding}", report.style.warn("warning:"), file.display()));
    }
    lint::refuse(&findings)?;
    Ok(template)
}

/// The template of a stack, as the document that CloudFormation is sent.
pub fn template(spec: &StackSpec) -> Result<serde_json::Value> {
    serde_json::to_value(crate::template::build(spec))
        .map_err(|e| Error::new(Exit::Failure, "template", "failed to write the template").source(e))
}
