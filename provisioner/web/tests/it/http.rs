//! Pages and requests over HTTP: what each shows, and what it says about bad input.

use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::http::Method;
use axum::http::header::CONTENT_TYPE;
use futures_util::StreamExt as _;
use provisioner_web::pipeline::FailedEvents;
use serde_json::Value;

use crate::client::{Answered, Client};
use crate::stack::{NOW, Settings, Stack, failed_event, record};

#[tokio::test]
async fn the_page_of_uploads_says_the_rules_and_shows_the_newest() {
    let stack = Stack::with(&Settings {
        max_size: 5 << 20,
        prefix: "in/",
        suffix: Some(".pdf"),
        types: &["application/pdf", "image/*"],
    });
    let client = Client::of(&stack).await;
    client.get("/").await.expect(200).has(&["No files yet", "5 MiB", "PDF, images", "end with .pdf"]);
    stack.add("in/a.pdf", 3);
    stack.add("in/locked.pdf", 2);
    stack.add("in/test-file-1.pdf", 1);
    let page = client.get("/").await.expect(200);
    page.has(&["a.pdf", "Needs a password", "4,461"]);
    assert!(!page.text.contains("test-file-1"), "test files are left out");
}

#[tokio::test]
async fn a_service_that_fails_is_said_on_every_page() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let id = stack.add("a.pdf", 1);
    stack.fails.store(true, Ordering::SeqCst);
    // What can be shown is shown.
    client.get("/").await.expect(200).has(&["Choose files", "The records cannot be read", "Check the network."]);
    for path in ["/health", "/failed-events"] {
        client.get(path).await.expect(200).has(&["no answer from dynamodb", "Check the network."]);
    }
    for path in ["/records", "/records.csv", "/records.json", &format!("/records/{id}"), "/failed-events/redrive"] {
        client.get(path).await.expect(502).has(&["The stack cannot be reached", "Check the network."]);
    }
    let error = client.get_json(&format!("/records/{id}.json")).await.expect(502).json();
    assert_eq!(error["error"]["code"], "unreachable");
    assert!(error["error"]["message"].as_str().unwrap().contains("no answer from dynamodb"));
}

#[tokio::test]
async fn bad_addresses_get_pages_that_say_what_is_wrong() {
    let client = Client::of(&Stack::new()).await;
    for (path, status, text) in [
        ("/nothing", 404, "no page at this address"),
        ("/records/none", 404, "no record with this id"),
        ("/records/667b4d3e-f5cb-508f-a7d6-db467a73759c", 404, "no record with this id"),
        ("/records/..%2f..", 404, "no record with this id"),
        ("/records/none/file", 404, "no record with this id"),
        ("/records?status=lost", 400, "no status"),
        ("/records?type=pdf", 400, "not a media type"),
        ("/records?since=tomorrow", 400, "not a time"),
        ("/records?after=x", 400, "page that does not exist"),
        ("/records.csv?since=x", 400, "not a time"),
        ("/files/record", 400, "since is missing"),
        ("/transfers/none", 404, "not known any more"),
        ("/live?status=lost", 400, "filters"),
    ] {
        client.get(path).await.expect(status).has(&[text, "<main"]);
    }
    for (method, path, status, code) in [
        (Method::DELETE, "/records", 405, "method-not-allowed"),
        (Method::POST, "/", 405, "method-not-allowed"),
        (Method::PUT, "/files", 400, "bad-name"),
        (Method::POST, "/transfers?name=a", 400, "bad-request"),
        (Method::POST, "/transfers?name=a&size=-1", 400, "bad-request"),
        (Method::PATCH, "/transfers/none?offset=0&since=0", 404, "unknown-upload"),
        (Method::PATCH, "/transfers/none?since=0", 400, "bad-request"),
        (Method::DELETE, "/transfers/none", 404, "unknown-upload"),
        (Method::POST, "/nothing", 404, "not-found"),
    ] {
        let answer = client.call(method.clone(), path, Body::empty()).await.expect(status);
        assert_eq!(answer.json()["error"]["code"], code, "{method} {path}");
    }
}

/// The tokens of the links to other pages.
fn links(page: &Answered) -> (Option<String>, Option<String>) {
    let link = |rel: &str| {
        let (_, after) = page.text.split_once(&format!("rel=\"{rel}\" href=\""))?;
        Some(after.split('"').next().unwrap().replace("&amp;", "&"))
    };
    (link("prev"), link("next"))
}

fn names(page: &Answered) -> Vec<String> {
    page.text
        .split("class=\"file\"><bdi>")
        .skip(1)
        .map(|rest| rest.split("</bdi>").next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_list_is_paged_in_both_directions() {
    let stack = Stack::new();
    for n in 0..120 {
        stack.add(&format!("f{n:03}.txt"), n);
    }
    let client = Client::of(&stack).await;
    let first = client.get("/records").await.expect(200);
    let (newer, older) = links(&first);
    assert_eq!((names(&first).len(), names(&first)[0].as_str(), newer), (50, "f000.txt", None));
    let second = client.get(&older.unwrap()).await.expect(200);
    assert_eq!((names(&second)[0].as_str(), names(&second).len()), ("f050.txt", 50));
    // Records that arrive meanwhile move no page.
    stack.add("new.txt", -1);
    let (newer, older) = links(&second);
    let third = client.get(&older.unwrap()).await.expect(200);
    assert_eq!((names(&third)[0].as_str(), names(&third).len(), links(&third).1), ("f100.txt", 20, None));
    assert_eq!(names(&client.get(&links(&third).0.unwrap()).await), names(&second));
    let back = client.get(&newer.unwrap()).await.expect(200);
    assert_eq!((names(&back)[0].as_str(), names(&back).len()), ("f000.txt", 50));
    let newest = client.get(&links(&back).0.unwrap()).await.expect(200);
    assert_eq!(names(&newest), ["new.txt"]);
    assert_eq!(links(&newest).0, None);
}

#[tokio::test]
async fn filters_are_in_the_address_and_the_form() {
    let stack = Stack::new();
    for (key, age) in [("in/report.pdf", 5), ("in/locked.pdf", 10), ("in/notes.txt", 20), ("old/report.txt", 3_000)] {
        stack.add(key, age);
    }
    let client = Client::of(&stack).await;
    for (query, expected) in [
        ("", vec!["report.pdf", "locked.pdf", "notes.txt", "report.txt"]),
        ("?status=failed", vec!["locked.pdf"]),
        ("?status=success&name=report", vec!["report.pdf", "report.txt"]),
        ("?type=text%2F*", vec!["notes.txt", "report.txt"]),
        ("?since=1d", vec!["report.pdf", "locked.pdf", "notes.txt"]),
        ("?until=2026-11-25", vec!["report.txt"]),
        ("?name=nothing", vec![]),
    ] {
        let page = client.get(&format!("/records{query}")).await.expect(200);
        assert_eq!(names(&page), expected, "{query}");
    }
    let page = client.get("/records?name=re%22port&type=image%2F*&status=failed").await;
    page.has(&[
        "value=\"re&quot;port\"",
        "value=\"image/*\" selected",
        "No record matches",
        "/records.csv?status=failed&amp;type=image%2F*&amp;name=re%22port",
    ]);
}

#[tokio::test]
async fn exports_have_every_record_that_matches() {
    let stack = Stack::new();
    for n in 0..1_203 {
        stack.add(&format!("f{n:04}.txt"), n);
    }
    stack.keep(record("=1+1.pdf", NOW, 1));
    let client = Client::of(&stack).await;
    let csv = client.get("/records.csv?type=text%2F*").await.expect(200);
    assert_eq!(csv.text.lines().count(), 1_204);
    assert!(csv.text.starts_with("documentId,uploadedAt,fileName"), "{}", &csv.text[..80]);
    assert_eq!(csv.headers["content-disposition"], "attachment; filename=\"intake-records-2026-11-26.csv\"");
    client.get("/records.csv?name=1%2B1").await.has(&["'=1+1.pdf"]);
    let request = client.request(&Method::GET, "/records.csv").header("accept-encoding", "gzip");
    let compressed = client.send(request.body(Body::empty()).unwrap()).await.expect(200);
    assert_eq!(compressed.headers["content-encoding"], "gzip");
    let json = client.get("/records.json").await.expect(200).json();
    let records = json.as_array().unwrap();
    assert_eq!(records.len(), 1_204);
    assert!(records.iter().any(|record| record["title"] == "Minutes <b>of</b> the meeting"), "all attributes");
    assert_eq!(client.get("/records.json?name=none").await.json(), serde_json::json!([]));
    assert_eq!(client.get("/records.csv?name=none").await.text.lines().count(), 1);
}

#[tokio::test]
async fn a_record_is_shown_with_everything_that_belongs_to_it() {
    let stack = Stack::new();
    let id = stack.add("in/a.pdf", 3);
    let other = stack.add("in/a.pdf", 300);
    let locked = stack.add("in/locked.pdf", 2);
    let gone = stack.add("in/gone.pdf", 1);
    let client = Client::of(&stack).await;
    client.get(&format!("/records/{id}")).await.expect(200).has(&[
        "Minutes &lt;b&gt;of&lt;/b&gt; the meeting",
        "4,461",
        "Words",
        "12.1 KiB",
        "(12,345 bytes)",
        &format!("/records/{other}"),
        "Reported to the function",
        "+240 ms",
    ]);
    client.get(&format!("/records/{locked}")).await.expect(200).has(&[
        "Needs a password",
        "ENCRYPTED",
        "the document needs a password",
        "Remove the password",
    ]);
    let raw = client.get_json(&format!("/records/{id}.json")).await.expect(200).json();
    assert_eq!((&raw["objectKey"], &raw["pageCount"]), (&Value::from("in/a.pdf"), &Value::from(12)));
    assert!(client.get(&format!("/records/{id}/file")).await.expect(303).location().starts_with("https://"));
    client.get(&format!("/records/{gone}/file")).await.expect(410).has(&["the file was deleted", "Back to its record"]);
}

#[tokio::test]
async fn failed_events_are_sent_again_after_a_question() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    client.get("/failed-events").await.expect(200).has(&["No failed events", "loading"]);
    let events = vec![failed_event("in/a.pdf"), failed_event("in/b.pdf")];
    *stack.failed_events.lock().unwrap() = FailedEvents { waiting: 5, events };
    client.get("/failed-events").await.has(&["in/a.pdf", "S3 denied the read", "first 2 of about 5"]);
    client.get("/health").await.has(&["5 failed events", "provisioner redrive"]);
    client.get("/failed-events/redrive").await.expect(200).has(&["Process 5 failed events again?", "method=\"post\""]);
    assert_eq!(stack.failed_events.lock().unwrap().waiting, 5, "a question changes nothing");
    client
        .call(Method::POST, "/failed-events/redrive", Body::empty())
        .await
        .expect(200)
        .has(&["5 events processed again"]);
    client.get("/failed-events").await.has(&["No failed events"]);
}

/// A form as a browser without script sends it.
async fn form(client: &Client, files: &[(&str, &str)]) -> Answered {
    let mut body = String::new();
    for (name, content) in files {
        body.push_str(&format!(
            "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n{content}\r\n"
        ));
    }
    body.push_str("--x--\r\n");
    let request = client.request(&Method::POST, "/files").header("accept", "text/html");
    client.send(request.header(CONTENT_TYPE, "multipart/form-data; boundary=x").body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn without_script_a_form_uploads_files() {
    let stack = Stack::with(&Settings { max_size: 10, prefix: "in/", ..Settings::default() });
    let client = Client::of(&stack).await;
    let answer =
        form(&client, &[("a.txt", "abc"), ("large.txt", "0123456789x"), ("sub/b.pdf", ""), ("../x", "x")]).await;
    answer.has(&[
        "2 of 4 files uploaded",
        "larger than the 10 B",
        "part that is empty or consists of dots",
        "Show its record",
    ]);
    assert_eq!(*stack.stored.lock().unwrap(), [("in/a.txt".to_owned(), 3), ("in/sub/b.pdf".to_owned(), 0)]);
    assert_eq!(stack.aborted.load(Ordering::SeqCst), 1);
    let link =
        answer.text.split("href=\"/files/record").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    let record = client.get(&format!("/files/record{link}")).await.expect(303).location().to_owned();
    client.get(&record).await.expect(200).has(&["a.txt"]);
    form(&client, &[]).await.expect(400).has(&["no file was chosen"]);
    form(&client, &[("", "")]).await.expect(400).has(&["no file was chosen"]);
    let request = client.request(&Method::POST, "/files").header("accept", "text/html");
    let cut = request
        .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
        .body(Body::from("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nabc"));
    client.send(cut.unwrap()).await.expect(400).has(&["the form is not complete"]);
    assert_eq!(stack.stored.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn a_record_that_has_not_arrived_is_asked_for_again() {
    let stack = Stack::new();
    stack.holds.store(true, Ordering::SeqCst);
    stack.add("a.txt", 5);
    let client = Client::of(&stack).await;
    let stored = client.call(Method::PUT, "/files?name=a.txt", "abc").await.expect(200).json();
    let link = stored["record"].as_str().unwrap();
    // The earlier upload of the same key is another one.
    client.get(link).await.expect(200).has(&["not there yet", "Look again"]);
    assert_eq!(client.get_json(link).await.expect(200).json()["record"], Value::Null);
    stack.release();
    let record = client.get_json(link).await.json()["record"].clone();
    assert_eq!((&record["key"], &record["failed"]), (&Value::from("a.txt"), &Value::from(false)));
    client.get(link).await.expect(303);
}

#[tokio::test]
async fn limits_are_enforced_while_files_stream() {
    let stack = Stack::with(&Settings { max_size: 1_000, suffix: Some(".txt"), ..Settings::default() });
    let client = Client::of(&stack).await;
    let endless = || {
        Body::from_stream(futures_util::stream::repeat(Ok::<_, std::convert::Infallible>(Bytes::from_static(
            &[0; 100],
        ))))
    };
    let answer = client.call(Method::PUT, "/files?name=a.txt", endless()).await.expect(413);
    assert_eq!(answer.json()["error"]["code"], "too-large");
    let request = client.request(&Method::PUT, "/files?name=a.txt").header("content-length", "1001");
    client.send(request.body(endless()).unwrap()).await.expect(413);
    client.call(Method::POST, "/transfers?name=a.txt&size=1001", Body::empty()).await.expect(413);
    for name in
        ["", "%2F", "a%00.txt", "a%0A.txt", "..", "a%2F..%2Fb.txt", "a%2F%2Fb.txt", "a.pdf", "dir%2F", "..%5Cb.txt"]
    {
        let answer = client.call(Method::PUT, &format!("/files?name={name}"), "x").await.expect(400);
        assert_eq!(answer.json()["error"]["code"], "bad-name", "{name}");
    }
    let long = "x".repeat(1_021);
    client.call(Method::PUT, &format!("/files?name={long}.txt"), "x").await.expect(400).has(&["1024"]);
    assert!(stack.stored.lock().unwrap().is_empty());
    client.call(Method::PUT, "/files?name=%2Fsub%2F%C3%A4.txt", "x").await.expect(200);
    assert_eq!(*stack.stored.lock().unwrap(), [("sub/ä.txt".to_owned(), 1)]);
}

#[tokio::test]
async fn a_large_file_is_sent_in_parts() {
    let stack = Stack::new();
    let client = Client::of(&stack).await;
    let begun = client.call(Method::POST, "/transfers?name=big.pdf&size=9", Body::empty()).await.expect(201).json();
    let (id, since) = (begun["id"].as_str().unwrap(), &begun["since"]);
    let at = |offset: u64| format!("/transfers/{id}?offset={offset}&since={since}");
    assert_eq!(client.call(Method::PATCH, &at(0), "abc").await.expect(200).json()["offset"], 3);
    let wrong = client.call(Method::PATCH, &at(0), "abc").await.expect(409);
    assert_eq!(wrong.json()["error"]["code"], "wrong-offset");
    // A request that breaks off counts as far as it came.
    let cut = futures_util::stream::iter([Ok(Bytes::from_static(b"de")), Err(std::io::Error::other("reset"))]);
    client.call(Method::PATCH, &at(3), Body::from_stream(cut)).await.expect(400);
    assert_eq!(client.get_json(&at(0)).await.expect(200).json()["offset"], 5);
    let done = client.call(Method::PATCH, &at(5), "fghi").await.expect(200).json();
    assert_eq!((&done["stored"]["key"], &done["stored"]["size"]), (&Value::from("big.pdf"), &Value::from(9)));
    assert_eq!(client.get_json(&at(0)).await.json(), done);

    let begun = client.call(Method::POST, "/transfers?name=b.pdf&size=9", Body::empty()).await.json();
    let path = format!("/transfers/{}", begun["id"].as_str().unwrap());
    client.call(Method::DELETE, &path, Body::empty()).await.expect(204);
    client.transfers.end().await;
    assert_eq!((stack.stored.lock().unwrap().len(), stack.aborted.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn the_service_s_refusal_reaches_who_uploads() {
    let stack = Stack::new();
    stack.denies_uploads.store(true, Ordering::SeqCst);
    let client = Client::of(&stack).await;
    let error = client.call(Method::PUT, "/files?name=a.txt", "abc").await.expect(502).json();
    assert_eq!((&error["error"]["code"], &error["error"]["hint"]), (&"denied".into(), &"Ask the operator.".into()));
    form(&client, &[("a.txt", "abc")]).await.expect(200).has(&["0 of 1 file uploaded", "the bucket denies the upload"]);
}

#[tokio::test]
async fn a_page_is_small_and_its_first_half_comes_at_once() {
    use std::io::Read as _;
    let stack = Stack::new();
    for n in 0..60 {
        stack.add(&format!("in/2026/11/report-{n}.pdf"), n);
    }
    let client = Client::of(&stack).await;
    let mut total = 0;
    let page = client.get("/").await.text;
    let assets = page.split("/assets/").skip(1).map(|rest| format!("/assets/{}", rest.split('"').next().unwrap()));
    for path in assets.chain(["/".to_owned()]) {
        let request =
            client.request(&Method::GET, &path).header("accept-encoding", "gzip").body(Body::empty()).unwrap();
        let answer = tower::ServiceExt::oneshot(client.app.clone(), request).await.unwrap();
        let is_compressed = answer.headers().contains_key("content-encoding");
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        if is_compressed {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        }
        total += bytes.len();
    }
    assert!(total < 30_000, "{total} bytes");

    let request =
        client.request(&Method::GET, "/health").header("accept-encoding", "gzip").body(Body::empty()).unwrap();
    let answer = tower::ServiceExt::oneshot(client.app.clone(), request).await.unwrap();
    let first = answer.into_body().into_data_stream().next().await.unwrap().unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    assert!(first.contains("Looking at every part") && !first.contains("CREATE_COMPLETE"), "{first}");
}
