//! `provisioner init`: writes the starter stack files of a project.

use std::path::{Path, PathBuf};

use provisioner_artifact::{embedded, handler_build};
use provisioner_engine::stack_file;
use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec;
use serde::Serialize;

use crate::report::Report;

/// The workspace's stack files, embedded at build time.
const STARTERS: [(&str, &str); 3] = [
    ("dev.yaml", include_str!("../../../stacks/dev.yaml")),
    ("local.yaml", include_str!("../../../stacks/local.yaml")),
    ("prod.yaml", include_str!("../../../stacks/prod.yaml")),
];
/// The schema file that the first line of each stack file refers to.
const SCHEMA: &str = "stack.schema.json";

/// The files that were written, and those that already existed.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Outcome {
    written: Vec<PathBuf>,
    kept: Vec<PathBuf>,
}

/// Writes the files that are missing. An existing file is not changed.
pub fn run(report: &Report) -> Result<()> {
    let here = std::env::current_dir().map_err(|e| io("find", Path::new("."), e))?;
    let outcome = write(&here)?;
    report.data(&outcome, || {
        let rows = outcome.written.iter().map(|path| format!("wrote {}", path.display()));
        let kept = outcome.kept.iter().map(|path| format!("kept {}, which exists", path.display()));
        rows.chain(kept).collect::<Vec<_>>().join("\n")
    });
    if let Some(why) = no_handler(&here)? {
        report.narrate(&format!("{} {why}", report.style.warn("!")));
    }
    report.narrate(
        "Next: provisioner up -s local   on this machine, without an AWS account\n      \
         provisioner up            on AWS, after a review of stacks/dev.yaml",
    );
    Ok(())
}

/// Why `up` needs `--handler` here; `None` if there is a handler to deploy.
fn no_handler(here: &Path) -> Result<Option<&'static str>> {
    let found = embedded::Index::of_this_program()?.is_some() || handler_build::workspace(&[here]).is_some();
    Ok((!found).then_some(
        "This program carries no handler, and this folder is not in the workspace that builds it: add --handler PATH to \
         the commands below, or use a program that `provisioner bundle` wrote.",
    ))
}

fn write(here: &Path) -> Result<Outcome> {
    if let Some(root) = stack_file::root(here).filter(|root| !root.as_os_str().is_empty()) {
        let message = format!(
            "{} exists in a parent folder, and commands run here use its stacks",
            root.join("stacks").display()
        );
        return Err(Error::new(Exit::Usage, "project-above", message)
            .hint("Change to that folder. Or, to start another project here: mkdir stacks && provisioner init"));
    }
    let folder = Path::new("stacks");
    std::fs::create_dir_all(here.join(folder)).map_err(|e| io("create", folder, e))?;
    let schema = spec::json_schema();
    let mut outcome = Outcome::default();
    for (name, text) in STARTERS.into_iter().chain([(SCHEMA, schema.as_str())]) {
        let path = folder.join(name);
        let created = std::fs::File::create_new(here.join(&path))
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
        match created {
            Ok(()) => outcome.written.push(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => outcome.kept.push(path),
            Err(e) => return Err(io("write", &path, e)),
        }
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starter_files_are_valid_and_existing_files_are_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("stacks")).unwrap();
        std::fs::write(folder.path().join("stacks/dev.yaml"), "mine").unwrap();
        let outcome = write(folder.path()).unwrap();
        assert_eq!(outcome.kept, [Path::new("stacks/dev.yaml")]);
        assert_eq!(outcome.written.len(), 3);
        assert_eq!(std::fs::read_to_string(folder.path().join("stacks/dev.yaml")).unwrap(), "mine");
        for (name, text) in STARTERS {
            assert!(spec::parse(text, Path::new(name)).is_ok(), "{name}");
            assert!(text.contains(&format!("$schema={SCHEMA}")), "{name}");
        }
        assert_eq!(write(folder.path()).unwrap().written, Vec::<PathBuf>::new());
    }

    #[test]
    fn a_program_without_a_handler_says_so() {
        let folder = tempfile::tempdir().unwrap();
        assert!(no_handler(folder.path()).unwrap().is_some_and(|why| why.contains("--handler PATH")));
        assert_eq!(no_handler(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap(), None);
    }

    #[test]
    fn init_below_a_project_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("deep/er");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::create_dir(folder.path().join("stacks")).unwrap();
        let error = write(&below).unwrap_err();
        assert_eq!(error.message, "../../stacks exists in a parent folder, and commands run here use its stacks");
        std::fs::create_dir(below.join("stacks")).unwrap();
        assert_eq!(write(&below).unwrap().written.len(), 4);
    }
}
