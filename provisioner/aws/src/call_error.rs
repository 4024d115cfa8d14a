//! Converts SDK errors to [`provisioner_model::call_error::CallError`].

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use provisioner_model::call_error::{CallError, Kind, kind, kind_of_other};

/// The messages of an error and of what caused it, without the answer's bytes that the SDK would print along.
fn described(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// What a failed call of the SDK means.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let described = described(&error);
    match &error {
        SdkError::ServiceError(_) => {
            let code = error.code().map(ToOwned::to_owned);
            let status = error.raw_response().map(|response| response.status().as_u16());
            CallError {
                kind: kind(code.as_deref(), error.message().unwrap_or_default(), status),
                message: error.message().map_or_else(|| code.clone().unwrap_or(described), ToOwned::to_owned),
                code,
            }
        }
        SdkError::DispatchFailure(failure) => {
            let kind = if failure.is_other() { kind_of_other(&described) } else { Kind::Unreachable };
            CallError { kind, code: None, message: described }
        }
        SdkError::TimeoutError(_) => {
            CallError { kind: Kind::Unreachable, code: None, message: "no answer in time".into() }
        }
        // The connection broke during the response.
        SdkError::ResponseError(_) => CallError { kind: Kind::Unreachable, code: None, message: described },
        _ => CallError { kind: Kind::Other, code: None, message: described },
    }
}

/// The error of `AssumeRole`, if it is the reason why a call has no credentials: for a role of the command line or of the
/// profile.
pub(super) fn refused_role(error: &(dyn std::error::Error + 'static)) -> Option<CallError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<aws_sdk_sts::operation::assume_role::AssumeRoleError>() {
            let message = refusal.message().unwrap_or("it gives no reason");
            return Some(CallError {
                kind: kind(refusal.code(), message, None),
                code: refusal.code().map(ToOwned::to_owned),
                message: message.to_owned(),
            });
        }
        next = error.source();
    }
    None
}
