//! The sandbox: Landlock takes files and network from a process, seccomp all system calls but those that reading and
//! answering needs.
//!
//! A child that is executed enters it at once ([`enter`]). A template enters it as far as it can ([`enter_template`]),
//! and keeps the few system calls that it needs to fork; each of its children gives those up
//! ([`Confinement::confine_child`]), and then has exactly what a child that is executed has.
//!
//! A kernel that lacks one of them, or does not let it be used, is no error; the answer says what holds.

use std::io;

use crate::protocol::SandboxStatus;

/// Enters the sandbox of a child, for good.
#[cfg(not(target_os = "linux"))]
pub(super) fn enter() -> io::Result<SandboxStatus> {
    Ok(SandboxStatus { system_calls: false, files: false })
}

#[cfg(target_os = "linux")]
pub(super) use linux::{Confinement, enter, enter_template};

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeMap;
    use std::mem::offset_of;

    use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetError, RulesetStatus, Scope};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
        apply_filter, sock_filter,
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

    /// What only a template may do, which is to make a child of itself.
    const OF_TEMPLATE: &[libc::c_long] = &[
        libc::SYS_clone,
        // What its child does before its file: standard input, limits, and the filter that forbids all this.
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2,
        libc::SYS_dup3,
        libc::SYS_prlimit64,
        libc::SYS_prctl,
        libc::SYS_seccomp,
    ];

    /// What a template has entered of the sandbox, and the rest of it for its children.
    pub(in super::super) struct Confinement {
        status: SandboxStatus,
    }

    /// Enters the sandbox of a child, for good.
    pub(in super::super) fn enter() -> io::Result<SandboxStatus> {
        let filter = compile(child_rules(std::process::id())?)?;
        Ok(SandboxStatus { files: are_files_hidden(), system_calls: apply_filter(&filter).is_ok() })
    }

    /// Enters the sandbox of a template, for good.
    pub(in super::super) fn enter_template() -> io::Result<Confinement> {
        let filter = compile(template_rules()?)?;
        Ok(Confinement {
            status: SandboxStatus { files: are_files_hidden(), system_calls: apply_filter(&filter).is_ok() },
        })
    }

    impl Confinement {
        /// Gives up what a template may do and a child may not, for good. Called in the child.
        ///
        /// # Errors
        /// The system filters the template's calls and does not filter the child's as well.
        pub(in super::super) fn confine_child(self) -> io::Result<SandboxStatus> {
            if self.status.system_calls {
                apply_filter(&filter_against_template(std::process::id())).map_err(io::Error::other)?;
            }
            Ok(self.status)
        }
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

    fn are_files_hidden() -> bool {
        hide_files().is_ok_and(|hidden| hidden)
    }

    type Rules = BTreeMap<i64, Vec<SeccompRule>>;

    /// A condition on the argument at this index, of which the lower half counts.
    fn argument(index: u8, operator: SeccompCmpOp, value: u64) -> io::Result<SeccompCondition> {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, operator, value).map_err(io::Error::other)
    }

    fn all(conditions: Vec<SeccompCondition>) -> io::Result<Vec<SeccompRule>> {
        Ok(vec![SeccompRule::new(conditions).map_err(io::Error::other)?])
    }

    fn only(condition: SeccompCondition) -> io::Result<Vec<SeccompRule>> {
        all(vec![condition])
    }

    /// What both a child and a template may do.
    fn common_rules() -> io::Result<Rules> {
        let mut rules: Rules = ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
        // Memory that can be executed is not to be had.
        let not_executable = || argument(2, SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64), 0);
        rules.insert(libc::SYS_mmap, only(not_executable()?)?);
        rules.insert(libc::SYS_mprotect, only(not_executable()?)?);
        // The runtime of a debug build asks whether what it closes is open.
        rules.insert(libc::SYS_fcntl, only(argument(1, SeccompCmpOp::Eq, libc::F_GETFD as u64)?)?);
        Ok(rules)
    }

    /// What a child with this id may do.
    fn child_rules(id: u32) -> io::Result<Rules> {
        let mut rules = common_rules()?;
        // Aborting means a signal, to nobody but itself.
        rules.insert(libc::SYS_tgkill, only(argument(0, SeccompCmpOp::Eq, id.into())?)?);
        Ok(rules)
    }

    /// What a template may do.
    fn template_rules() -> io::Result<Rules> {
        let mut rules = common_rules()?;
        rules.extend(OF_TEMPLATE.iter().map(|call| (*call, Vec::new())));
        let equals = |index, value| argument(index, SeccompCmpOp::Eq, value);
        // Nothing but a fork: no thread, no namespace, no shared memory, no stack of its own.
        let fork = [equals(0, super::super::fork::FLAGS)?, equals(1, 0)?, equals(2, 0)?, equals(3, 0)?, equals(4, 0)?];
        rules.insert(libc::SYS_clone, all(fork.into())?);
        // Of itself only.
        rules.insert(libc::SYS_prlimit64, only(equals(0, 0)?)?);
        rules.insert(libc::SYS_prctl, only(equals(0, libc::PR_SET_NO_NEW_PRIVS as u64)?)?);
        rules.insert(libc::SYS_seccomp, only(equals(0, libc::SECCOMP_SET_MODE_FILTER.into())?)?);
        // A child's id is known when there is one.
        rules.insert(libc::SYS_tgkill, Vec::new());
        Ok(rules)
    }

    /// The filter of a child with this id, beside that of its template: it may neither do what only a template may, nor
    /// signal another process.
    ///
    /// It is written out, and not compiled from rules, because the system translates it anew for each child: what
    /// `seccompiler` makes of such rules is four times as long. It need not ask for the architecture, because the template's
    /// filter, which stays in force, kills calls of another one.
    ///
    /// Source: seccomp(2), "Filters"; Linux's `Documentation/networking/filter.rst`.
    fn filter_against_template(id: u32) -> [sock_filter; OF_TEMPLATE.len() + 6] {
        const CALLS: usize = OF_TEMPLATE.len();
        const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
        const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
        const NUMBER: usize = offset_of!(libc::seccomp_data, nr);
        // The lower half of it, on processors that have that first; the system looks at no other.
        const FIRST_ARGUMENT: usize = offset_of!(libc::seccomp_data, args);

        // Jumps count the instructions that are passed over.
        let [signal, argument, own, allow, kill] = [1, 2, 3, 4, 5].map(|after| CALLS + after);
        std::array::from_fn(|index| {
            let over = |target: usize| narrow(target - index - 1);
            let (code, yes, no, operand) = match index {
                0 => (LOAD, 0, 0, narrow(NUMBER)),
                1..=CALLS => (IF_EQUAL, over(kill), 0, narrow(OF_TEMPLATE[index - 1])),
                _ if index == signal => (IF_EQUAL, 0, over(allow), narrow(libc::SYS_tgkill)),
                _ if index == argument => (LOAD, 0, 0, narrow(FIRST_ARGUMENT)),
                _ if index == own => (IF_EQUAL, over(allow), over(kill), id),
                _ if index == allow => (RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
                _ => (RETURN, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
            };
            sock_filter { code: narrow(code), jt: yes, jf: no, k: operand }
        })
    }

    /// A number as a field of an instruction has it. All are small and known when this is compiled.
    fn narrow<Wide, Narrow: TryFrom<Wide, Error: std::fmt::Debug>>(number: Wide) -> Narrow {
        number.try_into().expect("numbers and jumps fit into their fields")
    }

    fn compile(rules: Rules) -> io::Result<BpfProgram> {
        let arch = std::env::consts::ARCH.try_into().map_err(io::Error::other)?;
        let filter = SeccompFilter::new(rules, SeccompAction::KillProcess, SeccompAction::Allow, arch);
        filter.map_err(io::Error::other)?.try_into().map_err(io::Error::other)
    }
}
