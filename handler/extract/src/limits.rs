//! The resource limits that a child has before it looks at a byte of the file. It sets them on itself, or inherits them
//! from its template, all but [`forbid_processes`].

use std::io;

use handler_contract::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Address space for the executable, its libraries and its stack. Bytes.
#[cfg(target_os = "linux")]
const ROOM_FOR_PROGRAM: u64 = 256 << 20;
/// Input, output, errors, the input's copy, the temporary file, and a reserve for the sandbox.
const OPEN_FILES: u64 = 16;

/// Sets all limits but that on processes. On systems other than Linux memory is not limited: macOS counts neither mapped
/// memory as data nor lets address space be limited, so there a file can exhaust what the machine has until the processor
/// time is spent.
pub(crate) fn set(limits: &Limits) -> io::Result<()> {
    // Data is private memory that can be written to, so that a mapped file does not count; address space catches the
    // rest.
    #[cfg(target_os = "linux")]
    for (resource, value) in [
        (Resource::Data, limits.memory),
        (Resource::As, limits.memory.saturating_add(limits.spool).saturating_add(ROOM_FOR_PROGRAM)),
    ] {
        limit(resource, both(value))?;
    }
    // No file is known yet, so this is what the largest may use. Of that the parent takes away what the file at hand
    // may not, which only Linux lets it do.
    limit(Resource::Cpu, cpu(limits.cpu_seconds_for(None)))?;
    limit(Resource::Fsize, both(limits.spool))?;
    limit(Resource::Nofile, both(OPEN_FILES))?;
    limit(Resource::Core, both(0))
}

/// No further process and no thread.
pub(crate) fn forbid_processes() -> io::Result<()> {
    Ok(setrlimit(Resource::Nproc, both(0))?)
}

/// The limit on processor time. The soft limit sends SIGXCPU, which the parent can distinguish from other signals, the
/// hard limit SIGKILL.
pub(crate) fn cpu(seconds: u32) -> Rlimit {
    let seconds = u64::from(seconds);
    Rlimit { current: Some(seconds), maximum: Some(seconds + 1) }
}

fn both(value: u64) -> Rlimit {
    Rlimit { current: Some(value), maximum: Some(value) }
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, requested: Rlimit) -> io::Result<()> {
    let lower = |requested: Option<u64>, present: Option<u64>| requested.into_iter().chain(present).min();
    let present = getrlimit(resource);
    let maximum = lower(requested.maximum, present.maximum);
    let current = lower(lower(requested.current, present.current), maximum);
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}
