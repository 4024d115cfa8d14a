//! A message in the queue of failed events: what Lambda sends to an on-failure destination after the last attempt. Pure.
//!
//! Source: AWS Lambda developer guide, "Capturing records of Lambda asynchronous invocations".

use handler_contract::{Timestamp, Upload};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// An event that failed every attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedEvent {
    /// When Lambda gave up; `None` where the record does not have it.
    pub time: Option<Timestamp>,
    /// The id of the invocations, which all attempts of one event share.
    pub request_id: Option<String>,
    /// Why Lambda gave up: `RetriesExhausted` or `EventAgeExceeded`.
    pub condition: Option<String>,
    /// The number of attempts.
    pub attempts: Option<u64>,
    /// The type of the function's error, such as `Retry`.
    pub error_type: Option<String>,
    /// The function's error message.
    pub error_message: Option<String>,
    /// The uploads that the event names; empty for an event that is no notification of S3.
    pub uploads: Vec<Upload>,
    /// The event.
    pub payload: Value,
}

impl FailedEvent {
    /// Reads the body of a message; `None` if it contains no event.
    pub fn parse(body: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(body).ok()?;
        let payload = record.get("requestPayload").filter(|payload| payload.is_object())?.clone();
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        let (context, error) = (&record["requestContext"], &record["responsePayload"]);
        Some(Self {
            time: record["timestamp"].as_str().and_then(|time| Timestamp::parse(time).ok()),
            request_id: text(&context["requestId"]),
            condition: text(&context["condition"]),
            attempts: context["approximateInvokeCount"].as_u64(),
            error_type: text(&error["errorType"]).or_else(|| text(&record["responseContext"]["functionError"])),
            error_message: text(&error["errorMessage"]),
            uploads: uploads(&payload),
            payload,
        })
    }

    /// What failed, as one word: the code of the service that the handler's message names, such as `AccessDenied`; else
    /// the type of the function's error, else the condition under which Lambda gave up.
    pub fn code(&self) -> &str {
        service_code(self.reason_of_first())
            .or(self.error_type.as_deref())
            .or(self.condition.as_deref())
            .unwrap_or("Unknown")
    }

    /// Why it failed, in the words of the function, without the name of the first object; else in the words of Lambda.
    pub fn reason(&self) -> &str {
        let reason = self.reason_of_first();
        if reason.is_empty() { self.condition.as_deref().unwrap_or("no reason given") } else { reason }
    }

    /// Whether the function's process ended instead of answering: Lambda's own errors have types like `Runtime.ExitError`, the
    /// handler's have others.
    pub fn is_crash(&self) -> bool {
        self.error_type.as_deref().is_some_and(|kind| kind.starts_with("Runtime."))
    }

    /// The error message without the name of the first object, which whoever uploads chooses.
    fn reason_of_first(&self) -> &str {
        let message = self.error_message.as_deref().unwrap_or_default();
        let name = self.uploads.first().map(|upload| format!("{}/{}: ", upload.bucket, upload.key)).unwrap_or_default();
        message.strip_prefix(name.as_str()).unwrap_or(message)
    }

    /// The keys of its objects; empty for an event that is no notification of S3.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.uploads.iter().map(|upload| upload.key.as_str())
    }
}

/// The code of a service in a message of the handler: a word like `AccessDenied` or `KMS.DisabledException`.
fn service_code(message: &str) -> Option<&str> {
    if message.contains("S3 denied the read") {
        return Some("AccessDenied");
    }
    // `HTTP 400 ValidationException: …`, which the handler writes for every answer of a service.
    let mut words = message.split(' ').skip_while(|word| *word != "HTTP").skip(1);
    let status = words.next()?;
    let code = words.next()?.trim_end_matches(':');
    let is_code = code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        && code.starts_with(|c: char| c.is_ascii_uppercase());
    (status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit()) && is_code).then_some(code)
}

/// The uploads that a notification of S3 names, also inside the envelope of an earlier delivery.
fn uploads(event: &Value) -> Vec<Upload> {
    let event = if event["requestPayload"].is_object() { &event["requestPayload"] } else { event };
    event["Records"].as_array().into_iter().flatten().filter_map(upload).collect()
}

/// S3 user guide, "Event message structure": keys are form-encoded.
fn upload(record: &Value) -> Option<Upload> {
    let object = &record["s3"]["object"];
    let spaced = object["key"].as_str()?.replace('+', " ");
    let text = |name: &str| object[name].as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let time = record["eventTime"].as_str().and_then(|time| Timestamp::parse(time).ok());
    Some(Upload {
        bucket: record["s3"]["bucket"]["name"].as_str()?.to_owned(),
        key: percent_decode_str(&spaced).decode_utf8_lossy().into_owned(),
        version_id: text("versionId"),
        e_tag: text("eTag").map(|tag| tag.trim_matches('"').to_owned()),
        sequencer: text("sequencer"),
        size: object["size"].as_u64(),
        uploaded_at: time.or_else(|| Timestamp::from_unix_millis(0))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(message: &str) -> String {
        json!({
            "version": "1.0",
            "timestamp": "2026-11-26T12:00:00.000Z",
            "requestContext": { "requestId": "r-1", "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
            "requestPayload": { "Records": [{
                "eventTime": "2026-11-26T11:57:00.000Z",
                "s3": { "bucket": { "name": "b" }, "object": { "key": "in/a+b%C3%A4.txt", "size": 3, "sequencer": "01" } },
            }]},
            "responseContext": { "statusCode": 200, "functionError": "Unhandled" },
            "responsePayload": { "errorType": "Retry", "errorMessage": message },
        })
        .to_string()
    }

    #[test]
    fn a_message_of_lambda_is_read_whole() {
        let event =
            FailedEvent::parse(&body("b/in/a bä.txt: failed to read the object: HTTP 503 SlowDown: wait")).unwrap();
        assert_eq!((event.request_id.as_deref(), event.attempts), (Some("r-1"), Some(3)));
        assert_eq!(event.time.as_ref().map(Timestamp::as_str), Some("2026-11-26T12:00:00.000Z"));
        assert_eq!(event.keys().collect::<Vec<_>>(), ["in/a bä.txt"]);
        assert_eq!(event.uploads[0].sequencer.as_deref(), Some("01"));
        assert_eq!(event.code(), "SlowDown");
        assert_eq!(event.reason(), "failed to read the object: HTTP 503 SlowDown: wait");
    }

    #[test]
    fn what_contains_no_event_is_unreadable() {
        for other in ["", "hello", "{}", r#"{"requestPayload":"text"}"#, r#"{"requestPayload":null}"#, "[1]"] {
            assert_eq!(FailedEvent::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_code_is_that_of_the_service_else_of_the_function_else_of_lambda() {
        for (message, code) in [
            ("b/k: failed to read the object: HTTP 503 SlowDown: Please reduce", "SlowDown"),
            ("b/k: failed to write the record: HTTP 400 ValidationException: too large", "ValidationException"),
            ("b/k: S3 denied the read (no): the function's role may not", "AccessDenied"),
            ("b/k: failed to read the object: connection reset", "Retry"),
            ("b/in/a bä.txt: failed to read the object: HTTP 503 SlowDown: slow", "SlowDown"),
            ("b/k: HTTP 500 the answer has no code", "Retry"),
        ] {
            assert_eq!(FailedEvent::parse(&body(message)).unwrap().code(), code, "{message}");
        }
        let named = json!({
            "requestPayload": { "Records": [{ "s3": { "bucket": { "name": "b" }, "object": { "key": "HTTP+503+Faked:" } } }] },
            "responsePayload": { "errorType": "Retry", "errorMessage": "b/HTTP 503 Faked:: failed to read: reset" },
        });
        assert_eq!(FailedEvent::parse(&named.to_string()).unwrap().code(), "Retry", "a key is no code");
        let without = |record: Value| FailedEvent::parse(&record.to_string()).unwrap().code().to_owned();
        assert_eq!(
            without(json!({"requestPayload": {}, "requestContext": {"condition": "EventAgeExceeded"}})),
            "EventAgeExceeded"
        );
        assert_eq!(
            without(json!({"requestPayload": {}, "responseContext": {"functionError": "Unhandled"}})),
            "Unhandled"
        );
        assert_eq!(without(json!({"requestPayload": {}})), "Unknown");
    }

    #[test]
    fn an_error_of_the_runtime_is_a_crash() {
        for (kind, is_crash) in
            [("Runtime.ExitError", true), ("Retry", false), ("Sandbox.Timedout", false), ("", false)]
        {
            let record = json!({ "requestPayload": {}, "responsePayload": { "errorType": kind } });
            assert_eq!(FailedEvent::parse(&record.to_string()).unwrap().is_crash(), is_crash, "{kind}");
        }
    }

    #[test]
    fn an_event_in_an_envelope_names_its_uploads_too() {
        let inner = json!({ "Records": [{ "s3": { "bucket": { "name": "b" }, "object": { "key": "k" } } }] });
        let body = json!({ "requestPayload": { "requestPayload": inner } }).to_string();
        assert_eq!(FailedEvent::parse(&body).unwrap().keys().collect::<Vec<_>>(), ["k"]);
    }
}
