//! Connects to AWS or the emulator according to the stack file and the command line, and checks the connection.

use provisioner_aws::limits::TimeLimits;
use provisioner_aws::{Aws, Role, Target};
use provisioner_emulator::{Emulator, Environment};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::{StackSpec, too_long_for_buckets};

/// The credentials of the emulator's root user.
const EMULATOR_CREDENTIALS: (&str, &str) = ("test", "test");
/// The emulator's region if the stack file names none.
const EMULATOR_REGION: &str = "us-east-1";

/// The connection options of the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The region; overrides the stack file.
    pub region: Option<String>,
    /// The profile of the AWS configuration files; not for an emulator.
    pub profile: Option<String>,
    /// The endpoint URL of all services.
    pub endpoint_url: Option<String>,
    /// The role to assume; not for an emulator.
    pub role: Option<Role>,
    /// The service role that CloudFormation assumes; overrides the stack file.
    pub cloudformation_role: Option<String>,
}

/// The target of a deployment. The command line overrides the stack file.
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
            limits: TimeLimits::default(),
        },
        None => Target {
            region,
            profile: options.profile.clone(),
            endpoint: options.endpoint_url.clone(),
            credentials: None,
            role: options.role.clone(),
            service_role,
            limits: TimeLimits::default(),
        },
    }
}

/// The port of the stack's own emulator; `None` for a stack on AWS, and if the command line or the environment names
/// another endpoint.
pub fn own_emulator(options: &Options, spec: &StackSpec) -> Option<u16> {
    let port = spec.emulator.as_ref()?.port;
    let own = |url: &String| {
        let url = url.trim_end_matches('/');
        ["127.0.0.1", "localhost"].iter().any(|host| url == format!("http://{host}:{port}"))
    };
    options.endpoint_url.as_ref().is_none_or(own).then_some(port)
}

/// The failure of the first call to an emulator, with what is known of the port.
async fn with_state_of_emulator(error: Error, options: &Options, spec: &StackSpec) -> Error {
    let Some(port) = own_emulator(options, spec) else { return error };
    let emulator = Emulator::new(port, Environment::of_this_process());
    if let Ok(emulator) = emulator
        && let Some(conflict) = emulator.port_conflict().await
    {
        return conflict;
    }
    if error.code == "unreachable" {
        return error.hint(format!(
            "The emulator of the stack {0} does not respond. Start it with: provisioner local start -s {0}",
            spec.name
        ));
    }
    error
}

/// Connects, and fails if the account is not the one that the stack file names.
pub async fn connect(options: &Options, spec: &StackSpec) -> Result<Aws> {
    let aws = match Aws::connect(&target(options, spec)).await {
        Ok(aws) => aws,
        Err(error) => return Err(with_state_of_emulator(error, options, spec).await),
    };
    let excess = Names::new(spec, &aws.account, &aws.region).excess();
    if excess > 0 {
        let text = too_long_for_buckets(spec.name.len() - excess, &aws.region);
        return Err(Error::new(Exit::Invalid, "name-too-long", format!("the stack's name {:?} {text}", spec.name)));
    }
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
