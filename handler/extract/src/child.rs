//! The child's side: limits first, then sniff, validate, extract, answer.
//!
//! A child reads one file from its standard input and writes what it finds to its standard output
//! ([`crate::protocol`]). It opens one unnamed temporary file before it locks itself in, and nothing after.

mod input;
mod limits;
mod report;
mod sandbox;

use std::process::ExitCode;

use handler_contract::{ErrorCode, Failure};

pub(crate) use input::Input;
pub(crate) use report::Report;

use crate::formats::{self, Reader};
use crate::protocol::{CHILD_MARKER, Message, Request};
use crate::sniff::{self, Sniffed};
use crate::validate;

/// Why a child stops before the end of its work.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The file is at fault.
    Failure(Failure),
    /// The file is not at fault; another attempt may succeed.
    Trouble(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Runs this process as an extraction child if its first argument says so, and then returns its exit code.
///
/// Must be called first thing in `main`, before threads, sockets or credentials exist.
pub fn run_if_asked() -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1).is_some_and(|argument| argument == CHILD_MARKER);
    asked.then(run)
}

fn run() -> ExitCode {
    let mut report = Report::new();
    std::panic::set_hook(Box::new(report::panicked));
    let last = match serve(&mut report) {
        Ok(()) => Message::End(None),
        Err(Stop::Failure(failure)) => Message::End(Some(failure)),
        Err(Stop::Trouble(trouble)) => Message::Trouble(trouble),
    };
    match report.send(&last) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is left to hear why.
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(report: &mut Report) -> Result<(), Stop> {
    let trouble = |doing: &str, error: &dyn std::fmt::Display| Stop::Trouble(format!("the parser failed to {doing}: {error}"));
    let mut input = Input::open().map_err(|error| trouble("open its input", &error))?;
    let request = input.request().map_err(|error| trouble("read what it is asked", &error))?;
    let Request { file_name, allowed, limits } =
        serde_json::from_slice(&request).map_err(|error| trouble("understand what it is asked", &error))?;
    limits::set(&limits).map_err(|error| trouble("limit itself", &error))?;
    input.prepare_spool(limits.spool);
    let containment = sandbox::enter().map_err(|error| trouble("lock itself in", &error))?;
    report.send(&Message::Contained(containment))?;

    input.fill_head()?;
    let sniffed = match sniff::head(input.head(), input.is_whole()) {
        Sniffed::Type(sniffed) => sniffed,
        Sniffed::Container(container) => {
            report.send(&Message::Type(container.clone()))?;
            sniff::whole(&input.spool()?, &container)
        }
    };
    let file_type = validate::settle(&file_name, &sniffed);
    report.send(&Message::Type(file_type.to_owned()))?;
    if file_type == sniff::EMPTY {
        return Err(Failure::new(ErrorCode::EmptyFile, "the file is empty").into());
    }
    validate::validate(&file_name, file_type, &allowed)?;

    let read = match formats::reader(file_type) {
        None => return Ok(()),
        Some(Reader::Stream(read)) => read(&mut input, report),
        Some(Reader::Spool(read)) => input.spool().and_then(|bytes| read(bytes, report)),
    };
    // What was read counts also when the rest could not be.
    report.keep()?;
    read
}
