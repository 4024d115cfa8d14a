//! From a stack file, and what the caller says, to a connection that has been checked.

use provisioner_aws::{Aws, Role, Target};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::spec::StackSpec;

/// The emulator accepts these as the root's credentials.
const EMULATOR_CREDENTIALS: (&str, &str) = ("test", "test");
/// The emulator's region where the stack file names none.
const EMULATOR_REGION: &str = "us-east-1";

/// What the caller says of where to connect, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The region, before the one of the stack file.
    pub region: Option<String>,
    /// The profile of the AWS configuration files; not for an emulator.
    pub profile: Option<String>,
    /// Another address for every service.
    pub endpoint_url: Option<String>,
    /// The role to take; not for an emulator.
    pub role: Option<Role>,
    /// The role that CloudFormation takes, before the one of the stack file.
    pub cloudformation_role: Option<String>,
}

/// Where a stack is deployed to: the command line before the stack file.
pub fn target(options: &Options, spec: &StackSpec) -> Target {
    let region = options.region.clone().or_else(|| spec.region.clone());
    let service_role = options.cloudformation_role.clone().or_else(|| spec.cloudformation_role.clone());
    match &spec.emulator {
        Some(emulator) => Target {
            region: Some(region.unwrap_or_else(|| EMULATOR_REGION.to_owned())),
            profile: None,
            endpoint: Some(
                options.endpoint_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}", emulator.port)),
            ),
            credentials: Some((EMULATOR_CREDENTIALS.0.to_owned(), EMULATOR_CREDENTIALS.1.to_owned())),
            role: None,
            service_role,
        },
        None => Target {
            region,
            profile: options.profile.clone(),
            endpoint: options.endpoint_url.clone(),
            credentials: None,
            role: options.role.clone(),
            service_role,
        },
    }
}

/// Connects, and refuses an account that the stack file does not name.
pub async fn connect(options: &Options, spec: &StackSpec) -> Result<Aws> {
    let aws = Aws::connect(&target(options, spec)).await.map_err(|error| match &spec.emulator {
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
