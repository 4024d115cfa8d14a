//! The child's messages on its standard output.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::Path;

use handler_contract::{ErrorCode, Failure, Metadata};
use handler_parsers::Finding;

use crate::protocol::Message;

/// Sends what was found in the file.
pub(super) fn send_finding(finding: Finding<'_>) -> Result<(), String> {
    send(&[match finding {
        Finding::Type(file_type) => Message::Type(file_type.to_owned()),
        Finding::Metadata(metadata) => Message::Metadata(Box::new(metadata.clone())),
    }])
}

/// Sends all that is known, and how the work ended.
pub(super) fn send_last(metadata: &Metadata, last: Message) -> Result<(), String> {
    send(&[Message::Metadata(Box::new(metadata.clone())), last])
}

/// Sends messages in one write, so that the parent is woken once. The error is a text for the parent's log.
pub(super) fn send(messages: &[Message]) -> Result<(), String> {
    lines(messages).and_then(|lines| write(&lines)).map_err(|error| format!("the parser failed to answer: {error}"))
}

fn lines(messages: &[Message]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for message in messages {
        serde_json::to_writer(&mut lines, message)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn write(lines: &[u8]) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(lines)?;
    output.flush()
}

/// The panic hook. It reports the place of the panic and not its message, which may hold content of the file, and exits
/// in the same way whether panics unwind or abort.
pub(super) fn on_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", from_crate(at.file()), at.line()));
    let failure = Failure::new(ErrorCode::Crashed, format!("the parser gave up on the file{place}"));
    // Without an answer the parent still sees the status.
    let _ = lines(&[Message::End(Some(failure))]).and_then(|lines| write(&lines));
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
