//! What happened to one file, in one list: versions put, events, invocations with their log lines, records, and the place in the
//! queue of failed events, in the order of time. Pure: what was read comes in as [`Facts`].

mod attempts;
mod conclusion;
mod step;

use handler_contract::upload::identifying_version;
use handler_contract::{Timestamp, Upload};
use provisioner_model::object::ObjectVersion;
use serde_json::Value;

pub use attempts::request_ids;
pub use step::{Conclusion, Facts, Invocation, LogLine, Queued, State, Step, Subject, Trace, What};

use step::id_of;

/// Puts together the trace. `now` decides whether a record can still arrive.
pub fn trace(stack: &str, subject: &Subject, facts: Facts, now: &Timestamp) -> Trace {
    let facts = of_subject(subject, facts);
    let mut steps: Vec<Step> = facts.versions.iter().map(|version| of_version(subject, version)).collect();
    steps.extend(facts.records.iter().flat_map(of_record));
    steps.extend(attempts::steps(subject, &facts));
    for queued in &facts.queued {
        steps.extend(of_queued(subject, queued, &facts, now));
    }
    // Steps of the same millisecond stay in the order of a file's way through the pipeline.
    steps.sort_by(|a, b| (&a.time, rank(&a.what)).cmp(&(&b.time, rank(&b.what))));
    for at in 1..steps.len() {
        steps[at].after_millis = Some(steps[at].time.unix_millis() - steps[at - 1].time.unix_millis());
    }
    Trace {
        stack: stack.to_owned(),
        bucket: subject.bucket.clone(),
        key: subject.key.clone(),
        document_id: subject.document_id.clone(),
        conclusion: conclusion::conclusion(stack, subject, &facts, now),
        steps,
        unread: facts.unread,
    }
}

/// The facts that are about the subject.
fn of_subject(subject: &Subject, mut facts: Facts) -> Facts {
    let is_of_key = |upload: &Upload| upload.bucket == subject.bucket && upload.key == subject.key;
    facts.queued.retain(|queued| queued.event.uploads.iter().any(is_of_key));
    let Some(id) = &subject.document_id else { return facts };
    facts.records.retain(|record| record["documentId"] == id.as_str());
    let is_of_id = |upload: &Upload| is_of_key(upload) && upload.document_id().to_string() == *id;
    facts.queued.retain(|queued| queued.event.uploads.iter().any(is_of_id));
    // Without versions there is one object of the key, and the record may be that of an earlier one.
    let versions = facts.versions.iter().any(|version| id_of(subject, version).as_ref() == Some(id));
    if versions {
        facts.versions.retain(|version| id_of(subject, version).as_ref() == Some(id));
    } else {
        let record = facts.records.first();
        facts
            .versions
            .retain(|version| record.is_some_and(|record| version.e_tag.as_deref() == record["eTag"].as_str()));
    }
    facts
}

fn of_version(subject: &Subject, version: &ObjectVersion) -> Step {
    let version_id = identifying_version(version.version_id.as_deref()).map(ToOwned::to_owned);
    let what = if version.is_delete_marker {
        What::Deleted { version_id }
    } else {
        What::Put { version_id, size: version.size, e_tag: version.e_tag.clone(), is_latest: version.is_latest }
    };
    let document_id = id_of(subject, version).filter(|_| !version.is_delete_marker);
    Step { time: version.modified.clone(), after_millis: None, document_id, what }
}

fn of_record(record: &Value) -> Vec<Step> {
    let text = |name: &str| record[name].as_str().map(ToOwned::to_owned);
    let time = |name: &str| Timestamp::parse(record[name].as_str()?).ok();
    let document_id = text("documentId");
    let step = |time, what| Step { time, after_millis: None, document_id: document_id.clone(), what };
    let event = time("uploadedAt").map(|time| step(time, What::Event { sequencer: text("sequencer") }));
    let written = time("processedAt").map(|time| {
        let what = What::Record {
            status: text("status").unwrap_or_default(),
            error_code: text("errorCode"),
            error_message: text("errorMessage"),
            file_type: text("fileType").unwrap_or_default(),
            handler_version: text("handlerVersion").unwrap_or_default(),
        };
        step(time, what)
    });
    event.into_iter().chain(written).collect()
}

/// The place of an event in the queue, and the event itself where no record has it.
fn of_queued(subject: &Subject, queued: &Queued, facts: &Facts, now: &Timestamp) -> Vec<Step> {
    let event = &queued.event;
    let upload = event.uploads.iter().find(|upload| upload.key == subject.key);
    let document_id = upload.map(|upload| upload.document_id().to_string());
    let is_recorded = facts.records.iter().any(|record| record["documentId"].as_str() == document_id.as_deref());
    let mut steps = Vec::new();
    if let Some(upload) = upload.filter(|upload| !is_recorded && upload.uploaded_at.unix_millis() > 0) {
        let what = What::Event { sequencer: upload.sequencer.clone() };
        steps.push(Step {
            time: upload.uploaded_at.clone(),
            after_millis: None,
            document_id: document_id.clone(),
            what,
        });
    }
    let sent = queued.sent.and_then(Timestamp::from_unix_millis);
    steps.push(Step {
        time: event.time.clone().or(sent).unwrap_or_else(|| now.clone()),
        after_millis: None,
        document_id,
        what: What::Queued {
            message_id: queued.message_id.clone(),
            code: event.code().to_owned(),
            reason: event.reason().to_owned(),
            attempts: event.attempts,
        },
    });
    steps
}

/// The order in which the steps of a file can follow each other.
fn rank(what: &What) -> u8 {
    match what {
        What::Put { .. } => 0,
        What::Event { .. } => 1,
        What::Invocation(_) => 2,
        What::Record { .. } => 3,
        What::Queued { .. } => 4,
        What::Deleted { .. } => 5,
    }
}

#[cfg(test)]
mod tests;
