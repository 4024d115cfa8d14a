//! What an interrupted run has read, so that the next one continues: a folder of the user's with sorted runs, and a file
//! that says how far they go.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use provisioner_aws::versions::Marker;
use provisioner_model::error::{self, Error, Exit, Result};
use serde::{Deserialize, Serialize};

/// The version of the format.
const FORMAT: u32 = 1;
/// After this time a listing no longer describes the bucket. Milliseconds.
const STALE_MILLIS: i64 = 24 * 3_600_000;
const FILE: &str = "state.json";

/// What is compared. A state is of use only for the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subject {
    pub(super) stack: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) endpoint: String,
    pub(super) bucket: String,
    pub(super) prefix: Option<String>,
    pub(super) table: String,
}

/// How far something was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Position<T> {
    /// Up to this place.
    At(T),
    /// To its end.
    End,
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct State {
    format: u32,
    pub(super) subject: Subject,
    /// When the listing started. Milliseconds since the Unix epoch.
    pub(super) started: i64,
    pub(super) listing: Position<Marker>,
    /// The continuation of the scan as text; empty at its start.
    pub(super) scan: Position<String>,
    /// The sorted runs, by file name.
    pub(super) runs: Vec<String>,
    /// Versions and delete markers that were listed.
    pub(super) listed: u64,
    /// Records that were read.
    pub(super) scanned: u64,
}

/// The folder of one subject, locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Held until the run has ended.
    _lock: File,
}

impl Folder {
    /// The folder of a subject below this one. Fails if another run uses it.
    pub(super) fn open(parent: &Path, subject: &Subject) -> Result<Self> {
        let name = format!("{}-{}-{}", subject.stack, subject.account, subject.region);
        let path = parent.join(name);
        fs::create_dir_all(&path).map_err(|e| error::io("create", &path, e))?;
        let lock = path.join("lock");
        let file = File::create(&lock).map_err(|e| error::io("create", &lock, e))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _lock: file }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                Exit::Failure,
                "already-running",
                format!("another `reconcile` of the stack {} is running on this machine", subject.stack),
            )
            .hint("Wait until it has finished, or stop it.")),
            Err(TryLockError::Error(e)) => Err(error::io("lock", &lock, e)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The state of an interrupted run, or a new one. With `restart`, always a new one.
    pub(super) fn resume(&self, subject: &Subject, now: i64, restart: bool) -> Result<(State, bool)> {
        let path = self.path.join(FILE);
        let found = match fs::read(&path) {
            _ if restart => None,
            Ok(text) => Some(serde_json::from_slice::<State>(&text).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(error::io("read", &path, e)),
        };
        let Some(found) = found else {
            self.clear()?;
            return Ok((State::new(subject.clone(), now), false));
        };
        let refused = |why: String| {
            Err(Error::new(Exit::Refused, "stale-state", format!("an earlier run was interrupted, and {why}"))
                .hint("Start again from the beginning: provisioner reconcile --restart"))
        };
        match found {
            None => refused(format!("{} is not of this version", path.display())),
            Some(state) if state.format != FORMAT => refused(format!("{} is not of this version", path.display())),
            Some(state) if state.subject != *subject => {
                refused("it compared another bucket, prefix, table or endpoint".to_owned())
            }
            Some(state) if !(0..STALE_MILLIS).contains(&(now - state.started)) => {
                let hours = (now - state.started) / 3_600_000;
                refused(format!("what it read is {hours} hours old, which is too long ago to be compared"))
            }
            Some(state) => {
                let missing = state.runs.iter().find(|run| !self.path.join(run).is_file());
                match missing {
                    Some(run) => refused(format!("its file {} is missing", self.path.join(run).display())),
                    None => Ok((state, true)),
                }
            }
        }
    }

    /// Saves the state. The file is replaced as a whole.
    pub(super) fn save(&self, state: &State) -> Result<()> {
        let path = self.path.join(FILE);
        let unfinished = self.path.join("state.part");
        let text = serde_json::to_vec(state).unwrap_or_default();
        let written = fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, &path));
        written.map_err(|e| error::io("write", &path, e))
    }

    /// Deletes everything but the lock.
    pub(super) fn clear(&self) -> Result<()> {
        // The state first: without it, the other files mean nothing.
        self.discard_state()?;
        let entries = fs::read_dir(&self.path).map_err(|e| error::io("read", &self.path, e))?;
        for entry in entries.flatten().filter(|entry| entry.file_name() != "lock") {
            let path = entry.path();
            remove(&path)?;
        }
        Ok(())
    }

    /// Deletes the state, so that the next run does not continue this one. The other files stay.
    pub(super) fn discard_state(&self) -> Result<()> {
        remove(&self.path.join(FILE))
    }
}

/// Deletes a file; none is fine.
fn remove(path: &Path) -> Result<()> {
    let absent = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(e) };
    fs::remove_file(path).or_else(absent).map_err(|e| error::io("delete", path, e))
}

impl State {
    fn new(subject: Subject, now: i64) -> Self {
        Self {
            format: FORMAT,
            subject,
            started: now,
            listing: Position::At(Marker::default()),
            scan: Position::At(String::new()),
            runs: Vec::new(),
            listed: 0,
            scanned: 0,
        }
    }

    /// The name of the next run.
    pub(super) fn next_run(&self) -> String {
        format!("run-{}", self.runs.len())
    }
}

/// The folder for states: `$XDG_STATE_HOME/provisioner/reconcile`, else that below `~/.local/state`; the folder for
/// temporary files where there is no home, as in some containers.
pub(super) fn parent() -> PathBuf {
    parent_of(std::env::var_os("XDG_STATE_HOME").map(PathBuf::from), std::env::var_os("HOME").map(PathBuf::from))
        .unwrap_or_else(std::env::temp_dir)
        .join("provisioner/reconcile")
}

fn parent_of(state_home: Option<PathBuf>, home: Option<PathBuf>) -> Option<PathBuf> {
    // The XDG base directory specification: a relative path is to be ignored.
    let absolute = |path: Option<PathBuf>| path.filter(|path| path.is_absolute());
    absolute(state_home).or_else(|| Some(absolute(home)?.join(".local/state")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_278_829_000;

    fn subject() -> Subject {
        let text = |text: &str| text.to_owned();
        Subject {
            stack: text("shop"),
            account: text("1"),
            region: text("r"),
            endpoint: String::new(),
            bucket: text("b"),
            prefix: None,
            table: text("t"),
        }
    }

    #[test]
    fn an_interrupted_run_is_continued_and_a_stale_one_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::open(parent.path(), &subject()).unwrap();
        let (mut state, resumed) = folder.resume(&subject(), NOW, false).unwrap();
        assert!(!resumed);
        fs::write(folder.path().join("run-0"), "").unwrap();
        state.runs.push(state.next_run());
        state.listing = Position::End;
        folder.save(&state).unwrap();
        assert_eq!(folder.resume(&subject(), NOW + 3_600_000, false).unwrap(), (state.clone(), true));

        let refusal = |subject: &Subject, now: i64| {
            let error = folder.resume(subject, now, false).unwrap_err();
            assert_eq!((error.code, error.exit), ("stale-state", Exit::Refused));
            assert!(error.hint.unwrap().contains("--restart"));
            error.message
        };
        assert!(refusal(&subject(), NOW + STALE_MILLIS).contains("24 hours old"));
        assert!(refusal(&subject(), NOW - 1).contains("hours old"));
        assert!(refusal(&Subject { prefix: Some("in/".into()), ..subject() }, NOW).contains("another bucket"));
        fs::remove_file(folder.path().join("run-0")).unwrap();
        assert!(refusal(&subject(), NOW).contains("run-0 is missing"));
        fs::write(folder.path().join(FILE), "{}").unwrap();
        assert!(refusal(&subject(), NOW).contains("not of this version"));

        let (state, resumed) = folder.resume(&subject(), NOW, true).unwrap();
        assert!(!resumed && state.runs.is_empty());
        assert!(!folder.path().join(FILE).exists());
    }

    #[test]
    fn two_runs_at_the_same_time_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let first = Folder::open(parent.path(), &subject()).unwrap();
        assert_eq!(Folder::open(parent.path(), &subject()).unwrap_err().code, "already-running");
        assert!(Folder::open(parent.path(), &Subject { stack: "other".into(), ..subject() }).is_ok());
        drop(first);
        assert!(Folder::open(parent.path(), &subject()).is_ok());
    }

    #[test]
    fn states_are_below_the_home_of_the_user() {
        let path = |text: &str| Some(PathBuf::from(text));
        for (state_home, home, expected) in [
            (path("/s"), path("/h"), path("/s")),
            (path("relative"), path("/h"), path("/h/.local/state")),
            (None, path("/h"), path("/h/.local/state")),
            (None, path("relative"), None),
            (None, None, None),
        ] {
            assert_eq!(parent_of(state_home, home), expected);
        }
    }
}
