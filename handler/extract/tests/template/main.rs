//! Children that a template forks, and that misbehave: whatever one does, it ends in a named outcome, the next file is
//! read, and the template is replaced. This program is its own template, so it has no harness.

mod misbehaviour;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::task::Poll;
use std::time::{Duration, Instant};

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::{Extractor, child};

fn main() -> ExitCode {
    if let Some(code) = child::run_with(misbehaviour::parse) {
        return code;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        every_end_has_its_outcome_and_replaces_the_template().await;
        files_that_are_refused_do_not_replace_the_template().await;
        Box::pin(nothing_of_a_file_is_left_for_the_next_one()).await;
        Box::pin(a_file_of_unknown_length_is_read_to_its_end()).await;
        more_bytes_than_were_announced_are_an_error().await;
        Box::pin(what_does_not_fit_into_the_reports_is_kept()).await;
        a_crash_after_the_answer_replaces_the_template().await;

        a_child_of_the_template_before_a_crash_reads_no_file().await;
        an_empty_file_that_is_given_up_replaces_the_template().await;
        a_template_that_was_killed_costs_no_file().await;
        a_template_that_hangs_costs_no_file().await;
        a_template_that_ends_while_it_forks_leaves_no_child().await;
        a_start_that_nobody_waits_for_leaves_no_child().await;
        a_template_is_replaced_after_its_share_of_files().await;
        an_extractor_that_is_dropped_leaves_no_process().await;
    });
    writeln!(std::io::stdout(), "15 tests of children that a template forks passed").expect("the result is written");
    ExitCode::SUCCESS
}

const GOOD: &[u8] = b"three words here";

fn extractor(limits: Limits) -> Extractor {
    Extractor::with_program(std::env::current_exe().expect("this program has a path"), limits, FileTypes::any())
}

fn usual() -> Extractor {
    extractor(Limits { wall_seconds: 20, ..Limits::default() })
}

/// Reads a file as the handler does: the next child is prepared once this file is done.
async fn read(extractor: &Extractor, name: &str, bytes: &[u8]) -> Findings {
    let mut session = extractor.start(name, Some(bytes.len() as u64)).await.expect("a child starts");
    session.set_length(bytes.len() as u64);
    for chunk in bytes.chunks(16 << 10) {
        session.feed(chunk).await.expect("feeding does not fail");
    }
    session.finish().await.expect("the outcome is a finding")
}

async fn is_read_well(extractor: &Extractor) -> bool {
    let findings = read(extractor, "good.txt", GOOD).await;
    findings.failure.is_none() && findings.metadata.word_count == Some(3)
}

fn code(findings: &Findings) -> Option<ErrorCode> {
    findings.failure.as_ref().map(|failure| failure.code)
}

/// The children of this process.
fn children() -> Vec<u32> {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux lists threads").flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().expect("an id")).collect::<Vec<_>>()).collect()
}

/// The one of them whose standard input is the socket that requests arrive at, once no new child has it any more.
async fn template() -> u32 {
    let is_template = |id: &u32| {
        std::fs::read_link(format!("/proc/{id}/fd/0")).is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
    };
    let found = || children().into_iter().filter(is_template).collect::<Vec<_>>();
    until("there is one template", || found().len() == 1).await;
    found()[0]
}

fn state(process: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().next()?.chars().next()
}

async fn until(what: &str, reached: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !reached() {
        assert!(Instant::now() < limit, "{what}");
        tokio::task::yield_now().await;
    }
}

/// The child that is none of these processes.
async fn waiting_child(others: &[u32]) -> u32 {
    let found = || children().into_iter().find(|child| !others.contains(child));
    until("a child waits", || found().is_some()).await;
    found().expect("it is there")
}

async fn every_end_has_its_outcome_and_replaces_the_template() {
    for (name, expected) in misbehaviour::ALL {
        // A child that only waits is not to be waited for long; one that works may have to wait for a processor.
        let wall_seconds = if *expected == ErrorCode::TimeLimit { 2 } else { 30 };
        let limits = Limits { cpu_seconds: 1, wall_seconds, ..Limits::default() };
        let extractor = extractor(limits);
        extractor.prepare().await;
        assert!(is_read_well(&extractor).await, "{name}: the file before");
        extractor.prepare().await;
        let before = template().await;
        let findings = read(&extractor, name, b"bytes").await;
        assert_eq!(code(&findings), Some(*expected), "{name}: {:?}", findings.failure);
        let message = findings.failure.map(|failure| failure.message).unwrap_or_default();
        assert!(!message.contains("secret"), "{name}: {message}");
        extractor.prepare().await;
        assert_ne!(template().await, before, "{name}: the template stays");
        assert!(is_read_well(&extractor).await, "{name}: the next file");
    }
}

async fn files_that_are_refused_do_not_replace_the_template() {
    let extractor = usual();
    extractor.prepare().await;
    let before = template().await;
    for (name, bytes, expected) in [
        ("a.txt", GOOD, None),
        ("empty.txt", b"", Some(ErrorCode::EmptyFile)),
        ("broken.pdf", b"%PDF-1.4 nothing else", Some(ErrorCode::Malformed)),
        // Leaves the next child's temporary file at another position than its start.
        (misbehaviour::MOVES_POSITION, b"bytes", None),
        ("b.png", include_bytes!("../../../../samples/picture.png"), None),
    ] {
        let findings = read(&extractor, name, bytes).await;
        assert_eq!(code(&findings), expected, "{name}: {:?}", findings.failure);
        if name == "b.png" {
            assert_eq!(findings.metadata.width, Some(64), "{:?}", findings.metadata);
        }
        extractor.prepare().await;
        assert_eq!(template().await, before, "{name}");
        until(&format!("{name}: there are the template and the child that waits"), || children().len() == 2).await;
    }
}

async fn nothing_of_a_file_is_left_for_the_next_one() {
    let extractor = usual();
    extractor.prepare().await;
    let before = template().await;
    // More than the child reads at a time, and less than the pipe holds.
    let unread = b"99 words that the next file does not have ".repeat(4000);
    for (name, bytes, pages) in [
        (misbehaviour::READS_NOTHING, &unread[..], None),
        (misbehaviour::READS_NOTHING, &unread[..10], None),
        (misbehaviour::ANSWERS_FOR_THE_NEXT, b"bytes", None),
        // What is longer is written to the temporary file first.
        ("long.pdf", &pdf(3), Some(3)),
        ("short.pdf", &pdf(1), Some(1)),
    ] {
        let findings = read(&extractor, name, bytes).await;
        assert_eq!((code(&findings), findings.metadata.page_count), (None, pages), "{name}");
        extractor.prepare().await;
        let next = read(&extractor, "good.txt", GOOD).await;
        assert_eq!(next.metadata.word_count, Some(3), "{name}: {next:?}");
        assert_eq!(next.file_type.as_deref(), Some("text/plain"), "{name}");
        extractor.prepare().await;
        assert_eq!(template().await, before, "{name}");
    }
}

/// A PDF with empty pages.
fn pdf(pages: usize) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut kids = String::new();
    let mut objects = String::new();
    for number in (3..).take(pages) {
        let _ = write!(kids, "{number} 0 R ");
        let _ = writeln!(objects, "{number} 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj");
    }
    format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count {pages}/Kids[{kids}]>>endobj\n\
         {objects}trailer<</Root 1 0 R/Size {}>>\n%%EOF\n",
        pages + 3,
    )
    .into_bytes()
}

async fn a_file_of_unknown_length_is_read_to_its_end() {
    let extractor = usual();
    // Whoever names a wrong length has a file of another one, whose end is that of the input.
    for length in [None, Some(GOOD.len() as u64 + 1)] {
        extractor.prepare().await;
        let before = template().await;
        let mut session = extractor.start("good.txt", None).await.expect("a child starts");
        if let Some(length) = length {
            session.set_length(length);
        }
        session.feed(GOOD).await.expect("feeding does not fail");
        assert_eq!(session.finish().await.expect("a finding").metadata.word_count, Some(3), "{length:?}");
        extractor.prepare().await;
        assert_ne!(template().await, before, "the next child has an input that has ended");
        assert!(is_read_well(&extractor).await);
    }
}

async fn more_bytes_than_were_announced_are_an_error() {
    let extractor = usual();
    let mut session = extractor.start("good.txt", None).await.expect("a child starts");
    session.set_length(GOOD.len() as u64 - 1);
    session.feed(GOOD).await.expect("feeding does not fail");
    let error = session.finish().await.expect_err("what was read is not the file");
    assert_eq!(error.to_string(), "there are more bytes than were announced");
    assert!(is_read_well(&extractor).await);
}

async fn what_does_not_fit_into_the_reports_is_kept() {
    let extractor = usual();
    let findings = read(&extractor, misbehaviour::CRASHES_WITH_LONG_METADATA, b"%PDF-1.4 bytes").await;
    assert_eq!(code(&findings), Some(ErrorCode::Crashed));
    assert_eq!(findings.metadata.title.as_deref().map(str::len), Some(5000));
    assert!(is_read_well(&extractor).await);
}

async fn a_crash_after_the_answer_replaces_the_template() {
    let extractor = usual();
    extractor.prepare().await;
    let before = template().await;
    let child = waiting_child(&[before]).await;
    assert_eq!(code(&read(&extractor, misbehaviour::CRASHES_LATE, b"bytes").await), None);
    until("the child crashes", || state(child) == Some('Z')).await;
    extractor.prepare().await;
    assert_ne!(template().await, before);
}

async fn a_child_of_the_template_before_a_crash_reads_no_file() {
    let extractor = usual();
    extractor.prepare().await;
    let before = template().await;
    let mut crashing = extractor.start("abort", None).await.expect("a child starts");
    let first = children();
    // As the handler does while a record is written, and here while the file is read: the child is another template's.
    extractor.prepare().await;
    until("a child waits", || children().len() == 4).await;
    let second: Vec<_> = children().into_iter().filter(|child| !first.contains(child)).collect();
    crashing.feed(b"bytes").await.expect("feeding does not fail");
    assert_eq!(code(&crashing.finish().await.expect("a finding")), Some(ErrorCode::Crashed));
    let mut next = extractor.start("good.txt", None).await.expect("a child starts");
    assert!(!children().iter().any(|child| second.contains(child)), "the child that waited has the next file");
    assert_ne!(template().await, before);
    next.feed(GOOD).await.expect("feeding does not fail");
    assert_eq!(next.finish().await.expect("a finding").metadata.word_count, Some(3));
}

async fn an_empty_file_that_is_given_up_replaces_the_template() {
    let extractor = usual();
    extractor.prepare().await;
    let before = template().await;
    let session = extractor.start("silent", None).await.expect("a child starts");
    {
        // As far as it gets without waiting: the child has its request.
        let mut finish = std::pin::pin!(session.finish());
        let is_done = std::future::poll_fn(|context| Poll::Ready(finish.as_mut().poll(context).is_ready())).await;
        assert!(!is_done, "the child has answered");
    }
    extractor.prepare().await;
    assert_ne!(template().await, before);
}

async fn a_template_that_was_killed_costs_no_file() {
    let extractor = usual();
    assert!(is_read_well(&extractor).await);
    let killed = template().await;
    let pid = rustix::process::Pid::from_raw(killed.cast_signed()).expect("an id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is killed");
    assert!(is_read_well(&extractor).await);
    assert_ne!(template().await, killed);
}

async fn a_template_that_hangs_costs_no_file() {
    let extractor = usual();
    assert!(is_read_well(&extractor).await);
    let hanging = template().await;
    let pid = rustix::process::Pid::from_raw(hanging.cast_signed()).expect("an id");
    // It is idle, and stopped before it is asked for the next child.
    extractor.prepare().await;
    until("a child waits", || children().len() == 2).await;
    assert!(is_read_well(&extractor).await);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it is stopped");
    extractor.prepare().await;
    // Given up after ten seconds, once.
    let before = Instant::now();
    assert!(is_read_well(&extractor).await);
    assert!(before.elapsed() < Duration::from_secs(18), "it was waited for twice");
    assert_ne!(template().await, hanging);
    until("it has ended", || !children().contains(&hanging)).await;
}

async fn a_template_that_ends_while_it_forks_leaves_no_child() {
    let extractor = usual();
    for round in 0..300_u64 {
        // By the child of the template that was killed, if it has come, and by one of a new template.
        assert!(is_read_well(&extractor).await);
        assert!(is_read_well(&extractor).await);
        let pid = rustix::process::Pid::from_raw(template().await.cast_signed()).expect("an id");
        extractor.prepare().await;
        // Between the request and the reply, a little later in each round.
        let moment = Instant::now() + Duration::from_micros(round);
        while Instant::now() < moment {
            std::hint::spin_loop();
        }
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is killed");
    }
    assert!(is_read_well(&extractor).await);
    drop(extractor);
    until("all have ended", || children().is_empty()).await;
}

/// Starts a child as far as that gets without waiting.
async fn start_without_waiting(extractor: &Extractor) {
    let mut start = std::pin::pin!(extractor.start("b.txt", None));
    let _is_started = std::future::poll_fn(|context| Poll::Ready(start.as_mut().poll(context).is_ready())).await;
}

async fn a_start_that_nobody_waits_for_leaves_no_child() {
    let extractor = usual();
    assert!(is_read_well(&extractor).await);
    for _ in 0..20 {
        // The child was asked for and is mostly not there yet.
        extractor.prepare().await;
        start_without_waiting(&extractor).await;
        assert!(is_read_well(&extractor).await);
    }
    extractor.prepare().await;
    until("there are the template and the child that waits", || children().len() == 2).await;
    // A file that is read at the same time has a template of its own, which is started, and nobody waits for that either.
    let session = extractor.start("a.txt", None).await.expect("a child waits");
    start_without_waiting(&extractor).await;
    drop(session);
    assert!(is_read_well(&extractor).await);
    extractor.prepare().await;
    until("there are a child that waits and a template or two", || matches!(children().len(), 2 | 3)).await;

    // Nor does the end of the extractor, with a child that was asked for a moment ago.
    assert!(is_read_well(&extractor).await);
    extractor.prepare().await;
    drop(extractor);
    until("all have ended", || children().is_empty()).await;
}

async fn a_template_is_replaced_after_its_share_of_files() {
    const MORE_THAN_ITS_SHARE: usize = 600;
    let extractor = usual();
    let mut templates = Vec::new();
    for _ in 0..MORE_THAN_ITS_SHARE {
        assert!(is_read_well(&extractor).await);
        templates.push(template().await);
    }
    templates.dedup();
    assert_eq!(templates.len(), 2, "{templates:?}");
}

async fn an_extractor_that_is_dropped_leaves_no_process() {
    let extractor = usual();
    assert!(is_read_well(&extractor).await);
    extractor.prepare().await;
    until("a child waits", || children().len() == 2).await;
    drop(extractor);
    until("all have ended", || children().is_empty()).await;
    assert!(Path::new("/proc/self/fd").read_dir().expect("open files are listed").count() < 16, "pipes are left open");
}
