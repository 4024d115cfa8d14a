//! How long calls may take, by class. A service that accepts a connection and never answers would hold a command for ever.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;

/// The limits of one connection. Tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// To reach a service; name resolution, proxy and TLS included.
    pub connect: Duration,
    /// One attempt of a call that carries no file, up to its parsed answer.
    pub attempt: Duration,
    /// Such a call with all its attempts and the pauses between them.
    pub call: Duration,
    /// Time without progress: of a body that is sent or received, and until the answer after it. A body has no limit in
    /// total, because its size and the line decide how long it takes.
    pub stall: Duration,
    /// `CompleteMultipartUpload` with all its attempts, for which S3 may take minutes (its API reference).
    pub complete: Duration,
    /// How often a call is tried. Control planes throttle early: CloudFormation allows some calls only a few times a second, so
    /// more attempts than the SDK's three are worth their wait.
    pub attempts: u32,
    /// Until CloudFormation has computed a change set, which takes seconds and has no bound of its own.
    pub change_set: Duration,
    /// Until every part of a deleted stack is gone. SQS reports a deleted queue for up to 60 seconds (its API reference,
    /// `DeleteQueue`).
    pub leftovers: Duration,
}

impl Default for TimeLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            attempt: Duration::from_secs(30),
            call: Duration::from_mins(2),
            stall: Duration::from_secs(30),
            complete: Duration::from_mins(5),
            attempts: 8,
            change_set: Duration::from_mins(10),
            leftovers: Duration::from_secs(90),
        }
    }
}

impl TimeLimits {
    /// For calls that carry no file.
    pub(crate) fn control(self) -> TimeoutConfig {
        TimeoutConfig::builder().operation_attempt_timeout(self.attempt).operation_timeout(self.call).build()
    }

    /// For requests with a file in their body: only [`TimeLimits::stall`] limits them.
    pub(crate) fn transfer() -> TimeoutConfig {
        TimeoutConfig::builder().disable_operation_attempt_timeout().disable_operation_timeout().build()
    }

    /// For a synchronous invocation of a function with this timeout, which answers when the function has ended: half a minute
    /// longer than that.
    pub(crate) fn invocation(self, function: Duration) -> TimeoutConfig {
        let limit = function.saturating_add(self.attempt);
        TimeoutConfig::builder().read_timeout(limit).operation_attempt_timeout(limit).operation_timeout(limit).build()
    }

    /// For `CompleteMultipartUpload`. The read timeout is the limit without progress (see [`crate::http`]).
    pub(crate) fn complete(self) -> TimeoutConfig {
        TimeoutConfig::builder()
            .read_timeout(self.complete)
            .operation_attempt_timeout(self.complete)
            .operation_timeout(self.complete)
            .build()
    }
}
