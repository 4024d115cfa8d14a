//! Where the handler comes from: a path that the user gives, a build of the workspace, or the program itself.
//!
//! Cargo decides whether the build is stale, and reports the path of the executable.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec::{Architecture, StackSpec};
use serde_json::Value;

use crate::package::{Package, PackageError, RunsOn};
use crate::zip_cache::ZipCache;
use crate::{NO_HANDLER, UNSUITABLE_HANDLER};

/// The name of the package that is the handler, and of its executable.
const PACKAGE: &str = "handler";
const EXECUTABLE: &str = "bootstrap";
/// The package whose build a development build of the handler shares.
const PROVISIONER: &str = "provisioner";
/// Where `cargo lambda` puts what it builds, below the workspace.
const LAMBDA_DIR: &str = "target/cargo-lambda";

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// To run on Lambda: small and fast, and minutes of work for the compiler.
    Optimized,
    /// To be tried at once, on the emulator or with `up --watch`: within seconds of a save, and slower with large files.
    /// It shares every dependency with the provisioner's own build.
    Development,
}

impl Build {
    /// The build that `up` deploys: development where it is tried, on an emulator or while watching.
    pub fn of(spec: &StackSpec, watching: bool) -> Self {
        if watching || spec.emulator.is_some() { Self::Development } else { Self::Optimized }
    }

    /// The profile in the workspace's `Cargo.toml`.
    fn profile(self) -> &'static str {
        match self {
            Self::Optimized => "lambda",
            Self::Development => "release",
        }
    }
}

/// How the handler is built on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// Plain cargo: the machine is what Lambda runs on.
    Cargo,
    /// `cargo zigbuild`: another processor or another system.
    Zigbuild,
    /// `cargo lambda build`: the same.
    Lambda,
}

/// Where a handler comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The executable that the command line names.
    Given(PathBuf),
    /// A build of this workspace.
    Workspace(PathBuf),
    /// The one inside this program.
    Embedded,
}

/// The word that `--handler` takes for the handler inside this program.
const EMBEDDED: &str = "embedded";

/// Chooses the handler: the one that is named, else the workspace's, else the embedded one. Inside the
/// workspace, its sources are used, even if the program embeds an older build of them.
pub fn source(named: Option<&Path>, workspace: Option<PathBuf>, carries: bool) -> Result<Source> {
    match (named, workspace) {
        (Some(path), _) if path == Path::new(EMBEDDED) => Ok(Source::Embedded),
        (Some(path), _) => Ok(Source::Given(handler_path(path))),
        (None, Some(workspace)) => Ok(Source::Workspace(workspace)),
        (None, None) if carries => Ok(Source::Embedded),
        (None, None) => Err(nothing_to_build()),
    }
}

/// Where a stack's handler runs.
pub fn runs_on(spec: &StackSpec) -> RunsOn {
    match spec.emulator {
        Some(_) => RunsOn::ThisMachine,
        None => RunsOn::Lambda(spec.handler.architecture),
    }
}

/// Chooses how to build for `wanted` on a machine of this system and processor, as `std::env::consts` names them.
pub fn choose_builder(os: &str, arch: &str, wanted: RunsOn, zigbuild: bool, lambda: bool) -> Option<Builder> {
    let native = match wanted {
        RunsOn::ThisMachine => true,
        RunsOn::Lambda(Architecture::X86_64) => os == "linux" && arch == "x86_64",
        RunsOn::Lambda(Architecture::Arm64) => os == "linux" && arch == "aarch64",
    };
    match (native, zigbuild, lambda) {
        (true, _, _) => Some(Builder::Cargo),
        (false, true, _) => Some(Builder::Zigbuild),
        (false, false, true) => Some(Builder::Lambda),
        (false, false, false) => None,
    }
}

/// The arguments of `cargo` for a build.
fn arguments(builder: Builder, wanted: RunsOn, kind: Build) -> Vec<&'static str> {
    let target = match wanted {
        RunsOn::Lambda(Architecture::Arm64) => "aarch64-unknown-linux-gnu.2.34",
        RunsOn::Lambda(Architecture::X86_64) | RunsOn::ThisMachine => "x86_64-unknown-linux-gnu.2.34",
    };
    let mut arguments = match builder {
        Builder::Cargo => vec!["build", "--profile", kind.profile()],
        Builder::Zigbuild => vec!["zigbuild", "--profile", kind.profile(), "--target", target],
        // Its own folder would be target/lambda/bootstrap/, where the profile of that name has its file.
        Builder::Lambda => {
            vec!["lambda", "build", "--profile", kind.profile(), "--target", target, "--lambda-dir", LAMBDA_DIR]
        }
    };
    arguments.extend(["-p", PACKAGE, "--bin", EXECUTABLE]);
    // Cargo unifies the features of all packages that are named, built or not. As `make build` names both, what it
    // compiled for the provisioner serves here too.
    if (builder, kind) == (Builder::Cargo, Build::Development) {
        arguments.extend(["-p", PROVISIONER]);
    }
    if builder != Builder::Lambda {
        arguments.extend(["--message-format", "json-render-diagnostics"]);
    }
    arguments
}

/// The path of the executable, from cargo's messages.
fn executable_in(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && message["target"]["name"] == EXECUTABLE)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// This project's workspace: the nearest folder above one of these with a `Cargo.toml`, and with the packages `handler`
/// and `provisioner` in folders of these names. Another workspace may well have a package called `handler`.
pub fn workspace(from: &[&Path]) -> Option<PathBuf> {
    from.iter().filter_map(|path| path.canonicalize().ok()).find_map(|path| {
        path.ancestors()
            .find(|folder| {
                folder.join("Cargo.toml").is_file()
                    && [PACKAGE, PROVISIONER].iter().all(|name| has_package(folder, name))
            })
            .map(Path::to_path_buf)
    })
}

/// Whether a workspace has a package of this name in a folder of this name.
fn has_package(workspace: &Path, package: &str) -> bool {
    let name = format!("name=\"{package}\"");
    std::fs::read_to_string(workspace.join(package).join("Cargo.toml"))
        .is_ok_and(|text| text.lines().any(|line| line.replace(' ', "") == name))
}

/// Builds the handler in the workspace and returns the executable's path. Cargo's own messages go to standard error.
pub async fn build(workspace: &Path, wanted: RunsOn, kind: Build) -> Result<PathBuf> {
    let installed = |name: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
    };
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let builder =
        choose_builder(os, arch, wanted, installed("cargo-zigbuild"), installed("cargo-lambda")).ok_or_else(|| {
            Error::new(
                Exit::Failure,
                "no-cross-build",
                format!("this {os} machine ({arch}) cannot build the handler for it"),
            )
            .hint(
                "Install one of: cargo install cargo-zigbuild (needs zig), or cargo install cargo-lambda.\n\
                 Or build it elsewhere and name it with --handler PATH.",
            )
        })?;
    let output = cargo()
        .args(arguments(builder, wanted, kind))
        .current_dir(workspace)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| {
            Error::new(Exit::Failure, "no-cargo", "failed to start cargo, which builds the handler").source(e).hint(
                "Install Rust from https://rustup.rs, or name a built handler with --handler PATH; \
                     --handler embedded is the one inside a program that carries one.",
            )
        })?;
    if !output.status.success() {
        return Err(Error::new(
            Exit::Failure,
            "build-failed",
            format!("the handler does not build ({})", output.status),
        )
        .hint("See cargo's messages above. Fix the errors and run the command again."));
    }
    if builder == Builder::Lambda {
        return Ok(workspace.join(LAMBDA_DIR).join(EXECUTABLE).join(EXECUTABLE));
    }
    executable_in(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        Error::new(
            Exit::Failure,
            "build-failed",
            format!("cargo named no executable {EXECUTABLE} of package {PACKAGE}"),
        )
    })
}

/// Cargo, as it would be started from a shell.
fn cargo() -> tokio::process::Command {
    let mut cargo = tokio::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_set_by_cargo)) {
        cargo.env_remove(name);
    }
    cargo
}

/// Whether cargo sets a variable for the programs that it runs. Build scripts that watch one of these, as ring's does,
/// would run again, and all that depends on them, whenever `up` is started by `cargo run` or by a test and then not.
pub fn is_set_by_cargo(variable: &str) -> bool {
    ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| variable.starts_with(prefix))
        || ["CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR", "OUT_DIR"].contains(&variable)
}

async fn target_directory(workspace: &Path) -> Result<PathBuf> {
    let output = cargo()
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(workspace)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|e| io("run cargo metadata in", workspace, e))?;
    serde_json::from_slice::<Value>(&output.stdout)
        .ok()
        .and_then(|metadata| metadata["target_directory"].as_str().map(PathBuf::from))
        .ok_or_else(|| Error::new(Exit::Failure, "build-failed", "cargo metadata named no target directory"))
}

/// The executables of the last builds of these kinds, where there are any; nothing is built.
pub async fn last_builds<const N: usize>(workspace: &Path, kinds: [Build; N]) -> [Option<PathBuf>; N] {
    let target = target_directory(workspace).await.ok();
    kinds.map(|kind| {
        let path = target.as_ref()?.join(kind.profile()).join(EXECUTABLE);
        path.is_file().then_some(path)
    })
}

/// Finds the executable that `--handler` names: a file, or a folder that holds one named `bootstrap`.
pub fn handler_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(EXECUTABLE) } else { path.to_path_buf() }
}

fn nothing_to_build() -> Error {
    let message = "there is no handler to deploy: this folder is not in its workspace, and this program carries none";
    Error::new(Exit::Usage, NO_HANDLER, message).hint(
        "Name a built handler with --handler PATH, or run this in the folder that holds handler/ and provisioner/, \
         or use a program that `make dist` made.",
    )
}

/// The failure of a file that cannot be the handler.
pub fn invalid_handler(path: &Path, error: PackageError) -> Error {
    let hint = error.hint();
    let message = format!("{} cannot be the handler", path.display());
    Error::new(Exit::Invalid, UNSUITABLE_HANDLER, message).source(error).hint(hint)
}

/// Reads, checks and packs an executable, or takes the zip that was made of it before.
pub fn pack(path: &Path, runs_on: RunsOn) -> Result<Package> {
    let bytes = std::fs::read(path).map_err(|e| io("read the handler", path, e))?;
    ZipCache::of_this_process().package(&bytes, runs_on).map_err(|e| invalid_handler(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_suits_the_machine() {
        use Architecture::{Arm64, X86_64};
        let rows = [
            ("linux", "x86_64", X86_64, false, false, Some(Builder::Cargo)),
            ("linux", "aarch64", Arm64, true, true, Some(Builder::Cargo)),
            ("linux", "x86_64", Arm64, true, true, Some(Builder::Zigbuild)),
            ("linux", "x86_64", Arm64, false, true, Some(Builder::Lambda)),
            ("linux", "x86_64", Arm64, false, false, None),
            ("macos", "x86_64", X86_64, false, true, Some(Builder::Lambda)),
            ("macos", "aarch64", Arm64, false, false, None),
        ];
        assert_eq!(choose_builder("macos", "aarch64", RunsOn::ThisMachine, false, false), Some(Builder::Cargo));
        for (os, arch, wanted, zigbuild, lambda, expected) in rows {
            assert_eq!(
                choose_builder(os, arch, RunsOn::Lambda(wanted), zigbuild, lambda),
                expected,
                "{os} {arch} {wanted:?}"
            );
        }
    }

    #[test]
    fn what_is_named_comes_first_then_the_workspace_then_the_program_itself() {
        let workspace = || Some(PathBuf::from("/w"));
        let named = |path| Some(Path::new(path));
        assert_eq!(source(named("b"), workspace(), true).unwrap(), Source::Given("b".into()));
        assert_eq!(source(named("embedded"), workspace(), false).unwrap(), Source::Embedded);
        assert_eq!(source(named("./embedded"), None, true).unwrap(), Source::Given("./embedded".into()));
        assert_eq!(source(None, workspace(), true).unwrap(), Source::Workspace("/w".into()));
        assert_eq!(source(None, None, true).unwrap(), Source::Embedded);
        assert_eq!(source(None, None, false).unwrap_err().code, NO_HANDLER);
    }

    #[test]
    fn a_build_does_not_depend_on_who_started_it() {
        // The variables that cargo set for this test.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_")) {
            assert!(is_set_by_cargo(&name), "{name}");
        }
        let cargo = cargo();
        let kept: Vec<_> = cargo.as_std().get_envs().filter(|(_, value)| value.is_some()).collect();
        assert!(kept.is_empty(), "{kept:?}");
        assert!(cargo.as_std().get_envs().any(|(name, _)| name == "CARGO_MANIFEST_DIR"));
        for setting in ["CARGO", "CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "CARGO_INCREMENTAL", "PATH"] {
            assert!(!is_set_by_cargo(setting), "{setting}");
        }
    }

    #[test]
    fn development_builds_use_another_profile() {
        let manifest = include_str!("../../../Cargo.toml");
        for kind in [Build::Optimized, Build::Development] {
            assert!(manifest.contains(&format!("[profile.{}]", kind.profile())), "{kind:?}");
            for builder in [Builder::Cargo, Builder::Zigbuild, Builder::Lambda] {
                let arguments = arguments(builder, RunsOn::ThisMachine, kind);
                let at = arguments.iter().position(|a| *a == "--profile").unwrap();
                assert_eq!(arguments[at + 1], kind.profile(), "{builder:?}");
            }
        }
        assert_ne!(Build::Optimized.profile(), Build::Development.profile());
    }

    #[test]
    fn cargo_says_where_the_executable_is() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"serde"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"bootstrap"},"executable":"/t/lambda/bootstrap"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable_in(messages), Some(PathBuf::from("/t/lambda/bootstrap")));
        assert_eq!(executable_in(r#"{"reason":"build-finished","success":true}"#), None);
    }

    #[test]
    fn the_workspace_is_found_from_below() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(workspace(&[&here.join("src")]).as_deref(), here.ancestors().nth(2));
        assert_eq!(workspace(&[&std::env::temp_dir()]), None);
    }

    #[test]
    fn another_workspace_with_a_handler_is_not_this_project() {
        let folder = tempfile::tempdir().unwrap();
        let package = |name: &str| {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
            let manifest = format!("[package]\nname = \"{name}\"\n");
            std::fs::write(folder.path().join(name).join("Cargo.toml"), manifest).unwrap();
        };
        std::fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").unwrap();
        package("handler");
        assert_eq!(workspace(&[folder.path()]), None);
        package("provisioner");
        assert_eq!(workspace(&[folder.path()]), folder.path().canonicalize().ok());
    }

    #[test]
    fn only_development_builds_share_the_build_of_the_provisioner() {
        let names_both = |builder, kind| arguments(builder, RunsOn::ThisMachine, kind).contains(&PROVISIONER);
        assert!(names_both(Builder::Cargo, Build::Development));
        assert!(!names_both(Builder::Cargo, Build::Optimized));
        assert!(!names_both(Builder::Zigbuild, Build::Development));
    }
}
