//! Faults between the handler and AWS: slow, throttled, reset, truncated and corrupted answers. In every case, each
//! file results in one correct record or in a queue message that `redrive` sends again.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::program::Program;
use crate::rig::{Rig, free_port, wait_until};

/// A request in HTTP/1.0, so that the response ends with the connection and needs no length.
fn http(port: u16, method: &str, path: &str, body: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let head =
        format!("{method} {path} HTTP/1.0\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.starts_with('2').then_some(answer)
}

/// An emulator whose functions reach it through a proxy that injects faults, and a stack on it.
struct Faulty {
    rig: Rig,
    proxy_port: u16,
    _proxy: Program,
    _emulator: Program,
}

impl Faulty {
    fn up() -> Self {
        let (port, proxy_port) = (free_port(), free_port());
        let rig = Rig::on_endpoint(port);
        let folder = rig.folder().join("emulator");
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let home = folder.to_str().unwrap();
        let emulator = Program::start(
            "ministack",
            &[],
            &[
                ("HOME", home),
                ("TMPDIR", folder.join("tmp").to_str().unwrap()),
                // The proxy rewrites Host, so signatures are not verified here.
                ("AUTH", "false"),
                ("GATEWAY_PORT", &port.to_string()),
                ("BIND_HOST", "127.0.0.1"),
                ("IOT_MTLS_ENABLED", "0"),
                ("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{proxy_port}")),
                ("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.2"),
            ],
        );
        let upstream = format!("http://127.0.0.1:{port}");
        let proxy = Program::start(
            "microburst",
            &["--upstream", &upstream, "--port", &proxy_port.to_string(), "--host", "127.0.0.1"],
            &[("HOME", home)],
        );
        wait_until("the emulator answers", || http(port, "GET", "/_ministack/health", "").is_some());
        wait_until("the proxy answers", || http(proxy_port, "GET", "/_microburst/health", "").is_some());
        rig.run(&["up", "--yes"]).expect(0);
        Self { rig, proxy_port, _proxy: proxy, _emulator: emulator }
    }

    fn rules(&self, rules: &Value) {
        http(self.proxy_port, "POST", "/_microburst/rules", &rules.to_string()).expect("the proxy takes the rules");
    }

    /// The number of injected faults.
    fn fired(&self) -> usize {
        let answer = http(self.proxy_port, "GET", "/_microburst/fired?limit=100000", "").expect("the proxy answers");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        match serde_json::from_str(body).expect("JSON") {
            Value::Array(fired) => fired.len(),
            Value::Object(object) => object["fired"].as_array().map_or(0, Vec::len),
            other => panic!("{other}"),
        }
    }

    /// Uploads files under these rules and asserts that each has one correct record, directly or after a redrive.
    fn nothing_is_lost_under(&self, prefix: &str, rules: &Value) {
        let before = self.rig.records().len();
        self.rules(rules);
        let mut words = BTreeMap::new();
        for n in 1..=40_usize {
            let name = format!("{prefix}-{n}.txt");
            self.rig.file(&format!("{prefix}/{name}"), "word ".repeat(n * 50));
            words.insert(name, n as u64 * 50);
        }
        let folder = self.rig.folder().join("files").join(prefix);
        self.rig.run(&["put", folder.to_str().unwrap()]).expect(0);

        let queued = || self.rig.run(&["status", "--json"]).expect(0).json()["failedEvents"].as_u64().unwrap_or(0);
        wait_until("every file has a record or a place in the queue", || {
            (self.rig.records().len() - before) as u64 + queued() >= words.len() as u64
        });
        assert!(self.fired() > 0, "no fault was injected: the test proves nothing");

        self.rules(&json!([]));
        if queued() > 0 {
            self.rig.run(&["redrive", "--yes"]).expect(0);
        }
        wait_until("every file has a record", || self.rig.records().len() - before == words.len());

        for record in self.rig.records() {
            let name = record["fileName"].as_str().unwrap();
            if let Some(words) = words.get(name) {
                assert_eq!(record["status"], "SUCCESS", "{record:#}");
                assert_eq!(record["wordCount"], *words, "{record:#}");
            }
        }
    }
}

#[test]
fn each_kind_of_fault_leaves_every_file_with_one_correct_record() {
    let faulty = Faulty::up();
    let s3 = |fault: Value| {
        let mut rule = json!({"service": "s3", "operation": "GetObject", "probability": 0.5});
        rule.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        json!([rule])
    };
    let dynamodb = |fault: Value| {
        let mut rule = json!({"service": "dynamodb", "operation": "PutItem", "probability": 0.5});
        rule.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
        json!([rule])
    };
    let kinds = [
        ("s3-slow-down", s3(json!({"error": {"code": "SlowDown", "status": 503}}))),
        ("s3-internal", s3(json!({"error": {"code": "InternalError", "status": 500}}))),
        ("s3-reset", s3(json!({"reset": true}))),
        ("s3-cut", s3(json!({"response": {"abort_frac": 0.5}}))),
        ("s3-corrupt", s3(json!({"response": {"corrupt_bytes": 8}}))),
        ("s3-slow", s3(json!({"latency": {"min": 200, "max": 900}}))),
        ("db-throttle", dynamodb(json!({"error": {"code": "ProvisionedThroughputExceededException"}}))),
        ("db-reset", dynamodb(json!({"reset": true}))),
        // The item is written and the answer lost: the retry finds its own record.
        ("db-answer-lost", dynamodb(json!({"response": {"abort_frac": 0.1}}))),
    ];
    for (prefix, rules) in kinds {
        faulty.nothing_is_lost_under(prefix, &rules);
    }
}

#[test]
fn an_outage_longer_than_all_attempts_fills_the_queue_and_redrive_empties_it() {
    let faulty = Faulty::up();
    faulty.nothing_is_lost_under(
        "outage",
        &json!([{"service": "s3", "operation": "GetObject", "error": {"code": "ServiceUnavailable", "status": 503}}]),
    );
    let status = faulty.rig.run(&["status", "--json"]).expect(0).json();
    assert_eq!(status["failedEvents"], 0, "{status:#}");
}
