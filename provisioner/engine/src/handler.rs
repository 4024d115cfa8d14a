//! The handler to deploy: finds or builds, checks and packages it.

use std::path::Path;

use provisioner_artifact::embedded;
use provisioner_artifact::handler_build::{self, Build, Source};
use provisioner_artifact::package::Package;
use provisioner_artifact::sources::Sources;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_planner::preview;

use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;
use crate::stack_file::StackFile;

/// A handler that is built and packaged.
#[derive(Debug)]
pub struct Built {
    /// The package.
    pub package: Package,
    /// The files that it is built from, for change detection.
    pub sources: Sources,
    /// Whether it is a development build.
    pub development: bool,
}

/// Finds the handler or builds it with cargo, then checks and packages it.
pub async fn package(file: &StackFile, handler: Option<&Path>, kind: Build, dialog: &dyn Dialog) -> Result<Built> {
    let runs_on = handler_build::runs_on(&file.spec);
    let here = std::env::current_dir()
        .map_err(|e| Error::new(Exit::Failure, "io", "failed to read the current directory").source(e))?;
    let carries = embedded::Index::of_this_program()?.is_some();
    let source = handler_build::source(handler, handler_build::workspace(&[&here, &file.path]), carries)?;
    let (path, sources) = match &source {
        Source::Given(path) => (Some(path.clone()), Sources::of_file(path)),
        Source::Workspace(workspace) => {
            dialog.event(DeployEvent::Building);
            let path = handler_build::build(workspace, runs_on, kind).await?;
            let sources = Sources::of_build(workspace, &path);
            (Some(path), sources)
        }
        Source::Embedded => (None, Sources::default()),
    };
    let pack = move || path.map_or_else(|| embedded::package(runs_on), |path| handler_build::pack(&path, runs_on));
    let package = tokio::task::spawn_blocking(pack)
        .await
        .map_err(|e| Error::new(Exit::Failure, "pack", "failed to package the handler").source(e))??;
    let development = kind == Build::Development && matches!(source, Source::Workspace(_));
    dialog.event(DeployEvent::Packaged {
        sha256: package.sha256.clone(),
        zipped: package.zip.len() as u64,
        unzipped: package.unzipped,
        embedded: source == Source::Embedded,
        development,
    });
    Ok(Built { package, sources, development })
}

/// The package as the planner's input.
pub fn code(package: &Package) -> preview::Code<'_> {
    preview::Code { sha256: &package.sha256, size: package.zip.len() as u64 }
}
