//! Classifies failed AWS calls by their error code, in one pure table. `provisioner_aws` converts SDK errors to it.

use crate::error::{Error, Exit};

/// The kinds of failure that the provisioner treats differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There are no credentials, or they cannot be loaded.
    NoCredentials,
    /// The profile uses IAM Identity Center, and there is no valid session.
    SsoSessionMissing,
    /// The profile uses `aws login`, whose session this program cannot read.
    LoginSession,
    /// There is no profile of that name.
    NoProfile,
    /// The credentials have expired.
    Expired,
    /// The credentials are not valid.
    InvalidCredentials,
    /// The service refuses the request's time: the clock of this machine is wrong.
    ClockSkew,
    /// The caller lacks a permission.
    Denied,
    /// The resource does not exist.
    NotFound,
    /// The resource exists already.
    AlreadyExists,
    /// The resource exists already and belongs to the caller.
    AlreadyOwnedByYou,
    /// The service asks to slow down, and retries did not help.
    Throttled,
    /// A quota of the account is reached.
    Quota,
    /// An update would change nothing.
    NoUpdates,
    /// The stack or resource is being changed by another operation.
    Busy,
    /// The resource was changed by another user or process meanwhile.
    Superseded,
    /// The stack is protected from deletion.
    Protected,
    /// The bucket still holds objects.
    NotEmpty,
    /// The service cannot be reached.
    Unreachable,
    /// The service's certificate is not of an authority that is trusted.
    Untrusted,
    /// Something other than AWS answered, such as a proxy or the sign-in page of a network.
    NotAws,
    /// The service answers that it has a fault of its own.
    Unavailable,
    /// Anything else.
    Other,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// The classification.
    pub kind: Kind,
    /// The service's error code, if it answered.
    pub code: Option<String>,
    /// The message of the service or of the connection.
    pub message: String,
}

/// Classifies a service's response by its error code; by its message if the code is ambiguous; by the HTTP status if it
/// has neither (the response to a HEAD request has no body).
pub fn kind(code: Option<&str>, message: &str, status: Option<u16>) -> Kind {
    match (code, status) {
        (Some("ValidationError"), _) => kind_by_words(message, &WORDS_OF_VALIDATION_ERRORS).unwrap_or(Kind::Other),
        (Some("SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure"), _) => {
            kind_by_words(message, &WORDS_OF_SIGNATURE_ERRORS).unwrap_or(Kind::InvalidCredentials)
        }
        (Some(code), status) => match kind_of(code) {
            Kind::Other if status.is_some_and(|status| status >= 500) => Kind::Unavailable,
            kind => kind,
        },
        (None, Some(403)) => Kind::Denied,
        (None, Some(404)) => Kind::NotFound,
        (None, Some(429 | 503)) => Kind::Throttled,
        (None, Some(500..)) => Kind::Unavailable,
        (None, _) => Kind::Other,
    }
}

/// CloudFormation uses one code for all invalid requests, so the message is the only distinction.
const WORDS_OF_VALIDATION_ERRORS: [(&str, Kind); 5] = [
    ("No updates are to be performed", Kind::NoUpdates),
    ("does not exist", Kind::NotFound),
    ("TerminationProtection is enabled", Kind::Protected),
    ("cannot be called from current stack status", Kind::Busy),
    ("_IN_PROGRESS", Kind::Busy),
];

/// A signature that is right and of another time has the code of a wrong one.
const WORDS_OF_SIGNATURE_ERRORS: [(&str, Kind); 3] = [
    ("Signature expired", Kind::ClockSkew),
    ("Signature not yet current", Kind::ClockSkew),
    ("not within a reasonable time", Kind::ClockSkew),
];

/// Why a call could not even be signed. The SDK has no types for these cases; its own words are the only sign.
const WORDS_OF_OTHER_FAILURES: [(&str, Kind); 7] = [
    ("was not defined", Kind::NoProfile),
    ("could not find source profile", Kind::NoProfile),
    ("login session", Kind::LoginSession),
    ("SSO token", Kind::SsoSessionMissing),
    ("/sso/cache/", Kind::SsoSessionMissing),
    ("credentials", Kind::NoCredentials),
    ("credential provider", Kind::NoCredentials),
];

/// The kind of the first row whose words occur in the text.
fn kind_by_words(text: &str, table: &[(&str, Kind)]) -> Option<Kind> {
    table.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind)
}

/// Classifies a call that could not be sent, by the SDK's message.
pub fn kind_of_other(described: &str) -> Kind {
    kind_by_words(described, &WORDS_OF_OTHER_FAILURES).unwrap_or(Kind::Unreachable)
}

/// What it means that a connection failed, by the words of the TLS library.
pub fn kind_of_connection(described: &str) -> Kind {
    kind_by_words(described, &[("invalid peer certificate", Kind::Untrusted)]).unwrap_or(Kind::Unreachable)
}

/// What an error code means.
pub fn kind_of(code: &str) -> Kind {
    match code {
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => Kind::Expired,
        "RequestTimeTooSkewed" | "RequestInTheFuture" => Kind::ClockSkew,
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
        | "ChangeSetNotFoundException"
        | "NoSuchUpload"
        | "NoSuchBucketPolicy"
        | "NoSuchLifecycleConfiguration"
        | "NoSuchPublicAccessBlockConfiguration"
        | "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist" => Kind::NotFound,
        "AlreadyExistsException" | "BucketAlreadyExists" | "EntityAlreadyExists" => Kind::AlreadyExists,
        "BucketAlreadyOwnedByYou" => Kind::AlreadyOwnedByYou,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "PriorRequestNotComplete"
        | "BandwidthLimitExceeded" => Kind::Throttled,
        // CloudFormation, IAM, Lambda, CloudWatch Logs, SQS and S3. DynamoDB's control plane has the first one for too many
        // changes at the same time, which `provisioner_aws::table` knows.
        "LimitExceededException"
        | "LimitExceeded"
        | "ServiceQuotaExceededException"
        | "CodeStorageExceededException"
        | "OverLimit"
        | "TooManyBuckets" => Kind::Quota,
        "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError" => Kind::Unavailable,
        "InvalidChangeSetStatus"
        | "InvalidChangeSetStatusException"
        | "OperationAborted"
        | "OperationInProgressException"
        | "ResourceInUseException"
        | "ResourceConflictException" => Kind::Busy,
        "PreconditionFailedException" => Kind::Superseded,
        "BucketNotEmpty" => Kind::NotEmpty,
        _ => Kind::Other,
    }
}

impl CallError {
    /// Converts to the error of a command; `doing` completes "failed to …".
    #[expect(clippy::too_many_lines, reason = "one table: a row for each kind")]
    pub fn into_error(self, doing: &str) -> Error {
        let message = format!("failed to {doing}");
        let (exit, code, hint) = match self.kind {
            Kind::NoCredentials => (
                Exit::Access,
                "no-credentials",
                Some(
                    "Give credentials in one of three ways: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment;\n\
                     a profile of ~/.aws/config, named by --profile or AWS_PROFILE; or a session of `aws sso login`.\n\
                     Or deploy to the local emulator, which needs no account: provisioner up -s local",
                ),
            ),
            Kind::SsoSessionMissing => (
                Exit::Access,
                "signed-off",
                Some("Sign in with: aws sso login --profile NAME. Then run the same command again."),
            ),
            Kind::LoginSession => (
                Exit::Access,
                "login-session",
                Some(
                    "Export its credentials as environment variables: \
                     eval \"$(aws configure export-credentials --profile NAME --format env)\"\n\
                     Then run the same command without --profile.",
                ),
            ),
            Kind::NoProfile => {
                (Exit::Access, "no-profile", Some("List the profiles with: aws configure list-profiles"))
            }
            Kind::Expired => (
                Exit::Access,
                "expired-credentials",
                Some(
                    "Renew the credentials (for example `aws sso login`) and run the same command again: it continues where this one stopped.",
                ),
            ),
            Kind::InvalidCredentials => (
                Exit::Access,
                "invalid-credentials",
                Some(
                    "Check the access key and its secret, or choose another profile with --profile.\n\
                     A Region that the account has not enabled answers the same: aws account list-regions shows which are.",
                ),
            ),
            Kind::ClockSkew => (
                Exit::Access,
                "clock-skew",
                Some(
                    "The clock of this machine is wrong: AWS accepts a difference of five minutes. Set it and try again.",
                ),
            ),
            Kind::Denied => (
                Exit::Access,
                "denied",
                Some("Print the policy that the caller needs, with the same -s: provisioner synth --permissions"),
            ),
            Kind::Untrusted => (
                Exit::Access,
                "certificate",
                Some(
                    "A proxy may present a certificate of its own. Name the file of its authority with AWS_CA_BUNDLE\n\
                     (only its certificates are trusted then), or add it to the system's store.",
                ),
            ),
            Kind::NotAws => (
                Exit::Access,
                "not-aws",
                Some(
                    "A proxy, the sign-in page of a network or another program answers in place of AWS. Sign in to the\n\
                     network in a browser, or check --endpoint-url, HTTPS_PROXY and NO_PROXY.",
                ),
            ),
            Kind::Unreachable => {
                (Exit::Access, "unreachable", Some("Check the network, the region's name and --endpoint-url."))
            }
            Kind::Unavailable => (
                Exit::Failure,
                "unavailable",
                Some("The service has an internal error; run the same command again in a minute."),
            ),
            Kind::Throttled => {
                (Exit::Failure, "throttled", Some("The service is busy; run the same command again in a minute."))
            }
            Kind::Quota => (
                Exit::Failure,
                "quota",
                Some(
                    "A quota of the account is reached; waiting does not help. Delete something of that kind, or raise the \
                     quota in Service Quotas.",
                ),
            ),
            Kind::NotFound => (Exit::Failure, "not-found", None),
            Kind::AlreadyExists | Kind::AlreadyOwnedByYou => (Exit::Failure, "already-exists", None),
            Kind::Busy => (
                Exit::Failure,
                "busy",
                Some("Another operation is running. Run the same command again: it follows that operation first."),
            ),
            Kind::Superseded => (
                Exit::Failure,
                "superseded",
                Some(
                    "Another user or process changed it meanwhile. Run the same command again to see the current plan.",
                ),
            ),
            Kind::Protected => (
                Exit::Refused,
                "termination-protection",
                Some(
                    "Disable it with: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name NAME",
                ),
            ),
            Kind::NotEmpty => (
                Exit::Leftovers,
                "not-empty",
                Some("Another process still writes to the bucket. Stop it and try again."),
            ),
            Kind::NoUpdates | Kind::Other => (Exit::Failure, "service", None),
        };
        let mut error = Error::new(exit, code, message).source(self);
        error.hint = hint.map(ToOwned::to_owned);
        error
    }
}

/// `None` if the resource does not exist.
pub fn optional<T>(result: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        let rows = [
            (Kind::Expired, ["ExpiredToken", "ExpiredTokenException"]),
            (Kind::InvalidCredentials, ["InvalidClientTokenId", "SignatureDoesNotMatch"]),
            (Kind::Denied, ["AccessDenied", "AccessDeniedException"]),
            (Kind::ClockSkew, ["RequestTimeTooSkewed", "RequestInTheFuture"]),
            (Kind::NotFound, ["NoSuchBucket", "ResourceNotFoundException"]),
            (Kind::NotFound, ["ChangeSetNotFound", "NoSuchEntity"]),
            (Kind::NotFound, ["NoSuchBucketPolicy", "NoSuchPublicAccessBlockConfiguration"]),
            (Kind::AlreadyExists, ["AlreadyExistsException", "BucketAlreadyExists"]),
            (Kind::AlreadyOwnedByYou, ["BucketAlreadyOwnedByYou", "BucketAlreadyOwnedByYou"]),
            (Kind::Busy, ["ResourceInUseException", "ResourceInUseException"]),
            (Kind::Throttled, ["Throttling", "SlowDown"]),
            (Kind::Quota, ["LimitExceededException", "LimitExceeded"]),
            (Kind::Quota, ["TooManyBuckets", "OverLimit"]),
            (Kind::Busy, ["OperationAborted", "InvalidChangeSetStatus"]),
            (Kind::Busy, ["ResourceConflictException", "OperationInProgressException"]),
            (Kind::Superseded, ["PreconditionFailedException", "PreconditionFailedException"]),
            (Kind::NotEmpty, ["BucketNotEmpty", "BucketNotEmpty"]),
            (Kind::Unavailable, ["InternalFailure", "ServiceUnavailable"]),
            (Kind::Other, ["ValidationException", "MalformedPolicyDocument"]),
        ];
        for (expected, codes) in rows {
            for code in codes {
                assert_eq!(kind(Some(code), "", Some(400)), expected, "{code}");
            }
        }
    }

    #[test]
    fn words_of_validation_errors() {
        for (message, expected) in [
            ("No updates are to be performed.", Kind::NoUpdates),
            ("Stack with id x does not exist", Kind::NotFound),
            ("Stack [x] cannot be deleted while TerminationProtection is enabled", Kind::Protected),
            ("Stack:arn:x is in UPDATE_IN_PROGRESS state and can not be updated.", Kind::Busy),
            ("CancelUpdateStack cannot be called from current stack status", Kind::Busy),
            ("Template format error: x", Kind::Other),
        ] {
            assert_eq!(kind(Some("ValidationError"), message, Some(400)), expected, "{message}");
        }
    }

    #[test]
    fn words_of_signature_errors() {
        for (message, expected) in [
            (
                "Signature expired: 20261126T1500Z is now earlier than 20261126T1550Z (20261126T1605Z - 15 min.)",
                Kind::ClockSkew,
            ),
            ("Signature not yet current: 20261126T1700Z is still later than 20261126T1620Z", Kind::ClockSkew),
            ("Request timestamp is not within a reasonable time of the server", Kind::ClockSkew),
            (
                "The request signature we calculated does not match the signature you provided.",
                Kind::InvalidCredentials,
            ),
        ] {
            for code in ["SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure"] {
                assert_eq!(kind(Some(code), message, Some(403)), expected, "{code}: {message}");
            }
        }
    }

    #[test]
    fn words_of_credentials_that_are_not_there() {
        let loading = "dispatch failure: other: an error occurred while loading credentials: ";
        for (words, expected) in [
            (
                "an error occurred while loading an access token: failed to load the cached SSO token",
                Kind::SsoSessionMissing,
            ),
            (
                "failed to read `/h/.aws/sso/cache/a5.json`: No such file or directory (os error 2)",
                Kind::SsoSessionMissing,
            ),
            ("In order to use an active login session, the `credentials-login` feature", Kind::LoginSession),
            ("the credential provider was not enabled: profile `x` was not defined", Kind::NoProfile),
            ("external process exited with code exit status: 1", Kind::NoCredentials),
        ] {
            assert_eq!(kind_of_other(&format!("{loading}{words}")), expected, "{words}");
        }
        let none = "dispatch failure: other: the credential provider was not enabled";
        assert_eq!(kind_of_other(none), Kind::NoCredentials);
        assert_eq!(kind_of_other("dispatch failure: other: something else"), Kind::Unreachable);
        assert_eq!(kind_of_connection("no answer from h: invalid peer certificate: UnknownIssuer"), Kind::Untrusted);
        assert_eq!(kind_of_connection("no answer from h: dns error"), Kind::Unreachable);
    }

    #[test]
    fn answers_without_a_body() {
        for (status, expected) in
            [(404, Kind::NotFound), (403, Kind::Denied), (503, Kind::Throttled), (500, Kind::Unavailable)]
        {
            assert_eq!(kind(None, "", Some(status)), expected, "{status}");
        }
        assert_eq!(kind(Some("SomethingNew"), "", Some(502)), Kind::Unavailable);
        assert_eq!(kind(Some("Throttling"), "", Some(503)), Kind::Throttled, "the code has precedence over the status");
    }
}
