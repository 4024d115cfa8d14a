//! The child's messages: those on the way go to its standard error, the answer to its standard output.

use std::io;
use std::os::fd::AsFd;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use handler_contract::{ErrorCode, Failure, Metadata};
use handler_parsers::Finding;

use crate::protocol::{MAX_PROGRESS, Message};

/// Reports what was found in the file.
pub(super) fn report_finding(finding: Finding<'_>) -> Result<(), String> {
    report(&[match finding {
        Finding::Type(file_type) => Message::Type(file_type.to_owned()),
        Finding::Metadata(metadata) => Message::Metadata(Box::new(metadata.clone())),
    }])
}

/// Reports what is known on the way. What there is no room for is part of the answer, which takes the parent a look more.
pub(super) fn report(messages: &[Message]) -> Result<(), String> {
    static REPORTED: AtomicUsize = AtomicUsize::new(0);
    let lines = lines(messages).map_err(|error| unsent(&error))?;
    let written = if REPORTED.fetch_add(lines.len(), Ordering::Relaxed) + lines.len() <= MAX_PROGRESS {
        write_all(io::stderr(), &lines)
    } else {
        write_all(io::stdout(), &lines)
    };
    written.map_err(|error| unsent(&error))
}

/// Sends all that is known, and how the work ended.
pub(super) fn send_last(metadata: &Metadata, last: Message) -> Result<(), String> {
    let lines = lines(&[Message::Metadata(Box::new(metadata.clone())), last]).map_err(|error| unsent(&error))?;
    write_all(io::stdout(), &lines).map_err(|error| unsent(&error))
}

/// The text is for the parent's log.
fn unsent(error: &io::Error) -> String {
    format!("the parser failed to answer: {error}")
}

fn lines(messages: &[Message]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for message in messages {
        serde_json::to_writer(&mut lines, message)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Writes without the buffer that the standard library puts before standard output.
fn write_all(stream: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let count = rustix::io::retry_on_intr(|| rustix::io::write(&stream, bytes))?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// The panic hook. It reports the place of the panic and not its message, which may hold content of the file, and exits
/// in the same way whether panics unwind or abort.
pub(super) fn on_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", from_crate(at.file()), at.line()));
    let failure = Failure::new(ErrorCode::Crashed, format!("the parser gave up on the file{place}"));
    // Without an answer the parent still sees the status.
    let _ = lines(&[Message::End(Some(failure))]).and_then(|lines| write_all(io::stdout(), &lines));
    std::process::exit(101);
}

/// The path of a source file from its crate on, without the directories of the machine that built it.
fn from_crate(path: &str) -> String {
    let parts: Vec<_> = Path::new(path).iter().map(|part| part.to_string_lossy()).collect();
    let source = parts.iter().rposition(|part| part == "src").unwrap_or(parts.len().saturating_sub(1));
    parts[source.saturating_sub(1)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::from_crate;

    #[test]
    fn places_are_named_from_their_crate_on() {
        let rows = [
            ("/builder/registry/src/index-1/hayro-syntax-0.9.0/src/xref.rs", "hayro-syntax-0.9.0/src/xref.rs"),
            ("handler/extract/parsers/src/formats/pdf.rs", "parsers/src/formats/pdf.rs"),
            ("src/lib.rs", "src/lib.rs"),
            ("lib.rs", "lib.rs"),
            ("", ""),
        ];
        for (path, name) in rows {
            assert_eq!(from_crate(path), name);
        }
    }
}
