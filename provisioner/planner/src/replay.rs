//! Events that the provisioner sends itself: notifications of S3 with a request to the handler. Pure.

use handler_contract::{Request, Timestamp, Upload, request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::reconcile::Finding;

/// The event of an upload with a request (S3 user guide, "Event message structure": keys are form-encoded).
pub fn event(upload: &Upload, request: &Request) -> Value {
    let mut object = json!({ "key": utf8_percent_encode(&upload.key, NON_ALPHANUMERIC).to_string() });
    let texts = [("eTag", &upload.e_tag), ("versionId", &upload.version_id), ("sequencer", &upload.sequencer)];
    for (name, value) in texts {
        if let Some(value) = value {
            object[name] = json!(value);
        }
    }
    if let Some(size) = upload.size {
        object["size"] = json!(size);
    }
    json!({ "Records": [{
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "eventTime": upload.uploaded_at,
        "s3": { "bucket": { "name": upload.bucket }, "object": object },
        request::MEMBER: request,
    }]})
}

/// The upload of a file without a record. In a bucket that keeps versions, a file from before that has the version `null`.
pub fn upload_of_finding(bucket: &str, versioned: bool, finding: &Finding) -> Option<Upload> {
    Some(Upload {
        bucket: bucket.to_owned(),
        key: finding.key.clone(),
        version_id: finding.version_id.clone().or_else(|| versioned.then(|| "null".to_owned())),
        e_tag: finding.e_tag.clone().filter(|e_tag| !e_tag.is_empty()),
        sequencer: None,
        size: finding.size,
        uploaded_at: Timestamp::parse(&finding.uploaded_at).ok()?,
    })
}

/// The upload that a record describes; `None` for an item that is not a record.
pub fn upload_of_record(record: &Value) -> Option<Upload> {
    let text = |name: &str| record[name].as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    Some(Upload {
        bucket: text("bucket")?,
        key: text("objectKey")?,
        version_id: text("versionId"),
        e_tag: text("eTag"),
        sequencer: text("sequencer"),
        size: Some(record["fileSize"].as_u64()?),
        uploaded_at: Timestamp::parse(record["uploadedAt"].as_str()?).ok()?,
    })
}

/// What became of an event that was sent, by the outcome that the handler names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A record with the status SUCCESS was written.
    Stored,
    /// A record with the status FAILED was written.
    Rejected,
    /// The record that the table has stays: it exists, or it is newer than this run.
    Duplicate,
    /// The object could not be read, or not to its end in time. Its record stays.
    Unreadable,
    /// The object has no content.
    Ignored,
    /// The invocation failed.
    Failed,
}

impl Outcome {
    /// The outcome in the handler's answer to an event with one record; `None` for another answer.
    pub fn in_answer(answer: &Value) -> Option<Self> {
        let [file] = answer["files"].as_array()?.as_slice() else { return None };
        Some(match file["outcome"].as_str()? {
            "stored" => Self::Stored,
            "rejected" => Self::Rejected,
            "duplicate" => Self::Duplicate,
            "unreadable" => Self::Unreadable,
            "ignored" => Self::Ignored,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::FindingKind;

    #[test]
    fn an_event_names_the_upload_and_the_request() {
        let finding = Finding {
            kind: FindingKind::FileWithoutRecord,
            key: "a b/\u{e4}+%.txt".into(),
            version_id: None,
            document_id: None,
            other_document_id: None,
            uploaded_at: "2026-11-22T16:33:49.000Z".into(),
            size: Some(3),
            e_tag: Some("e".into()),
            recorded_size: None,
            recorded_e_tag: None,
        };
        let upload = upload_of_finding("uploads", false, &finding).unwrap();
        let event = event(&upload, &Request::Missing);
        let record = &event["Records"][0];
        assert_eq!(record["s3"]["object"], json!({ "key": "a%20b%2F%C3%A4%2B%25%2Etxt", "eTag": "e", "size": 3 }));
        assert_eq!(record["provisionerRequest"], json!({ "purpose": "missing" }));
        assert_eq!(record["eventTime"], "2026-11-22T16:33:49.000Z");
        let with_versions = upload_of_finding("uploads", true, &finding).unwrap();
        assert_eq!(with_versions.version_id.as_deref(), Some("null"));
        assert_eq!(with_versions.content_id(), upload.content_id());
    }

    #[test]
    fn a_record_gives_back_the_identity_of_its_upload() {
        let upload = Upload {
            bucket: "uploads".into(),
            key: "a/b.txt".into(),
            version_id: None,
            e_tag: Some("e".into()),
            sequencer: Some("01".into()),
            size: Some(3),
            uploaded_at: Timestamp::parse("2026-11-22T16:33:49.120Z").unwrap(),
        };
        let item = json!({ "bucket": "uploads", "objectKey": "a/b.txt", "eTag": "e", "sequencer": "01", "fileSize": 3,
            "uploadedAt": "2026-11-22T16:33:49.120Z", "status": "SUCCESS" });
        assert_eq!(upload_of_record(&item), Some(upload));
        for name in ["bucket", "objectKey", "fileSize", "uploadedAt"] {
            let mut incomplete = item.clone();
            incomplete.as_object_mut().unwrap().remove(name);
            assert_eq!(upload_of_record(&incomplete), None, "{name}");
        }
    }

    #[test]
    fn every_outcome_of_the_handler_has_its_row() {
        for (name, outcome) in [
            ("stored", Some(Outcome::Stored)),
            ("rejected", Some(Outcome::Rejected)),
            ("duplicate", Some(Outcome::Duplicate)),
            ("unreadable", Some(Outcome::Unreadable)),
            ("ignored", Some(Outcome::Ignored)),
            ("retry", None),
            ("", None),
        ] {
            let answer = json!({ "files": [{ "documentId": "d", "outcome": name }] });
            assert_eq!(Outcome::in_answer(&answer), outcome, "{name}");
        }
        for other in
            [json!(null), json!({ "files": [] }), json!({ "files": [{}, {}] }), json!({ "batchItemFailures": [] })]
        {
            assert_eq!(Outcome::in_answer(&other), None, "{other}");
        }
    }
}
