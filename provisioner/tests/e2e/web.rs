//! The web page of a deployed stack: a file that is uploaded to it, its record by server-sent events, and the way back.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::rig::{Rig, wait_until};

/// `provisioner web`, signed in.
struct Page {
    process: Child,
    lines: BufReader<ChildStdout>,
    host: String,
    cookie: String,
}

/// An answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn of(rig: &Rig) -> Self {
        let mut command = rig.command(&["web", "--json", "--port", "0"]);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the provisioner starts");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let url = event(&mut lines, "web-serving")["url"].as_str().expect("an address").to_owned();
        let (host, path) = url.strip_prefix("http://").expect("http").split_once('/').expect("a path");
        let mut page = Self { process, lines, host: host.to_owned(), cookie: String::new() };
        let answer = page.ask("GET", &format!("/{path}"), "");
        assert_eq!(answer.status, 303, "{}", answer.head);
        let cookie = answer.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        cookie.split(';').next().expect("a pair").clone_into(&mut page.cookie);
        assert_ne!(event(&mut page.lines, "web-signed-in")["url"], url.as_str());
        page
    }

    fn send(&self, method: &str, path: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).expect("the page is served");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a timeout");
        let Self { host, cookie, .. } = self;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\norigin: http://{host}\r\ncookie: {cookie}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).expect("the page reads");
        stream
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let mut text = String::new();
        self.send(method, path, body).read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head[9..12].parse().expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks, and asserts that the answer has each part.
    fn shows(&self, path: &str, parts: &[&str]) {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        for part in parts {
            assert!(answer.body.contains(part), "no {part:?} in {path}: {}", answer.body);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The next event, which must be this one.
fn event(lines: &mut BufReader<ChildStdout>, name: &str) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(event["event"], name);
    event
}

#[test]
fn a_file_is_uploaded_shown_live_and_downloaded() {
    let rig = Rig::up(&[]);
    let mut page = Page::of(&rig);
    page.shows("/", &["No files yet", "2 GiB"]);
    let port = page.host.rsplit(':').next().expect("a port");
    let taken = rig.run(&["web", "--port", port]).expect(1);
    assert!(taken.err.contains("failed to listen") && taken.err.contains("--port"), "{}", taken.err);
    page.shows("/failed-events", &["No failed events"]);
    page.shows("/health", &["healthy", "CREATE_COMPLETE"]);

    let mut live = BufReader::new(page.send("GET", "/live", ""));
    let mut next = |name: &str| loop {
        let mut field = String::new();
        live.read_line(&mut field).expect("an event");
        if field.trim_end() == format!("event: {name}") {
            // Its id and data, in any order.
            let mut rest = String::new();
            while !rest.ends_with("\n\n") {
                live.read_line(&mut rest).expect("a field");
            }
            let data = rest.lines().find_map(|line| line.strip_prefix("data: ")).expect("data").to_owned();
            return serde_json::from_str::<Value>(&data).expect("JSON");
        }
    };
    next("connected");
    let began = Instant::now();
    let stored = page.ask("PUT", "/files?name=in%2F%C3%A4%20b.txt", "one two three");
    assert_eq!(stored.status, 200, "{}", stored.body);
    let record = next("record");
    assert!(began.elapsed() < Duration::from_secs(10), "the record arrived after {:?}", began.elapsed());
    assert_eq!((&record["key"], &record["failed"]), (&"in/ä b.txt".into(), &false.into()));
    let id = record["id"].as_str().expect("an id");
    page.shows("/", &["ä b.txt"]);
    page.shows("/records?name=%C3%A4&type=text%2F*", &["ä b.txt"]);
    page.shows(&format!("/records/{id}"), &["Words", "Stored", "Recorded as SUCCESS"]);
    let link = page.ask("GET", &format!("/records/{id}/file"), "");
    assert_eq!(link.status, 303, "{}", link.body);
    let location = link.head.lines().find_map(|line| line.strip_prefix("location: ")).expect("a location");
    assert!(location.contains("X-Amz-Expires=60") && location.contains("attachment"), "{location}");
    let host = location.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("the emulator");
    let mut stream = TcpStream::connect(host).expect("the emulator answers");
    let path = &location["http://".len() + host.len()..];
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("a request");
    let mut file = String::new();
    stream.read_to_string(&mut file).expect("a file");
    assert!(file.ends_with("one two three"), "{file}");
    assert!(file.to_lowercase().contains("content-disposition: attachment; filename*=utf-8''%c3%a4%20b.txt"), "{file}");

    let record: Value = serde_json::from_str(&page.ask("GET", &format!("/records/{id}.json"), "").body).expect("JSON");
    let bucket = record["bucket"].as_str().expect("a bucket");

    // A later upload of the same name replaces the file, and the record says so.
    page.ask("PUT", "/files?name=in%2F%C3%A4%20b.txt", "four");
    assert_eq!(page.ask("GET", &format!("/records/{id}/file"), "").status, 410);

    // An upload that is under way leaves nothing when the server ends.
    let transfer = page.ask("POST", "/transfers?name=large.bin&size=20000000", "");
    let id = serde_json::from_str::<Value>(&transfer.body).expect("JSON")["id"].as_str().expect("an id").to_owned();
    let taken = page.ask("PATCH", &format!("/transfers/{id}?offset=0&since=0"), &"x".repeat(9 << 20));
    assert_eq!(taken.status, 200, "{}", taken.body);
    let pid = rustix::process::Pid::from_child(&page.process);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("the process runs");
    event(&mut page.lines, "web-ending");
    wait_until("the server has ended", || page.process.try_wait().expect("its state").is_some());
    let open = rig.ask(async |sdk| {
        let client =
            aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build());
        client.list_multipart_uploads().bucket(bucket).send().await.expect("the emulator answers").uploads().len()
    });
    assert_eq!(open, 0, "parts were left in the bucket");
}

#[test]
fn without_a_stack_the_command_says_what_to_do() {
    let rig = Rig::new(&[]);
    rig.run(&["local", "start"]).expect(0);
    let run = rig.run(&["web", "--port", "0"]).expect(1);
    assert!(run.err.contains("provisioner up"), "{}", run.err);
}
