//! Locks the child in: Landlock takes files and network from it, seccomp all system calls but those that reading and
//! answering needs.
//!
//! A kernel that lacks one of them, or does not let it be used, is no error; the answer says what holds.

use std::io;

use crate::protocol::SandboxStatus;

/// Locks this process in for good.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter() -> io::Result<SandboxStatus> {
    Ok(SandboxStatus { system_calls: false, files: false })
}

#[cfg(target_os = "linux")]
pub(super) use linux::enter;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;

    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter,
    };

    use super::{SandboxStatus, io};

    /// System calls without conditions.
    const ALLOWED: &[libc::c_long] = &[
        // Input, temporary file, output.
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_fstat,
        // Memory.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        // The runtime: locks, clocks, seeds of hash maps, signal handlers and exit.
        libc::SYS_futex,
        libc::SYS_clock_gettime,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];

    pub(in super::super) fn enter() -> io::Result<SandboxStatus> {
        let filter = program().map_err(io::Error::other)?;
        Ok(SandboxStatus {
            files: hide_files().is_ok_and(|hidden| hidden),
            system_calls: apply_filter(&filter).is_ok(),
        })
    }

    /// No file may be opened and no network used. Files that are open stay so.
    fn hide_files() -> Result<bool, RulesetError> {
        let latest = ABI::V6;
        let status = Ruleset::default()
            .handle_access(AccessFs::from_all(latest))?
            .handle_access(AccessNet::from_all(latest))?
            .scope(Scope::from_all(latest))?
            .create()?
            .restrict_self()?;
        Ok(status.ruleset != RulesetStatus::NotEnforced)
    }

    /// The filter. Whatever it does not name ends the process.
    fn program() -> Result<BpfProgram, seccompiler::BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        let only = |argument, operator, value| {
            let condition = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?;
            SeccompRule::new(vec![condition])
        };
        // Memory that can be executed is not to be had.
        let executable = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
        rules.insert(libc::SYS_mmap, vec![only(2, executable.clone(), 0)?]);
        rules.insert(libc::SYS_mprotect, vec![only(2, executable, 0)?]);
        // The runtime of a debug build asks whether what it closes is open.
        rules.insert(libc::SYS_fcntl, vec![only(1, SeccompCmpOp::Eq, libc::F_GETFD as u64)?]);
        // Aborting means a signal, to nobody but itself.
        rules.insert(libc::SYS_tgkill, vec![only(0, SeccompCmpOp::Eq, u64::from(std::process::id()))?]);
        SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?
            .try_into()
    }
}
