//! What a failed call means, told apart by its error code in one pure table.

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::error::{Error, Exit};

/// The kinds of failure that the provisioner treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There are no credentials, or they cannot be loaded.
    NoCredentials,
    /// The credentials have expired.
    Expired,
    /// The credentials are not valid.
    InvalidCredentials,
    /// The caller lacks a permission.
    Denied,
    /// What was asked for does not exist.
    NotFound,
    /// What should be made is there already.
    AlreadyExists,
    /// The service asks to slow down, and retries did not help.
    Throttled,
    /// The service cannot be reached.
    Unreachable,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What it means.
    pub kind: Kind,
    /// The service's error code, if it answered.
    pub code: Option<String>,
    /// The service's words, or the connection's.
    pub message: String,
}

/// What an error code means.
pub fn kind_of(code: &str) -> Kind {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,
        "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "AuthFailure"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken" => Kind::InvalidCredentials,
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "Forbidden"
        | "NotAuthorized"
        | "UnauthorizedException"
        | "AllAccessDisabled" => Kind::Denied,
        "NoSuchBucket"
        | "NoSuchKey"
        | "NotFound"
        | "ResourceNotFoundException"
        | "NoSuchEntity"
        | "ChangeSetNotFound"
        | "NoSuchUpload"
        | "NoSuchBucketPolicy"
        | "NoSuchLifecycleConfiguration"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist" => Kind::NotFound,
        "AlreadyExistsException"
        | "BucketAlreadyOwnedByYou"
        | "BucketAlreadyExists"
        | "ResourceInUseException"
        | "EntityAlreadyExists" => Kind::AlreadyExists,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "RequestThrottled"
        | "BandwidthLimitExceeded"
        | "LimitExceededException" => Kind::Throttled,
        _ => Kind::Other,
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let described = DisplayErrorContext(&error).to_string();
        match &error {
            SdkError::ServiceError(_) => {
                let code = error.code().map(ToOwned::to_owned);
                Self {
                    kind: code.as_deref().map_or(Kind::Other, kind_of),
                    message: error.message().map_or_else(|| code.clone().unwrap_or(described), ToOwned::to_owned),
                    code,
                }
            }
            SdkError::DispatchFailure(failure) => {
                // The SDK has no type for this case; its own words are the only sign.
                let credentials = failure.is_other() && described.contains("credentials");
                let kind = if credentials { Kind::NoCredentials } else { Kind::Unreachable };
                Self { kind, code: None, message: described }
            }
            SdkError::TimeoutError(_) => {
                Self { kind: Kind::Unreachable, code: None, message: "no answer in time".into() }
            }
            _ => Self { kind: Kind::Other, code: None, message: described },
        }
    }
}

impl Fault {
    /// The failure of a command that was doing this, in words that go behind "failed to".
    pub fn into_error(self, doing: &str) -> Error {
        let message = format!("failed to {doing}");
        let (exit, code, hint) = match self.kind {
            Kind::NoCredentials => (
                Exit::Access,
                "no-credentials",
                Some(
                    "Give credentials in one of three ways: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment;\n\
                     a profile of ~/.aws/config, named by --profile or AWS_PROFILE; or a sign-on with `aws sso login`.\n\
                     Or deploy to the local emulator, which needs no account: provisioner up -s local",
                ),
            ),
            Kind::Expired => (
                Exit::Access,
                "expired-credentials",
                Some(
                    "Renew the credentials (for example `aws sso login`) and run the same command again: it goes on where this one stopped.",
                ),
            ),
            Kind::InvalidCredentials => (
                Exit::Access,
                "invalid-credentials",
                Some("Check the access key and its secret, or choose another profile with --profile."),
            ),
            Kind::Denied => {
                (Exit::Access, "denied", Some("The policy that the caller needs is in policies/provisioner.json."))
            }
            Kind::Unreachable => {
                (Exit::Access, "unreachable", Some("Check the network, the region's name and --endpoint-url."))
            }
            Kind::Throttled => {
                (Exit::Failure, "throttled", Some("The service is busy; run the same command again in a minute."))
            }
            Kind::NotFound => (Exit::Failure, "not-found", None),
            Kind::AlreadyExists => (Exit::Failure, "already-exists", None),
            Kind::Other => (Exit::Failure, "service", None),
        };
        let mut error = Error::new(exit, code, message).source(self);
        error.hint = hint.map(ToOwned::to_owned);
        error
    }
}
