//! What the child says, and how far it has come.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::path::Path;

use handler_contract::{ErrorCode, Failure, Metadata};

use super::Stop;
use crate::protocol::Message;

/// Collects what is read from a file, and tells the parent.
pub(crate) struct Report {
    /// What is known so far.
    pub(crate) metadata: Metadata,
    /// The type, where reading told it more exactly than sniffing.
    pub(crate) exact_type: Option<&'static str>,
    write: fn(&[u8]) -> io::Result<()>,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { metadata: Metadata::default(), exact_type: None, write }
    }

    /// One that nobody listens to.
    pub(crate) fn unheard() -> Self {
        Self { write: |_| Ok(()), ..Self::new() }
    }

    /// Tells the parent what is known so far, so that it survives the child. To be called before work that may not
    /// come to an end.
    pub(crate) fn keep(&self) -> Result<(), Stop> {
        self.say(&[self.known()]).map_err(Stop::Trouble)
    }

    /// Tells the parent of the type.
    pub(super) fn name_type(&self, file_type: impl Into<String>) -> Result<(), Stop> {
        self.say(&[Message::Type(file_type.into())]).map_err(Stop::Trouble)
    }

    /// Tells the parent all that is known, and how the work ended.
    pub(super) fn end(&self, last: Message) -> Result<(), String> {
        self.say(&[self.known(), last])
    }

    /// Sends messages, in one piece, so that the parent is woken once; or says why it cannot.
    pub(super) fn say(&self, messages: &[Message]) -> Result<(), String> {
        lines(messages)
            .and_then(|lines| (self.write)(&lines))
            .map_err(|error| format!("the parser failed to answer: {error}"))
    }

    fn known(&self) -> Message {
        Message::Metadata(Box::new(self.metadata.clone()))
    }
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

/// The panic hook: names the place, which is no content of the file as the panic's message may be, and ends the child
/// in the same way whether panics unwind or abort.
pub(super) fn panicked(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", short(at.file()), at.line()));
    let failure = Failure::new(ErrorCode::Crashed, format!("the parser gave up on the file{place}"));
    // Without an answer the parent still sees the status.
    let _ = lines(&[Message::End(Some(failure))]).and_then(|lines| write(&lines));
    std::process::exit(101);
}

/// A source file without the directories of the machine that built it: from its crate on.
fn short(path: &str) -> String {
    let parts: Vec<_> = Path::new(path).iter().map(|part| part.to_string_lossy()).collect();
    let source = parts.iter().rposition(|part| part == "src").unwrap_or(parts.len().saturating_sub(1));
    parts[source.saturating_sub(1)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn places_are_named_from_their_crate_on() {
        let rows = [
            ("/builder/registry/src/index-1/hayro-syntax-0.9.0/src/xref.rs", "hayro-syntax-0.9.0/src/xref.rs"),
            ("handler/extract/src/formats/pdf.rs", "extract/src/formats/pdf.rs"),
            ("src/lib.rs", "src/lib.rs"),
            ("lib.rs", "lib.rs"),
            ("", ""),
        ];
        for (path, name) in rows {
            assert_eq!(short(path), name);
        }
    }
}
