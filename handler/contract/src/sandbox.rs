//! What the handler reports of the sandbox in which it reads files, in its log, and what `provisioner status` shows of
//! it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The field of a log line that holds a [`SandboxReport`].
pub const LOG_FIELD: &str = "sandbox";

/// Which protections the system grants. The limits on memory, processor time and files apply in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxReport {
    /// Whether a seccomp filter kills a child at any system call that it does not need.
    pub system_calls: bool,
    /// Whether Landlock denies a child files and network.
    pub files: bool,
    /// Whether the function's environment and memory are closed to the processes of its user.
    pub inspection_denied: bool,
}

impl SandboxReport {
    /// Whether every protection is in force.
    pub fn is_full(self) -> bool {
        self.missing().next().is_none()
    }

    /// The protections that are not in force, for people.
    pub fn missing(self) -> impl Iterator<Item = &'static str> {
        [
            (self.system_calls, "no filter of system calls (seccomp)"),
            (self.files, "no denial of files and network (Landlock)"),
            (self.inspection_denied, "no protection of the function's memory (PR_SET_DUMPABLE)"),
        ]
        .into_iter()
        .filter_map(|(in_force, missing)| (!in_force).then_some(missing))
    }
}

impl fmt::Display for SandboxReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_full() {
            return f.write_str("full");
        }
        f.write_str(&self.missing().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_part_is_named_and_full_means_none() {
        for bits in 0..8_u8 {
            let [system_calls, files, inspection_denied] = [1, 2, 4].map(|bit| bits & bit != 0);
            let report = SandboxReport { system_calls, files, inspection_denied };
            let text = report.to_string();
            assert_eq!(report.is_full(), bits == 7, "{text}");
            for (in_force, name) in
                [(system_calls, "seccomp"), (files, "Landlock"), (inspection_denied, "PR_SET_DUMPABLE")]
            {
                assert_eq!(text.contains(name), !in_force, "{text}");
            }
        }
    }
}
