//! From the SDK's failures to ours, which [`provisioner_model::call_error`] distinguishes.

use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::result::ConnectorError;
use provisioner_model::call_error::{CallError, Kind, kind, kind_of_connection, kind_of_other};

use crate::http::HostError;

/// What layers of the SDK and of its HTTP client say of an error whose cause follows. None of it helps a user.
const LAYERS: [&str; 13] = [
    "dispatch failure",
    "service error",
    "response error",
    "request has timed out",
    "unhandled error",
    "io error",
    "timeout",
    "other",
    "client error (Connect)",
    "client error (SendRequest)",
    "tcp connect error",
    "error trying to connect",
    "user error",
];

/// The messages of an error and of what caused it, without the answer's bytes that the SDK would print along.
fn described(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error) {
        let cause_text = cause.to_string();
        if LAYERS.contains(&cause_text.as_str()) || text.contains(&cause_text) {
            continue;
        }
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&cause_text);
    }
    if text.is_empty() { error.to_string() } else { text }
}

fn causes<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// Whether a connection failed. The metadata service of EC2 does not count: elsewhere it is never reached.
fn is_unreachable(error: &(dyn std::error::Error + 'static), described: &str) -> bool {
    let connection = |cause: &(dyn std::error::Error + 'static)| {
        cause.is::<HostError>() || cause.downcast_ref::<ConnectorError>().is_some_and(|e| e.is_io() || e.is_timeout())
    };
    !described.contains("IMDS") && causes(error).any(connection)
}

/// Headers with the id of a request, which every service of AWS gives (AWS SDKs reference, "request ID").
const REQUEST_IDS: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

/// What answered, if it cannot have been AWS: its HTTP status, and a page of HTML. A fault of the service or of what is
/// before it may be a page too. What has a request id was answered by a service: moto calls an empty answer HTML.
fn foreign_page(response: &HttpResponse) -> Option<String> {
    if REQUEST_IDS.iter().any(|name| response.headers().contains_key(*name)) {
        return None;
    }
    let status = response.status().as_u16();
    let html_type = response.headers().get("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    let start: Vec<u8> =
        response.body().bytes().unwrap_or_default().trim_ascii_start().iter().take(16).copied().collect();
    let start = String::from_utf8_lossy(&start).to_ascii_lowercase();
    let page = html_type || start.starts_with("<!doctype html") || start.starts_with("<html");
    // 501 is what servers of files answer to a POST.
    let own_fault = status >= 500 && status != 501;
    (page && !own_fault).then(|| format!("a web page with HTTP status {status}"))
}

/// What a failed call of the SDK means.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn from_sdk<E>(error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(page) = error.raw_response().and_then(foreign_page) {
        return CallError { kind: Kind::NotAws, code: None, message: format!("not AWS answered, but {page}") };
    }
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
            let other = failure.is_other() && !is_unreachable(&error, &described);
            let kind = if other { kind_of_other(&described) } else { kind_of_connection(&described) };
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
    causes(error).find_map(|error| {
        let refusal = error.downcast_ref::<aws_sdk_sts::operation::assume_role::AssumeRoleError>()?;
        let message = refusal.message().unwrap_or("it gives no reason");
        Some(CallError {
            kind: kind(refusal.code(), message, None),
            code: refusal.code().map(ToOwned::to_owned),
            message: message.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_page_without_a_request_id_is_not_of_aws() {
        for (status, headers, body, page) in [
            (404, &[("content-type", "text/html; charset=utf-8")][..], "", true),
            (403, &[], "<!DOCTYPE html><title>Sign in</title>", true),
            (404, &[("content-type", "text/html"), ("x-amzn-requestid", "1")], "", false),
            (404, &[("content-type", "text/html"), ("x-amz-request-id", "1")], "", false),
            (404, &[("content-type", "application/xml")], "<Error/>", false),
            // A fault of a load balancer of AWS.
            (503, &[("content-type", "text/html")], "<html>", false),
        ] {
            let status = status.try_into().expect("a status");
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            for (name, value) in headers {
                response.headers_mut().insert(*name, *value);
            }
            assert_eq!(foreign_page(&response).is_some(), page, "{status:?} {headers:?} {body}");
        }
    }
}
