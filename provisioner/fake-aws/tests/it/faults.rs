//! Every fault, and the calls that it matches.

use std::io::{ErrorKind, Read as _};
use std::time::{Duration, Instant};

use fake_aws::{Cut, Fake, Fault, Gate, Response, Rule};
use serde_json::json;

use crate::client::{Call, is_silent, json, read, s3};

/// A bucket with an object of ten bytes.
fn fake() -> Fake {
    let fake = Fake::start();
    fake.state().s3.put("b", "k", "0123456789");
    fake
}

fn get(fake: &Fake) -> Call<'_> {
    Call::new(fake, "s3", "GET /b/k")
}

fn put(fake: &Fake) -> Call<'_> {
    Call::new(fake, "s3", "PUT /b/new").body("content")
}

#[test]
fn errors_are_returned_in_each_protocol_and_nothing_is_executed() {
    let fake = fake();
    fake.inject(Rule::on("s3:PutObject", (503, "SlowDown", "<slow>")));
    let answer = put(&fake).send();
    assert_eq!(
        (answer.status, answer.element("Code"), answer.element("Message")),
        (503, "SlowDown".into(), "&lt;slow&gt;".into())
    );
    assert!(!fake.state().s3.has("b", "new"));
    for service in ["dynamodb", "sqs", "logs"] {
        fake.inject(Rule::on(format!("{service}:*"), (400, "ThrottlingException", "slow")));
        let answer = json(&fake, service, "Anything", &json!({}));
        assert_eq!((answer.status, &answer.json()["__type"]), (400, &json!("ThrottlingException")), "{service}");
    }
    for service in ["cloudformation", "iam", "sts"] {
        fake.inject(Rule::on(format!("{service}:*"), (400, "Throttling", "slow")));
        let answer = crate::client::query(&fake, service, "Anything", &[]);
        assert_eq!((answer.status, answer.element("Code")), (400, "Throttling".into()), "{service}");
    }
}

#[test]
fn connections_end_before_the_response_whether_the_call_is_executed_or_not() {
    for (cut, kind) in [(Cut::Close, ErrorKind::UnexpectedEof), (Cut::Reset, ErrorKind::ConnectionReset)] {
        let fake = fake();
        for (fault, carried_out) in [(Fault::NoAnswer(cut), false), (Fault::LostAnswer(cut), true)] {
            fake.inject(Rule::on("s3:PutObject", fault));
            assert_eq!(put(&fake).try_send().unwrap_err().kind(), kind);
            assert_eq!(fake.state().s3.has("b", "new"), carried_out, "{cut:?}");
        }
    }
}

#[test]
fn connections_end_within_the_response() {
    let fake = fake();
    fake.inject(Rule::on("s3:GetObject", Fault::BrokenBody(3, Cut::Close)));
    let answer = get(&fake).send();
    assert_eq!(
        (answer.text().as_str(), answer.is_whole, answer.headers["content-length"].as_str()),
        ("012", false, "10")
    );
    fake.inject(Rule::on("s3:GetObject", Fault::BrokenBody(3, Cut::Reset)));
    let mut stream = get(&fake).start().unwrap();
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(get(&fake).send().is_whole);
}

#[test]
fn a_stalled_connection_ends_with_the_fake() {
    for (fault, head) in [(Fault::NoAnswer(Cut::Stall), false), (Fault::BrokenBody(3, Cut::Stall), true)] {
        let fake = fake();
        fake.inject(Rule::on("s3:GetObject", fault));
        let mut stream = get(&fake).start().unwrap();
        if head {
            let mut read = Vec::new();
            while !read.ends_with(b"012") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                read.extend(byte);
            }
        }
        assert!(is_silent(&mut stream));
        drop(fake);
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let end = stream.read(&mut [0]);
        assert!(
            matches!(&end, Ok(0)) || end.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionReset),
            "{end:?}"
        );
    }
}

#[test]
fn bodies_are_truncated_corrupted_rewritten_and_sent_without_their_length() {
    for (fault, body) in [
        (Fault::Truncated(4), "0123"),
        (Fault::Corrupted, "0123456788"),
        (Fault::rewritten("345", "unknown"), "012unknown6789"),
        (Fault::Chunked, "0123456789"),
        (Fault::Answer(Response::new(200, "else").with("etag", "e")), "else"),
    ] {
        let fake = fake();
        fake.inject(Rule::on("s3:GetObject", fault.clone()));
        let answer = get(&fake).send();
        assert_eq!((answer.status, answer.text().as_str(), answer.is_whole), (200, body, true), "{fault:?}");
        let is_chunked = matches!(fault, Fault::Chunked);
        assert_eq!(answer.headers.contains_key("transfer-encoding"), is_chunked, "{fault:?}");
    }
}

#[test]
fn responses_are_delayed_or_held_until_their_gate_opens() {
    let fake = fake();
    let late = Duration::from_millis(30);
    fake.inject(Rule::on("s3:GetObject", Fault::Delayed(late)));
    let start = Instant::now();
    assert_eq!(get(&fake).send().text(), "0123456789");
    assert!(start.elapsed() >= late);

    let gate = Gate::new();
    fake.inject(Rule::on("s3:PutObject", Fault::Held(gate.clone())));
    let mut stream = put(&fake).start().unwrap();
    fake.wait_for("s3:PutObject", 1);
    assert!(fake.state().s3.has("b", "new"), "the call is executed");
    assert!(is_silent(&mut stream));
    assert_eq!(get(&fake).send().status, 200, "other calls are answered");
    gate.open();
    assert_eq!(read(&mut stream, false).unwrap().status, 200);
}

#[test]
fn gates_open_when_the_fake_is_dropped() {
    let (fake, gate) = (fake(), Gate::new());
    fake.inject(Rule::on("s3:GetObject", Fault::Held(gate.clone())));
    let _waiting = get(&fake).start().unwrap();
    fake.wait_for("s3:GetObject", 1);
    assert!(!gate.is_open());
    drop(fake);
    assert!(gate.is_open(), "the server's thread is blocked");
}

#[test]
fn a_rule_applies_to_the_calls_that_it_matches() {
    let fake = fake();
    fake.fail("s3:GetObject", (2, 2), (503, "SlowDown", ""));
    let statuses = |n: usize| (0..n).map(|_| get(&fake).send().status).collect::<Vec<_>>();
    assert_eq!(statuses(6), [200, 200, 503, 503, 200, 200]);

    // One after the other.
    fake.fail("s3:GetObject", (0, 1), (500, "InternalError", ""));
    fake.fail("s3:GetObject", (0, 1), (503, "SlowDown", ""));
    assert_eq!(statuses(3), [500, 503, 200]);

    // By the content of the request.
    let of_k = |request: &fake_aws::Request| request.path.ends_with("/k");
    fake.inject(Rule::on("s3:*", (403, "AccessDenied", "")).when(of_k).always());
    assert_eq!(s3(&fake, "HEAD /b").status, 200);
    assert_eq!(statuses(3), [403; 3]);
    fake.inject(Rule::on("*", (500, "InternalError", "")));
    assert_eq!(s3(&fake, "HEAD /b").status, 500);
    assert_eq!(fake.count("s3:GetObject"), 12);
}

#[test]
fn calls_are_recorded() {
    let fake = fake();
    crate::client::query(&fake, "sts", "GetCallerIdentity", &[("Version", "a b&c")]);
    Call::new(&fake, "s3", "PUT /b/a%20b?x=1").body(vec![7; 20 << 10]).send();
    let calls = fake.calls();
    assert_eq!(fake.call_names(), ["sts:GetCallerIdentity", "s3:PutObject"]);
    assert_eq!((calls[0].access_key.as_str(), calls[0].parameters["Version"].as_str()), ("AKID", "a b&c"));
    let request = &calls[1].request;
    assert_eq!((request.method.as_str(), request.segment(1), request.query.as_str()), ("PUT", "a b".into(), "x=1"));
    assert_eq!(request.body.len(), 16 << 10, "the rest is not kept");
    fake.forget_calls();
    assert_eq!(fake.count("s3:*"), 0);
}

#[test]
fn a_call_that_is_not_modelled_fails_the_test() {
    let fake = Fake::start();
    let answer = json(&fake, "dynamodb", "ExportTableToPointInTime", &json!({}));
    assert_eq!((answer.status, &answer.json()["__type"]), (501, &json!("NotModelled")));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(fake))).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("dynamodb:ExportTableToPointInTime"));
}

#[test]
fn it_stops_when_its_test_panics() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let ended = std::thread::spawn(move || {
        let fake = fake();
        json(&fake, "dynamodb", "NobodyModelsThis", &json!({}));
        sender.send(fake.url()).unwrap();
        panic!("the test fails by its own assertion, not by a second one");
    })
    .join();
    assert!(ended.unwrap_err().downcast_ref::<&str>().unwrap().starts_with("the test fails"));
    let address = receiver.recv().unwrap();
    assert!(std::net::TcpStream::connect(address.trim_start_matches("http://")).is_err());
}
