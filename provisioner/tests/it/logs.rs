//! `logs` against the fake, whose log service throttles on demand.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use fake_aws::{Cut, Fault, Response};
use serde_json::{Value, json};

use crate::deploy::{STACK, Site};

const READ: &str = "logs:FilterLogEvents";

fn log(site: &Site, message: &str) {
    log_after(site, 0, message);
}

/// Logs a line some milliseconds from now.
fn log_after(site: &Site, millis: u128, message: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() + millis;
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

#[test]
fn the_newest_lines_of_a_long_log_take_one_call_and_a_service_without_the_order_is_read_too() {
    for ignores_order in [false, true] {
        let site = Site::new();
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
            let mut state = site.fake.state();
            state.logs.ignores_order = ignores_order;
            for n in 0..5_000_i64 {
                let group = format!("/provisioner/{STACK}/handler");
                let time = i64::try_from(now).unwrap() - (5_000 - n) * 500;
                state.logs.log(&group, time, "stream", &format!("line {n}"));
            }
        }
        let shown = |arguments: &[&str]| -> Vec<String> {
            let ran = site.run(&[&["logs"], arguments].concat());
            ran.ended(0).out.lines().map(|line| line.rsplit("  ").next().unwrap().to_owned()).collect()
        };
        let lines = |from: i64, to: i64| (from..to).map(|n| format!("line {n}")).collect::<Vec<_>>();
        assert_eq!(shown(&["-n", "100"]), lines(4_900, 5_000));
        if !ignores_order {
            assert_eq!(site.fake.count(READ), 1);
        }
        // More than a page.
        assert_eq!(shown(&["-n", "4000"]), lines(1_000, 5_000));
        assert_eq!(shown(&["-n", "10000"]), lines(0, 5_000));
        assert_eq!(shown(&["-n", "3", "--grep", "line 1*"]), lines(1_997, 2_000));
        assert_eq!(shown(&["-n", "2", "--since", "2023-12-31"]), lines(4_998, 5_000));
    }
}

/// A line of the handler about a file.
fn handled(level: &str, key: &str, request: &str) -> String {
    let name = key.rsplit('/').next().unwrap();
    let message = format!("File {name} was seen");
    json!({ "level": level, "message": message, "key": key, "bucket": Site::bucket(), "requestId": request })
        .to_string()
}

#[test]
fn lines_are_filtered_by_file_error_and_invocation() {
    let site = Site::new();
    let id = "0123abcd-0000-4000-8000-000000000001";
    let lines = [
        handled("INFO", "in/a.txt", id),
        handled("WARN", "in/b.txt", "ffff"),
        handled("INFO", "ERROR a.txt", "eeee"),
        handled("INFO", r#"in/say "hi" \ a.txt"#, "dddd"),
        format!("START RequestId: {id} Version: $LATEST"),
        format!("REPORT RequestId: {id}\tDuration: 3 ms\t"),
        "2026-11-26T12:00:00.000Z cccc Task timed out after 20.00 seconds".to_owned(),
        "thread 'main' panicked at src/lib.rs:1".to_owned(),
    ];
    for (line, millis) in lines.iter().zip((0..).step_by(100)) {
        log_after(&site, millis, line);
    }
    let shown = |arguments: &[&str]| -> Vec<String> {
        let ran = site.run(&[&["logs", "--json"], arguments].concat());
        let lines = ran.ended(0).out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["key"].as_str().or(line["message"].as_str()).unwrap_or_default().to_owned()).collect()
    };
    let pattern = || {
        let calls = site.fake.calls_of(READ);
        calls.last().unwrap().request.json()["filterPattern"].as_str().map(ToOwned::to_owned)
    };
    assert_eq!(shown(&["--file", "a.txt"]), ["in/a.txt"]);
    assert_eq!(pattern().as_deref(), Some(r#""a.txt""#));
    assert_eq!(shown(&["--file", "in/a.txt"]), ["in/a.txt"]);
    assert_eq!(shown(&["--file", "*a.txt"]).len(), 3);
    // A name with characters that a pattern and JSON reserve.
    assert_eq!(shown(&["--file", r#"say "hi" \ a.txt"#]), [r#"in/say "hi" \ a.txt"#]);
    assert_eq!(pattern().as_deref(), Some(r#""a.txt" "say" "hi""#));
    assert_eq!(shown(&["--file", "ERROR a.txt"]), ["ERROR a.txt"]);
    assert_eq!(
        shown(&["--request", "0123abcd"]),
        ["in/a.txt".to_owned(), format!("REPORT RequestId: {id}\tDuration: 3 ms")]
    );
    assert_eq!(shown(&["--request", "0123abcd", "--reports"]).len(), 3);
    let errors = shown(&["--errors"]);
    assert_eq!(errors[0], "in/b.txt");
    assert!(errors[1].contains("timed out") && errors[2].contains("panicked") && errors.len() == 3, "{errors:?}");
    assert_eq!(pattern(), None, "another service than AWS may not know optional terms");
    assert_eq!(shown(&["--errors", "--file", "b.txt"]), ["in/b.txt"]);
    // A terminal gets no raw character of a name.
    log(&site, &handled("ERROR", "x\u{1b}[2J.txt", "r"));
    let ran = site.run(&["logs", "--file", "x\u{1b}[2J.txt"]);
    assert!(ran.ended(0).out.contains("x\u{fffd}[2J.txt") && !ran.out.contains('\u{1b}'), "{ran:#?}");
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
