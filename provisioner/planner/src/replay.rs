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
}
