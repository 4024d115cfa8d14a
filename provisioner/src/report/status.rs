//! Human-readable text for the state of a stack.

use provisioner_engine::status::{Files, Permissions, Status};
use provisioner_model::hash::short;
use provisioner_model::resource_type::words;
use provisioner_model::spec::DeploymentMode;
use provisioner_model::stack::Resource;
use provisioner_model::text::{clean, clean_lines};
use provisioner_model::units::{Size, counted, grouped};
use provisioner_planner::health::State;

use super::deploy::outputs;
use super::plan::{drifted, looked};
use super::{Style, record_list, table};

/// Columns of a terminal below which the names of resources are left out.
const NARROW: usize = 60;

/// Whether the stack does its work; if not, why, and what to type.
fn headline(status: &Status, style: Style) -> String {
    let state = status.health.state;
    let painted = match state {
        State::Healthy => style.good(state.words()),
        State::Changing | State::NeedsAttention | State::NotDeployed => style.warn(state.words()),
        State::Broken => style.bad(state.words()),
    };
    let place = format!("account {}, {}", status.account, status.region);
    let mut text = format!("{}  {painted}  ({place})", style.strong(&status.stack));
    for problem in &status.health.problems {
        let mark = if problem.breaks { style.bad("✗") } else { style.warn("!") };
        text.push_str(&format!(
            "\n  {mark} {}\n    {} {}",
            clean(&problem.what),
            style.warn("→"),
            clean_lines(&problem.fix)
        ));
    }
    text
}

/// What a resource is: as CloudFormation left it, unless it is known to be otherwise now.
fn live_state(status: &Status, resource: &Resource) -> String {
    let drifted = status.drift.iter().flat_map(|drift| &drift.resources);
    match drifted.into_iter().find(|drifted| drifted.logical_id == resource.logical_id) {
        Some(drifted) if drifted.deleted => "deleted".to_owned(),
        Some(_) => "changed".to_owned(),
        None => resource.status.to_string(),
    }
}

/// What is known of files without a record.
fn files_line(files: &Files, style: Style) -> String {
    let mut parts = Vec::new();
    match &files.newest {
        Some(newest) if newest.without_record > 0 => {
            let keys = newest.keys.iter().map(|key| clean(key)).collect::<Vec<_>>().join(", ");
            parts.push(style.bad(&format!("{} of the newest without a record: {keys}", newest.without_record)));
        }
        Some(newest) if newest.checked > 0 => {
            let of = if newest.partial { " of the first 1,000 keys" } else { "" };
            parts.push(format!("the newest {}{of} with a record", grouped(newest.checked)));
        }
        _ => {}
    }
    parts.push(match &files.last_reconcile {
        None => "never compared with the table (provisioner reconcile)".to_owned(),
        Some(run) if run.left() == 0 => {
            format!("{} compared on {}, no findings", counted(run.counts.files, "file"), day(&run.started))
        }
        Some(run) => style.bad(&format!(
            "{} compared on {}: {}",
            counted(run.counts.files, "file"),
            day(&run.started),
            counted(run.left(), "finding")
        )),
    });
    parts.join("; ")
}

/// The day of a time in a document of the bucket.
fn day(time: &str) -> String {
    clean(time.split('T').next().unwrap_or(time))
}

/// The stack on one screen.
pub fn text(status: &Status, style: Style) -> String {
    let Some(code_name) = status.code_name else {
        let mut text = headline(status, style);
        if status.kept.is_empty() {
            text.push_str(&format!("\nDeploy it with: provisioner up -s {}", status.stack));
        } else {
            text.push_str(&format!(
                "\nretained from an earlier stack: {}\nImport it with: provisioner up -s {1}, or delete it with: provisioner down -s {1} --delete-data",
                status.kept.join(", "),
                status.stack
            ));
        }
        return text;
    };
    let mut text = headline(status, style);
    text.push_str(&format!("\nstack          {code_name}"));
    if let Some(changed) = &status.changed {
        text.push_str(&format!(", last changed {}", clean(changed)));
    }
    if status.deployment == Some(DeploymentMode::Express) {
        text.push_str(" in express mode");
    }
    if let Some(reason) = &status.reason {
        text.push_str(&format!("\nreason         {}", clean(reason)));
    }
    // Beside type and status, a narrow terminal has no room for names.
    let columns = if style.width < NARROW { 2 } else { 3 };
    let rows = status.resources.iter().map(|r| {
        let row = [words(&r.kind).to_owned(), live_state(status, r), r.physical_id.clone()];
        row.into_iter().take(columns).collect()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    text.push_str(&format!("\n\n{}", table::table(&["RESOURCE", "STATUS", "NAME"][..columns], &rows, style)));
    if !status.outputs.is_empty() {
        text.push_str(&format!("\n\n{}", outputs(&status.outputs, style)));
    }
    text.push('\n');
    if let Some(code) = &status.code {
        let local = match (&code.local, code.same) {
            _ if code.development => style.warn("a development build of up --watch; up deploys the optimized build"),
            (Some(_), Some(true)) => style.good("same as the local build"),
            (Some(local), _) => style.warn(&format!("the local build is {}", short(local))),
            (None, _) => "no local build to compare with".to_owned(),
        };
        text.push_str(&format!(
            "\ncode           {} ({}), {local}",
            short(&code.deployed.sha256),
            Size(code.deployed.size).rounded()
        ));
    }
    match &status.permissions {
        Some(Permissions::AsGenerated) => text.push_str("\npermissions    as generated"),
        Some(Permissions::Changed(how)) => {
            text.push_str(&format!("\npermissions    {}: {how}", style.bad("changed"), how = clean(how)));
        }
        Some(Permissions::Unknown(why)) => {
            text.push_str(&format!("\npermissions    not compared: {}", clean_lines(why)));
        }
        None => {}
    }
    match status.sandbox {
        Some(sandbox) if sandbox.is_full() => text.push_str("\nsandbox        full"),
        Some(sandbox) => text.push_str(&format!("\nsandbox        {}: {sandbox}", style.warn("degraded"))),
        None => text.push_str("\nsandbox        not reported in the last 24 hours"),
    }
    match &status.drift {
        Some(drift) if drift.is_empty() && drift.unchecked.is_empty() => {
            text.push_str(&format!("\ndrift          none, {}", looked(drift.depth)));
        }
        Some(drift) if drift.is_empty() => {
            let unread = drift.unchecked.iter().map(|unchecked| unchecked.logical_id.as_str()).collect::<Vec<_>>();
            let which = style.warn(&format!("not checked: {}", unread.join(", ")));
            text.push_str(&format!("\ndrift          {which}; otherwise none"));
            text.push_str(&format!("\n{}", drifted(&status.stack, drift, style)));
        }
        Some(drift) => {
            text.push_str(&format!("\ndrift          {}", style.bad("changed")));
            text.push_str(&format!("\n{}", drifted(&status.stack, drift, style)));
        }
        None => {}
    }
    match status.failed_events {
        // The alarm's only metric is this number; its state follows within a minute or two.
        Some(0) => text.push_str("\nfailed events  none; the alarm is OK"),
        Some(n) => text.push_str(&format!("\nfailed events  {}", style.bad(&n.to_string()))),
        None => {}
    }
    if let Some(files) = &status.files {
        text.push_str(&format!("\nfiles          {}", files_line(files, style)));
    }
    if !status.records.is_empty() {
        text.push_str(&format!(
            "\n\n{}",
            record_list::records(&status.records, &std::collections::BTreeSet::new(), style)
        ));
    }
    text
}
