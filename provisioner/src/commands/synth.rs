//! `provisioner synth`: prints, writes or compares templates and other generated files.

use std::path::{Path, PathBuf};

use provisioner_engine::stack_file::{self, StackFile};
use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec::{self, StackSpec};
use provisioner_model::template::policy::{self, Document};

use crate::cli::{Global, PolicyOf, Synth};
use crate::docs;
use crate::report::Report;

/// Prints the stack's template or an IAM policy for it, or writes or compares all generated files.
pub fn run(global: &Global, args: &Synth, report: &Report) -> Result<()> {
    if args.write || args.check {
        let here = std::env::current_dir().map_err(|e| io("find", Path::new("."), e))?;
        let root = stack_file::root(&here).ok_or_else(|| {
            Error::new(Exit::Invalid, "no-stack", format!("no folder stacks/ in {} or its parents", here.display()))
                .hint("Change to the project's folder.")
        })?;
        let generated = generate(&root, report)?;
        return if args.write { write(&generated, report) } else { check(&generated, report) };
    }
    let StackFile { path, spec } = super::stack_file(global, report)?;
    if let Some(whose) = args.permissions {
        return permissions(global, &spec, whose, report);
    }
    let template = super::linted(&path, &spec, report)?;
    report.text(&if report.is_json() { template.to_json() } else { template.to_yaml() });
    Ok(())
}

/// Prints a policy for the stack, and on standard error what else is needed.
fn permissions(global: &Global, spec: &StackSpec, whose: PolicyOf, report: &Report) -> Result<()> {
    let key = spec.kms_key.as_deref();
    let region = global.region.as_deref().or(spec.region.as_deref()).or(key.and_then(spec::key_region));
    let role = global.cloudformation_role_arn.as_deref().or(spec.cloudformation_role.as_deref());
    let for_stack = |policy: Document| policy.for_stack(spec, spec.account.as_deref(), region);
    // With what it needs besides where the stack has a key.
    let filled = |policy: Document, with_key: Document| {
        for_stack(match key {
            Some(key) => policy.and(with_key.with_key(key)),
            None => policy,
        })
    };
    let (policy, use_it) = match (whose, role) {
        (PolicyOf::Caller, None) => (
            filled(policy::caller(), policy::caller_key()),
            "Attach it to whoever runs provisioner, and beside it the policy of --permissions=cloudformation: \
             CloudFormation makes the resources in the caller's name."
                .to_owned(),
        ),
        (PolicyOf::Caller, Some(role)) => {
            let mut policy = filled(policy::caller(), policy::caller_key());
            policy.let_pass(role);
            let use_it = format!(
                "Attach it to whoever runs provisioner. {role} needs the policy of --permissions=cloudformation."
            );
            (policy, use_it)
        }
        (PolicyOf::Cloudformation, None) => (
            filled(for_cloudformation(spec), policy::cloudformation_key()),
            "Attach it to whoever runs provisioner, beside the policy of --permissions=caller.".to_owned(),
        ),
        (PolicyOf::Cloudformation, Some(role)) => (
            filled(for_cloudformation(spec), policy::cloudformation_key()),
            format!("Attach it to {role}, which CloudFormation assumes."),
        ),
        (PolicyOf::Key, _) => {
            let Some(key) = key else {
                return Err(Error::new(Exit::Invalid, "no-key", "the stack file names no `kmsKey`")
                    .hint("Without one, AWS's own keys are used, which need no policy."));
            };
            let Some(account) = &spec.account else {
                return Err(Error::new(Exit::Invalid, "no-account", "the stack file names no `account`").hint(
                    "The policy of a key names the account that may use it. Write `account:` into the stack file.",
                ));
            };
            let policy = policy::key().for_stack(spec, Some(account), region);
            report.text(&policy.to_json());
            report.narrate(&format!("The owner of {key} adds these statements to the key's policy."));
            return Ok(());
        }
    };
    let length = policy.length();
    if length > policy::MAX_MANAGED_POLICY {
        return Err(Error::new(
            Exit::Invalid,
            "policy-size",
            format!("the policy has {length} characters, and IAM takes {}", policy::MAX_MANAGED_POLICY),
        )
        .hint("Choose a shorter name for the stack: it is part of every resource's name."));
    }
    report.text(&policy.to_json());
    report.narrate(&format!("{length} of {} characters. {use_it}", policy::MAX_MANAGED_POLICY));
    Ok(())
}

/// CloudFormation's policy, with the boundary of the handler's role where the stack has one.
fn for_cloudformation(spec: &StackSpec) -> Document {
    match &spec.permissions_boundary {
        Some(boundary) => policy::cloudformation().with_boundary(boundary),
        None => policy::cloudformation(),
    }
}

/// All generated files, and the obsolete ones.
struct Generated {
    files: Vec<(PathBuf, String)>,
    /// Templates whose stack file no longer exists.
    orphans: Vec<PathBuf>,
}

fn generate(root: &Path, report: &Report) -> Result<Generated> {
    let stacks = root.join("stacks");
    let rendered = stacks.join("rendered");
    let mut files = vec![(stacks.join("stack.schema.json"), spec::json_schema())];
    for path in stack_file::existing(root)? {
        let Some(name) = path.file_name() else { continue };
        let text = std::fs::read_to_string(&path).map_err(|e| io("read", &path, e))?;
        let spec = spec::parse(&text, &path)?;
        let template = super::linted(&path, &spec, report)?;
        let note = format!(
            "# Generated from stacks/{} by `provisioner synth --write`. Do not edit.\n",
            name.to_string_lossy()
        );
        files.push((rendered.join(name), note + &template.to_yaml()));
    }
    // The pages describe the handler, so a project with only stack files does not get them.
    let pages = root.join("docs");
    if root.join("handler/contract").is_dir() {
        files.push((pages.join("record.md"), docs::record()));
        files.push((pages.join("stack-file.md"), docs::stack_file()));
        files.push((pages.join("error-codes.md"), docs::error_codes()));
        files.push((pages.join("lint.md"), docs::lint()));
        files.push((pages.join("events.md"), docs::events()));
    }
    let orphans =
        yaml_files(&rendered)?.into_iter().filter(|path| files.iter().all(|(file, _)| file != path)).collect();
    Ok(Generated { files, orphans })
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io("list", folder, e)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| io("list", folder, e))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The file's text; `None` if the file does not exist.
fn current(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(io("read", path, e)),
    }
}

fn write(generated: &Generated, report: &Report) -> Result<()> {
    let mut written = Vec::new();
    for (path, text) in &generated.files {
        if current(path)?.as_ref() == Some(text) {
            continue;
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| io("create", folder, e))?;
        }
        std::fs::write(path, text).map_err(|e| io("write", path, e))?;
        report.narrate(&format!("wrote {}", path.display()));
        written.push(path);
    }
    for path in &generated.orphans {
        std::fs::remove_file(path).map_err(|e| io("remove", path, e))?;
        report.narrate(&format!("removed {}: its stack file no longer exists", path.display()));
    }
    if report.is_json() {
        report.document(&serde_json::json!({ "written": written, "removed": generated.orphans }));
    }
    Ok(())
}

fn check(generated: &Generated, report: &Report) -> Result<()> {
    let mut stale = Vec::new();
    for (path, text) in &generated.files {
        match current(path)? {
            Some(found) if found == *text => {}
            Some(_) => stale.push(format!("{} is stale", path.display())),
            None => stale.push(format!("{} is missing", path.display())),
        }
    }
    stale.extend(generated.orphans.iter().map(|path| format!("{} belongs to no stack", path.display())));
    if stale.is_empty() {
        report.narrate(&format!("{} generated files are up to date", generated.files.len()));
        if report.is_json() {
            report.document(&serde_json::json!({ "upToDate": generated.files.len() }));
        }
        return Ok(());
    }
    Err(Error::new(Exit::Invalid, "stale", format!("generated files are not up to date:\n{}", stale.join("\n")))
        .hint("Run: provisioner synth --write"))
}
