//! Names of the stack's outputs.

/// The bucket that files are dropped into.
pub const BUCKET_NAME: &str = "BucketName";
/// The table of records.
pub const TABLE_NAME: &str = "TableName";
/// The function.
pub const FUNCTION_NAME: &str = "FunctionName";
/// The queue of events that failed every attempt.
pub const QUEUE_URL: &str = "QueueUrl";
/// The function's log group.
pub const LOG_GROUP_NAME: &str = "LogGroupName";
