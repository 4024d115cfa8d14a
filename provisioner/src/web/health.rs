//! The status of the stack, as its page shows it.

use provisioner_engine::status::{Permissions, Status};
use provisioner_model::hash::short;
use provisioner_model::resource_type::words;
use provisioner_model::status::Phase;
use provisioner_model::units::{Size, counted};
use provisioner_planner::health::State;
use provisioner_web::pipeline::{Fact, Health, Problem, Resource, Tone};

/// The status in the words of the page.
pub(super) fn view(status: &Status) -> Health {
    let tone = match status.health.state {
        State::Healthy => Tone::Good,
        State::Changing => Tone::Neutral,
        State::NeedsAttention | State::NotDeployed => Tone::Warning,
        State::Broken => Tone::Bad,
    };
    let problems = status.health.problems.iter().map(|problem| Problem {
        breaks: problem.breaks,
        what: problem.what.clone(),
        fix: problem.fix.clone(),
    });
    Health {
        tone,
        state: status.health.state.words().to_owned(),
        problems: problems.collect(),
        facts: facts(status),
        resources: resources(status),
    }
}

fn facts(status: &Status) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |name: &str, value: String, tone: Tone| facts.push(Fact { name: name.to_owned(), value, tone });
    add("Account", status.account.clone(), Tone::Neutral);
    add("Region", status.region.clone(), Tone::Neutral);
    if let Some(code_name) = status.code_name {
        let tone = if status.phase == Phase::Absent { Tone::Warning } else { Tone::Neutral };
        add("Stack", code_name.to_owned(), tone);
    }
    if let Some(reason) = &status.reason {
        add("Reason", reason.clone(), Tone::Neutral);
    }
    if let Some(changed) = &status.changed {
        add("Last changed", changed.clone(), Tone::Neutral);
    }
    if let Some(code) = &status.code {
        add(
            "Code",
            format!("{} ({})", short(&code.deployed.sha256), Size(code.deployed.size).rounded()),
            Tone::Neutral,
        );
    }
    match &status.permissions {
        Some(Permissions::AsGenerated) => add("Permissions", "as generated".to_owned(), Tone::Good),
        Some(Permissions::Changed(how)) => add("Permissions", format!("changed: {how}"), Tone::Bad),
        Some(Permissions::Unknown(why)) => add("Permissions", format!("not compared: {why}"), Tone::Neutral),
        None => {}
    }
    match &status.sandbox {
        Some(sandbox) if sandbox.is_full() => add("Sandbox", "full".to_owned(), Tone::Good),
        Some(sandbox) => add("Sandbox", format!("degraded: {sandbox}"), Tone::Warning),
        None => add("Sandbox", "not reported in the last 24 hours".to_owned(), Tone::Neutral),
    }
    match &status.drift {
        Some(drift) if drift.is_empty() => add("Drift", "none".to_owned(), Tone::Good),
        Some(drift) => {
            add("Drift", format!("{} changed", counted(drift.resources.len() as u64, "resource")), Tone::Bad);
        }
        None => {}
    }
    match status.failed_events {
        Some(0) => add("Failed events", "none".to_owned(), Tone::Good),
        Some(n) => add("Failed events", n.to_string(), Tone::Bad),
        None => {}
    }
    facts
}

fn resources(status: &Status) -> Vec<Resource> {
    let drifted = |logical_id: &str| {
        status.drift.iter().flat_map(|drift| &drift.resources).find(|resource| resource.logical_id == logical_id)
    };
    let resources = status.resources.iter().map(|resource| {
        let (state, tone) = match drifted(&resource.logical_id) {
            Some(drifted) if drifted.deleted => ("deleted".to_owned(), Tone::Bad),
            Some(_) => ("changed".to_owned(), Tone::Warning),
            None => {
                let state = resource.status.to_string();
                let tone = if state.ends_with("_COMPLETE") { Tone::Good } else { Tone::Warning };
                (state, tone)
            }
        };
        // A queue's physical id is its address.
        let name = match resource.physical_id.split_once("://") {
            Some((_, address)) => address.rsplit('/').next().unwrap_or(address),
            None => &resource.physical_id,
        };
        Resource { kind: words(&resource.kind).to_owned(), name: name.to_owned(), status: state, tone }
    });
    resources.collect()
}
