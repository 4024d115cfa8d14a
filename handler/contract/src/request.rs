//! What the provisioner asks of the handler in events that it sends itself.
//!
//! Such an event is an S3 notification whose record has one more member, [`MEMBER`]. A handler that does not know the
//! member processes the event as if S3 had sent it.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// The member of a record of S3 that holds the request.
pub const MEMBER: &str = "provisionerRequest";

/// Why the provisioner sends an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "purpose", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Request {
    /// The object has no record (`provisioner reconcile --fix`). The event is made from a listing of the bucket, so it has
    /// no sequencer.
    Missing,
    /// The object is to be read again (`provisioner reprocess`).
    Reprocess {
        /// The record to replace. It must be one of the upload.
        document_id: String,
        /// When the run was requested. It orders the runs: a record that was written by a later one, or without one but
        /// after this time, stays.
        requested_at: Timestamp,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spelling_is_pinned() {
        // The deployed handler may be of another version than the provisioner.
        let document_id = "6dcfed7a-f6fd-5ce0-964a-7ab0426018da".to_owned();
        let requested_at = Timestamp::parse("2026-11-22T16:33:49Z").unwrap();
        for (request, json) in [
            (Request::Missing, serde_json::json!({ "purpose": "missing" })),
            (
                Request::Reprocess { document_id, requested_at },
                serde_json::json!({
                    "purpose": "reprocess",
                    "documentId": "6dcfed7a-f6fd-5ce0-964a-7ab0426018da",
                    "requestedAt": "2026-11-22T16:33:49.000Z",
                }),
            ),
        ] {
            assert_eq!(serde_json::to_value(&request).unwrap(), json);
            assert_eq!(serde_json::from_value::<Request>(json).unwrap(), request);
        }
    }
}
