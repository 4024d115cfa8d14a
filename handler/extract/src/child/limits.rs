//! The resource limits that a child sets on itself before it looks at a byte of the file.

use std::io;

use handler_contract::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space for the executable, its libraries and its stack. Bytes.
#[cfg(target_os = "linux")]
const ROOM_FOR_PROGRAM: u64 = 256 << 20;
/// Input, output, errors, the input's copy, the temporary file, and some to spare for the sandbox.
const OPEN_FILES: u64 = 16;

/// Sets all limits. On systems other than Linux memory is not limited: macOS counts neither mapped memory as data nor
/// lets address space be limited, so there a file can exhaust what the machine has until the processor time is spent.
pub(super) fn set(limits: &Limits) -> io::Result<()> {
    // Data is private memory that can be written to, so that a mapped file does not count; address space catches the
    // rest.
    #[cfg(target_os = "linux")]
    for (resource, value) in [
        (Resource::Data, limits.memory),
        (Resource::As, limits.memory.saturating_add(limits.spool).saturating_add(ROOM_FOR_PROGRAM)),
    ] {
        limit(resource, value, value)?;
    }
    let seconds = u64::from(limits.cpu_seconds);
    // The first limit sends SIGXCPU, which the parent can tell from others, the second SIGKILL.
    limit(Resource::Cpu, seconds, seconds.saturating_add(1))?;
    limit(Resource::Fsize, limits.spool, limits.spool)?;
    limit(Resource::Nofile, OPEN_FILES, OPEN_FILES)?;
    limit(Resource::Core, 0, 0)?;
    // No further process and no thread.
    limit(Resource::Nproc, 0, 0)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let maximum = getrlimit(resource).maximum.map_or(hard, |present| present.min(hard));
    Ok(setrlimit(resource, Rlimit { current: Some(soft.min(maximum)), maximum: Some(maximum) })?)
}
