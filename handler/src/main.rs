//! The Lambda function's executable, and, when the extractor starts it again, the child that reads one file.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before the first child exists, and in each child: neither the function nor the next child may be read by one.
    let inspection_denied = handler::process::deny_inspection();
    // A child must never hold a thread, a socket or a credential of the function.
    handler_extract::child::run_if_asked().unwrap_or_else(|| handler::run(inspection_denied.is_ok()))
}
