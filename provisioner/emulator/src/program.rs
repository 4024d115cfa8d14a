//! Where MiniStack is installed, and where its data goes: pure functions of the environment and the file system.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use provisioner_model::error::{Error, Exit, Result};

use super::VERSION;

/// The relevant environment variables and the current directory.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `PROVISIONER_LOCAL_DIR`: the parent of the emulators' data folders.
    pub local_dir: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `PROVISIONER_MINISTACK`: the program.
    pub ministack: Option<PathBuf>,
    /// `PATH`.
    pub path: Option<OsString>,
    /// The current folder.
    pub current: PathBuf,
}

impl Environment {
    /// Those of this process. Variables that are set to nothing count as not set.
    pub fn of_this_process() -> Self {
        let var = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let current = std::env::current_dir().unwrap_or_default();
        Self {
            local_dir: var("PROVISIONER_LOCAL_DIR").map(|dir| current.join(dir)),
            // The XDG base directory specification: a relative path is to be ignored.
            state_home: var("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()),
            home: var("HOME").map(PathBuf::from),
            ministack: var("PROVISIONER_MINISTACK").map(|program| current.join(program)),
            path: var("PATH"),
            current,
        }
    }

    /// The data folder of the emulator on a port.
    pub(super) fn data_folder(&self, port: u16) -> Option<PathBuf> {
        let parent = self
            .local_dir
            .clone()
            .or_else(|| self.state_home.as_ref().map(|dir| dir.join("provisioner")))
            .or_else(|| self.home.as_ref().map(|dir| dir.join(".local/state/provisioner")))?;
        Some(parent.join(format!("emulator-{port}")))
    }

    /// The program: the one that is named, else the one of a `.venv` in this folder or one above it, else of `PATH`.
    pub(super) fn find_ministack(&self) -> Result<PathBuf> {
        if let Some(named) = &self.ministack {
            return if named.is_file() {
                Ok(named.clone())
            } else {
                let message = format!("PROVISIONER_MINISTACK names {}, which is not a file", named.display());
                Err(Error::new(Exit::Failure, "no-emulator", message))
            };
        }
        let in_folders = self.current.ancestors().map(|folder| folder.join(".venv/bin/ministack"));
        let path = self.path.clone().unwrap_or_default();
        let in_path = std::env::split_paths(&path).map(|folder| folder.join("ministack"));
        in_folders.chain(in_path).find(|program| program.is_file()).ok_or_else(|| {
            Error::new(Exit::Failure, "no-emulator", "MiniStack, the local emulator, is not installed")
                .hint(format!("Install it: {}", install_command(&self.current)))
        })
    }
}

/// The command that installs the emulator: pinned by hash inside the workspace, by version elsewhere.
fn install_command(current: &Path) -> String {
    let workspace = current.ancestors().find(|folder| folder.join("tools/requirements.txt").is_file());
    match workspace {
        Some(folder) if folder == current => "make emulator".to_owned(),
        Some(folder) => format!("make -C {} emulator", folder.display()),
        None => format!("pipx install ministack=={VERSION}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn touch(path: PathBuf) -> PathBuf {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    #[test]
    fn the_data_folder_follows_the_environment() {
        let mut s = Environment { home: Some("/h".into()), ..Environment::default() };
        assert_eq!(s.data_folder(4566).unwrap(), Path::new("/h/.local/state/provisioner/emulator-4566"));
        s.state_home = Some("/x".into());
        assert_eq!(s.data_folder(4566).unwrap(), Path::new("/x/provisioner/emulator-4566"));
        s.local_dir = Some("/d".into());
        assert_eq!(s.data_folder(1).unwrap(), Path::new("/d/emulator-1"));
        assert_eq!(Environment::default().data_folder(1), None);
    }

    #[test]
    fn the_program_is_looked_for_from_near_to_far() {
        let root = tempfile::tempdir().unwrap();
        let below = root.path().join("a/b");
        fs::create_dir_all(&below).unwrap();
        let mut s = Environment {
            current: below,
            path: Some(root.path().join("bin").into_os_string()),
            ..Environment::default()
        };
        let error = s.find_ministack().unwrap_err();
        assert_eq!(
            (error.code, error.hint.as_deref()),
            ("no-emulator", Some("Install it: pipx install ministack==1.5.33"))
        );
        touch(root.path().join("tools/requirements.txt"));
        assert!(s.find_ministack().unwrap_err().hint.unwrap().starts_with("Install it: make -C "));
        let on_path = touch(root.path().join("bin/ministack"));
        assert_eq!(s.find_ministack().unwrap(), on_path);
        let in_venv = touch(root.path().join(".venv/bin/ministack"));
        assert_eq!(s.find_ministack().unwrap(), in_venv);
        s.ministack = Some(on_path.clone());
        assert_eq!(s.find_ministack().unwrap(), on_path);
        s.ministack = Some("/nowhere/ministack".into());
        assert!(s.find_ministack().unwrap_err().message.contains("/nowhere/ministack"));
    }
}
