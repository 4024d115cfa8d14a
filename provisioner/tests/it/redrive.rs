//! `provisioner redrive` with an emulator's queue, and against the fake. `e2e` tests that redriven events are processed.

use std::process::Stdio;
use std::time::Duration;

use fake_aws::{Cut, Fake, Fault, Gate, Rule};
use provisioner_aws::queue::Queue;
use provisioner_engine::failed_events::Held;
use serde_json::{Value, json};

use crate::deploy::{Site, TEN_BYTES};
use crate::service::request;
use crate::time_limits::{SHORT, connect, long};
use crate::world::{Ran, World};

const QUEUE: &str = "shop-failed-events";

fn sqs(world: &World, action: &str, body: &Value) -> Value {
    let (status, answer) = request(world, "sqs", "POST /", &format!("AmazonSQS.{action}"), &body.to_string());
    assert_eq!(status, 200, "{action}: {answer}");
    serde_json::from_str(&answer).unwrap_or_default()
}

/// What Lambda sends to the queue about an event of this key.
pub(crate) fn failed(key: &str, message: &str) -> String {
    let object = json!({ "key": key, "sequencer": "01" });
    json!({
        "requestContext": { "requestId": "0123abcd-0000", "condition": "RetriesExhausted", "approximateInvokeCount": 3 },
        "requestPayload": { "Records": [{ "s3": { "bucket": { "name": Site::bucket() }, "object": object } }] },
        "responsePayload": { "errorType": "Retry", "errorMessage": format!("{}/{key}: {message}", Site::bucket()) },
    })
    .to_string()
}

/// A stack whose function stores every file, and failed events about these existing objects.
pub(crate) fn site_with(keys: &[&str]) -> Site {
    let site = Site::new();
    site.deployed();
    {
        let mut state = site.fake.state();
        state.lambda.answer = json!({ "files": [{ "documentId": "d", "outcome": "stored" }] });
        for key in keys {
            state.s3.put(&Site::bucket(), key, TEN_BYTES);
            state.sqs.send(QUEUE, &failed(key, "failed to read the object: HTTP 503 SlowDown: wait"));
        }
    }
    site
}

/// The bodies of the messages in the queue.
fn left(site: &Site) -> Vec<String> {
    site.fake.state().sqs.queues[QUEUE].messages.iter().map(|message| message.body.clone()).collect()
}

/// Whether every message in the queue is visible to other consumers.
fn all_visible(site: &Site) -> bool {
    let state = site.fake.state();
    state.sqs.queues[QUEUE].messages.iter().all(|message| message.visible_at <= state.clock)
}

fn events(ran: &Ran, name: &str) -> Vec<Value> {
    let lines = ran.out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["event"] == name).collect()
}

#[test]
fn events_that_another_consumer_received_are_reported() {
    let world = World::new();
    world.ok(&["local", "start"]);
    let url = sqs(&world, "CreateQueue", &json!({"QueueName": "local-failed-events"}))["QueueUrl"].clone();
    let none = world.ok(&["redrive", "-s", "local", "--yes"]);
    assert!(!none.err.contains("more"), "{none:#?}");
    assert!(world.ok(&["redrive", "-s", "local", "--list"]).err.contains("No failed event."));

    sqs(&world, "SendMessage", &json!({"QueueUrl": url, "MessageBody": failed("a.txt", "no")}));
    // A look at the queue does not hide what is in it.
    for _ in 0..3 {
        let listed = world.ok(&["redrive", "-s", "local", "--list"]);
        assert!(listed.out.contains("a.txt") && listed.out.contains("Retry"), "{listed:#?}");
    }
    let received = sqs(&world, "ReceiveMessage", &json!({"QueueUrl": url, "VisibilityTimeout": 600}));
    assert_eq!(received["Messages"].as_array().map(Vec::len), Some(1), "{received}");
    let hidden = world.ok(&["redrive", "-s", "local", "--yes"]);
    assert!(hidden.err.contains("0 failed events processed") && hidden.err.contains("1 more"), "{hidden:#?}");
}

#[test]
fn each_event_has_its_outcome_and_only_final_ones_leave_the_queue() {
    let keys = ["stored.txt", "retry.txt", "crash.txt", "foreign.txt"];
    let site = site_with(&keys);
    {
        let mut state = site.fake.state();
        let error = |kind: &str| json!({ "errorType": kind, "errorMessage": "why" });
        state.lambda.errors = vec![
            ("retry.txt".to_owned(), error("Retry")),
            ("crash.txt".to_owned(), error("Runtime.ExitError")),
            ("foreign.txt".to_owned(), error("EventNotUnderstood")),
        ];
    }
    let ran = site.run(&["redrive", "--yes", "--json"]);
    ran.ended(1).says("still-failing");
    let mut outcomes: Vec<(String, String, String)> = events(&ran, "failed-event")
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (event["keys"][0].as_str().unwrap().to_owned(), text("outcome"), text("action"))
        })
        .collect();
    outcomes.sort();
    let expected = [
        ("crash.txt", "failed", "kept"),
        ("foreign.txt", "not-understood", "kept"),
        ("retry.txt", "retry", "kept"),
        ("stored.txt", "stored", "deleted"),
    ];
    assert_eq!(outcomes, expected.map(|(key, outcome, action)| (key.into(), outcome.into(), action.into())));
    let done = &events(&ran, "redriven")[0];
    assert_eq!((&done["sent"], &done["failed"]), (&json!(1), &json!(3)), "{done}");
    assert_eq!(left(&site).len(), 3);
    assert!(all_visible(&site), "what was not deleted is given back at once");
    // Sent synchronously, in an envelope that the handler's log shows.
    for invocation in &site.fake.state().lambda.invocations {
        assert_eq!((invocation.kind.as_str(), &invocation.payload["origin"]), ("RequestResponse", &json!("redrive")));
    }
    // Without --json, one line for each.
    site.run(&["redrive", "--yes"])
        .ended(1)
        .says("retry.txt (SlowDown): retry, kept in the queue: why")
        .says("3 failed again");
}

#[test]
fn code_name_and_limit_select_and_the_rest_stays() {
    let site = site_with(&["in/a.txt", "in/b.txt", "b.pdf"]);
    site.fake.state().sqs.send(QUEUE, &failed("in/a.txt", "S3 denied the read (no)"));
    let dry = |arguments: &[&str]| {
        let ran = site.run(&[&["redrive", "--dry-run", "--json"], arguments].concat());
        ran.ended(0);
        events(&ran, "failed-event")
            .iter()
            .map(|event| format!("{} {}", event["keys"][0], event["action"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(dry(&["--code", "accessdenied"]), ["\"in/a.txt\" \"would-send\""]);
    assert_eq!(dry(&["--name", "*.pdf"]), ["\"b.pdf\" \"would-send\""]);
    assert_eq!(dry(&["--name", "in/", "--code", "SlowDown", "--limit", "1"]), ["\"in/a.txt\" \"would-send\""]);
    assert_eq!(dry(&["--name", "absent"]), Vec::<String>::new());
    assert_eq!((site.fake.count("lambda:Invoke"), site.fake.count("sqs:DeleteMessage")), (0, 0));
    assert!(all_visible(&site));

    site.run(&["redrive", "--yes", "--name", "b.pdf"])
        .ended(0)
        .says("1 failed event processed")
        .says("3 left in the queue");
    assert_eq!(left(&site).len(), 3);
    site.run(&["redrive", "--yes", "--code", "SlowDown", "--keep"]).ended(0).says("2 failed events processed");
    assert_eq!(left(&site).len(), 3, "--keep deletes nothing");
    // Deleting without sending needs confirmation, which a terminal or --yes gives.
    site.run(&["redrive", "--code", "SlowDown", "--discard"]).ended(5);
    assert_eq!(left(&site).len(), 3);
    let invoked = site.fake.count("lambda:Invoke");
    site.run(&["redrive", "--code", "SlowDown", "--discard", "--yes"]).ended(0).says("2 deleted without sending");
    assert_eq!((left(&site).len(), site.fake.count("lambda:Invoke")), (1, invoked));
    site.run(&["redrive", "--keep", "--discard"]).ended(2);
    site.run(&["redrive", "--list", "--yes"]).ended(2);
}

#[test]
fn a_list_shows_code_name_age_and_attempts_and_gives_everything_back() {
    let site = site_with(&[]);
    for n in 0..25 {
        site.fake.state().sqs.send(QUEUE, &failed(&format!("in/{n}.txt"), "S3 denied the read (no)"));
    }
    site.fake.state().sqs.send(QUEUE, "hello\u{1b}[2J");
    let ran = site.run(&["redrive", "--list"]);
    ran.ended(0).says("AccessDenied").says("in/24.txt").says("(no file)").says("NoEvent").says("0123abcd");
    assert_eq!(ran.out.lines().count(), 27, "{ran:#?}");
    assert!(!ran.out.contains('\u{1b}'), "{ran:#?}");
    let listed = site.run(&["redrive", "--list", "--json", "--name", "in/7.txt"]).json();
    let event = &listed["events"][0];
    assert_eq!((&event["code"], &event["attempts"]), (&json!("AccessDenied"), &json!(3)), "{listed}");
    assert_eq!((&listed["depth"], listed["events"].as_array().map(Vec::len)), (&json!(26), Some(1)));
    assert!(event["ageSeconds"].is_u64(), "{listed}");
    assert!(all_visible(&site));
    assert_eq!(left(&site).len(), 26);
}

#[test]
fn messages_without_an_event_are_counted_once_and_can_be_discarded() {
    let site = site_with(&["a.txt"]);
    for _ in 0..2 {
        site.fake.state().sqs.send(QUEUE, "hello");
    }
    let ran = site.run(&["redrive", "--yes", "--json"]);
    ran.ended(1).says(r#""code":"no-event""#).says("--code NoEvent --discard");
    let done = &events(&ran, "redriven")[0];
    assert_eq!((&done["sent"], &done["noEvent"], &done["left"]), (&json!(1), &json!(2), &json!(0)), "{done}");
    assert_eq!(left(&site), ["hello", "hello"]);
    let outcomes = events(&ran, "failed-event").iter().filter(|event| event["outcome"] == "no-event").count();
    assert_eq!(outcomes, 2, "{ran:#?}");
    site.run(&["redrive", "--code", "noevent", "--discard", "--yes"]).ended(0);
    assert_eq!(left(&site), Vec::<String>::new());
}

#[test]
fn events_of_objects_that_are_gone_are_deleted_and_others_are_sent_again() {
    let site = site_with(&["a+b.txt", "denied.txt"]);
    {
        let mut state = site.fake.state();
        // The key of the event is form-encoded.
        state.s3.put(&Site::bucket(), "a b.txt", TEN_BYTES);
        state.sqs.send(QUEUE, &failed("gone.txt", "no"));
    }
    let denied = Rule::on("s3:HeadObject", Fault::error(403, "AccessDenied", "no"));
    site.fake.inject(denied.when(|request| request.path.contains("denied")));
    let ran = site.run(&["redrive", "--yes"]);
    ran.ended(0).says("2 failed events processed").says("gone.txt (Retry): gone").says("1 deleted without sending");
    assert_eq!(site.fake.count("lambda:Invoke"), 2);
    assert_eq!(site.fake.count("sqs:DeleteMessage"), 3);

    // Without --yes and without a terminal nothing is deleted.
    site.fake.state().sqs.send(QUEUE, &failed("gone.txt", "no"));
    let deleted = site.fake.count("sqs:DeleteMessage");
    site.run(&["redrive"]).ended(5);
    assert_eq!(site.fake.count("sqs:DeleteMessage"), deleted);
    site.run(&["redrive", "--dry-run"]).ended(0).says("gone.txt (Retry): gone, would be deleted");
    assert_eq!(left(&site).len(), 1);
}

#[test]
fn what_one_run_does_not_read_is_not_called_hidden() {
    let site = site_with(&[]);
    for n in 0..10_003 {
        site.fake.state().sqs.send(QUEUE, &failed(&format!("{n}.txt"), "no"));
    }
    let ran = site.run(&["redrive", "--code", "Other", "--dry-run"]);
    ran.ended(0).says("3 more are in the queue: one run reads 10000");
    assert!(!ran.err.contains("hidden"), "{ran:#?}");
}

#[test]
fn a_lost_answer_keeps_the_message_and_three_in_a_row_end_the_run() {
    let keys: Vec<String> = (0..20).map(|n| format!("{n:02}.txt")).collect();
    let site = site_with(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    site.fake.fail("lambda:Invoke", (0, usize::MAX), Fault::NoAnswer(Cut::Reset));
    let ran = site.run(&["redrive", "--yes"]);
    ran.ended(1).says("no-answer").says("were not tried and stay in the queue");
    assert!(site.fake.count("lambda:Invoke") < 20, "the others are not tried");
    assert_eq!(left(&site).len(), 20);
    assert!(all_visible(&site));

    // Without permission nothing is tried twice, and the command says why.
    let site = site_with(&["a.txt"]);
    site.fake.fail("lambda:Invoke", (0, usize::MAX), Fault::error(403, "AccessDeniedException", "not you"));
    site.run(&["redrive", "--yes"]).ended(4).says("not you");
    assert_eq!((left(&site).len(), all_visible(&site)), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_given_back_after_the_extension_that_is_under_way() {
    let fake = Fake::start();
    fake.state().sqs.send(QUEUE, &failed("a.txt", "no"));
    let aws = connect(&fake, long()).await.unwrap();
    let queue = Queue::find(&aws, QUEUE).await.unwrap().unwrap();
    let gate = Gate::new();
    fake.inject(Rule::on("sqs:ChangeMessageVisibilityBatch", Fault::Held(gate.clone())));
    let held = Held::new(&queue, Duration::from_millis(1));
    // The first extension may have found no message yet: then it makes no call.
    assert_eq!(held.receive(1, 1).await.unwrap().len(), 1);
    tokio::task::block_in_place(|| fake.wait_for("sqs:ChangeMessageVisibilityBatch", 1));
    let mut giving_back = std::pin::pin!(held.give_back());
    let early = tokio::time::timeout(SHORT, &mut giving_back).await;
    assert!(early.is_err(), "the extension has no answer yet, and could arrive later");
    gate.open();
    giving_back.await.unwrap();
    let state = fake.state();
    assert!(state.sqs.queues[QUEUE].messages.iter().all(|message| message.visible_at <= state.clock));
}

#[test]
fn a_call_that_fails_hides_the_messages_of_no_other_call() {
    let keys: Vec<String> = (0..25).map(|n| format!("{n:02}.txt")).collect();
    let site = site_with(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    site.fake.fail("sqs:ChangeMessageVisibilityBatch", (0, 1), (403, "AccessDenied", "no"));
    site.run(&["redrive", "--list"]).ended(0).says("no");
    let state = site.fake.state();
    let hidden = state.sqs.queues[QUEUE].messages.iter().filter(|message| message.visible_at > state.clock).count();
    assert_eq!(hidden, 10);
}

#[test]
fn an_interruption_at_any_point_loses_no_event() {
    // While messages are received, while an object is looked at, while the function works, while a message is deleted.
    for call in ["sqs:ReceiveMessage", "s3:HeadObject", "lambda:Invoke", "sqs:DeleteMessage"] {
        for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
            let site = site_with(&["a.txt", "b.txt", "c.txt"]);
            let gate = Gate::new();
            site.fake.inject(Rule::on(call, Fault::Held(gate.clone())));
            let mut command = site.command(&["redrive", "--yes"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            site.fake.wait_for(call, 1);
            let pid = rustix::process::Pid::from_child(&child);
            rustix::process::kill_process(pid, signal).unwrap();
            // The command ends while the call has no answer.
            let ran = Ran::of(&child.wait_with_output().unwrap());
            gate.open();
            if signal == rustix::process::Signal::INT {
                ran.ended(130).says("Run the same command again");
            }
            // What is not in the queue any more was processed; the rest becomes visible within the queue's own time.
            let invoked = site.fake.count("lambda:Invoke");
            assert!(left(&site).len() + invoked >= 3, "{call} {signal:?}: {ran:#?}");
            site.fake.advance(Duration::from_secs(121));
            assert!(all_visible(&site), "{call} {signal:?}");
            site.run(&["redrive", "--yes"]).ended(0);
            assert_eq!(left(&site), Vec::<String>::new());
            let state = site.fake.state();
            for key in ["a.txt", "b.txt", "c.txt"] {
                let sent = |i: &&fake_aws::lambda::Invocation| i.payload.to_string().contains(key);
                assert!(state.lambda.invocations.iter().any(|i| sent(&i)), "{call} {signal:?}: {key} was never sent");
            }
        }
    }
}
