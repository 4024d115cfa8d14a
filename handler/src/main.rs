//! The Lambda function's executable, and, when the extractor starts it again, the child that reads one file.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all: a child must never hold a thread, a socket or a credential of the function.
    handler_extract::child::run_if_asked().unwrap_or_else(handler::run)
}
