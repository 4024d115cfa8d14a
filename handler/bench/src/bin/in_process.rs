//! Reads the file on standard input as often as the first argument says, in this process and without a sandbox. Its
//! instructions are counted from outside.

use std::io::{self, Read};
use std::process::ExitCode;

use handler_contract::FileTypes;
use handler_parsers::{Abort, Input, Report, extract};

fn main() -> ExitCode {
    let times: u64 = std::env::args().nth(1).and_then(|times| times.parse().ok()).unwrap_or(1);
    let mut bytes = Vec::new();
    if io::stdin().read_to_end(&mut bytes).is_err() {
        return ExitCode::FAILURE;
    }
    for _ in 0..times {
        let mut input = Input::new(io::Cursor::new(bytes.clone()));
        input.set_spool(tempfile::tempfile(), u64::MAX);
        match extract("file", &FileTypes::any(), &mut input, &mut Report::discarding()) {
            Ok(()) | Err(Abort::Rejected(_)) => {}
            Err(Abort::Internal(_)) => return ExitCode::FAILURE,
        }
    }
    ExitCode::SUCCESS
}
