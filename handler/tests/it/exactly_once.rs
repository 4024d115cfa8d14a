//! Each upload ends with exactly one record, the right one: the handler's rules against a model of the world.
//!
//! The rules are the very functions that the handler runs: what a failed read means, what the record says, on which
//! condition it is written, what an answer of the table means. The model deals out deliveries of events in any order,
//! twice, at the same time, with overwrites and deletions between event and read, reads that fail, and writes that
//! are throttled, lost, or lost after they were written.
//!
//! The model is about events of S3 that are in time, which are written by [`WriteRule::First`]. The other rules, of late events
//! and of requests, have tables of their own in `handler::target` and in `requests`.

use std::collections::HashMap;

use fake_aws::dynamodb::expression;
use handler::outcome::{CallError, GetOutcome, Outcome, classify_get_error, classify_put_error};
use handler::target::WriteRule;
use handler_contract::record::Findings;
use handler_contract::{ErrorCode, Failure, Metadata, Record, Status, Timestamp, Upload};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Lambda tries an asynchronous event three times in all.
const ATTEMPTS: u8 = 3;
const KEYS: usize = 2;

#[derive(Debug, Clone)]
enum Step {
    /// An object is put; its event is delivered this number of times.
    Put { key: usize, deliveries: u8, refused: bool },
    /// Somebody deletes it.
    Delete { key: usize },
    /// A function takes one of the waiting events and reads.
    Read { delivery: prop::sample::Index, fault: ReadFault },
    /// One of the functions that have read writes.
    Write { function: prop::sample::Index, faults: Vec<WriteFault> },
    /// One of the functions that have read is killed. Lambda delivers its event again.
    Kill { function: prop::sample::Index },
    /// Somebody redrives the queue.
    Redrive,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ReadFault {
    None,
    Throttled,
    BrokenBody,
    Deadline,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum WriteFault {
    Throttled,
    Lost,
    WrittenButLost,
}

fn step() -> impl Strategy<Value = Step> {
    let read_fault = prop_oneof![
        4 => Just(ReadFault::None),
        1 => Just(ReadFault::Throttled),
        1 => Just(ReadFault::BrokenBody),
        1 => Just(ReadFault::Deadline),
    ];
    let write_fault =
        prop_oneof![Just(WriteFault::Throttled), Just(WriteFault::Lost), Just(WriteFault::WrittenButLost)];
    let index = any::<prop::sample::Index>;
    prop_oneof![
        3 => (0..KEYS, 1..=3_u8, prop::bool::weighted(0.2))
            .prop_map(|(key, deliveries, refused)| Step::Put { key, deliveries, refused }),
        1 => (0..KEYS).prop_map(|key| Step::Delete { key }),
        6 => (index(), read_fault).prop_map(|(delivery, fault)| Step::Read { delivery, fault }),
        6 => (index(), prop::collection::vec(write_fault, 0..4))
            .prop_map(|(function, faults)| Step::Write { function, faults }),
        1 => index().prop_map(|function| Step::Kill { function }),
        1 => Just(Step::Redrive),
    ]
}

/// An object's bytes stand for themselves by number; a refused one is, say, encrypted.
#[derive(Debug, Clone)]
struct Put {
    key: usize,
    upload: Upload,
    content: u64,
    refused: bool,
}

#[derive(Debug, Clone, Copy)]
struct Delivery {
    put: usize,
    attempt: u8,
}

struct InFlight {
    delivery: Delivery,
    record: Record,
}

#[derive(Default)]
struct Model {
    clock: i64,
    puts: Vec<Put>,
    /// What each key holds.
    objects: [Option<usize>; KEYS],
    waiting: Vec<Delivery>,
    in_flight: Vec<InFlight>,
    failed_events: Vec<Delivery>,
    table: HashMap<String, Record>,
    /// The first SUCCESS that reached the table, by record.
    first_success: HashMap<String, Record>,
}

impl Model {
    fn run(&mut self, step: &Step) {
        self.clock += 1;
        match step {
            Step::Put { key, deliveries, refused } => {
                let put = self.puts.len();
                let upload = Upload {
                    bucket: "uploads".to_owned(),
                    key: format!("key{key}"),
                    version_id: None,
                    e_tag: Some(format!("etag{put}")),
                    sequencer: Some(format!("{put:04X}")),
                    size: Some(1),
                    uploaded_at: self.now(),
                };
                self.puts.push(Put { key: *key, upload, content: 1000 + put as u64, refused: *refused });
                self.objects[*key] = Some(put);
                self.waiting.extend((0..*deliveries).map(|_| Delivery { put, attempt: 1 }));
            }
            Step::Delete { key } => self.objects[*key] = None,
            Step::Read { delivery, fault } => {
                if !self.waiting.is_empty() {
                    let delivery = self.waiting.swap_remove(delivery.index(self.waiting.len()));
                    self.read(delivery, *fault);
                }
            }
            Step::Write { function, faults } => {
                if !self.in_flight.is_empty() {
                    let function = self.in_flight.swap_remove(function.index(self.in_flight.len()));
                    self.write(function, faults);
                }
            }
            Step::Kill { function } => {
                if !self.in_flight.is_empty() {
                    let killed = self.in_flight.swap_remove(function.index(self.in_flight.len()));
                    self.again(killed.delivery);
                }
            }
            Step::Redrive => {
                self.waiting.extend(self.failed_events.drain(..).map(|failed| Delivery { attempt: 1, ..failed }));
            }
        }
    }

    /// What `GetObject` with `If-Match` answers, and what the handler makes of it.
    fn read(&mut self, delivery: Delivery, fault: ReadFault) {
        let put = self.puts[delivery.put].clone();
        let key = put.key;
        let answer = |status, code: &str| CallError::Answer { status, code: code.to_owned(), message: String::new() };
        let found = match (fault, self.objects[key]) {
            (ReadFault::Throttled, _) => Err(answer(503, "SlowDown")),
            (_, None) => Err(answer(404, "NoSuchKey")),
            (_, Some(current)) if self.puts[current].upload.e_tag != put.upload.e_tag => {
                Err(answer(412, "PreconditionFailed"))
            }
            (ReadFault::BrokenBody, _) => Err(CallError::NoAnswer("the body ended early".to_owned())),
            (ReadFault::Deadline, _) => Ok(Findings::unread(1, Failure::new(ErrorCode::DeadlineExceeded, "too slow"))),
            (ReadFault::None, Some(current)) => Ok(extract(&self.puts[current])),
        };
        let findings = match found {
            Ok(findings) => findings,
            Err(call_error) => match classify_get_error(&call_error) {
                GetOutcome::Refuse(failure) => Findings::unread(1, failure),
                GetOutcome::Retry(_) => return self.again(delivery),
            },
        };
        let record = Record::new(&put.upload, findings, self.now(), "0.1.0");
        self.in_flight.push(InFlight { delivery, record });
    }

    /// `PutItem` as the SDK sends it, three times at most, and what the handler makes of the last answer.
    fn write(&mut self, InFlight { delivery, record }: InFlight, faults: &[WriteFault]) {
        let mut result = Err(CallError::NoAnswer("not yet sent".to_owned()));
        for attempt in 0..3 {
            result = match faults.get(attempt) {
                Some(WriteFault::Throttled) => Err(CallError::Answer {
                    status: 400,
                    code: "ThrottlingException".to_owned(),
                    message: String::new(),
                }),
                Some(WriteFault::Lost) => Err(CallError::NoAnswer("connection reset".to_owned())),
                Some(WriteFault::WrittenButLost) => {
                    // Whatever the table says, nobody hears it.
                    drop(self.put_item(&record));
                    Err(CallError::NoAnswer("connection reset".to_owned()))
                }
                None => self.put_item(&record),
            };
            let passing = match &result {
                Ok(()) => false,
                Err(CallError::Answer { code, .. }) => code == "ThrottlingException",
                Err(CallError::NoAnswer(_)) => true,
            };
            if !passing {
                break;
            }
        }
        let already_written = self.table.get(&record.document_id) == Some(&record);
        match classify_put_error(record.clone(), result, already_written) {
            Outcome::Retry(_) | Outcome::Unreadable(_) => self.again(delivery),
            Outcome::Recorded(recorded) => {
                assert_eq!(
                    self.table.get(&recorded.document_id),
                    Some(&*recorded),
                    "a write was told that is not there"
                );
            }
            Outcome::Duplicate(duplicate) => {
                let there = self.table.get(&duplicate.document_id);
                assert!(there.is_some_and(|there| *there != *duplicate), "a write was told as its own duplicate");
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.clock).expect("the clock starts at 1970")
    }

    fn put_item(&mut self, record: &Record) -> Result<(), CallError> {
        let existing = self.table.get(&record.document_id);
        let item = existing
            .map(|record| json!({"documentId": {"S": record.document_id}, "status": {"S": record.status.as_str()}}));
        let allowed = holds(record.status, item.as_ref());
        if !allowed {
            let code = "ConditionalCheckFailedException".to_owned();
            return Err(CallError::Answer { status: 400, code, message: String::new() });
        }
        if record.status == Status::Success {
            self.first_success.entry(record.document_id.clone()).or_insert_with(|| record.clone());
        }
        self.table.insert(record.document_id.clone(), record.clone());
        Ok(())
    }

    /// A failed invocation: Lambda tries again, and in the end puts the event into the queue.
    fn again(&mut self, delivery: Delivery) {
        if delivery.attempt < ATTEMPTS {
            self.waiting.push(Delivery { attempt: delivery.attempt + 1, ..delivery });
        } else {
            self.failed_events.push(delivery);
        }
    }

    /// The world becomes quiet: what waits is delivered, what was read is written, and nothing fails any more.
    fn settle(&mut self) {
        while let Some(function) = self.in_flight.pop() {
            self.write(function, &[]);
        }
        while let Some(delivery) = self.waiting.pop() {
            self.clock += 1;
            self.read(delivery, ReadFault::None);
            while let Some(function) = self.in_flight.pop() {
                self.write(function, &[]);
            }
        }
    }

    fn check(&self) {
        for put in &self.puts {
            let id = put.upload.document_id().to_string();
            let Some(record) = self.table.get(&id) else {
                // Nothing is lost: the event is where somebody finds it.
                let queued = self.failed_events.iter().any(|failed| self.puts[failed.put].upload == put.upload);
                assert!(queued, "{} has neither a record nor a place in the queue", put.upload.key);
                continue;
            };
            assert_eq!(record.e_tag, put.upload.e_tag);
            assert_eq!(record.sequencer, put.upload.sequencer);
            match record.status {
                Status::Success => {
                    assert!(!put.refused);
                    assert_eq!(record.metadata.word_count, Some(put.content), "the words of another upload");
                }
                Status::Failed => {
                    assert!(!self.first_success.contains_key(&id), "a FAILED record replaced a SUCCESS");
                }
            }
            if let Some(first) = self.first_success.get(&id) {
                assert_eq!(record, first, "a duplicate replaced the record");
            }
        }
        assert!(self.table.len() <= self.puts.len(), "more records than uploads");
    }
}

/// Whether the table lets a record with this status take the item's place, by the very condition that the handler sends.
fn holds(status: Status, item: Option<&Value>) -> bool {
    let condition = WriteRule::First.condition(status);
    let names: Value = condition.names.iter().map(|(name, attribute)| ((*name).to_owned(), json!(attribute))).collect();
    let values: Value =
        condition.values.iter().map(|(name, text)| ((*name).to_owned(), json!({ "S": text }))).collect();
    expression::holds(condition.expression, &names, &values, item).expect("the condition is one that is modelled")
}

fn extract(put: &Put) -> Findings {
    Findings {
        file_type: Some("text/plain".to_owned()),
        file_size: 1,
        sha256: None,
        metadata: Metadata { word_count: Some(put.content), ..Metadata::default() },
        failure: put.refused.then(|| Failure::new(ErrorCode::Encrypted, "the file needs a password")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_upload_ends_with_exactly_one_right_record(steps in prop::collection::vec(step(), 1..60)) {
        let mut model = Model::default();
        for step in &steps {
            model.run(step);
        }
        model.settle();
        model.check();
        // Once the queue is redriven, too, nothing is without a record.
        model.run(&Step::Redrive);
        model.settle();
        prop_assert!(model.failed_events.is_empty());
        model.check();
        prop_assert_eq!(model.table.len(), model.puts.len());
    }
}

#[test]
fn the_condition_admits_a_better_record_and_nothing_else() {
    for (status, existing, allowed) in [
        (Status::Success, None, true),
        (Status::Success, Some(Status::Failed), true),
        (Status::Success, Some(Status::Success), false),
        (Status::Failed, None, true),
        (Status::Failed, Some(Status::Failed), false),
        (Status::Failed, Some(Status::Success), false),
    ] {
        let item = existing.map(|status| json!({"documentId": {"S": "id"}, "status": {"S": status.as_str()}}));
        assert_eq!(holds(status, item.as_ref()), allowed, "{status} over {existing:?}");
    }
}
