//! `provisioner put` against the fake: files that change, interruptions while an upload completes, files that are left
//! out, and questions before the first byte.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use fake_aws::{Fault, Gate, Response, Rule};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::deploy::Site;
use crate::world::Ran;

/// A size that is uploaded in several parts.
const LARGE: usize = 20 << 20;

impl Site {
    /// A deployed stack, and a file of this size.
    pub(crate) fn with_file(name: &str, bytes: usize) -> Self {
        let site = Self::new();
        site.deployed();
        site.file(name, &vec![b'x'; bytes]);
        site
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn append(&self, name: &str) {
        let path = self.folder.path().join(name);
        std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"more").unwrap();
    }

    fn put(&self, arguments: &[&str]) -> Child {
        let arguments = [&["put", "--json"], arguments].concat();
        self.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn has(&self, key: &str) -> bool {
        self.fake.state().s3.has(&Self::bucket(), key)
    }

    fn open_uploads(&self) -> usize {
        self.fake.state().s3.buckets[&Self::bucket()].uploads.len()
    }

    /// Whether what the command reports of the only file is what the bucket has.
    #[track_caller]
    fn reports_what_is_stored(&self, ran: &Ran, key: &str) -> Value {
        let events: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of = |name: &str| events.iter().find(|event| event["event"] == name).cloned();
        let reported = of("uploaded").or_else(|| of("not-uploaded")).unwrap_or_else(|| panic!("{ran:#?}"));
        assert_eq!(reported["event"] == "uploaded", self.has(key), "{ran:#?}");
        assert_eq!(self.open_uploads(), 0, "parts are left: {ran:#?}");
        reported
    }
}

fn end(child: Child) -> Ran {
    Ran::of(&child.wait_with_output().unwrap())
}

fn held(call: &str) -> (Gate, Rule) {
    let gate = Gate::new();
    (gate.clone(), Rule::on(call, Fault::Held(gate)))
}

#[test]
fn a_large_file_that_changes_is_not_completed() {
    for change in [Site::append as fn(&Site, &str), |site, name| site.file(name, b"short")] {
        let site = Site::with_file("a.bin", LARGE);
        let (gate, rule) = held("s3:UploadPart");
        site.fake.inject(rule);
        let put = site.put(&["a.bin"]);
        site.fake.wait_for("s3:UploadPart", 1);
        change(&site, "a.bin");
        gate.open();
        let ran = end(put);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        let reported = site.reports_what_is_stored(&ran, "a.bin");
        assert!(reported["reason"].as_str().unwrap().contains("changed while it was uploaded"), "{reported:#}");
        assert_eq!(site.fake.count("s3:CompleteMultipartUpload"), 0);
    }
}

#[test]
fn a_small_file_that_changes_is_reported_as_stored_and_changed() {
    let site = Site::with_file("a.txt", 10);
    let (gate, rule) = held("s3:PutObject");
    site.fake.inject(rule);
    let put = site.put(&["a.txt"]);
    site.fake.wait_for("s3:PutObject", 1);
    site.append("a.txt");
    gate.open();
    let ran = end(put);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    let reported = site.reports_what_is_stored(&ran, "a.txt");
    assert_eq!((&reported["changed"], &reported["size"]), (&true.into(), &10.into()));
    ran.says("changed-files");
}

#[test]
fn an_interruption_while_an_upload_ends_waits_for_its_result() {
    for (size, call) in [(10, "s3:PutObject"), (LARGE, "s3:CompleteMultipartUpload")] {
        let site = Site::with_file("a.bin", size);
        let (gate, rule) = held(call);
        site.fake.inject(rule);
        let mut command = site.command(&["put", "a.bin"]);
        let mut put = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        site.fake.wait_for(call, 1);
        kill_process(Pid::from_child(&put), Signal::INT).unwrap();
        let mut lines = BufReader::new(put.stderr.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.next().unwrap().starts_with("interrupted; waiting until 1 upload"), "{call}");
        gate.open();
        let rest = lines.collect::<Vec<_>>().join("\n");
        assert!(rest.contains("uploaded a.bin") && rest.contains("1 file uploaded, 0 not uploaded"), "{call}: {rest}");
        assert_eq!(put.wait().unwrap().code(), Some(130), "{call}: {rest}");
        assert!(site.has("a.bin") && site.open_uploads() == 0, "{call}: {rest}");
    }
}

#[test]
fn existing_files_are_skipped_unless_they_changed() {
    let site = Site::with_file("new.txt", 10);
    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    for name in ["same.txt", "longer.txt", "later.txt"] {
        site.file(name, b"0123456789");
        let is_later = name == "later.txt";
        let file = std::fs::File::options().write(true).open(site.folder.path().join(name)).unwrap();
        file.set_modified(if is_later {
            std::time::SystemTime::now() + std::time::Duration::from_hours(24)
        } else {
            old
        })
        .unwrap();
        let stored: &[u8] = if name == "longer.txt" { b"012345678" } else { b"0123456789" };
        site.fake.state().s3.put(&Site::bucket(), name, stored);
    }
    let files = ["new.txt", "same.txt", "longer.txt", "later.txt"];
    let dry = site.run(&[&["put", "--dry-run", "--skip-existing", "--json"], files.as_slice()].concat());
    dry.ended(0);
    let skipped = dry.json().as_array().unwrap().iter().filter(|upload| upload["skipped"] == true).count();
    assert_eq!((skipped, site.fake.count("s3:PutObject")), (1, 0));

    let ran = site.run(&[&["put", "--skip-existing"], files.as_slice()].concat());
    ran.ended(0).says("skipped same.txt").says("3 files uploaded").says("1 skipped");
    assert_eq!(site.fake.count("s3:PutObject"), 3);
    // A caller that may not look uploads.
    site.fake.inject(Rule::on("s3:HeadObject", Fault::error(403, "AccessDenied", "no")).always());
    site.run(&["put", "--skip-existing", "same.txt"]).ended(0).says("1 file uploaded");
}

#[test]
fn existing_files_are_compared_by_the_clock_of_s3() {
    // The start of the fake's clock.
    let start = DateTime::from_str("2026-11-22T12:00:00Z", DateTimeFormat::DateTime).unwrap();
    let start = SystemTime::try_from(start).unwrap();
    // S3's clock, the time since the file was changed, and whether the object, which was put ten minutes ago, is newer.
    for (ahead, age, is_skipped) in [
        (Duration::ZERO, Duration::from_hours(1), true),
        (Duration::ZERO, Duration::from_mins(1), false),
        (Duration::from_hours(100 * 365 * 24), Duration::from_hours(1), true),
        (Duration::from_hours(100 * 365 * 24), Duration::from_mins(1), false),
    ] {
        let site = Site::with_file("a.txt", 10);
        site.fake.advance(ahead);
        site.run(&["put", "a.txt"]).ended(0);
        let date = DateTime::from(start + ahead + Duration::from_mins(10)).fmt(DateTimeFormat::HttpDate).unwrap();
        let answer = Response::new(200, "").with("date", &date);
        site.fake.inject(Rule::on("s3:HeadBucket", Fault::Answer(answer)).always());
        let file = std::fs::File::options().write(true).open(site.folder.path().join("a.txt")).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        let dry = site.run(&["put", "--dry-run", "--skip-existing", "--json", "a.txt"]).json();
        assert_eq!(dry[0]["skipped"] == true, is_skipped, "{date}: {dry}");
        let ran = site.run(&["put", "--skip-existing", "a.txt"]);
        ran.ended(0).says(if is_skipped { "1 skipped" } else { "1 file uploaded" });
    }
}

#[test]
fn a_dry_run_lists_keys_and_calls_nothing() {
    let site = Site::with_file("in/a.txt", 10);
    site.file("in/.git/config", b"");
    site.file("in/node_modules/x.js", b"");
    site.fake.forget_calls();
    let ran = site.run(&["put", "--dry-run", "--prefix", "p", "-x", "node_modules", "in"]);
    ran.ended(0)
        .says("p/a.txt")
        .says("p/.git/config")
        .says("2 files would be uploaded")
        .says("1 file is hidden (.git)");
    assert!(!ran.out.contains("x.js"), "{ran:#?}");
    assert_eq!(site.fake.call_names(), [] as [&str; 0]);
}

#[test]
fn hidden_and_too_large_files_and_those_that_nothing_processes_need_confirmation() {
    let site = Site::with_file("in/a.txt", 10);
    site.file("in/.env", b"secret");
    let large = std::fs::File::create(site.folder.path().join("large.txt")).unwrap();
    large.set_len((100 << 20) + 1).unwrap();
    for (arguments, doubt) in [
        (["put", "in"], "1 file is hidden (.env); --exclude '.*'"),
        (["put", "large.txt"], "larger than the stack's limit, files.maxSize 100 MiB"),
    ] {
        let refused = site.run(&arguments);
        refused.ended(5).says(doubt).says("--yes");
        assert_eq!(site.fake.count("s3:PutObject") + site.fake.count("s3:CreateMultipartUpload"), 0);
    }
    site.run(&["put", "in", "--exclude", ".*"]).ended(0).says("1 file uploaded");
    site.run(&["put", "in", "--yes"]).ended(0).says("2 files uploaded");
    // A file that is named is meant.
    site.run(&["put", "in/.env"]).ended(0);

    site.fake.state().lambda.forbids_invocation = true;
    let refused = site.run(&["put", "in/a.txt"]);
    refused
        .ended(5)
        .says("would get no record: the function's policy does not allow")
        .says("up -s shop.yaml --revert-drift");
    // A caller that may not read the configuration uploads as before.
    site.fake.inject(Rule::on("lambda:GetPolicy", Fault::error(403, "AccessDenied", "no")).always());
    site.run(&["put", "in/a.txt"]).ended(0);
}

#[test]
fn waiting_ends_early_with_the_cause_if_no_record_can_come() {
    let site = Site::with_file("a.txt", 10);
    let (gate, rule) = held("s3:PutObject");
    site.fake.inject(rule);
    let put = site.put(&["a.txt", "--wait", "--timeout", "10m"]);
    site.fake.wait_for("s3:PutObject", 1);
    site.fake.state().lambda.forbids_invocation = true;
    gate.open();
    let ran = end(put);
    assert_eq!(ran.code, Some(8), "{ran:#?}");
    ran.says("does not allow the bucket to invoke it").says("up -s shop.yaml --revert-drift");
}
