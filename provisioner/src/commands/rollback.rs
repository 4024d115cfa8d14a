//! `provisioner rollback`: returns to an earlier deployment.

use provisioner_engine::rollback::{self, Wanted};
use provisioner_engine::up::{Consent, DeployOptions, Done};
use provisioner_engine::{connection, verify};
use provisioner_model::error::Result;
use provisioner_planner::history::Mode;

use crate::cli::{Global, Rollback};
use crate::report::Report;

/// Runs the command, and verifies the stack as `up` does.
pub async fn run(global: &Global, args: &Rollback, report: &Report) -> Result<()> {
    let file = super::stack_file(global, report)?;
    let own_emulator = connection::own_emulator(&global.connection(), &file.spec);
    let lock = super::deployment_lock(own_emulator, &file.spec.name, report).await;
    let aws = connection::connect(&global.connection(), &file.spec).await?;
    let wanted = Wanted { template: args.template, to: args.to.clone() };
    let options = DeployOptions {
        consent: if args.yes { Consent::Given } else { Consent::Asked },
        allow: args.allow.iter().map(|allow| (*allow).into()).collect(),
        saved: None,
        revert: false,
        mode: Mode::Rollback,
    };
    let done = Box::pin(rollback::rollback(&aws, &file, &wanted, options, report)).await?;
    if done == Done::Changed && !args.no_verify {
        Box::pin(verify::after_up(&aws, &file.spec, report)).await?;
    }
    drop(lock);
    if done == Done::Changed {
        let restored = if args.template { "the stack file and the sources" } else { "the sources" };
        report.narrate(&format!(
            "The next `up` deploys {restored} as they are then: repair them first, or check out the state of that time."
        ));
    }
    Ok(())
}
