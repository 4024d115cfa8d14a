//! `provisioner plan`: what `up` would do, without doing any of it.

use std::path::Path;

use crate::aws::Aws;
use crate::aws::stacks::Stacks;
use crate::cli::{Global, Plan as Arguments, PlanFormat};
use crate::commands::{self, observe, up};
use crate::error::{Error, Exit, Result, io};
use crate::handler_build::Build;
use crate::names::Names;
use crate::package::Package;
use crate::plan::Desired;
use crate::preview::{self, Code, Preview, Saved};
use crate::report::Report;
use crate::report::{markdown, plan as human};
use crate::spec::{StackFile, StackSpec};
use crate::template::{ARTIFACT_BUCKET, ARTIFACT_KEY};

/// Runs the command. Returns the code that tells changes from none.
pub async fn run(global: &Global, args: &Arguments, report: &Report) -> Result<Option<Exit>> {
    let file = StackFile::load(&global.stack)?;
    commands::linted(&file.path, &file.spec, report)?;
    let aws = commands::connect(global, &file.spec).await?;
    let names = Names::new(&file.spec.name, &aws.account, &aws.region);
    let stacks = Stacks::new(&aws);
    // With --json the document is all there is on standard output.
    let silent = Report::silent();
    let narrator = if report.is_json() { &silent } else { report };
    let (package, world) = tokio::join!(up::package(&file, args.handler.as_deref(), Build::Release, narrator), async {
        let observed = observe::observe(&aws, &stacks, &names).await?;
        let place = observe::place(&aws, &names);
        let drift = observe::drift(&aws, &stacks, &place, &observed, args.drift).await?;
        Ok::<_, Error>((observed, drift))
    });
    let (package, (observed, drift)) = (package?.package, world?);
    let desired = desired(&aws, &file.spec, names, &package)?;
    let preview = preview::preview(&desired, &observed, code(&package), drift, args.revert_drift);
    if let Some(path) = &args.out {
        write(path, &preview)?;
    }
    match args.format {
        PlanFormat::Text => report.data(&preview, || human::text(&preview, report.style)),
        PlanFormat::Json => report.document(&preview),
        PlanFormat::Markdown => report.text(&markdown::plan(&preview)),
    }
    if let Some(path) = &args.out {
        report.narrate(&format!(
            "The plan is in {}. Apply exactly it with: provisioner up --plan {0} -s {}",
            path.display(),
            preview.stack
        ));
    }
    match &preview.blocked {
        Some(block) => Err(refused(block).told()),
        None => Ok(preview.changes.then_some(Exit::Changes)),
    }
}

/// What should be, as far as it is known once the handler is packed.
pub fn desired(aws: &Aws, spec: &StackSpec, names: Names, package: &Package) -> Result<Desired> {
    Ok(Desired {
        place: observe::place(aws, &names),
        template: commands::template(spec)?,
        parameters: [(ARTIFACT_BUCKET.to_owned(), names.artifacts.clone()), (ARTIFACT_KEY.to_owned(), package.key())]
            .into(),
        tags: spec.tags.clone(),
        names,
    })
}

/// The package as a plan knows it.
pub fn code(package: &Package) -> Code<'_> {
    Code { sha256: &package.sha256, size: package.zip.len() as u64 }
}

/// The error of a plan that cannot be applied as it is.
pub fn refused(block: &preview::Block) -> Error {
    Error::new(Exit::Refused, "blocked", format!("{} ({})", block.reason, block.code)).hint(block.hint.clone())
}

fn write(path: &Path, preview: &Preview) -> Result<()> {
    let mut text = serde_json::to_string_pretty(preview)
        .map_err(|e| Error::new(Exit::Failure, "plan-file", "failed to write the plan").source(e))?;
    text.push('\n');
    std::fs::write(path, text).map_err(|e| io("write the plan to", path, e))
}

/// Reads a plan that `plan --out` wrote.
pub fn read(path: &Path) -> Result<Saved> {
    let text = std::fs::read_to_string(path).map_err(|e| io("read the plan", path, e))?;
    let wrong = |message: String| {
        Error::new(Exit::Invalid, "plan-file", message).hint("Make a new one with: provisioner plan --out FILE")
    };
    // The version first: of another one, the rest may not be readable.
    let version = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|document| document["version"].as_u64())
        .ok_or_else(|| wrong(format!("{} is no plan", path.display())))?;
    if version != u64::from(preview::VERSION) {
        return Err(wrong(format!(
            "{} is a plan of version {version}, and this tool reads version {}",
            path.display(),
            preview::VERSION
        )));
    }
    serde_json::from_str(&text).map_err(|e| wrong(format!("{} is not a whole plan", path.display())).source(e))
}

/// Refuses a plan whose world has moved.
pub fn still_true(saved: &Saved, path: &Path, now: &Preview) -> Result<()> {
    let mut moved = preview::moved(&saved.basis, &now.basis);
    if saved.stack != now.stack {
        moved.insert(0, format!("it is for the stack {}, and this is {}", saved.stack, now.stack));
    }
    if moved.is_empty() {
        return Ok(());
    }
    Err(Error::new(
        Exit::Refused,
        "plan-stale",
        format!("the plan {} is no longer true; nothing was changed:\n  {}", path.display(), moved.join("\n  ")),
    )
    .hint(format!("Make a new one and look at it: provisioner plan --out {} -s {}", path.display(), now.stack)))
}
