//! Measures `reconcile`: its memory with synthetic objects on the fake, and its time beside listing and scanning alone on
//! the local emulator.
//!
//! ```text
//! cargo run --release -p provisioner --example reconcile -- fake target/release/provisioner 1000000
//! cargo run --release -p provisioner --example reconcile -- emulator http://127.0.0.1:4566 20000 3
//! ```
//!
//! The first runs the program against a bucket and a table of the fake with this number of objects and records, of which
//! one in a thousand has no record, and prints seconds and the peak of its memory. The second fills a bucket and a table
//! of a running emulator (`provisioner local start`), and runs in alternation the same calls alone (each page is read and
//! dropped) and `reconcile` in this process. Prints one JSON object.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::error::Error;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fake_aws::s3::SyntheticObject;
use fake_aws::{ACCOUNT, Fake, REGION};
use handler_contract::record::Findings;
use handler_contract::table::PARTITION_KEY;
use handler_contract::{Metadata, Record, Timestamp, Upload};
use provisioner_aws::records::{Records, Source};
use provisioner_aws::versions::{Marker, Versions};
use provisioner_aws::{Aws, Target};
use provisioner_engine::dialog::{Answer, Dialog};
use provisioner_engine::event::Event;
use provisioner_engine::reconcile::{ATTRIBUTES, Options, reconcile};
use provisioner_model::names::Names;
use provisioner_model::sink::Sink;
use provisioner_model::spec::{BucketNamespace, StackSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

const STACK: &str = "bench";
/// Of so many objects of the fake, one has no record.
const ONE_LOST_IN: u64 = 1_000;
/// Clients that fill the emulator.
const WRITERS: u64 = 8;
/// DynamoDB API reference, `BatchWriteItem`: items a call.
const BATCH: u64 = 25;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match arguments.as_slice() {
        ["fake", program, objects] => on_fake(program, objects.parse()?)?,
        ["emulator", endpoint, objects, rounds] => {
            tokio::runtime::Runtime::new()?.block_on(on_emulator(endpoint, objects.parse()?, rounds.parse()?))?
        }
        _ => return Err("usage: reconcile fake PROGRAM OBJECTS, or reconcile emulator ENDPOINT OBJECTS ROUNDS".into()),
    };
    println!("{measured}");
    Ok(())
}

fn key(number: u64) -> String {
    format!("in/{:03}/{number:09}.txt", number / 10_000)
}

fn upload(bucket: &str, number: u64, e_tag: &str) -> Upload {
    Upload {
        bucket: bucket.to_owned(),
        key: key(number),
        version_id: None,
        e_tag: Some(e_tag.to_owned()),
        sequencer: Some(format!("{number:016X}")),
        size: Some(1_024),
        uploaded_at: Timestamp::from_unix_millis(1_700_000_000_000).expect("a time of this century"),
    }
}

/// The item of a record, as `DynamoDB` has it.
fn item(upload: &Upload) -> Value {
    let findings = Findings {
        file_type: Some("text/plain".to_owned()),
        file_size: 1_024,
        sha256: Some("0".repeat(64)),
        metadata: Metadata { title: Some("x".repeat(100)), ..Metadata::default() },
        failure: None,
    };
    let record = Record::new(upload, findings, upload.uploaded_at.clone(), "0.1.0");
    let record = serde_json::to_value(record).unwrap_or_default();
    let attributes = record.as_object().into_iter().flatten().map(|(name, value)| {
        let value = if value.is_number() { json!({ "N": value.to_string() }) } else { json!({ "S": value }) };
        (name.clone(), value)
    });
    Value::Object(attributes.collect())
}

/// The program against the fake, which runs in this process.
fn on_fake(program: &str, objects: u64) -> Outcome<Value> {
    let names = Names::of(STACK, BucketNamespace::Global, ACCOUNT, REGION);
    let fake = Fake::start();
    {
        let mut state = fake.state();
        state.s3.create_bucket(&names.artifacts);
        state.s3.create_bucket(&names.bucket).synthesize(objects, |number| SyntheticObject {
            key: key(number),
            size: 1_024,
            e_tag: format!("{number:032x}"),
        });
        let (bucket, of_items) = (names.bucket.clone(), objects - objects / ONE_LOST_IN);
        // In another order than the keys, as DynamoDB returns them.
        let make = move |number: u64| {
            let number = (number * 7_368_787) % of_items;
            item(&upload(&bucket, number, &format!("{number:032x}")))
        };
        state.dynamodb.create_table(&names.table, PARTITION_KEY).synthesize(of_items, make, |_| None);
    }
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("bench.yaml");
    std::fs::write(&file, format!("name: {STACK}\nregion: {REGION}\ndata: delete\ntable:\n  billing: on-demand\n"))?;
    let began = Instant::now();
    let mut child = Command::new(program)
        .args(["reconcile", "--stack"])
        .arg(&file)
        .env_clear()
        .env("HOME", folder.path())
        .env("AWS_ENDPOINT_URL", fake.url())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut peak = 0;
    let code = loop {
        if let Some(status) = child.try_wait()? {
            break status.code();
        }
        peak = peak.max(peak_kib(child.id()).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(20));
    };
    let calls = [fake.count("s3:ListObjectVersions"), fake.count("dynamodb:Scan")];
    Ok(json!({ "objects": objects, "exitCode": code, "seconds": began.elapsed().as_secs_f64(), "peakKiB": peak,
        "listings": calls[0], "scans": calls[1] }))
}

/// The peak of a process's memory so far.
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    peak.trim().trim_end_matches(" kB").parse().ok()
}

/// Answers nothing and shows nothing.
struct Silent;

impl Sink<Event> for Silent {
    fn take(&self, _: Event) {}
}

impl Dialog for Silent {
    fn can_ask(&self) -> bool {
        false
    }

    fn ask<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn remark(&self, _: &str) {}
}

async fn on_emulator(endpoint: &str, objects: u64, rounds: u32) -> Outcome<Value> {
    let aws = Aws::connect(&Target {
        region: Some("us-east-1".into()),
        endpoint: Some(endpoint.into()),
        credentials: Some(("test".into(), "test".into())),
        ..Target::default()
    })
    .await?;
    let host = endpoint.strip_prefix("http://").ok_or("the endpoint must start with http://")?.to_owned();
    let stack = format!("bench{}", std::process::id() % 10_000);
    let file = format!("name: {stack}\ndata: delete\nbucket:\n  requireTls: false\ntable:\n  billing: on-demand\n");
    let spec: StackSpec = provisioner_model::spec::parse(&file, "bench.yaml".as_ref())?;
    let names = Names::new(&spec, &aws.account, &aws.region);
    fill(&host, &names, objects).await?;

    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        // In alternation, so that neither always runs on the fresher emulator.
        for turn in [round % 2 == 0, round % 2 != 0] {
            let began = Instant::now();
            if turn {
                let options = Options { fix: false, now: false, restart: true, yes: false, parallel: 1 };
                let summary = reconcile(&aws, &spec, &stack, options, &Silent).await?;
                if (summary.counts.records, summary.left) != (objects, 0) {
                    return Err(format!("not in agreement: {summary:?}").into());
                }
                ours.push(began.elapsed().as_secs_f64());
            } else {
                let read = list_and_scan(&aws, &names).await?;
                if read != (objects, objects) {
                    return Err(format!("{read:?} were read").into());
                }
                bare.push(began.elapsed().as_secs_f64());
            }
        }
    }
    let (ours_median, bare_median) = (median(&ours), median(&bare));
    Ok(json!({ "objects": objects, "reconcile": ours, "listAndScan": bare, "reconcileMedian": ours_median,
        "listAndScanMedian": bare_median, "ratio": ours_median / bare_median }))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

/// The calls of `reconcile` alone.
async fn list_and_scan(aws: &Aws, names: &Names) -> Outcome<(u64, u64)> {
    let versions = Versions::new(aws, &names.bucket, None);
    let (mut listed, mut scanned) = (0, 0);
    let mut marker = Some(Marker::default());
    while let Some(from) = marker {
        let page = versions.page(&from).await?.ok_or("there is no bucket")?;
        listed += page.versions.len() as u64;
        marker = page.next;
    }
    let records = Records::new(aws, &names.table);
    let mut from = None;
    loop {
        let page = records.scan_attributes(Source::Table, &ATTRIBUTES, from).await?;
        scanned += page.items.len() as u64;
        from = page.next;
        if from.is_none() {
            return Ok((listed, scanned));
        }
    }
}

async fn fill(host: &str, names: &Names, objects: u64) -> Outcome<()> {
    call(host, "s3", &format!("PUT /{}", names.bucket), "", "").await?;
    call(host, "s3", &format!("PUT /{}", names.artifacts), "", "").await?;
    let table = json!({ "TableName": names.table, "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": PARTITION_KEY, "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": PARTITION_KEY, "KeyType": "HASH" }] });
    call(host, "dynamodb", "POST /", "DynamoDB_20120810.CreateTable", &table.to_string()).await?;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (host, names) = (host.to_owned(), names.clone());
        writers.spawn(async move {
            let content = "x".repeat(1_024);
            let mut batch = Vec::new();
            for number in (writer..objects).step_by(usize::try_from(WRITERS)?) {
                let put = format!("PUT /{}/{}", names.bucket, key(number));
                let answer = call(&host, "s3", &put, "", &content).await?;
                let e_tag = answer.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    name.eq_ignore_ascii_case("etag").then(|| value.trim().trim_matches('"').to_owned())
                });
                let upload = upload(&names.bucket, number, &e_tag.ok_or("no ETag")?);
                batch.push(json!({ "PutRequest": { "Item": item(&upload) } }));
                if batch.len() as u64 == BATCH || number + WRITERS >= objects {
                    let request = json!({ "RequestItems": { (&names.table): std::mem::take(&mut batch) } }).to_string();
                    call(&host, "dynamodb", "POST /", "DynamoDB_20120810.BatchWriteItem", &request).await?;
                }
            }
            Outcome::Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(())
}

/// One HTTP request with the emulator's credentials, which it does not check. Returns the whole answer.
async fn call(host: &str, service: &str, head: &str, target: &str, body: &str) -> Outcome<String> {
    let mut stream = TcpStream::connect(host).await?;
    let request = format!(
        "{head} HTTP/1.0\r\nHost: {host}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: {target}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(answer),
        _ => Err(format!("{head}: {answer}").into()),
    }
}
