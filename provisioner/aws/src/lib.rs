//! AWS. This crate is the only one that names an `aws_sdk_*` crate.
//!
//! Every function takes and returns the types of `provisioner-model`: responses are converted here.
//! [`provisioner_model::call_error`] classifies error codes.

pub mod artifacts;
mod call_error;
pub mod calls;
pub mod clock;
mod conflict;
pub mod documents;
pub mod function;
mod http;
pub mod limits;
pub mod live;
pub mod log_groups;
pub mod logs;
pub mod object;
pub mod profiles;
pub mod queue;
pub mod records;
pub mod roles;
pub mod stacks;
pub mod storage;
pub mod table;
pub mod uploads;
pub mod versions;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::partition::Partition;
use provisioner_model::spec::is_region;

use limits::TimeLimits;
use profiles::Profiles;

/// Attempts of the first call: a wrong endpoint or region should be reported soon.
const FIRST_ATTEMPTS: u32 = 2;
/// Attempts of a call that fetches credentials, such as that of a role: the SDK's default.
const CREDENTIALS_ATTEMPTS: u32 = 3;

/// Where to connect, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The region, if the command line or the stack file names one.
    pub region: Option<String>,
    /// The profile, if the command line names one.
    pub profile: Option<String>,
    /// Another address for every service.
    pub endpoint: Option<String>,
    /// Fixed credentials (key id and secret): those of the local emulator.
    pub credentials: Option<(String, String)>,
    /// A role to assume before any other call.
    pub role: Option<Role>,
    /// The service role of `CloudFormation`; without it, `CloudFormation` uses the caller's permissions.
    pub service_role: Option<String>,
    /// How long calls may take.
    pub limits: TimeLimits,
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// The role's ARN.
    pub arn: String,
    /// The session's name.
    pub session: String,
    /// The external id, if the trust policy requires one.
    pub external_id: Option<String>,
}

/// A connection that has been checked: credentials work, account and region are known.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The account, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// The ARN of who calls.
    pub caller: String,
    /// The service role of `CloudFormation`.
    service_role: Option<String>,
    limits: TimeLimits,
    /// The configuration that every client is made from.
    pub(crate) sdk: SdkConfig,
}

impl Aws {
    /// Loads credentials and region as the AWS command line does, and reads the caller's identity from STS.
    pub async fn connect(target: &Target) -> Result<Self> {
        // The emulator's fixed credentials need no profile.
        let profiles = match &target.credentials {
            Some(_) => None,
            None => Some(Profiles::load(target.profile.as_deref()).await?),
        };
        let http = http::client(target.limits, profiles.as_ref().and_then(Profiles::ca_bundle).as_deref())?;
        let stalled = StalledStreamProtectionConfig::enabled().grace_period(target.limits.stall).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            // Credentials are fetched with these: no network should be reported soon, too.
            .retry_config(RetryConfig::standard().with_max_attempts(CREDENTIALS_ATTEMPTS))
            .timeout_config(target.limits.control())
            .stalled_stream_protection(stalled);
        if let Some(region) = &target.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &target.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &target.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((id, secret)) = &target.credentials {
            loader =
                loader.credentials_provider(aws_credential_types::Credentials::new(id, secret, None, None, "emulator"));
        }
        let mut sdk = loader.load().await;
        let region = region_of(&sdk)?;
        if let Some(profiles) = profiles.as_ref().filter(|_| profile_gives_credentials(target)) {
            profiles.refuse_mfa()?;
        }
        if let Some(profile) = &target.profile {
            sdk = of_profile(sdk, profile, http);
        }
        if let Some(role) = &target.role {
            sdk = as_role(sdk, role).await;
        }
        let once = aws_sdk_sts::config::Builder::from(&sdk)
            .retry_config(RetryConfig::standard().with_max_attempts(FIRST_ATTEMPTS))
            .build();
        let identity = aws_sdk_sts::Client::from_conf(once).get_caller_identity().send().await.map_err(|e| {
            if let Some(refusal) = call_error::refused_role(&e) {
                return role_refused(target.role.as_ref(), refusal);
            }
            let named = profiles.as_ref().and_then(Profiles::named);
            not_connected(call_error::from_sdk(e), named, &region, target.endpoint.as_deref())
        })?;
        let sdk =
            sdk.into_builder().retry_config(RetryConfig::standard().with_max_attempts(target.limits.attempts)).build();
        Ok(Self {
            account: identity.account.unwrap_or_default(),
            region,
            caller: identity.arn.unwrap_or_default(),
            service_role: target.service_role.clone(),
            limits: target.limits,
            sdk,
        })
    }

    /// The partition, such as `aws-cn`: that of the caller's ARN, else that of the Region.
    pub fn partition(&self) -> &str {
        self.caller.split(':').nth(1).unwrap_or_else(|| Partition::of(&self.region).id)
    }

    /// The endpoint that replaces AWS's own; empty without one.
    pub fn endpoint(&self) -> &str {
        self.sdk.endpoint_url().unwrap_or_default()
    }

    /// How long calls and what waits for them may take.
    pub fn limits(&self) -> TimeLimits {
        self.limits
    }

    /// A client of S3, for calls without a file.
    pub(crate) fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config().build())
    }

    /// A client of S3 for requests with a file in their body (see [`TimeLimits::stall`]).
    pub(crate) fn s3_transfer(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config().timeout_config(TimeLimits::transfer()).build())
    }

    /// A client of S3 for `CompleteMultipartUpload`.
    pub(crate) fn s3_complete(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::from_conf(self.s3_config().timeout_config(self.limits.complete()).build())
    }

    /// Another address than AWS's own has no host name for each bucket.
    fn s3_config(&self) -> aws_sdk_s3::config::Builder {
        aws_sdk_s3::config::Builder::from(&self.sdk)
            .force_path_style(self.sdk.endpoint_url().is_some())
            .retry_classifier(conflict::RetryConflicts)
    }
}

/// The region that was found, checked for its form: a wrong one would be looked up as part of a host name.
fn region_of(sdk: &SdkConfig) -> Result<String> {
    let region = sdk.region().map(ToString::to_string).ok_or_else(|| {
        Error::new(Exit::Access, "no-region", "no region is set").hint(
            "Name one: `region:` in the stack file, `--region eu-central-1`, or AWS_REGION in the environment.\n\
             Or deploy to the local emulator, which needs no account: provisioner up -s local",
        )
    })?;
    if is_region(&region) {
        return Ok(region);
    }
    let message = format!("{region:?} is not a region; write its code, like eu-central-1");
    Err(Error::new(Exit::Access, "no-region", message)
        .hint("It comes from --region, the stack file, AWS_REGION or the profile, in this order."))
}

/// Whether the credentials come from a profile: a named one, or the default where the environment has no keys.
fn profile_gives_credentials(target: &Target) -> bool {
    target.profile.is_some() || std::env::var_os("AWS_ACCESS_KEY_ID").is_none()
}

/// The failure of the first call, which shows what is wrong with credentials, region and network.
fn not_connected(error: CallError, profile: Option<&str>, region: &str, endpoint: Option<&str>) -> Error {
    let (kind, code) = (error.kind, error.code.clone());
    let failed = error.into_error("find out whose credentials these are");
    match kind {
        Kind::SsoSessionMissing => {
            let profile = profile.map(|name| format!(" --profile {name}")).unwrap_or_default();
            failed.hint(format!("Sign in with: aws sso login{profile}\nThen run the same command again."))
        }
        Kind::LoginSession => failed.hint(format!(
            "Pass its credentials on as variables: \
             eval \"$(aws configure export-credentials --profile {} --format env)\"\n\
             Then run the same command without --profile.",
            profile.unwrap_or("default")
        )),
        Kind::InvalidCredentials if code.as_deref() == Some("InvalidClientTokenId") => failed.hint(format!(
            "Check the access key and its secret, or choose another profile with --profile.\n\
             AWS gives the same answer in a Region that the account has not enabled: is {region} enabled?"
        )),
        Kind::Unreachable => {
            let mut hint = match endpoint {
                Some(endpoint) => format!("Check the network and the endpoint URL, {endpoint}."),
                None => format!("Check the network, and that there is a Region {region}."),
            };
            if let Some(variable) = http::proxy_variable() {
                hint.push_str(&format!(
                    "\n{variable} names a proxy: check that too. NO_PROXY lists hosts without one."
                ));
            }
            failed.hint(hint)
        }
        _ => failed,
    }
}

/// A hash in base 64, as the services report it, in hexadecimal digits, as artifact keys have it. Nothing for what is not
/// base 64: such a hash equals none of ours.
fn hex_of_base64(text: &str) -> String {
    BASE64.decode(text).map(hex::encode).unwrap_or_default()
}

/// The text with what follows its percent signs decoded (RFC 3986), as keys and policies come.
pub(crate) fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// The same configuration with the profile's credentials only: by default, the SDK prefers the keys of the environment to
/// a named profile. The AWS CLI prefers the profile.
fn of_profile(
    sdk: SdkConfig,
    profile: &str,
    http: aws_smithy_runtime_api::client::http::SharedHttpClient,
) -> SdkConfig {
    let provider_config = aws_config::provider_config::ProviderConfig::without_region()
        .with_region(sdk.region().cloned())
        .with_http_client(http);
    let provider = aws_config::profile::ProfileFileCredentialsProvider::builder()
        .configure(&provider_config)
        .profile_name(profile)
        .build();
    let credentials = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    sdk.into_builder().credentials_provider(credentials).build()
}

/// The same configuration with the role's credentials, which are renewed before they expire.
async fn as_role(sdk: SdkConfig, role: &Role) -> SdkConfig {
    let mut provider =
        aws_config::sts::AssumeRoleProvider::builder(&role.arn).session_name(&role.session).configure(&sdk);
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    let provider = provider.build().await;
    let credentials = aws_credential_types::provider::SharedCredentialsProvider::new(provider);
    sdk.into_builder().credentials_provider(credentials).build()
}

/// The error of a role that could not be assumed.
fn role_refused(role: Option<&Role>, refusal: CallError) -> Error {
    let which = role.map_or_else(|| "of the profile".to_owned(), |role| role.arn.clone());
    match refusal.kind {
        Kind::Denied | Kind::Other | Kind::NotFound => {
            Error::new(Exit::Access, "role-refused", format!("failed to assume the role {which}")).source(refusal).hint(
                "Three things must hold: the ARN is right; the role's trust policy allows you, with the --external-id\n\
                     that it asks for, if any; and your own policy allows sts:AssumeRole on the role.",
            )
        }
        _ => refusal.into_error(&format!("assume the role {which}")),
    }
}

#[cfg(test)]
mod tests {
    use super::hex_of_base64;

    #[test]
    fn hashes_in_both_notations() {
        // SHA-256 of nothing.
        assert_eq!(
            hex_of_base64("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(hex_of_base64("not base 64"), "");
    }
}
