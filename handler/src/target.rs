//! Which record an upload has, and on which condition it is written. Pure.
//!
//! | event | record | written |
//! | --- | --- | --- |
//! | of S3, in time | that of the event ([`Upload::document_id`]) | if there is none, or a FAILED one that can now be read |
//! | of S3, late, in a bucket without versions | that of the event if it exists, else that of the content ([`Upload::content_id`]) | the same |
//! | of `reconcile --fix` | that of the version, or in a bucket without versions that of the content | the same |
//! | of `reprocess` | the one that it names | if that one is older than the run |
//!
//! A listing of a bucket without versions has no sequencer, so what `reconcile` sends cannot have the record of its event.
//! A late event is looked for under both.

use handler_contract::{DocumentId, Request, Status, Timestamp, Upload};

/// The record, or records, in which an upload may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One record.
    One {
        /// Its id.
        id: DocumentId,
        /// When it may be written.
        rule: WriteRule,
    },
    /// That of the event if it exists, else that of the content.
    Late {
        /// The id that follows from the event.
        by_event: DocumentId,
        /// The id that follows from the content.
        by_content: DocumentId,
    },
}

/// When a record may be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteRule {
    /// If there is none, or a FAILED one in place of a SUCCESS.
    First,
    /// If there is a FAILED one in place of a SUCCESS.
    Improve,
    /// As [`Self::First`], but a FAILED record of another upload of the same bytes stays.
    FirstOfContent {
        /// The upload's sequencer.
        sequencer: Option<String>,
    },
    /// If there is one, and it is older than the run.
    Replace {
        /// When the run was requested.
        requested_at: Timestamp,
    },
}

/// A request that names the record of another upload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the request to process {key} again names the record {document_id}, which is of another upload")]
pub struct ForeignRecord {
    key: String,
    document_id: String,
}

impl Target {
    /// The record of an upload at this time, in milliseconds since the Unix epoch.
    pub fn of(upload: &Upload, request: Option<&Request>, now: i64) -> Result<Self, ForeignRecord> {
        let by_event = upload.document_id();
        let by_content = upload.content_id();
        Ok(match (request, by_content) {
            (None, Some(by_content)) if upload.is_late(now) => Self::Late { by_event, by_content },
            (None, _) | (Some(Request::Missing), None) => Self::One { id: by_event, rule: WriteRule::First },
            (Some(Request::Missing), Some(id)) => {
                Self::One { id, rule: WriteRule::FirstOfContent { sequencer: upload.sequencer.clone() } }
            }
            (Some(Request::Reprocess { document_id, requested_at }), by_content) => {
                let ids = [Some(by_event), by_content];
                let id = ids
                    .into_iter()
                    .flatten()
                    .find(|id| id.to_string() == *document_id)
                    .ok_or_else(|| ForeignRecord { key: upload.key.clone(), document_id: document_id.clone() })?;
                Self::One { id, rule: WriteRule::Replace { requested_at: requested_at.clone() } }
            }
        })
    }
}

/// The condition that a record is written on, in the words of `DynamoDB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The condition expression.
    pub expression: &'static str,
    /// The attribute names of its `#` placeholders (`status` is a reserved word).
    pub names: &'static [(&'static str, &'static str)],
    /// The texts of its `:` placeholders.
    pub values: Vec<(&'static str, String)>,
}

const STATUS: &[(&str, &str)] = &[("#status", "status")];

impl WriteRule {
    /// The condition for a record with this status.
    ///
    /// A FAILED record may describe a temporary state of the object (deleted, overwritten, too slow to read), so a
    /// delivery that did read it may replace the record. Only a run of `reprocess` ever replaces a SUCCESS, and only a
    /// later run what such a run has written.
    pub fn condition(&self, status: Status) -> Condition {
        let failed = || vec![(":failed", Status::Failed.to_string())];
        match (self, status) {
            (Self::First, Status::Success) => Condition {
                expression: "attribute_not_exists(documentId) OR \
                             (#status = :failed AND attribute_not_exists(reprocessedAt))",
                names: STATUS,
                values: failed(),
            },
            (Self::First | Self::FirstOfContent { .. }, Status::Failed) => {
                Condition { expression: "attribute_not_exists(documentId)", names: &[], values: Vec::new() }
            }
            (Self::Improve, Status::Success) => Condition {
                expression: "#status = :failed AND attribute_not_exists(reprocessedAt)",
                names: STATUS,
                values: failed(),
            },
            // Never true. The failed condition returns the record, without a permission to read.
            (Self::Improve, Status::Failed) => Condition {
                expression: "attribute_exists(documentId) AND attribute_not_exists(documentId)",
                names: &[],
                values: Vec::new(),
            },
            (Self::FirstOfContent { sequencer: None }, Status::Success) => Condition {
                expression: "attribute_not_exists(documentId) OR (#status = :failed AND \
                             attribute_not_exists(reprocessedAt) AND attribute_not_exists(sequencer))",
                names: STATUS,
                values: failed(),
            },
            (Self::FirstOfContent { sequencer: Some(sequencer) }, Status::Success) => Condition {
                expression: "attribute_not_exists(documentId) OR (#status = :failed AND \
                             attribute_not_exists(reprocessedAt) AND \
                             (attribute_not_exists(sequencer) OR sequencer = :sequencer))",
                names: STATUS,
                values: [failed(), vec![(":sequencer", sequencer.clone())]].concat(),
            },
            (Self::Replace { requested_at }, _) => Condition {
                expression: "(attribute_not_exists(reprocessedAt) AND processedAt < :requestedAt) OR \
                             reprocessedAt < :requestedAt",
                names: &[],
                values: vec![(":requestedAt", requested_at.to_string())],
            },
        }
    }

    /// The run that a record is written by.
    pub fn requested_at(&self) -> Option<&Timestamp> {
        match self {
            Self::Replace { requested_at } => Some(requested_at),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(version: Option<&str>, sequencer: Option<&str>) -> Upload {
        Upload {
            bucket: "uploads".to_owned(),
            key: "a.txt".to_owned(),
            version_id: version.map(Into::into),
            e_tag: Some("e".to_owned()),
            sequencer: sequencer.map(Into::into),
            size: Some(1),
            uploaded_at: Timestamp::parse("2026-11-22T16:00:00Z").unwrap(),
        }
    }

    #[test]
    fn each_kind_of_event_has_its_row() {
        let (event, listed, version) = (upload(None, Some("01")), upload(None, None), upload(Some("v"), Some("01")));
        let put = event.uploaded_at.unix_millis();
        let (early, late) = (put + 1_000, put + 3_600_000);
        let one = |id, rule| Ok(Target::One { id, rule });
        let content = event.content_id().unwrap();
        let requested_at = event.uploaded_at.clone();
        let again =
            |id: DocumentId| Request::Reprocess { document_id: id.to_string(), requested_at: requested_at.clone() };
        let replace = || WriteRule::Replace { requested_at: requested_at.clone() };
        let foreign = again(upload(None, Some("02")).document_id());
        for (upload, request, now, expected) in [
            (&event, None, early, one(event.document_id(), WriteRule::First)),
            (&event, None, late, Ok(Target::Late { by_event: event.document_id(), by_content: content })),
            (&version, None, late, one(version.document_id(), WriteRule::First)),
            (&listed, Some(Request::Missing), early, one(content, WriteRule::FirstOfContent { sequencer: None })),
            (&version, Some(Request::Missing), late, one(version.document_id(), WriteRule::First)),
            (&event, Some(again(event.document_id())), late, one(event.document_id(), replace())),
            (&event, Some(again(content)), late, one(content, replace())),
            (&version, Some(again(version.document_id())), late, one(version.document_id(), replace())),
        ] {
            assert_eq!(Target::of(upload, request.as_ref(), now), expected, "{upload:?} {request:?}");
        }
        let refused = Target::of(&event, Some(&foreign), late).unwrap_err().to_string();
        assert!(refused.contains("of another upload"), "{refused}");
    }
}
