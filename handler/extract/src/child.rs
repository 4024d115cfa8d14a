//! The child's side: limits first, then sniff, validate, extract, answer.
//!
//! A child reads one file from its standard input and writes what it finds to its standard output
//! (`crate::protocol`). It opens one unnamed temporary file before it locks itself in, and nothing after. It may be
//! started long before its file: it locks itself in first, and then waits to be told of one.

mod input;
mod limits;
mod report;
mod sandbox;
mod spool;

use std::process::ExitCode;

use handler_contract::{ErrorCode, Failure, FileTypes};

pub(crate) use input::Input;
#[cfg(target_os = "linux")]
pub(crate) use limits::cpu;
pub(crate) use report::Report;

use crate::formats::{self, Reader};
use crate::protocol::{CHILD_MARKER, Message, Request, Terms};
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
    // Outlives the answer, for which the parent waits and not for what it takes to give memory back.
    let mut file;
    let last = match wait_for_file(&report) {
        // The parent has ended, or has no file for this child.
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(assigned)) => {
            file = assigned;
            work(&mut file, &mut report)
        }
        Err(trouble) => Message::Trouble(trouble),
    };
    match report.end(last) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody is left to hear why.
        Err(_) => ExitCode::FAILURE,
    }
}

/// The one file that this child is for.
struct Assigned {
    name: String,
    allowed: FileTypes,
    input: Input,
}

/// Does all that does not depend on a file, and waits for one. `None` when none comes.
fn wait_for_file(report: &Report) -> Result<Option<Assigned>, String> {
    let trouble = |doing: &str, error: &dyn std::fmt::Display| format!("the parser failed to {doing}: {error}");
    let mut input = Input::open().map_err(|error| trouble("open its input", &error))?;
    let unread = |error| trouble("read what it is asked", &error);
    let strange = |error| trouble("understand what it is asked", &error);
    let Some(terms) = input.line().map_err(unread)? else { return Ok(None) };
    let Terms { allowed, limits } = serde_json::from_slice(&terms).map_err(strange)?;
    limits::set(&limits).map_err(|error| trouble("limit itself", &error))?;
    input.prepare_spool(limits.spool);
    if !input.is_waiting() {
        practise();
    }
    let containment = sandbox::enter().map_err(|error| trouble("lock itself in", &error))?;
    report.say(&[Message::Contained(containment)])?;

    let Some(request) = input.line().map_err(unread)? else { return Ok(None) };
    let Request { file_name } = serde_json::from_slice(&request).map_err(strange)?;
    report.say(&[Message::Taken])?;
    Ok(Some(Assigned { name: file_name, allowed, input }))
}

/// Reads a text of this program's own, of which nobody hears. It brings into memory what most files need of the
/// program, while no file waits for that. A child has nothing better to do then: half of what it takes to read a small
/// file is to touch code and tables for the first time.
fn practise() -> Option<Report> {
    // Without /dev/null it does not practise, which costs a little time.
    let input = Input::of(PRACTICE.as_bytes(), &[]).ok()?;
    let mut file = Assigned { name: "practice.txt".to_owned(), allowed: FileTypes::any(), input };
    let mut report = Report::unheard();
    let last = work(&mut file, &mut report);
    report.end(last).is_ok().then_some(report)
}

/// Prose, so that also its language is looked for.
const PRACTICE: &str = "A text to practise on: the caf\u{e9} \u{2013} a na\u{ef}ve place \u{2013} opens at 7.30. \
    It says in plain English what every text says that is read before the first file comes.\n\
    Nobody hears of its words and lines and letters and nobody asks what language it is in.\n";

/// Reads the file, and says how that ended.
fn work(file: &mut Assigned, report: &mut Report) -> Message {
    match read(file, report) {
        Ok(()) => Message::End(None),
        Err(Stop::Failure(failure)) => Message::End(Some(failure)),
        Err(Stop::Trouble(trouble)) => Message::Trouble(trouble),
    }
}

fn read(file: &mut Assigned, report: &mut Report) -> Result<(), Stop> {
    let Assigned { name, allowed, input } = file;
    input.fill_head()?;
    let sniffed = match sniff::head(input.head(), input.is_whole()) {
        Sniffed::Type(sniffed) => sniffed,
        Sniffed::Container(container) => {
            report.name_type(container.as_str())?;
            sniff::whole(input.ends()?.view(), &container)
        }
    };
    let file_type = validate::settle(name, &sniffed);
    report.name_type(file_type)?;
    if file_type == sniff::EMPTY {
        return Err(Failure::new(ErrorCode::EmptyFile, "the file is empty").into());
    }
    validate::validate(name, file_type, allowed)?;

    let read = match formats::reader(file_type) {
        None => return Ok(()),
        Some(Reader::Stream(read)) => read(input, report),
        Some(Reader::Whole(read)) => input.whole().and_then(|bytes| read(&bytes, report)),
        Some(Reader::Ends(read)) => {
            input.ends().and_then(|kept| read(kept.view(), report).map_err(|stop| kept.explain(stop)))
        }
    };
    if let Some(exact) = report.exact_type {
        report.name_type(exact)?;
        validate::validate(name, exact, allowed)?;
    }
    read
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::hint::black_box;
    use std::net::UdpSocket;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};

    use handler_contract::Limits;
    use rustix::process::Signal;

    use super::{limits, practise, report, sandbox};
    use crate::death::{End, verdict};
    use handler_contract::ErrorCode;

    /// Names what the process is to do that this test starts of itself.
    const DEED: &str = "HANDLER_EXTRACT_TEST_DEED";

    fn recurse(depth: u64) -> u64 {
        black_box(if depth == u64::MAX { 0 } else { recurse(depth + 1) + 1 })
    }

    fn commit(deed: &str) {
        std::panic::set_hook(Box::new(report::panicked));
        limits::set(&Limits { cpu_seconds: 1, wall_seconds: 1, ..Limits::default() }).unwrap();
        sandbox::enter().unwrap();
        match deed {
            "nothing" => {}
            "open a file" => drop(std::fs::File::open("/etc/passwd")),
            "open a socket" => drop(UdpSocket::bind("127.0.0.1:0")),
            "start a program" => drop(Command::new("true").status()),
            "signal another process" => {
                let parent = rustix::process::getppid().unwrap();
                rustix::process::kill_process(parent, Signal::USR1).unwrap();
            }
            "take memory" => drop(black_box(vec![1_u8; 1 << 30])),
            "take time" => while black_box(true) {},
            "recurse" => drop(black_box(recurse(0))),
            "panic" => panic!("secret content"),
            other => unreachable!("{other}"),
        }
        std::process::exit(0);
    }

    fn run(deed: &str) -> Output {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::tests::what_a_child_may_not_do_ends_it", "--nocapture"])
            .env(DEED, deed)
            .output()
            .unwrap()
    }

    #[test]
    fn practice_comes_to_its_end() {
        let report = practise().expect("it can be laid out");
        // The last that a text is looked at for.
        assert_eq!(report.metadata.language.as_deref(), Some("en"));
    }

    #[test]
    fn what_a_child_may_not_do_ends_it() {
        if let Ok(deed) = std::env::var(DEED) {
            commit(&deed);
        }
        let rows = [
            ("open a file", ErrorCode::SandboxViolation),
            ("open a socket", ErrorCode::SandboxViolation),
            ("start a program", ErrorCode::SandboxViolation),
            ("signal another process", ErrorCode::SandboxViolation),
            ("take memory", ErrorCode::MemoryLimit),
            ("take time", ErrorCode::CpuLimit),
            ("recurse", ErrorCode::StackLimit),
        ];
        for (deed, expected) in rows {
            let output = run(deed);
            let end = output.status.signal().map_or(End::Exited(0), End::Signalled);
            assert_eq!(verdict(end, &output.stderr, &Limits::default()).code, expected, "{deed}: {end:?}");
        }
        assert!(run("nothing").status.success());
        let panicked = String::from_utf8(run("panic").stdout).unwrap();
        assert!(
            panicked.contains(r#"{"end":{"code":"CRASHED","message":"the parser gave up on the file at "#),
            "{panicked}"
        );
        assert!(!panicked.contains("secret"), "{panicked}");
    }
}
