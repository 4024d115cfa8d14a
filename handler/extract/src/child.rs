//! The child's side: set limits, enter the sandbox, extract, answer.
//!
//! A child reads one file from its standard input, and writes what it finds to its standard output and, on the way, to
//! its standard error (`crate::protocol`). It may be started long before its file: it enters its sandbox first, and then
//! waits for a request. It is forked by a template, which has prepared most of that (`template`), or, where there is
//! none, executed.

mod answer;
#[cfg(target_os = "linux")]
mod fork;
mod reading;
mod sandbox;
#[cfg(target_os = "linux")]
mod template;

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;

use handler_parsers::{Input, Report};

use self::answer::{report, report_finding, send_last};
pub use self::reading::Parser;
use self::reading::{Assigned, Ready, failed_to, warm_up, work};
use crate::limits;
#[cfg(target_os = "linux")]
use crate::protocol::TEMPLATE_MARKER;
use crate::protocol::{CHILD_MARKER, ChildConfig, Message, Request};

/// Runs this process as an extraction child, or as the template of such children, if its first argument says so, and
/// then returns its exit code.
///
/// Must be called first in `main`, before threads, sockets or credentials exist.
pub fn run_if_asked() -> Option<ExitCode> {
    run_with(handler_parsers::extract)
}

/// The same with another parser, so that tests have children that misbehave.
#[doc(hidden)]
pub fn run_with(parse: Parser) -> Option<ExitCode> {
    let asked = std::env::args_os().nth(1)?;
    if asked == CHILD_MARKER {
        return Some(run(prepare, parse));
    }
    #[cfg(target_os = "linux")]
    if asked == TEMPLATE_MARKER {
        return Some(run(template::serve, parse));
    }
    None
}

fn run(prepare: fn(Parser) -> Result<Option<Ready>, String>, parse: Parser) -> ExitCode {
    std::panic::set_hook(Box::new(answer::on_panic));
    let mut found = Report::new(report_finding);
    // Dropped after the answer: the parent waits for that, and not for memory to be freed.
    let mut file;
    let assigned = prepare(parse).and_then(|ready| match ready {
        Some(ready) => wait_for_file(ready),
        None => Ok(None),
    });
    let last = match assigned {
        // The parent has exited, or has no file for this child.
        Ok(None) => return ExitCode::SUCCESS,
        Ok(Some(assigned)) => {
            file = assigned;
            work(parse, &mut file, &mut found)
        }
        Err(error) => Message::InternalError(error),
    };
    // An error means that the parent does not read any more.
    exit(i32::from(send_last(&found.metadata, last).is_err()))
}

/// Ends the process at once. What the C library does at an exit takes as long as reading a small file, and serves nobody:
/// all is sent.
fn exit(code: i32) -> ! {
    #[cfg(target_os = "linux")]
    #[expect(unsafe_code, reason = "the standard library has no such exit")]
    // SAFETY: it has no requirements; nothing of this process is used any more.
    unsafe {
        libc::_exit(code)
    }
    #[cfg(not(target_os = "linux"))]
    std::process::exit(code)
}

/// Does all that does not depend on a file, in a child that is executed. `None` when it is not needed.
fn prepare(parse: Parser) -> Result<Option<Ready>, String> {
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| failed_to("open its input", &error))?;
    let mut input = Input::new(File::from(stdin));
    let config = input.line().map_err(|error| failed_to("read its configuration", &error))?;
    let Some(config) = config else { return Ok(None) };
    let ChildConfig { allowed, limits } =
        serde_json::from_slice(&config).map_err(|error| failed_to("parse its configuration", &error))?;
    limits::set(&limits)
        .and_then(|()| limits::forbid_processes())
        .map_err(|error| failed_to("limit itself", &error))?;
    // As long as files may still be opened.
    input.set_spool(tempfile::tempfile(), limits.spool);
    if !is_request_waiting(&input, io::stdin()) {
        warm_up(parse);
    }
    let sandbox = sandbox::enter().map_err(|error| failed_to("enter its sandbox", &error))?;
    Ok(Some(Ready { input, allowed, sandbox }))
}

/// Waits for a file. `None` when none comes.
fn wait_for_file(ready: Ready) -> Result<Option<Assigned>, String> {
    let unread = |error| failed_to("read its request", &error);
    let invalid = |error| failed_to("parse its request", &error);
    let Ready { mut input, allowed, sandbox } = ready;
    let Some(request) = input.line().map_err(unread)? else { return Ok(None) };
    let Request { file_name, content_encoding, length } = serde_json::from_slice(&request).map_err(invalid)?;
    report(&[Message::Sandbox(sandbox), Message::Accepted])?;
    if let Some(length) = length {
        input.set_length(length);
    }
    if let Some(coding) = content_encoding {
        input.set_content_encoding(&coding, &file_name).map_err(unread)?;
    }
    Ok(Some(Assigned { name: file_name, allowed, input }))
}

/// Whether the next line has started to arrive, or will never arrive.
fn is_request_waiting(input: &Input, source: impl AsFd) -> bool {
    input.is_ready() || rustix::io::ioctl_fionread(source).is_ok_and(|count| count > 0)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::hint::black_box;
    use std::io::Write;
    use std::net::UdpSocket;
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Output};

    use handler_contract::{ErrorCode, Limits};
    use handler_parsers::Input;
    use rustix::process::Signal;

    use super::{answer, is_request_waiting, limits, sandbox, warm_up};
    use crate::exit_status::{ChildExit, classify_exit};

    /// Names what the process is to do that this test starts of itself.
    const DEED: &str = "HANDLER_EXTRACT_TEST_DEED";

    fn recurse(depth: u64) -> u64 {
        black_box(if depth == u64::MAX { 0 } else { recurse(depth + 1) + 1 })
    }

    fn commit(deed: &str) {
        std::panic::set_hook(Box::new(answer::on_panic));
        limits::set(&Limits { cpu_seconds: 1, wall_seconds: 1, ..Limits::default() }).unwrap();
        limits::forbid_processes().unwrap();
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
    fn the_warm_up_reads_its_text_to_the_end() {
        let report = warm_up(handler_parsers::extract);
        // The last that is read of a text.
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
            let exit = output.status.signal().map_or(ChildExit::Exited(0), ChildExit::Signalled);
            assert_eq!(classify_exit(exit, &output.stderr, &Limits::default()).code, expected, "{deed}: {exit:?}");
        }
        assert!(run("nothing").status.success());
        let panicked = String::from_utf8(run("panic").stdout).unwrap();
        assert!(
            panicked.contains(r#"{"end":{"code":"CRASHED","message":"the parser gave up on the file at "#),
            "{panicked}"
        );
        assert!(!panicked.contains("secret"), "{panicked}");
    }

    #[test]
    fn a_waiting_request_is_known_before_it_is_read_and_after() {
        let (source, mut parent) = std::io::pipe().unwrap();
        let mut input = Input::new(source.try_clone().unwrap());
        assert!(!is_request_waiting(&input, &source));
        parent.write_all(b"config\n").unwrap();
        assert!(is_request_waiting(&input, &source));
        assert_eq!(input.line().unwrap().unwrap(), b"config\n");
        assert!(!is_request_waiting(&input, &source));

        parent.write_all(b"request\nbytes").unwrap();
        assert_eq!(input.line().unwrap().unwrap(), b"request\n");
        assert!(is_request_waiting(&input, &source));

        drop(parent);
        assert!(input.line().unwrap().is_none());
        assert!(is_request_waiting(&input, &source));
    }
}
