//! The extractor from outside: real children, good files, files made to break them, and children that misbehave.

mod attacks;
mod binary;
mod children;
mod deflate;
mod fields;

mod good;
mod hostile;
mod huge;
mod kinds;
mod pdf;
mod texts;
mod video;
mod whole;

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;

/// An extractor whose children are the program of this crate.
fn extractor(limits: Limits) -> Extractor {
    Extractor::with_program(env!("CARGO_BIN_EXE_extract"), limits, FileTypes::any())
}

/// Runs one file through a child, in pieces as a download has them.
async fn read(extractor: &Extractor, name: &str, bytes: &[u8]) -> Findings {
    read_encoded(extractor, name, bytes, None).await
}

/// The same for bytes that are in a coding.
async fn read_encoded(extractor: &Extractor, name: &str, bytes: &[u8], content_encoding: Option<&str>) -> Findings {
    let mut session = extractor.start(name, Some(bytes.len() as u64)).await.expect("a child starts");
    session.set_length(bytes.len() as u64);
    session.set_content_encoding(content_encoding);
    for chunk in bytes.chunks(16 << 10) {
        session.feed(chunk).await.expect("feeding does not fail");
    }
    session.finish().await.expect("the outcome is a finding")
}

fn code(findings: &Findings) -> Option<ErrorCode> {
    findings.failure.as_ref().map(|failure| failure.code)
}
