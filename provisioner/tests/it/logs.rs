//! `logs` against the fake, whose log service throttles on demand.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use fake_aws::{Cut, Fault, Response};
use serde_json::{Value, json};

use crate::deploy::{STACK, Site};

const READ: &str = "logs:FilterLogEvents";

fn log(site: &Site, message: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let group = format!("/provisioner/{STACK}/handler");
    site.fake.state().logs.log(&group, i64::try_from(now).unwrap(), "stream", message);
}

/// A follower, killed when the test ends, also when it fails.
struct Follower(Child);

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_throttled_follower_asks_once_and_later_again() {
    let site = Site::new();
    log(&site, "the first line");
    let mut command = site.command(&["logs", "--follow"]);
    let mut follower = Follower(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(follower.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("the first line"));

    let read = site.fake.count(READ);
    let throttled = Fault::error(400, "ThrottlingException", "Rate exceeded");
    site.fake.fail(READ, (0, 2), throttled);
    log(&site, "the second line");
    assert!(lines.next().unwrap().contains("the second line"));
    assert_eq!(site.fake.count(READ), read + 3, "two calls were throttled, and none was repeated at once");

    let pid = rustix::process::Pid::from_child(&follower.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(follower.0.wait().unwrap().code(), Some(0));
    let mut narration = String::new();
    follower.0.stderr.take().unwrap().read_to_string(&mut narration).unwrap();
    assert_eq!(narration.matches("trying again").count(), 1, "{narration}");
    assert!(narration.contains("Rate exceeded"), "{narration}");
}

#[test]
fn a_follower_sits_out_a_lost_connection() {
    let page = Response::new(200, "<html>Sign in</html>").with("content-type", "text/html");
    for fault in [Fault::NoAnswer(Cut::Reset), Fault::Answer(page)] {
        let site = Site::new();
        log(&site, "the first line");
        let mut command = site.command(&["logs", "--follow"]);
        let mut follower = Follower(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut lines = BufReader::new(follower.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().contains("the first line"));
        site.fake.fail(READ, (0, 2), fault);
        log(&site, "the second line");
        assert!(lines.next().is_some_and(|line| line.contains("the second line")));
    }
}

#[test]
fn a_follower_ends_when_the_log_is_denied() {
    let site = Site::new();
    log(&site, "the first line");
    site.fake.fail(READ, (0, usize::MAX), Fault::error(400, "AccessDeniedException", "not you"));
    site.run(&["logs", "--follow"]).ended(4).says("not you");
}

/// What a process of the function writes with its first file.
fn first_line(landlock: bool) -> String {
    let sandbox = json!({ "systemCalls": true, "files": landlock, "inspectionDenied": true });
    let line = json!({ "level": "INFO", "message": "File a.txt processed with status SUCCESS", "sandbox": sandbox });
    line.to_string()
}

#[test]
fn status_shows_the_sandbox_that_the_function_reported_last() {
    let site = Site::new();
    site.deployed();
    let shown = || {
        let out = site.run(&["status"]).ended(0).out.clone();
        let line = out.lines().find_map(|line| line.strip_prefix("sandbox ")).map(|text| text.trim().to_owned());
        (line.unwrap_or_else(|| panic!("{out}")), site.run(&["status", "--json"]).ended(0).json()["sandbox"].clone())
    };
    // A name that looks like a report is none.
    log(&site, &json!({ "level": "INFO", "message": "File sandbox processed with status SUCCESS" }).to_string());
    assert_eq!(shown(), ("not reported in the last 24 hours".to_owned(), Value::Null));

    log(&site, &first_line(true));
    let (text, json) = shown();
    assert_eq!((text.as_str(), &json["files"]), ("full", &json!(true)));

    log(&site, &first_line(false));
    let (text, json) = shown();
    assert_eq!(text, "degraded: no denial of files and network (Landlock)");
    assert_eq!((&json["files"], &json["systemCalls"]), (&json!(false), &json!(true)));

    // Who may not read the log sees the rest.
    site.fake.fail(READ, (0, usize::MAX), Fault::error(400, "AccessDeniedException", "not you"));
    assert_eq!(shown().1, Value::Null);
}
