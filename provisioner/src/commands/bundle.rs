//! `provisioner bundle`: writes a copy of this program with embedded handlers.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use provisioner_artifact::embedded;
use provisioner_artifact::handler_build::{self, Build};
use provisioner_artifact::package::{RunsOn, architecture_name, package_any};
use provisioner_engine::event::deploy::DeployEvent;
use provisioner_model::error::{Error, Exit, Result, io};

use crate::cli::Bundle;
use crate::report::Report;

/// Checks and zips the handlers and writes the program. The file is renamed into place only when it is complete.
pub async fn run(args: &Bundle, report: &Report) -> Result<()> {
    let mut paths: Vec<PathBuf> = args.handlers.iter().map(|path| handler_build::handler_path(path)).collect();
    for architecture in &args.architectures {
        let here = std::env::current_dir().map_err(|e| io("find", Path::new("."), e))?;
        let workspace = handler_build::workspace(&[&here]).ok_or_else(|| {
            Error::new(Exit::Usage, "no-workspace", "there is no handler to build: this folder is not in its workspace")
                .hint("Name a built handler with --handler PATH.")
        })?;
        report.event(DeployEvent::Building);
        paths.push(handler_build::build(&workspace, RunsOn::Lambda(*architecture), Build::Optimized).await?);
    }
    let mut handlers = Vec::new();
    for path in paths {
        let bytes = std::fs::read(&path).map_err(|e| io("read the handler", &path, e))?;
        let (architecture, package) = package_any(&bytes).map_err(|e| handler_build::invalid_handler(&path, e))?;
        if handlers.iter().any(|(other, _)| *other == architecture) {
            let message = format!("two of the handlers are for {}", architecture_name(architecture));
            return Err(Error::new(Exit::Usage, "handlers", message));
        }
        handlers.push((architecture, package));
    }
    let failed = |e| io("write", &args.output, e);
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    let index = embedded::write(&embedded::this_program()?, &handlers, &mut file)?;
    file.flush().map_err(failed)?;
    executable(file.path()).map_err(failed)?;
    file.persist(&args.output).map_err(|e| failed(e.error))?;
    report.data(&index.handlers, || format!("wrote {}\n{}", args.output.display(), index.describe()));
    Ok(())
}

/// Sets mode 0755.
fn executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}
