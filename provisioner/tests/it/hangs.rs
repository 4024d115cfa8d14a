//! Commands whose service stops answering: their time limit, Ctrl-C, SIGTERM and SIGHUP end them in good order.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use fake_aws::{Cut, Fault, Gate, Rule};
use rustix::process::{Pid, Signal, kill_process};

use crate::deploy::Site;
use crate::world::Ran;

/// Longer than each command may take here, and far shorter than the services are silent.
const END: Duration = Duration::from_mins(1);

impl Site {
    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// From now on, this call gets no answer.
    fn silent(&self, call: &str) {
        self.fake.inject(Rule::on(call, Fault::NoAnswer(Cut::Stall)).always());
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The end of a process, which must come in time.
#[track_caller]
fn ended(child: Child) -> Ran {
    let began = Instant::now();
    let ran = Ran::of(&child.wait_with_output().unwrap());
    assert!(began.elapsed() < END, "it took {:?}: {ran:#?}", began.elapsed());
    ran
}

#[test]
fn verify_ends_at_its_timeout_if_a_service_does_not_answer() {
    for (call, cause) in [("s3:HeadBucket", "look for the bucket"), ("dynamodb:*", "read the table of records")] {
        let site = Site::new();
        site.deployed();
        site.silent(call);
        let ran = ended(site.start(&["verify", "--timeout", "2s"]));
        assert_eq!(ran.code, Some(4), "{call}: {ran:#?}");
        assert!(ran.err.contains(cause) && ran.err.contains("no answer within 2 s"), "{call}: {ran:#?}");
    }
}

#[test]
fn an_interrupt_ends_verify_while_a_service_does_not_answer() {
    let site = Site::new();
    site.deployed();
    site.silent("dynamodb:*");
    let verify = site.start(&["verify", "--timeout", "10m"]);
    site.fake.wait_for("dynamodb:Query", 1);
    signal(&verify, Signal::INT);
    let ran = ended(verify);
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert_eq!(site.fake.count("s3:PutObject"), 1);
    assert!(site.fake.count("s3:DeleteObject") + site.fake.count("s3:DeleteObjects") > 0, "the canary is removed");
}

/// `put --wait` of one file that is uploaded, while the table does not answer.
fn put_without_table(timeout: &str) -> (Site, Child) {
    let site = Site::new();
    site.deployed();
    std::fs::write(site.folder.path().join("a.txt"), "words").unwrap();
    let gate = Gate::new();
    site.fake.inject(Rule::on("s3:PutObject", Fault::Held(gate.clone())));
    let put = site.start(&["put", "a.txt", "--wait", "--timeout", timeout]);
    site.fake.wait_for("s3:PutObject", 1);
    site.silent("dynamodb:*");
    gate.open();
    (site, put)
}

#[test]
fn put_ends_at_its_timeout_if_the_table_does_not_answer_and_says_what_is_uploaded() {
    let (_site, put) = put_without_table("2s");
    let ran = ended(put);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.err.contains("read the table of records; 1 file uploaded"), "{ran:#?}");
    assert!(ran.err.contains("no answer within") && !ran.err.contains("interrupted"), "{ran:#?}");
}

#[test]
fn an_interrupt_ends_put_while_the_table_does_not_answer() {
    let (site, put) = put_without_table("10m");
    let before = site.fake.count("dynamodb:Query");
    site.fake.wait_for("dynamodb:Query", before + 1);
    signal(&put, Signal::INT);
    let ran = ended(put);
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert!(ran.err.contains("1 file uploaded"), "{ran:#?}");
}

#[test]
fn uploads_go_on_if_the_table_can_no_longer_be_read() {
    let site = Site::new();
    site.deployed();
    for name in ["a.txt", "b.txt", "c.txt"] {
        std::fs::write(site.folder.path().join(name), "words").unwrap();
    }
    let gate = Gate::new();
    site.fake
        .inject(Rule::on("s3:PutObject", Fault::Held(gate.clone())).when(|request| request.path.contains("b.txt")));
    let put = site.start(&["put", "a.txt", "b.txt", "c.txt", "--wait", "--parallel", "1"]);
    site.fake.wait_for("s3:PutObject", 2);
    let refused = Fault::error(400, "ResourceNotFoundException", "Requested resource not found");
    site.fake.inject(Rule::on("dynamodb:*", refused).always());
    let before = site.fake.count("dynamodb:Query");
    site.fake.wait_for("dynamodb:Query", before + 1);
    gate.open();
    let ran = ended(put);
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    assert_eq!(site.fake.count("s3:PutObject"), 3, "{ran:#?}");
    assert!(ran.err.contains("3 files uploaded") && !ran.err.contains("interrupted"), "{ran:#?}");
}

#[test]
fn each_signal_that_ends_a_program_aborts_a_multipart_upload_first() {
    for ending in [Signal::INT, Signal::TERM, Signal::HUP] {
        let site = Site::new();
        site.deployed();
        std::fs::write(site.folder.path().join("big.bin"), vec![7; 9 << 20]).unwrap();
        let gate = Gate::new();
        site.fake.inject(Rule::on("s3:UploadPart", Fault::Held(gate.clone())).always());
        let put = site.start(&["put", "big.bin"]);
        site.fake.wait_for("s3:UploadPart", 1);
        signal(&put, ending);
        site.fake.wait_for("s3:AbortMultipartUpload", 1);
        gate.open();
        let ran = ended(put);
        assert_eq!(ran.code, Some(130), "{ending:?}: {ran:#?}");
    }
}

#[test]
fn a_second_interrupt_ends_put_while_its_upload_cannot_be_aborted() {
    let site = Site::new();
    site.deployed();
    std::fs::write(site.folder.path().join("big.bin"), vec![7; 9 << 20]).unwrap();
    site.silent("s3:UploadPart");
    site.silent("s3:AbortMultipartUpload");
    let put = site.start(&["put", "big.bin"]);
    site.fake.wait_for("s3:UploadPart", 1);
    signal(&put, Signal::INT);
    site.fake.wait_for("s3:AbortMultipartUpload", 1);
    let began = Instant::now();
    signal(&put, Signal::INT);
    let ran = ended(put);
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(ran.code, Some(130), "{ran:#?}");
    assert!(ran.err.contains("1 upload neither completed nor aborted"), "{ran:#?}");
}

#[test]
fn a_hangup_that_is_ignored_stays_ignored() {
    let site = Site::new();
    site.deployed();
    std::fs::write(site.folder.path().join("a.txt"), "words").unwrap();
    let gate = Gate::new();
    site.fake.inject(Rule::on("s3:PutObject", Fault::Held(gate.clone())));
    let put = site.command(&["put", "a.txt"]);
    // As `nohup` does it.
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(put.get_program()).args(put.get_args());
    shell.current_dir(site.folder.path()).env_clear();
    for (name, value) in put.get_envs() {
        shell.env(name, value.unwrap());
    }
    let put = shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    site.fake.wait_for("s3:PutObject", 1);
    signal(&put, Signal::HUP);
    gate.open();
    assert_eq!(ended(put).code, Some(0));
}

#[test]
fn discarding_an_own_change_set_leaves_the_stack_to_another_user_s() {
    let site = Site::new();
    let (described, deleted) = (Gate::new(), Gate::new());
    site.fake.inject(Rule::on("cloudformation:DescribeChangeSet", Fault::Held(described.clone())));
    site.fake.inject(Rule::on("cloudformation:DeleteChangeSet", Fault::Held(deleted.clone())));
    site.fake.state().cloudformation.validation_failures.push(fake_aws::cloudformation::ValidationFailure {
        name: "AWS::EarlyValidation::ResourceExistenceCheck".into(),
        logical_id: "Bucket".into(),
        kind: "AWS::S3::Bucket".into(),
        path: "/Resources/Bucket".into(),
        reason: "it exists".into(),
    });
    let up = site.up_command().spawn().unwrap();
    site.fake.wait_for("cloudformation:DescribeChangeSet", 1);
    let set = site.fake.state().cloudformation.change_sets.values().next().unwrap().clone();
    described.open();
    site.fake.wait_for("cloudformation:DeleteChangeSet", 1);
    // Now, as the own change set is gone, another user proposes one.
    site.fake.state().cloudformation.change_sets.insert("arn:aws:cloudformation:x:1:changeSet/other/1".into(), set);
    deleted.open();
    let ran = ended(up);
    assert_eq!(ran.code, Some(6), "{ran:#?}");
    assert_eq!(site.status().as_deref(), Some("REVIEW_IN_PROGRESS"));
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
}
