//! Classifies the exit of a child that did not send a last message. One pure table: how the process exited and the end
//! of its standard error in, a failure out.

use handler_contract::{ErrorCode, Failure, Limits};
use rustix::process::Signal;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChildExit {
    /// On its own, with an exit status.
    Exited(i32),
    /// By a signal that the parent did not send.
    Signalled(i32),
    /// By the parent.
    Killed(KillReason),
}

/// Why the parent ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KillReason {
    /// It neither took bytes nor answered for as long as it may.
    TimedOut,
    /// It said more than an answer can be.
    OutputTooLarge,
    /// It said something that is no answer.
    ProtocolError,
}

/// What Rust's runtime writes when an allocation fails (`std::alloc::handle_alloc_error`).
const OUT_OF_MEMORY: &[u8] = b"memory allocation of ";
/// What Rust's runtime writes when a thread runs into the page that guards its stack.
const STACK_OVERFLOW: &[u8] = b"has overflowed its stack";

/// The failure that the exit of a child is recorded as. `stderr_tail` is what the child wrote to its
/// standard error beside its reports. It is searched for the two messages of the runtime and never reported, as it may hold content of the
/// file.
pub(crate) fn classify_exit(end: ChildExit, stderr_tail: &[u8], limits: &Limits) -> Failure {
    let said = |mark: &[u8]| stderr_tail.windows(mark.len()).any(|window| window == mark);
    let signal = |raw: i32, signal: Signal| raw == signal.as_raw();
    match end {
        ChildExit::Killed(KillReason::TimedOut) => {
            Failure::new(ErrorCode::TimeLimit, format!("the file was not read within {} seconds", limits.wall_seconds))
        }
        ChildExit::Killed(KillReason::OutputTooLarge) => {
            Failure::new(ErrorCode::OutputLimit, "the file's metadata is larger than a record can hold")
        }
        ChildExit::Killed(KillReason::ProtocolError) => {
            Failure::new(ErrorCode::Crashed, "the parser gave an answer that cannot be understood")
        }
        ChildExit::Exited(_) | ChildExit::Signalled(_) if said(STACK_OVERFLOW) => {
            Failure::new(ErrorCode::StackLimit, "the file is nested too deeply to be read")
        }
        ChildExit::Exited(_) | ChildExit::Signalled(_) if said(OUT_OF_MEMORY) => Failure::new(
            ErrorCode::MemoryLimit,
            format!("reading the file takes more than {} MiB of memory", limits.memory >> 20),
        ),
        ChildExit::Signalled(raw) if signal(raw, Signal::XCPU) => Failure::new(
            ErrorCode::CpuLimit,
            format!("reading the file takes more than {} seconds of processor time", limits.cpu_seconds),
        ),
        ChildExit::Signalled(raw) if signal(raw, Signal::SYS) => {
            Failure::new(ErrorCode::SandboxViolation, "the parser made a system call that its sandbox forbids")
        }
        ChildExit::Signalled(raw) if signal(raw, Signal::XFSZ) => Failure::new(
            ErrorCode::SpoolLimit,
            format!("reading the file takes more than {} MiB of temporary storage", limits.spool >> 20),
        ),
        ChildExit::Signalled(raw) if signal(raw, Signal::KILL) => Failure::new(
            ErrorCode::Crashed,
            "the parser was killed from outside, as a system does that runs out of memory",
        ),
        ChildExit::Signalled(raw) => Failure::new(ErrorCode::Crashed, format!("the parser was ended by signal {raw}")),
        ChildExit::Exited(status) => {
            Failure::new(ErrorCode::Crashed, format!("the parser ended without an answer, with status {status}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_end_has_its_code() {
        let signalled = |signal: Signal| ChildExit::Signalled(signal.as_raw());
        let rows: &[(ChildExit, &str, ErrorCode)] = &[
            (ChildExit::Killed(KillReason::TimedOut), "", ErrorCode::TimeLimit),
            (ChildExit::Killed(KillReason::OutputTooLarge), "", ErrorCode::OutputLimit),
            (ChildExit::Killed(KillReason::ProtocolError), "", ErrorCode::Crashed),
            (ChildExit::Killed(KillReason::TimedOut), "memory allocation of 9 bytes failed", ErrorCode::TimeLimit),
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
            (ChildExit::Exited(0), "", ErrorCode::Crashed),
            (ChildExit::Exited(101), "thread 'main' panicked", ErrorCode::Crashed),
            (ChildExit::Exited(134), "memory allocation of 5 bytes failed", ErrorCode::MemoryLimit),
        ];
        for (end, stderr_tail, code) in rows {
            let failure = classify_exit(*end, stderr_tail.as_bytes(), &Limits::default());
            assert_eq!(failure.code, *code, "{end:?} {stderr_tail:?}");
            assert!(!failure.message.contains("thread"), "standard error must not be repeated: {}", failure.message);
        }
    }
}
