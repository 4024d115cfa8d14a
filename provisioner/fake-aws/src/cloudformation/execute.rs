//! The execution of change sets.

use super::change_sets::ChangeSet;
use super::script::{self, Plan};
use super::stack::step;
use super::template::resources;
use super::{Answered, CloudFormation, Physical};
use crate::xml::error;

impl CloudFormation {
    /// API, `ExecuteChangeSet`: starts the operation, and deletes all change sets of the stack.
    pub(super) fn execute(&mut self, name: &str, stack: &str, token: &str, physical: &mut Physical<'_>) -> Answered {
        let id = self.change_set_id(name, stack).ok_or_else(|| Self::missing_change_set(name))?;
        let found = self.change_sets.get(&id).map(|set| (set.stack.clone(), !set.validation_failures.is_empty()));
        let (target, is_invalid) = found.ok_or_else(|| Self::missing_change_set(name))?;
        if is_invalid || self.find(&target).is_none_or(|stack| stack.is_busy()) {
            let message = format!("ChangeSet [{id}] cannot be executed in its current status");
            return Err(error("cloudformation", 400, "InvalidChangeSetStatus", &message));
        }
        let set = self.change_sets.remove(&id).ok_or_else(|| Self::missing_change_set(name))?;
        self.change_sets.retain(|_, other| other.stack != set.stack);
        self.start(set, token, physical);
        Ok(String::new())
    }

    fn start(&mut self, set: ChangeSet, token: &str, physical: &mut Physical<'_>) {
        let fails = set.changes.iter().any(|change| self.failing.contains_key(&change.logical_id));
        let sticks = fails && self.stuck_rollbacks > 0;
        let is_update = set.kind == "UPDATE";
        let plan = Plan { changes: &set.changes, failing: &self.failing, sticks, token };
        let mut script = match set.kind.as_str() {
            "CREATE" => script::creation(&plan),
            "IMPORT" => script::import(&plan),
            _ => script::update(&plan),
        };
        match set.kind.as_str() {
            "UPDATE" => {
                let mut ids: Vec<String> = set.changes.iter().map(|change| change.logical_id.clone()).collect();
                ids.sort_unstable();
                self.updated.push(ids);
            }
            "IMPORT" => self.imported.push(set.template.clone()),
            _ => {}
        }
        if fails {
            self.failing.retain(|id, _| !set.changes.iter().any(|change| change.logical_id == *id));
        }
        self.stuck_rollbacks -= u32::from(sticks);
        if !fails && is_update && !self.changed_for_good {
            self.settle(&set);
        }
        let has_all_events = self.events_of_unchanged && is_update;
        let Some(stack) = self.find(&set.stack) else { return };
        stack.updates += u32::from(is_update);
        if has_all_events {
            let unchanged = |id: &&String| set.changes.iter().all(|change| change.logical_id != **id);
            for id in stack.resources.keys().filter(unchanged) {
                let at = script.len() - 2;
                script.insert(at, step(Some(id), "UPDATE_COMPLETE", "", token));
                script.insert(at, step(Some(id), "UPDATE_IN_PROGRESS", "", token));
            }
        }
        if !fails {
            stack.tags.clone_from(&set.tags);
        }
        stack.deployment_config.clone_from(&set.deployment_config);
        for (id, kind) in resources(&set.template) {
            stack.resources.entry(id).or_default().kind = kind;
        }
        // A creation or import that fails has a template too: its rollback deletes and retains by it.
        if !fails || !is_update {
            stack.before = Some((
                std::mem::replace(&mut stack.template, set.template),
                std::mem::replace(&mut stack.parameters, set.parameters),
            ));
        }
        stack.script.append(&mut script);
        stack.tick(physical);
    }

    /// An update sets the properties that differ between the templates, whatever their actual values are; an update
    /// that reverts drift sets all.
    fn settle(&mut self, set: &ChangeSet) {
        let before = self.stacks.iter().find(|s| s.arn == set.stack).map(|s| s.template.clone()).unwrap_or_default();
        self.changed.retain(|id, changed| {
            let (old, new) = (&before["Resources"][id.as_str()], &set.template["Resources"][id.as_str()]);
            if set.reverts || new.is_null() {
                return false;
            }
            let Some(properties) = changed.as_object_mut() else { return true };
            properties.retain(|name, _| old["Properties"][name.as_str()] == new["Properties"][name.as_str()]);
            !properties.is_empty()
        });
    }
}
