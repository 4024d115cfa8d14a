//! Logical ids of the resources. To change one is to replace the resource in every deployed stack.

/// The bucket that files are dropped into.
pub const BUCKET: &str = "Bucket";
/// The bucket policy; only if TLS is required.
pub const BUCKET_POLICY: &str = "BucketPolicy";
/// The table of records.
pub const TABLE: &str = "Table";
/// The function.
pub const HANDLER: &str = "Handler";
/// The role that the function runs as.
pub const HANDLER_ROLE: &str = "HandlerRole";
/// The function's log group.
pub const HANDLER_LOGS: &str = "HandlerLogs";
/// Lets the bucket, and nothing else, invoke the function.
pub const HANDLER_PERMISSION: &str = "HandlerPermission";
/// How often an event is tried, and where it goes after that.
pub const HANDLER_RETRIES: &str = "HandlerRetries";
/// The queue of events that failed every attempt.
pub const FAILED_EVENTS: &str = "FailedEvents";
/// The queue policy; only if TLS is required.
pub const FAILED_EVENTS_POLICY: &str = "FailedEventsPolicy";
/// The alarm on messages in the queue.
pub const FAILED_EVENTS_ALARM: &str = "FailedEventsAlarm";
