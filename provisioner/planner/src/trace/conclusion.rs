//! What became of the newest upload of a file, and what to do.

use handler_contract::{Status, Timestamp};
use provisioner_model::delivery::GRACE_MILLIS;
use provisioner_model::object::ObjectVersion;
use provisioner_model::query::Row;
use provisioner_model::remedy;
use serde_json::Value;

use super::step::{Conclusion, Facts, State, Subject, id_of};
use crate::record_matching::SLACK_MILLIS;

pub(super) fn conclusion(stack: &str, subject: &Subject, facts: &Facts, now: &Timestamp) -> Conclusion {
    let newest = facts
        .versions
        .iter()
        .filter(|version| !version.is_delete_marker)
        .max_by_key(|version| (version.is_latest, version.modified.clone()));
    let record = match newest {
        Some(version) => facts.records.iter().find(|record| is_of_version(subject, record, version)),
        None => facts.records.iter().max_by_key(|record| record["uploadedAt"].as_str().unwrap_or_default().to_owned()),
    };
    let is_gone =
        facts.versions_known && facts.versions.iter().all(|version| version.is_delete_marker || !version.is_latest);
    let deleted = if is_gone { ". The object has been deleted" } else { "" };
    // A FAILED record and an event in the queue: a later delivery failed, and the record says more.
    if let Some(record) = record {
        return of_record(record, deleted);
    }
    let conclusion = |state, what: String, next: Option<String>| Conclusion { state, what: what + deleted, next };
    if let Some(queued) = facts.queued.last() {
        let what = format!("no record: its event failed every attempt and is in the queue ({})", queued.event.code());
        let next = if is_gone {
            format!("An event of a deleted object is dropped by: provisioner redrive -s {stack}")
        } else {
            format!("Fix the cause, then send the event again: provisioner redrive -s {stack}")
        };
        return conclusion(State::Queued, what, Some(next));
    }
    if let Some(reason) = &facts.not_processed {
        let what = format!("no record: the stack does not process this key, which {reason}");
        return conclusion(State::NotProcessed, what, None);
    }
    let age = newest.map(|version| now.unix_millis() - version.modified.unix_millis());
    if age.is_some_and(|age| age < GRACE_MILLIS) {
        let what = "no record yet; Lambda tries for up to six hours".to_owned();
        return conclusion(State::Pending, what, Some(format!("Check the pipeline: provisioner verify -s {stack}")));
    }
    conclusion(
        State::NoRecord,
        "no record, and no event is known that would lead to one".to_owned(),
        (!is_gone).then(|| format!("Upload the file again, and check the pipeline: provisioner verify -s {stack}")),
    )
}

fn of_record(record: &Value, deleted: &str) -> Conclusion {
    if record["status"] == Status::Success.as_str() {
        let what = format!("recorded as {}{deleted}", Status::Success);
        return Conclusion { state: State::Recorded, what, next: None };
    }
    let code = record["errorCode"].as_str().unwrap_or("no code");
    let what = format!("recorded as {}, {code}{deleted}", Status::Failed);
    let next = remedy::code(code).map(|code| format!("{code}: {}", remedy::remedy(code)));
    Conclusion { state: State::Rejected, what, next }
}

/// Whether a record is that of a version: by its id, or without versioning by `ETag` and time.
fn is_of_version(subject: &Subject, record: &Value, version: &ObjectVersion) -> bool {
    if let Some(id) = id_of(subject, version) {
        return record["documentId"] == id.as_str();
    }
    let row = serde_json::from_value::<Row>(record.clone());
    let since = version.modified.unix_millis() - SLACK_MILLIS;
    record["eTag"].as_str() == version.e_tag.as_deref() && row.is_ok_and(|row| row.uploaded_at.unix_millis() >= since)
}
