//! Human-readable text for a plan.

use provisioner_model::change::{Action, Change, Detail, Replacement};
use provisioner_model::hash::short;
use provisioner_model::resource_type::FUNCTION;
use provisioner_model::resource_type::words;
use provisioner_model::text::{clean, clean_lines};
use provisioner_model::units::Size;
use provisioner_planner::consent::Allow;
use provisioner_planner::drift::{Depth, Drift};
use provisioner_planner::permissions::PermissionChange;
use provisioner_planner::preview::{ArtifactBucket, CodeChange, Preview};
use provisioner_planner::setting::{Setting, settings};
use provisioner_planner::step::Step;
use serde_json::Value;

use super::Style;
use super::table::cut;

/// The width of a value in columns; longer values are truncated here and complete in the JSON output.
const VALUE: usize = 72;

/// The first step of a plan, in words.
fn step(step: Step) -> &'static str {
    match step {
        Step::None => "nothing to change",
        Step::Create => "create the stack",
        Step::Update => "update the stack",
        Step::Adopt => "import the retained resources, and create the rest",
        Step::Recreate => "delete the stack, which never completed, and create it again",
        Step::EndDeletion => "complete the failed deletion, and create the stack again around the retained resources",
        Step::ContinueRollback => "continue the failed rollback; the changes after it are not known yet",
        Step::Wait => "wait for the running operation; the changes after it are not known yet",
        Step::Blocked => "blocked until you resolve the problem",
    }
}

/// What a plan does, in words. A broken stack is never up to date.
pub fn title(plan: &Preview) -> &'static str {
    if plan.broken().is_empty() { step(plan.step) } else { "the stack is broken, and its template is unchanged" }
}

/// The mark and the verb of a change.
pub fn verb(change: &Change) -> (&'static str, &'static str) {
    match change.action {
        Action::Add => ("+", "add"),
        Action::Import => ("+", "adopt"),
        // CloudFormation reports a conditional replacement as possible; this program knows which changes replace.
        Action::Modify(Replacement::None | Replacement::Possible) => ("~", "change"),
        Action::Modify(Replacement::Certain) => ("±", "replace"),
        Action::Remove => ("-", "remove"),
    }
}

/// The properties to list. The code's location is left out, because the code change has its own line.
pub fn telling(change: &Change, has_code: bool) -> impl Iterator<Item = &Detail> {
    let code = has_code && change.kind == FUNCTION;
    change.details.iter().filter(move |d| !(code && d.property.starts_with("Code.")))
}

/// A value on one line; text in quotes.
pub fn value(value: Option<&Value>) -> String {
    match value {
        None => "none".to_owned(),
        Some(value) => cut(&clean(&value.to_string()), VALUE),
    }
}

/// A property's values before and after.
pub fn sides(detail: &Detail) -> String {
    if detail.before.is_some() && detail.before == detail.after {
        return "refers to a replaced resource".to_owned();
    }
    if detail.property.ends_with("PolicyDocument") {
        return "see permissions".to_owned();
    }
    format!("{} → {}", value(detail.before.as_ref()), value(detail.after.as_ref()))
}

/// The code before and after.
pub fn code(code: &CodeChange) -> String {
    let from = match (&code.from, code.from_size) {
        (Some(from), Some(size)) => format!("{} ({}) → ", short(from), Size(size).rounded()),
        _ => String::new(),
    };
    format!("{from}{} ({})", short(&code.to), Size(code.to_size).rounded())
}

/// A plan, resource by resource, in the words of the stack file; with `verbose` also CloudFormation's types and
/// properties.
pub fn text(plan: &Preview, style: Style, verbose: bool) -> String {
    let Preview { stack, account, region, .. } = plan;
    let mut lines = vec![style.strong(&format!("Plan for {stack} in account {account}, {region}: {}", title(plan)))];
    for problem in plan.broken() {
        lines.push(format!("  {} {}", style.bad("✗"), clean(&problem.what)));
        lines.push(format!("    {} {}", style.warn("→"), clean_lines(&problem.fix)));
    }
    if let Some(block) = &plan.blocked {
        lines.push(format!("  {} {}", style.bad("✗"), clean_lines(&block.reason)));
        lines.push(format!("    {} {}", style.warn("→"), clean_lines(&block.hint)));
    }
    for change in &plan.resources {
        resource(change, plan, style, verbose, &mut lines);
    }
    if let Some(change) = plan.code.as_ref().filter(|_| !plan.resources.iter().any(|c| c.kind == FUNCTION)) {
        lines.push(format!("  {} {:<22} {}", style.warn("~ change "), "handler's code", code(change)));
    }
    for (title, details) in [("outputs", &plan.outputs), ("tags", &plan.tags)] {
        for detail in details {
            lines.push(format!("  {} {title:<22} {}: {}", style.warn("~ change "), detail.property, sides(detail)));
        }
    }
    if let Some(ArtifactBucket { name, instead_of }) = &plan.artifacts {
        let what = format!("{:<22} {name}, for the handler's code; outside the stack", "artifact bucket");
        lines.push(format!("  {} {}", style.good("+ add    "), cut(&what, style.width.saturating_sub(12))));
        lines.extend(instead_of.iter().map(|shared| {
            let what = format!("{:<22} {shared}, which other stacks may use", "artifact bucket");
            format!("  {} {}", style.dim("  leave  "), cut(&what, style.width.saturating_sub(12)))
        }));
    }
    section("Permissions", &permissions(&plan.permissions, style), style, &mut lines);
    let warnings: Vec<String> =
        plan.warnings.iter().map(|w| format!("{} {}: {}", style.warn("!"), w.logical_id, w.text)).collect();
    section("Warnings", &warnings, style, &mut lines);
    let slow: Vec<String> = plan
        .slow
        .iter()
        .map(|s| {
            let what = if s.logical_id.is_empty() { String::new() } else { format!("{}: ", s.logical_id) };
            format!("{what}{} {}", s.text, style.dim(&format!("({})", s.source)))
        })
        .collect();
    section("Slow on AWS", &slow, style, &mut lines);
    if !plan.drift.is_empty() || !plan.drift.unchecked.is_empty() {
        if plan.reverts_drift {
            lines.push(differences(stack, &plan.drift, style));
            lines.push("    this drift is reverted".to_owned());
        } else {
            lines.push(drifted(stack, &plan.drift, style));
        }
    }
    let consents: Vec<String> = plan
        .consents
        .iter()
        .map(|c| format!("{} {}", style.warn(&format!("--allow {:<8}", c.allow.name())), c.what))
        .collect();
    section("Needs separate confirmation", &consents, style, &mut lines);
    lines.extend(summary(plan).map(|summary| style.strong(&format!("  {summary}"))));
    lines.join("\n")
}

fn section(title: &str, rows: &[String], style: Style, lines: &mut Vec<String>) {
    if !rows.is_empty() {
        lines.push(style.strong(&format!("  {title}")));
        lines.extend(rows.iter().map(|row| format!("    {row}")));
    }
}

/// The numbers of changes, and what becomes of files and records; `None` for a plan without changes.
pub fn summary(plan: &Preview) -> Option<String> {
    if plan.resources.is_empty() {
        return None;
    }
    let count = |wanted: &str| plan.resources.iter().filter(|change| verb(change).1 == wanted).count();
    let mut counts = vec![format!("{} to add", count("add"))];
    for (verb, words) in
        [("adopt", "to adopt"), ("change", "to change"), ("replace", "to replace"), ("remove", "to remove")]
    {
        if verb != "adopt" || count(verb) > 0 {
            counts.push(format!("{} {words}", count(verb)));
        }
    }
    let data = if plan.resources.iter().any(Change::loses_data) {
        "files or records are lost"
    } else if plan.consents.iter().any(|consent| consent.allow == Allow::Delete) {
        "data is deleted: see above"
    } else {
        "files and records stay untouched"
    };
    Some(format!("{}; {data}", counts.join(", ")))
}

fn resource(change: &Change, plan: &Preview, style: Style, verbose: bool, lines: &mut Vec<String>) {
    let (mark, verb) = verb(change);
    let mark = format!("{mark} {verb:<7}");
    let mark = match change.action {
        Action::Add | Action::Import => style.good(&mark),
        Action::Modify(Replacement::None | Replacement::Possible) => style.warn(&mark),
        Action::Modify(Replacement::Certain) | Action::Remove => style.bad(&mark),
    };
    let kind = if verbose { format!(" ({})", change.kind) } else { String::new() };
    let what = format!("{:<22} {}{kind}", words(&change.kind), change.logical_id);
    lines.push(format!("  {mark} {}", cut(&what, style.width.saturating_sub(12))));
    let adds = matches!(change.action, Action::Add | Action::Import);
    let changed = plan.code.as_ref();
    let replaces = |replaces: bool| if replaces { ", replaces" } else { "" };
    let raw = |d: &Detail| (clean(&d.property), format!("{}{}", sides(d), replaces(d.replaces)));
    let details = telling(change, changed.is_some());
    let mut rows: Vec<(String, String)> = if verbose {
        details.map(raw).collect()
    } else {
        let (settings, others) = settings(change, details);
        let shown = settings.iter().filter(|setting| !is_of_all(setting, plan));
        let sides = |setting: &Setting| {
            format!("{} → {}{}", brief(&setting.before), brief(&setting.after), replaces(setting.replaces))
        };
        shown.map(|s| (clean(&s.key), sides(s))).chain(others.into_iter().map(raw)).collect()
    };
    rows.extend(changed.filter(|_| change.kind == FUNCTION && !adds).map(|c| ("code".to_owned(), code(c))));
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default().min(64);
    lines.extend(rows.iter().map(|(name, sides)| format!("              {name:<width$}  {sides}")));
    if let Some(changed) = changed.filter(|_| change.kind == FUNCTION && adds) {
        lines.push(format!("              code  {}", code(changed)));
    }
}

/// Whether it is a tag that every resource gets, which the plan shows once.
fn is_of_all(setting: &Setting, plan: &Preview) -> bool {
    setting.key.strip_prefix("tags.").is_some_and(|name| plan.tags.iter().any(|tag| tag.property == name))
}

fn brief(value: &str) -> String {
    cut(&clean(value), VALUE)
}

fn permissions(shifts: &[PermissionChange], style: Style) -> Vec<String> {
    shifts
        .iter()
        .map(|shift| {
            let mark = if shift.broadens { style.warn("+") } else { style.good("-") };
            format!("{mark} {}", clean(&shift.sentence))
        })
        .collect()
}

/// The drift, property by property, with the command that reverts it.
pub fn drifted(stack: &str, drift: &Drift, style: Style) -> String {
    let mut text = differences(stack, drift, style);
    if !drift.is_empty() {
        let arrow = style.warn("→");
        text.push_str(&format!("\n    {arrow} Revert it with: provisioner up --revert-drift -s {stack}"));
    }
    text
}

fn differences(stack: &str, drift: &Drift, style: Style) -> String {
    let mut lines = vec![style.strong(&format!("  Drift in {stack}, {}", looked(drift.depth)))];
    for resource in &drift.resources {
        let name = format!("{} {}", words(&resource.kind), resource.logical_id);
        if resource.deleted {
            lines.push(format!("    {} {name}: deleted", style.bad("✗")));
            continue;
        }
        lines.push(format!("    {} {name}", style.warn("!")));
        for property in &resource.properties {
            let sides = if property.property.ends_with("PolicyDocument") {
                "policy changed".to_owned()
            } else {
                format!("{} → {}", value(property.deployed.as_ref()), value(property.actual.as_ref()))
            };
            lines.push(format!("        {}  {sides}", clean(&property.property)));
        }
    }
    if let Some(code) = &drift.code {
        let (deployed, actual) = (short(&code.deployed), short(&code.actual));
        lines.push(format!("    {} handler's code  {deployed} → {actual}", style.warn("!")));
    }
    lines.extend(permissions(&drift.permissions, style).iter().map(|row| format!("        {row}")));
    for unchecked in &drift.unchecked {
        lines.push(format!(
            "    {} {}: not checked: {}",
            style.dim("?"),
            unchecked.logical_id,
            clean(&unchecked.reason)
        ));
    }
    lines.join("\n")
}

/// The depth of the drift check, in words.
pub fn looked(depth: Depth) -> &'static str {
    match depth {
        Depth::None => "not checked",
        Depth::Quick => "from the quick check (for full detection: --drift)",
        Depth::Full => "including CloudFormation's drift detection",
    }
}
