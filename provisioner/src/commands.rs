//! One file a verb: glue between the command line, the pure modules, AWS and the report.

pub mod schema;
pub mod synth;

use crate::aws::{Aws, Target};
use crate::cli::Global;
use crate::error::{Error, Exit, Result};
use crate::spec::StackSpec;

/// The emulator accepts these as the root's credentials.
const EMULATOR_CREDENTIALS: (&str, &str) = ("test", "test");
/// The emulator's region where the stack file names none.
const EMULATOR_REGION: &str = "us-east-1";

/// Where a stack is deployed to: the command line before the stack file.
pub fn target(global: &Global, spec: &StackSpec) -> Target {
    let region = global.region.clone().or_else(|| spec.region.clone());
    match &spec.emulator {
        Some(emulator) => Target {
            region: Some(region.unwrap_or_else(|| EMULATOR_REGION.to_owned())),
            profile: None,
            endpoint: Some(
                global.endpoint_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", emulator.port)),
            ),
            credentials: Some((EMULATOR_CREDENTIALS.0.to_owned(), EMULATOR_CREDENTIALS.1.to_owned())),
        },
        None => {
            Target { region, profile: global.profile.clone(), endpoint: global.endpoint_url.clone(), credentials: None }
        }
    }
}

/// Connects, and refuses an account that the stack file does not name.
pub async fn connect(global: &Global, spec: &StackSpec) -> Result<Aws> {
    let aws = Aws::connect(&target(global, spec)).await?;
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
