//! Names what ended a child that did not say so itself. One pure table: how the process ended and its last words in,
//! a failure out.

use handler_contract::{ErrorCode, Failure, Limits};
use rustix::process::Signal;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself, with an exit status.
    Exited(i32),
    /// By a signal that the parent did not send.
    Signalled(i32),
    /// By the parent.
    Killed(Reason),
}

/// Why the parent ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It neither took bytes nor answered for as long as it may.
    Silent,
    /// It said more than an answer can be.
    Verbose,
    /// It said something that is no answer.
    Unintelligible,
}

/// What Rust's runtime writes when an allocation fails (`std::alloc::handle_alloc_error`).
const OUT_OF_MEMORY: &[u8] = b"memory allocation of ";
/// What Rust's runtime writes when a thread runs into the page that guards its stack.
const STACK_OVERFLOW: &[u8] = b"has overflowed its stack";

/// The failure that a death is recorded as. `last_words` is the beginning of what the child wrote to its standard
/// error; it is looked at for the two marks of the runtime and goes nowhere, as it may hold content of the file.
pub(crate) fn verdict(end: End, last_words: &[u8], limits: &Limits) -> Failure {
    let said = |mark: &[u8]| last_words.windows(mark.len()).any(|window| window == mark);
    let signal = |raw: i32, signal: Signal| raw == signal.as_raw();
    match end {
        End::Killed(Reason::Silent) => {
            Failure::new(ErrorCode::TimeLimit, format!("the file was not read within {} seconds", limits.wall_seconds))
        }
        End::Killed(Reason::Verbose) => {
            Failure::new(ErrorCode::OutputLimit, "the file's metadata is larger than a record can hold")
        }
        End::Killed(Reason::Unintelligible) => {
            Failure::new(ErrorCode::Crashed, "the parser gave an answer that cannot be understood")
        }
        End::Exited(_) | End::Signalled(_) if said(STACK_OVERFLOW) => {
            Failure::new(ErrorCode::StackLimit, "the file is nested too deeply to be read")
        }
        End::Exited(_) | End::Signalled(_) if said(OUT_OF_MEMORY) => Failure::new(
            ErrorCode::MemoryLimit,
            format!("reading the file takes more than {} MiB of memory", limits.memory >> 20),
        ),
        End::Signalled(raw) if signal(raw, Signal::XCPU) => Failure::new(
            ErrorCode::CpuLimit,
            format!("reading the file takes more than {} seconds of processor time", limits.cpu_seconds),
        ),
        End::Signalled(raw) if signal(raw, Signal::SYS) => {
            Failure::new(ErrorCode::SandboxViolation, "the parser made a system call that its sandbox forbids")
        }
        End::Signalled(raw) if signal(raw, Signal::XFSZ) => Failure::new(
            ErrorCode::SpoolLimit,
            format!("reading the file takes more than {} MiB of temporary storage", limits.spool >> 20),
        ),
        End::Signalled(raw) if signal(raw, Signal::KILL) => Failure::new(
            ErrorCode::Crashed,
            "the parser was killed from outside, as a system does that runs out of memory",
        ),
        End::Signalled(raw) => Failure::new(ErrorCode::Crashed, format!("the parser was ended by signal {raw}")),
        End::Exited(status) => {
            Failure::new(ErrorCode::Crashed, format!("the parser ended without an answer, with status {status}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_has_its_code() {
        let signalled = |signal: Signal| End::Signalled(signal.as_raw());
        let rows: &[(End, &str, ErrorCode)] = &[
            (End::Killed(Reason::Silent), "", ErrorCode::TimeLimit),
            (End::Killed(Reason::Verbose), "", ErrorCode::OutputLimit),
            (End::Killed(Reason::Unintelligible), "", ErrorCode::Crashed),
            (End::Killed(Reason::Silent), "memory allocation of 9 bytes failed", ErrorCode::TimeLimit),
            (signalled(Signal::ABORT), "memory allocation of 1048576 bytes failed", ErrorCode::MemoryLimit),
            (signalled(Signal::ABORT), "\nthread 'main' has overflowed its stack\n", ErrorCode::StackLimit),
            (signalled(Signal::SEGV), "thread 'main' has overflowed its stack", ErrorCode::StackLimit),
            (signalled(Signal::ABORT), "", ErrorCode::Crashed),
            (signalled(Signal::SEGV), "", ErrorCode::Crashed),
            (signalled(Signal::BUS), "", ErrorCode::Crashed),
            (signalled(Signal::ILL), "", ErrorCode::Crashed),
            (signalled(Signal::TERM), "", ErrorCode::Crashed),
            (signalled(Signal::KILL), "", ErrorCode::Crashed),
            (signalled(Signal::XCPU), "", ErrorCode::CpuLimit),
            (signalled(Signal::XFSZ), "", ErrorCode::SpoolLimit),
            (signalled(Signal::SYS), "", ErrorCode::SandboxViolation),
            (End::Exited(0), "", ErrorCode::Crashed),
            (End::Exited(101), "thread 'main' panicked", ErrorCode::Crashed),
            (End::Exited(134), "memory allocation of 5 bytes failed", ErrorCode::MemoryLimit),
        ];
        for (end, last_words, code) in rows {
            let failure = verdict(*end, last_words.as_bytes(), &Limits::default());
            assert_eq!(failure.code, *code, "{end:?} {last_words:?}");
            assert!(!failure.message.contains("thread"), "last words must not be repeated: {}", failure.message);
        }
    }
}
