//! The clock of S3, which dates objects.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use provisioner_model::call_error::CallError;

use super::Aws;
use super::call_error::from_sdk;

/// Asks whether the bucket is there and ours, and how far S3's clock is ahead of this one: milliseconds, exact to
/// about a second.
pub async fn ahead(aws: &Aws, bucket: &str) -> Result<i64, CallError> {
    let date = DateHeader::default();
    let asked = SystemTime::now();
    aws.s3()
        .head_bucket()
        .bucket(bucket)
        .expected_bucket_owner(&aws.account)
        .customize()
        .interceptor(date.clone())
        .send()
        .await
        .map_err(from_sdk)?;
    let theirs = date.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(theirs.map_or(0, |theirs| theirs - unix_millis(asked)))
}

/// Milliseconds since the Unix epoch; 0 for a time before it.
pub(crate) fn unix_millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Keeps the `Date` header of an answer, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Default)]
struct DateHeader(Arc<Mutex<Option<i64>>>);

impl Intercept for DateHeader {
    fn name(&self) -> &'static str {
        "DateHeader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let millis = date
            .and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok())
            .and_then(|date| date.to_millis().ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = millis;
        Ok(())
    }
}
