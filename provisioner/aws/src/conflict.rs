//! S3's answer while another change of the same bucket is under way.

use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};

/// What S3 answers right after a bucket of the name was created, deleted or configured (S3 API reference, "Error
/// responses"), with HTTP status 409.
const CONFLICT: (u16, &[u8]) = (409, b"<Code>OperationAborted</Code>");

/// Has the SDK repeat a call that S3 refused because of a conflicting operation, which it does not do by itself.
#[derive(Debug)]
pub(crate) struct RetryConflicts;

impl ClassifyRetry for RetryConflicts {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let (status, code) = CONFLICT;
        let conflicts = context.response().is_some_and(|response| {
            response.status().as_u16() == status
                && response.body().bytes().is_some_and(|body| body.windows(code.len()).any(|part| part == code))
        });
        if conflicts { RetryAction::throttling_error() } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "conflicting operations of S3"
    }
}
