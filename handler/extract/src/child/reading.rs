//! What a child does with its one file, and what it has before that. Executed and forked children share it.

use handler_contract::FileTypes;
use handler_parsers::{Abort, Input, Report};

use crate::protocol::{Message, SandboxStatus};

/// Reads a file, as [`handler_parsers::extract`] does: its name, the types that are allowed, its bytes, what is found.
pub type Parser = fn(&str, &FileTypes, &mut Input, &mut Report) -> Result<(), Abort>;

/// What a child has that waits for its file in its sandbox.
pub(super) struct Ready {
    pub(super) input: Input,
    pub(super) allowed: FileTypes,
    pub(super) sandbox: SandboxStatus,
}

/// The one file that this child is for.
pub(super) struct Assigned {
    pub(super) name: String,
    pub(super) allowed: FileTypes,
    pub(super) input: Input,
}

pub(super) fn failed_to(what: &str, error: &dyn std::fmt::Display) -> String {
    format!("the parser failed to {what}: {error}")
}

/// Reads a text of this program's own and discards the result. It loads into memory what most files need of the
/// program, while no file waits for that: half of what it takes to read a small file is to touch code and tables for
/// the first time.
pub(super) fn warm_up(parse: Parser) -> Report {
    let input = Input::of(WARM_UP_TEXT.as_bytes(), &[]);
    let mut file = Assigned { name: "warm-up.txt".to_owned(), allowed: FileTypes::any(), input };
    let mut report = Report::discarding();
    work(parse, &mut file, &mut report);
    report
}

/// Prose, so that its language is detected as well.
const WARM_UP_TEXT: &str = "A text to warm up with: the caf\u{e9} \u{2013} a na\u{ef}ve place \u{2013} opens at 7.30. \
    It says in plain English what every text says that is read before the first file comes.\n\
    Nobody counts its words and lines and letters and nobody asks what language it is in.\n";

/// Reads the file, and returns the message that says how that ended.
pub(super) fn work(parse: Parser, file: &mut Assigned, report: &mut Report) -> Message {
    let Assigned { name, allowed, input } = file;
    match parse(name, allowed, input, report) {
        Ok(()) => Message::End(None),
        Err(Abort::Rejected(failure)) => Message::End(Some(failure)),
        Err(Abort::Internal(error)) => Message::InternalError(error),
    }
}
