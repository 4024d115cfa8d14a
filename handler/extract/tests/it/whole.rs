//! The target for the whole extractor: a file through a real child. Included by the fuzzer (`fuzz/fuzz_targets`) and by
//! the tests, which run what it once found.

use std::path::PathBuf;

use handler_contract::{FileTypes, Limits};
use handler_extract::Extractor;

/// Names that a file may come under: the first byte chooses.
const NAMES: &[&str] = &[
    "x", "x.pdf", "x.docx", "x.doc", "x.xlsx", "x.odt", "x.epub", "x.rtf", "x.zip", "x.gz", "x.csv", "x.json",
    "x.html", "x.xml", "x.eml", "x.mbox", "x.md", "x.txt", "x.png", "x.mp3", "x.mp4",
];

/// The environment variable that names the program whose `main` can be a child.
#[cfg(not(test))]
const PROGRAM: &str = "EXTRACT_PROGRAM";

/// Reads a file, whose first byte chooses its name, with the program that the environment names.
#[cfg(not(test))]
pub(crate) fn run(bytes: &[u8]) {
    let program = std::env::var_os(PROGRAM).expect("EXTRACT_PROGRAM names the program to start");
    read(program.into(), bytes);
}

/// Reads a file, whose first byte chooses its name.
///
/// # Panics
/// When the outcome is no finding.
pub(crate) fn read(program: PathBuf, bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let name = NAMES[usize::from(*first) % NAMES.len()];
    let limits = Limits { wall_seconds: 30, ..Limits::default() };
    let extractor = Extractor::with_program(program, limits, FileTypes::any());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    let findings = runtime.block_on(async {
        let mut session = extractor.start(name, Some(bytes.len() as u64)).await.expect("a child starts");
        for chunk in bytes.chunks(16 << 10) {
            session.feed(chunk).await.expect("feeding does not fail");
        }
        session.finish().await.expect("the outcome is a finding")
    });
    assert_eq!(findings.file_size, bytes.len() as u64);
    assert!(findings.sha256.is_some_and(|hash| hash.len() == 64));
    assert!(findings.file_type.is_some(), "{:?}", findings.failure);
    if let Some(failure) = findings.failure {
        assert!(!failure.message.is_empty() && !failure.message.contains(char::is_control), "{}", failure.message);
        assert_ne!(failure.code, handler_contract::ErrorCode::SandboxViolation, "{}", failure.message);
    }
}
