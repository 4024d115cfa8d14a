//! What the function's process is to the other processes of its user, the children that read files among them.

use std::io;

/// Makes the process undumpable, so that the processes of the same user cannot read its environment or memory: the
/// environment holds the role's credentials, and a child has the user's rights. Kernels that let a child enter its whole
/// sandbox deny it that anyway; where they do not, this is what is left.
///
/// Takes effect at once, for children as well as for this process, and lasts until another program is executed. A
/// process with `CAP_SYS_PTRACE`, such as root's, reads both regardless. Other systems than Linux have no such call and
/// return `Ok`.
///
/// Source: prctl(2), `PR_SET_DUMPABLE`; proc(5), `/proc/pid/environ`; ptrace(2), "Ptrace access mode checking".
///
/// # Errors
/// The system refuses the call.
pub fn deny_inspection() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
