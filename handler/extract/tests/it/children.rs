//! Children that do not do their work: whatever they do instead ends in a named outcome, within the limits.

use std::path::Path;

use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;

use crate::{code, read};

fn extractor() -> Extractor {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/children/misbehave.sh");
    Extractor::with_program(program, Limits { wall_seconds: 1, ..Limits::default() }, FileTypes::any())
}

#[tokio::test]
async fn every_misbehaviour_has_its_outcome() {
    let rows = [
        ("silent", Some(ErrorCode::TimeLimit)),
        ("mute", Some(ErrorCode::TimeLimit)),
        ("flood", Some(ErrorCode::OutputLimit)),
        ("drone", Some(ErrorCode::OutputLimit)),
        ("nonsense", Some(ErrorCode::Crashed)),
        ("wrong-type", Some(ErrorCode::Crashed)),
        ("brief", None),
        ("half", Some(ErrorCode::Crashed)),
        ("out-of-memory", Some(ErrorCode::MemoryLimit)),
        ("chatter", Some(ErrorCode::StackLimit)),
        ("exit-0", Some(ErrorCode::Crashed)),
        ("exit-7", Some(ErrorCode::Crashed)),
        ("KILL", Some(ErrorCode::Crashed)),
        ("TERM", Some(ErrorCode::Crashed)),
        ("XCPU", Some(ErrorCode::CpuLimit)),
        ("SYS", Some(ErrorCode::SandboxViolation)),
        ("XFSZ", Some(ErrorCode::SpoolLimit)),
    ];
    let extractor = extractor();
    // More than a pipe holds, so that a child that takes nothing is felt while the file is still fed.
    let big = vec![b'x'; 3 << 20];
    for (name, expected) in rows {
        for bytes in [b"small".as_slice(), &big] {
            let findings = read(&extractor, name, bytes).await;
            assert_eq!(code(&findings), expected, "{name} with {} bytes", bytes.len());
            assert_eq!(findings.file_size, bytes.len() as u64, "{name}");
            let message = findings.failure.map(|failure| failure.message).unwrap_or_default();
            assert!(!message.contains("secret"), "{name}: {message}");
        }
    }
}

#[tokio::test]
async fn what_was_known_before_a_death_is_kept() {
    let findings = read(&extractor(), "half", b"bytes").await;
    assert_eq!(findings.file_type.as_deref(), Some("application/pdf"));
    assert_eq!(findings.metadata.page_count, Some(3));
    assert!(findings.sha256.is_some());
}

#[tokio::test]
async fn trouble_that_is_not_the_files_is_an_error() {
    let session = extractor().start("trouble").unwrap();
    let error = session.finish().await.unwrap_err();
    assert_eq!(error.to_string(), "the parser failed to make a temporary file");
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_an_error() {
    let extractor = Extractor::with_program("/nonexistent/program", Limits::default(), FileTypes::any());
    assert!(extractor.start("x.txt").is_err());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_session_that_is_dropped_leaves_no_child() {
    let children = || std::fs::read_to_string("/proc/thread-self/children").unwrap();
    let mut session = extractor().start("silent").unwrap();
    session.feed(b"bytes").await.unwrap();
    assert!(!children().is_empty());
    drop(session);
    // The runtime reaps what was killed as soon as it gets to it.
    while !children().is_empty() {
        tokio::task::yield_now().await;
    }
}
