//! A plan in GitHub-flavoured Markdown, for pull requests. The output is deterministic.

use provisioner_model::change::Action;
use provisioner_model::resource_type::FUNCTION;
use provisioner_model::resource_type::words;
use provisioner_model::text::clean;
use provisioner_planner::drift::Drift;
use provisioner_planner::preview::Preview;
use provisioner_planner::setting::settings;

use super::plan::{code, looked, sides, summary, telling, title, value, verb};

/// The complete Markdown text.
pub fn plan(plan: &Preview) -> String {
    let mut text = format!("### Plan for `{}`: {}\n\n", plan.stack, title(plan));
    let summary = summary(plan).map(|summary| format!(": {summary}")).unwrap_or_default();
    text.push_str(&format!("Account `{}`, region `{}`{summary}\n", plan.account, plan.region));
    if let Some(block) = &plan.blocked {
        text.push_str(&format!("\n> [!CAUTION]\n> {}\n>\n> {}\n", escape(&block.reason), escape(&block.hint)));
    }
    let broken = plan.broken();
    if !broken.is_empty() {
        text.push_str("\n> [!CAUTION]\n");
        for problem in broken {
            text.push_str(&format!("> {} {}\n", escape(&problem.what), escape(&problem.fix)));
        }
    }
    if !plan.consents.is_empty() {
        text.push_str("\n> [!WARNING]\n> These need separate confirmation:\n>\n");
        for consent in &plan.consents {
            text.push_str(&format!("> - `--allow {}`: {}\n", consent.allow.name(), escape(&consent.what)));
        }
    }
    resources(plan, &mut text);
    details(
        "Permissions",
        true,
        plan.permissions
            .iter()
            .map(|shift| format!("- {} {}", if shift.broadens { "➕" } else { "➖" }, escape(&shift.sentence))),
        &mut text,
    );
    let warnings = plan.warnings.iter().map(|w| format!("- `{}`: {}", w.logical_id, escape(&w.text)));
    details("Warnings", true, warnings, &mut text);
    let slow = plan.slow.iter().map(|s| {
        let what = if s.logical_id.is_empty() { String::new() } else { format!("`{}`: ", s.logical_id) };
        format!("- {what}{} _({})_", escape(&s.text), escape(&s.source))
    });
    details("Slow on AWS", false, slow, &mut text);
    drift(&plan.drift, plan.reverts_drift, &mut text);
    let basis = &plan.basis;
    text.push_str(&format!(
        "\n<sub>Template `{}`, handler `{}`. Apply exactly this plan with `provisioner up --plan FILE`.</sub>\n",
        provisioner_model::hash::short(&basis.template),
        provisioner_model::hash::short(&basis.code)
    ));
    text
}

fn resources(plan: &Preview, text: &mut String) {
    let mut rows = Vec::new();
    for change in &plan.resources {
        let (mark, verb) = verb(change);
        let verb =
            if change.action == Action::Remove || change.is_replaced() { format!("**{verb}**") } else { verb.into() };
        let name = format!("| {mark} {verb} | {} | `{}` |", words(&change.kind), change.logical_id);
        let adds = matches!(change.action, Action::Add | Action::Import);
        let mut shown: Vec<String> = if adds {
            Vec::new()
        } else {
            let row = |name: &str, sides: &str, replaces: bool| {
                let replaces = if replaces { " **replaces**" } else { "" };
                format!("{}: {}{replaces}", code_span(name), code_span(sides))
            };
            let (settings, others) = settings(change, telling(change, plan.code.is_some()));
            let settings = settings.iter().map(|s| row(&s.key, &format!("{} → {}", s.before, s.after), s.replaces));
            settings.chain(others.iter().map(|d| row(&d.property, &sides(d), d.replaces))).collect()
        };
        shown.extend(plan.code.iter().filter(|_| change.kind == FUNCTION).map(|c| format!("code: {}", code(c))));
        rows.push(format!("{name} {} |", shown.join("<br>")));
    }
    if let Some(change) = plan.code.as_ref().filter(|_| !plan.resources.iter().any(|c| c.kind == FUNCTION)) {
        rows.push(format!("| ~ change | handler's code | | {} |", code(change)));
    }
    if let Some(artifacts) = &plan.artifacts {
        let left = artifacts
            .instead_of
            .as_ref()
            .map_or_else(String::new, |shared| format!("; {}, which other stacks may use, is left", code_span(shared)));
        rows.push(format!("| + add | artifact bucket | {} | outside the stack{left} |", code_span(&artifacts.name)));
    }
    for (what, details) in [("output", &plan.outputs), ("tag of the stack", &plan.tags)] {
        for detail in details {
            rows.push(format!(
                "| ~ change | {what} | {} | {} |",
                code_span(&detail.property),
                code_span(&sides(detail))
            ));
        }
    }
    if !rows.is_empty() {
        text.push_str("\n| | resource | name | what |\n| --- | --- | --- | --- |\n");
        text.push_str(&rows.join("\n"));
        text.push('\n');
    }
}

fn drift(drift: &Drift, reverted: bool, text: &mut String) {
    let mut rows = Vec::new();
    for resource in &drift.resources {
        let name = format!("{} `{}`", words(&resource.kind), resource.logical_id);
        if resource.deleted {
            rows.push(format!("- {name}: deleted"));
        }
        for p in &resource.properties {
            let sides = if p.property.ends_with("PolicyDocument") {
                "policy changed".to_owned()
            } else {
                format!("{} → {}", value(p.deployed.as_ref()), value(p.actual.as_ref()))
            };
            rows.push(format!("- {name}: `{}`: {}", clean(&p.property), escape(&sides)));
        }
    }
    if let Some(code) = &drift.code {
        let (from, to) = (provisioner_model::hash::short(&code.deployed), provisioner_model::hash::short(&code.actual));
        rows.push(format!("- handler's code: `{from}` → `{to}`"));
    }
    rows.extend(drift.permissions.iter().map(|shift| format!("- {}", escape(&shift.sentence))));
    rows.extend(drift.unchecked.iter().map(|u| format!("- `{}` was not checked: {}", u.logical_id, escape(&u.reason))));
    if !rows.is_empty() && reverted {
        rows.push("\nThis drift is reverted.".to_owned());
    }
    details(&format!("Drift, {}", looked(drift.depth)), true, rows.into_iter(), text);
}

/// A collapsible `<details>` section; nothing if there are no rows.
fn details(title: &str, open: bool, rows: impl Iterator<Item = String>, text: &mut String) {
    let rows: Vec<String> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let open = if open { " open" } else { "" };
    text.push_str(&format!(
        "\n<details{open}>\n<summary>{title} ({})</summary>\n\n{}\n\n</details>\n",
        rows.iter().filter(|row| row.starts_with("- ")).count(),
        rows.join("\n")
    ));
}

/// Escapes Markdown and HTML markup.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clean(text).chars() {
        if "\\`*_[]<>|#~$@".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A code span in a table cell, in which nothing is markup: values come from tags and lists that anybody may write.
fn code_span(text: &str) -> String {
    let text = clean(text).replace('|', "\\|");
    // CommonMark 6.1: a span is fenced by more backticks than it contains in a row.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_names_is_escaped() {
        assert_eq!(escape("a|b_*`<x>\u{1b}"), "a\\|b\\_\\*\\`\\<x\\>\u{fffd}");
        assert_eq!(code_span("a|b"), "`a\\|b`");
        assert_eq!(code_span("_*<b>`x@octocat"), "``_*<b>`x@octocat``");
        assert_eq!(code_span("`"), "`` ` ``");
    }
}
