//! Returns to the code, and on request the template, of an earlier deployment.

use provisioner_artifact::handler_build;
use provisioner_artifact::package::Package;
use provisioner_aws::Aws;
use provisioner_aws::documents::Documents;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::hash::{sha256, short};
use provisioner_model::names::Names;
use provisioner_planner::history::{self as planner, Current, Deployment, Mode};
use serde_json::Value;

use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::history;
use crate::observe::{self, ObservedState};
use crate::stack_file::StackFile;
use crate::up::{DeployOptions, DeployTarget, Done};

/// The deployments that are searched; as many as are kept.
const SEARCHED: usize = 50;

/// What to return to.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Also the template.
    pub template: bool,
    /// The start of a code hash, or of a time; the previous deployment without one.
    pub to: Option<String>,
}

/// Returns to an earlier deployment. Asks as `up` does.
pub async fn rollback(
    aws: &Aws,
    file: &StackFile,
    wanted: &Wanted,
    options: DeployOptions,
    dialog: &dyn Dialog,
) -> Result<Done> {
    let names = Names::new(&file.spec, &aws.account, &aws.region);
    let current = observe::observe_with_drift(aws, &names, false).await?;
    let deployments = history::read(aws, &names, SEARCHED).await?;
    let target = choose(&deployments, &current, wanted, &names)?;
    dialog.event(DeployEvent::Returning {
        stack: names.stack.clone(),
        sha256: target.code.sha256.clone(),
        at: target.at.clone(),
        template: wanted.template,
    });
    let package = package(aws, file, target).await?;
    let template = template(&current, &deployments, target, wanted)?;
    let deploy = DeployTarget { aws, file, template, names, dialog };
    let options = DeployOptions { mode: Mode::Rollback, ..options };
    Box::pin(deploy.deploy(&package, current, options)).await
}

/// The deployment that a rollback would return to, for an offer; `None` if there is none or it is not known.
pub async fn previous(aws: &Aws, names: &Names) -> Option<Deployment> {
    let current = observe::observe_with_drift(aws, names, false).await.ok()?;
    let deployments = history::read(aws, names, SEARCHED).await.ok()?;
    choose(&deployments, &current, &Wanted::default(), names).ok().cloned()
}

fn choose<'a>(
    deployments: &'a [Deployment],
    current: &ObservedState,
    wanted: &Wanted,
    names: &Names,
) -> Result<&'a Deployment> {
    let observed = &current.observed;
    if observed.stack.is_none() {
        return Err(Error::new(Exit::Failure, "not-deployed", format!("there is no stack {}", names.stack))
            .hint(format!("Create it with: provisioner up -s {}", names.stack)));
    }
    let now = Current {
        sha256: observed.code.as_ref().map_or("", |code| code.sha256.as_str()),
        template: observed.template.as_ref(),
    };
    planner::target(deployments, now, wanted.template, wanted.to.as_deref()).ok_or_else(|| {
        let message = match &wanted.to {
            Some(to) => format!("no successful deployment of {} has a code hash or time that starts with {to}", names.stack),
            None => format!("the history of {} has no earlier deployment that differs", names.stack),
        };
        Error::new(Exit::Failure, "nothing-to-roll-back-to", message)
            .hint("List the deployments with: provisioner history. Any executable is deployed by: provisioner up --handler PATH")
    })
}

/// The zip of a deployment, compared with its hash.
async fn package(aws: &Aws, file: &StackFile, target: &Deployment) -> Result<Package> {
    let code = &target.code;
    let place = format!("s3://{}/{}", code.bucket, code.key);
    let zip = Documents::new(aws, &code.bucket).get(&code.key).await;
    let zip = zip.map_err(|e| e.into_error(&format!("read {place}")))?.ok_or_else(|| {
        Error::new(Exit::Failure, "code-gone", format!("the code {} is no longer kept in {place}", short(&code.sha256)))
            .hint("The newest five are kept. Build it from its sources again: provisioner up --handler PATH")
    })?;
    if sha256(&zip) != code.sha256 {
        let message = format!("{place} is not the code that was deployed: its SHA-256 differs from its name");
        return Err(Error::new(Exit::Refused, "artifact-mismatch", message)
            .hint("Somebody else wrote this object: find out who may write to the bucket."));
    }
    Package::from_deployed(zip, handler_build::runs_on(&file.spec)).map_err(|e| {
        Error::new(Exit::Invalid, "handler", format!("the code {} cannot be deployed", short(&code.sha256)))
            .hint(e.hint())
            .source(e)
    })
}

/// The template to deploy: that of the earlier deployment on request, else the deployed one.
fn template(
    current: &ObservedState,
    deployments: &[Deployment],
    target: &Deployment,
    wanted: &Wanted,
) -> Result<Value> {
    if wanted.template {
        return Ok(target.template.clone());
    }
    let deployed = current.observed.template.clone();
    // The template of a stack that does not work is not read; the last one that was deployed is the same.
    let newest = || deployments.iter().find(|deployment| deployment.failure.is_none());
    deployed.or_else(|| newest().map(|deployment| deployment.template.clone())).ok_or_else(|| {
        Error::new(Exit::Failure, "no-template", "the template of the stack is not known")
            .hint("Deploy the stack file instead: provisioner up")
    })
}
