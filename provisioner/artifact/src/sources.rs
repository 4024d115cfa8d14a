//! What the handler is built from, and whether any of it has changed.
//!
//! Polls times and sizes of the files a few times a second. That takes no more than a millisecond for the hundred files
//! that matter, and works on every file system: those of containers and networks send no notifications.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold what is built or kept, not what it is built from.
const SKIPPED: [&str; 2] = ["target", "node_modules"];
/// What a workspace's build depends on beside its sources.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "Cargo.lock"];

/// Files and folders that are watched; folders with all that is below them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources(BTreeSet<PathBuf>);

/// The times and sizes of all watched files at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, (Option<SystemTime>, u64)>);

impl Sources {
    /// A file that another process builds.
    pub fn of_file(path: &Path) -> Self {
        Self(BTreeSet::from([path.to_path_buf()]))
    }

    /// What cargo lists beside the executable that it made, and the manifests; where there is no list, all of the
    /// handler's folder.
    pub fn of_build(workspace: &Path, executable: &Path) -> Self {
        let listed = std::fs::read_to_string(executable.with_extension("d")).map(|text| dependencies(&text));
        let mut watched: BTreeSet<PathBuf> = MANIFESTS.iter().map(|name| workspace.join(name)).collect();
        match listed {
            Ok(files) if !files.is_empty() => watched.extend(around(workspace, files)),
            _ => {
                watched.insert(workspace.join("handler"));
            }
        }
        Self(watched)
    }

    /// Whether there is nothing to watch.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads times and sizes of all files.
    pub fn snapshot(&self) -> Snapshot {
        let mut found = BTreeMap::new();
        for path in &self.0 {
            visit(path, &mut found);
        }
        Snapshot(found)
    }
}

impl Snapshot {
    /// How many files there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The files of this snapshot, with the state of an earlier one for the files that it contains.
    #[must_use]
    pub fn or_as_in(self, earlier: &Self) -> Self {
        let as_before = |(path, now)| {
            let before = earlier.0.get(&path).copied();
            (path, before.unwrap_or(now))
        };
        Self(self.0.into_iter().map(as_before).collect())
    }

    /// The files that are new, gone or different since an earlier look.
    pub fn changed_since(&self, earlier: &Self) -> Vec<PathBuf> {
        let all: BTreeSet<&PathBuf> = self.0.keys().chain(earlier.0.keys()).collect();
        all.into_iter().filter(|path| self.0.get(*path) != earlier.0.get(*path)).cloned().collect()
    }
}

/// A file that vanishes between two looks is a change, not an error.
fn visit(path: &Path, found: &mut BTreeMap<PathBuf, (Option<SystemTime>, u64)>) {
    let Ok(meta) = std::fs::metadata(path) else { return };
    if !meta.is_dir() {
        found.insert(path.to_path_buf(), (meta.modified().ok(), meta.len()));
        return;
    }
    for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // A link to a folder is not followed: it can lead to a cycle.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_symlink() || is_passing(&name) || (kind.is_dir() && SKIPPED.contains(&name.as_ref())) {
            continue;
        }
        visit(&entry.path(), found);
    }
}

/// Files that editors make and delete while one types.
fn is_passing(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name.starts_with('#')
}

/// The files themselves, the folders of those that are sources, as a build that fails lists no new files, and the
/// manifests of their packages.
fn around(workspace: &Path, files: Vec<PathBuf>) -> BTreeSet<PathBuf> {
    let mut watched = BTreeSet::new();
    for file in files {
        let folder = file.parent().map(Path::to_path_buf);
        let is_rust = file.extension().is_some_and(|extension| extension == "rs");
        let package = file.ancestors().skip(1).find(|above| above.join("Cargo.toml").is_file());
        watched.extend(package.map(|package| package.join("Cargo.toml")));
        match folder {
            // A build script is in the root of its package.
            Some(folder) if is_rust && Some(folder.as_path()) != package && folder != workspace => {
                watched.insert(folder);
            }
            _ => {
                watched.insert(file);
            }
        }
    }
    // What lies in a folder that is watched is watched.
    let all = watched.clone();
    watched.retain(|path| !path.ancestors().skip(1).any(|above| all.contains(above)));
    watched
}

/// The prerequisites in a rule for make, as cargo writes it: `target: file file`, with `\ ` for a space.
fn dependencies(rule: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in rule.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, list)) = line.split_once(": ") else { continue };
        let mut file = String::new();
        let mut letters = list.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' if letters.peek() == Some(&' ') => file.extend(letters.next()),
                ' ' => files.push(std::mem::take(&mut file)),
                other => file.push(other),
            }
        }
        files.push(file);
    }
    files.into_iter().filter(|file| !file.is_empty()).map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_that_cargo_writes() {
        let rule = "/w/target/lambda/bootstrap: /w/handler/src/lib.rs /w/my\\ handler/a.rs /w/policies/b.json\n";
        let expected = ["/w/handler/src/lib.rs", "/w/my handler/a.rs", "/w/policies/b.json"];
        assert_eq!(dependencies(rule), expected.map(PathBuf::from));
        assert_eq!(dependencies("/w/t: \n# env-dep:X=1\n"), Vec::<PathBuf>::new());
    }

    /// A workspace with a handler that was built once.
    fn workspace() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let manifests = ["Cargo.toml", "handler/Cargo.toml"];
        let sources = ["handler/build.rs", "handler/src/lib.rs", "handler/src/deep/down.rs", "policies/handler.json"];
        for name in manifests {
            write(name, "");
        }
        let listed: Vec<String> = sources.iter().map(|name| write(name, "").display().to_string()).collect();
        write("handler/notes.md", "");
        write("README.md", "");
        let executable = write("target/lambda/bootstrap", "");
        write("target/lambda/bootstrap.d", &format!("{}: {}\n", executable.display(), listed.join(" ")));
        (folder, executable)
    }

    #[test]
    fn what_is_watched() {
        let (folder, executable) = workspace();
        let root = folder.path();
        let sources = Sources::of_build(root, &executable);
        let before = sources.snapshot();
        let mut seen: Vec<&str> =
            before.0.keys().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        seen.sort_unstable();
        let expected = [
            "Cargo.toml",
            "handler/Cargo.toml",
            "handler/build.rs",
            "handler/src/deep/down.rs",
            "handler/src/lib.rs",
            "policies/handler.json",
        ];
        assert_eq!(seen, expected);

        // A new module, which no build has listed yet; one more byte in a file; a file that goes; what matters not.
        std::fs::write(root.join("handler/src/new.rs"), "").unwrap();
        std::fs::write(root.join("handler/src/lib.rs"), "1").unwrap();
        std::fs::remove_file(root.join("policies/handler.json")).unwrap();
        std::fs::write(root.join("handler/src/.lib.rs.swp"), "").unwrap();
        std::fs::write(root.join("README.md"), "1").unwrap();
        let after = sources.snapshot();
        let changed = after.changed_since(&before);
        let expected = ["handler/src/lib.rs", "handler/src/new.rs", "policies/handler.json"];
        assert_eq!(changed, expected.map(|name| root.join(name)));
        assert!(after.changed_since(&after).is_empty());

        // The lock file comes into being with the first build.
        std::fs::write(root.join("Cargo.lock"), "").unwrap();
        let last = sources.snapshot();
        assert_eq!(last.changed_since(&after), [root.join("Cargo.lock")]);

        // After a build that lists other files, what was saved during the build has still changed, and what is new on
        // the list has not.
        let merged = last.clone().or_as_in(&before);
        assert_eq!(last.changed_since(&merged), [root.join("handler/src/lib.rs")]);
    }

    #[test]
    fn without_a_list_the_whole_handler_is_watched() {
        let (folder, executable) = workspace();
        std::fs::remove_file(executable.with_extension("d")).unwrap();
        let seen = Sources::of_build(folder.path(), &executable).snapshot();
        assert!(seen.0.contains_key(&folder.path().join("handler/notes.md")));
        assert!(!seen.0.contains_key(&executable));
    }
}
