//! A share of one processor, as Lambda gives it to a function by its memory: a quota of a control group.
//!
//! Source: Lambda developer guide, "Configure Lambda function memory" (1,769 MB are one processor); Linux,
//! `Documentation/scheduler/sched-bwc.rst` and `Documentation/admin-guide/cgroup-v2.rst`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Megabytes of memory at which a function has one processor.
pub(crate) const ONE_PROCESSOR: u32 = 1769;

/// In each of these a group may run for its share of it.
const PERIOD: Duration = Duration::from_millis(20);

/// A control group with a quota. Deleted when it is dropped, which must be after its processes have ended.
#[derive(Debug)]
pub(crate) struct CpuShare {
    /// One, or with version 1 one for the quota and one for the accounting.
    folders: Vec<PathBuf>,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl CpuShare {
    /// A group that has the processor share of a function with this much memory.
    ///
    /// # Errors
    /// This system has no control groups, or does not let this process make one.
    pub(crate) fn of_memory(megabytes: u32) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mounts = std::fs::read_to_string("/proc/self/mounts")?;
        let name = format!("handler-bench-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (version, roots) = roots(&mounts).ok_or_else(|| io::Error::other("no control group of processors"))?;
        let mut share = Self { folders: Vec::new(), version };
        for root in roots {
            let folder = root.join(&name);
            std::fs::create_dir(&folder)?;
            share.folders.push(folder);
        }
        let period = PERIOD.as_micros();
        let quota = period * u128::from(megabytes.min(ONE_PROCESSOR)) / u128::from(ONE_PROCESSOR);
        let quota_folder = &share.folders[0];
        match version {
            Version::One => {
                std::fs::write(quota_folder.join("cpu.cfs_period_us"), period.to_string())?;
                std::fs::write(quota_folder.join("cpu.cfs_quota_us"), quota.to_string())?;
            }
            Version::Two => std::fs::write(quota_folder.join("cpu.max"), format!("{quota} {period}"))?,
        }
        Ok(share)
    }

    /// A command that starts a program in this group.
    pub(crate) fn command(&self, program: &Path, arguments: &[String]) -> Command {
        let lists = self.folders.iter().map(|folder| folder.join("cgroup.procs").display().to_string());
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"for list in $0; do echo $$ > "$list"; done; exec "$@""#]);
        command.arg(lists.collect::<Vec<_>>().join(" ")).arg(program).args(arguments);
        command
    }

    /// Processor time of all processes that were ever in the group.
    pub(crate) fn used(&self) -> io::Result<Duration> {
        let accounting = self.folders.last().ok_or(io::ErrorKind::NotFound)?;
        let number =
            |text: Option<&str>| text.and_then(|text| text.trim().parse().ok()).ok_or(io::ErrorKind::InvalidData);
        Ok(match self.version {
            Version::One => {
                let usage = std::fs::read_to_string(accounting.join("cpuacct.usage"))?;
                Duration::from_nanos(number(Some(&usage))?)
            }
            Version::Two => {
                let stat = std::fs::read_to_string(accounting.join("cpu.stat"))?;
                Duration::from_micros(number(stat.lines().find_map(|line| line.strip_prefix("usage_usec")))?)
            }
        })
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        for folder in &self.folders {
            // A group whose last process is just ending cannot be deleted, and does no harm.
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Where groups are made that limit and count processor time, by the list of mounts of proc(5).
fn roots(mounts: &str) -> Option<(Version, Vec<PathBuf>)> {
    let mounted = |kind: &str, option: Option<&str>| {
        mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (folder, its_kind, options) = (fields.next()?, fields.next()?, fields.next()?);
            let fits = its_kind == kind && option.is_none_or(|option| options.split(',').any(|has| has == option));
            fits.then(|| PathBuf::from(folder))
        })
    };
    if let (Some(quota), Some(accounting)) = (mounted("cgroup", Some("cpu")), mounted("cgroup", Some("cpuacct"))) {
        let both = if quota == accounting { vec![quota] } else { vec![quota, accounting] };
        return Some((Version::One, both));
    }
    mounted("cgroup2", None).map(|root| (Version::Two, vec![root]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_made_where_processors_are_limited_and_counted() {
        let one = "cgroup /sys/fs/cgroup/cpu cgroup rw,relatime,cpu 0 0\n\
                   cgroup /sys/fs/cgroup/cpuacct cgroup rw,relatime,cpuacct 0 0\n\
                   cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let joint = "cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n";
        let two = "cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n";
        for (mounts, expected) in [
            (one, Some((Version::One, vec!["/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpuacct"]))),
            (joint, Some((Version::One, vec!["/sys/fs/cgroup/cpu,cpuacct"]))),
            (two, Some((Version::Two, vec!["/sys/fs/cgroup"]))),
            ("proc /proc proc rw 0 0\n", None),
        ] {
            let expected = expected.map(|(version, roots)| (version, roots.into_iter().map(PathBuf::from).collect()));
            assert_eq!(roots(mounts), expected, "{mounts}");
        }
    }
}
