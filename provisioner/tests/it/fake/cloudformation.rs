//! CloudFormation in slow motion. Where AWS documents a behaviour, the page is named.
//!
//! API: "AWS CloudFormation API Reference". Guide: "AWS CloudFormation User Guide".

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use serde_json::Value;

use super::{ACCOUNT, Answer, REGION, error, escape, xml};

/// What API `CreateChangeSet` gives as the reason of a change set without changes.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// All stacks, deleted ones too, and what goes wrong.
#[derive(Debug, Default)]
pub(crate) struct CloudFormation {
    pub(crate) stacks: Vec<Stack>,
    pub(crate) change_sets: BTreeMap<String, ChangeSet>,
    /// Resources whose creation or update fails once, with the reason.
    pub(crate) failing: BTreeMap<String, String>,
    /// How many rollbacks of updates get stuck.
    pub(crate) stuck_rollbacks: u32,
    /// Resources whose deletion fails so often, with the reason.
    pub(crate) undeletable: BTreeMap<String, (u32, String)>,
    /// One step a look instead of several, for tests that act in the middle.
    pub(crate) slow: bool,
    /// Events in a page of API `DescribeStackEvents`; 0 stands for AWS's 100.
    pub(crate) page: usize,
    /// What `ContinueUpdateRollback` was told to skip, call by call.
    pub(crate) skipped: Vec<Vec<String>>,
    /// Templates of import change sets that were executed.
    pub(crate) imported: Vec<Value>,
    serial: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) status: String,
    pub(crate) protected: bool,
    pub(crate) template: Value,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// What is still to happen.
    pub(crate) script: VecDeque<Step>,
    /// Oldest first.
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) reason: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// A resource; `None` for the stack.
    pub(crate) resource: Option<String>,
    pub(crate) status: &'static str,
    pub(crate) reason: String,
    pub(crate) token: String,
}

#[derive(Debug)]
pub(crate) struct Event {
    id: String,
    step: Step,
    kind: String,
}

#[derive(Debug)]
pub(crate) struct ChangeSet {
    stack: String,
    kind: String,
    template: Value,
    parameters: BTreeMap<String, String>,
    /// Action, logical id and type.
    changes: Vec<(&'static str, String, String)>,
}

fn resources(template: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let resources = template["Resources"].as_object();
    resources.into_iter().flatten().map(|(id, r)| (id.clone(), r["Type"].as_str().unwrap_or_default().to_owned()))
}

fn step(resource: Option<&str>, status: &'static str, reason: &str, token: &str) -> Step {
    Step { resource: resource.map(ToOwned::to_owned), status, reason: reason.to_owned(), token: token.to_owned() }
}

impl Stack {
    /// Lets the next step happen.
    fn tick(&mut self) {
        let Some(step) = self.script.pop_front() else { return };
        let kind = match &step.resource {
            None => {
                step.status.clone_into(&mut self.status);
                "AWS::CloudFormation::Stack".to_owned()
            }
            Some(id) => {
                let resource = self.resources.entry(id.clone()).or_default();
                step.status.clone_into(&mut resource.status);
                resource.reason.clone_from(&step.reason);
                resource.kind.clone()
            }
        };
        self.events.push(Event { id: format!("{}-{}", self.arn, self.events.len()), step, kind });
    }

    fn is_busy(&self) -> bool {
        self.status.ends_with("_IN_PROGRESS") && self.status != "REVIEW_IN_PROGRESS"
    }
}

impl CloudFormation {
    /// Puts a stack there that was made before the test begins, with the resources of a template.
    pub(crate) fn put(&mut self, name: &str, status: &str, template: Value) -> &mut Stack {
        let arn = self.new_arn(name);
        let resources = resources(&template)
            .map(|(id, kind)| (id, Resource { kind, status: "CREATE_COMPLETE".into(), reason: String::new() }))
            .collect();
        self.stacks.push(Stack {
            name: name.into(),
            arn,
            status: status.into(),
            resources,
            template,
            ..Stack::default()
        });
        self.stacks.last_mut().unwrap()
    }

    /// The stack of this name that is not deleted. Guide, "Stack status codes": a deleted one is found by its ARN only.
    pub(crate) fn live(&self, name: &str) -> Option<&Stack> {
        self.stacks.iter().find(|s| s.name == name && s.status != "DELETE_COMPLETE")
    }

    fn new_arn(&mut self, name: &str) -> String {
        self.serial += 1;
        format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{}", self.serial)
    }

    fn find(&mut self, stack: &str) -> Option<&mut Stack> {
        self.stacks.iter_mut().find(|s| s.arn == stack || (s.name == stack && s.status != "DELETE_COMPLETE"))
    }

    pub(crate) fn answer(&mut self, action: &str, form: &BTreeMap<String, String>) -> Answer {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (stack, token) = (get("StackName"), get("ClientRequestToken"));
        let result = match action {
            "DescribeStacks" => self.describe_stacks(&stack),
            "CreateChangeSet" => self.create_change_set(form),
            "DescribeChangeSet" => self.describe_change_set(&get("ChangeSetName")),
            "ExecuteChangeSet" => self.execute(&get("ChangeSetName"), &token),
            "DeleteChangeSet" => {
                self.change_sets.remove(&get("ChangeSetName"));
                Ok(String::new())
            }
            "DescribeStackEvents" => self.events(&stack, &get("NextToken")),
            "ListStackResources" => self.list_resources(&stack),
            "GetTemplate" => self.get_template(&stack),
            "DeleteStack" => self.delete(&stack, &token, &list(form, "RetainResources")),
            "ContinueUpdateRollback" => self.continue_rollback(&stack, &token, list(form, "ResourcesToSkip")),
            other => panic!("nobody should call {other}"),
        };
        match result {
            Ok(body) => xml(&format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>")),
            Err(no) => no,
        }
    }

    fn existing(&mut self, stack: &str) -> Result<&mut Stack, Answer> {
        let message = format!("Stack with id {stack} does not exist");
        // API, "DescribeStacks": a stack that does not exist is a ValidationError.
        self.find(stack).ok_or_else(|| error("cloudformation", 400, "ValidationError", &message))
    }

    fn describe_stacks(&mut self, stack: &str) -> Result<String, Answer> {
        let described = |s: &Stack| {
            let parameters = s.parameters.iter().fold(String::new(), |all, (k, v)| {
                all + &format!("<member><ParameterKey>{k}</ParameterKey><ParameterValue>{v}</ParameterValue></member>")
            });
            format!(
                "<member><StackName>{}</StackName><StackId>{}</StackId><StackStatus>{}</StackStatus>\
                 <CreationTime>2026-11-22T12:00:00Z</CreationTime>\
                 <EnableTerminationProtection>{}</EnableTerminationProtection>\
                 <Parameters>{parameters}</Parameters></member>",
                s.name, s.arn, s.status, s.protected
            )
        };
        let stacks = if stack.is_empty() {
            self.stacks.iter().filter(|s| s.status != "DELETE_COMPLETE").map(described).collect()
        } else {
            described(self.existing(stack)?)
        };
        Ok(format!("<Stacks>{stacks}</Stacks>"))
    }

    /// API, "CreateChangeSet": CREATE makes a stack in `REVIEW_IN_PROGRESS`; a set without changes is FAILED.
    fn create_change_set(&mut self, form: &BTreeMap<String, String>) -> Result<String, Answer> {
        let name = form["StackName"].clone();
        let kind = form["ChangeSetType"].clone();
        let template: Value = serde_json::from_str(&form["TemplateBody"]).unwrap();
        let parameters: BTreeMap<String, String> = (1..)
            .map_while(|n| {
                let key = form.get(&format!("Parameters.member.{n}.ParameterKey"))?;
                Some((key.clone(), form[&format!("Parameters.member.{n}.ParameterValue")].clone()))
            })
            .collect();
        if self.find(&name).is_some_and(|s| s.is_busy()) {
            let arn = &self.find(&name).unwrap().arn;
            let message = format!("Stack:{arn} is in UPDATE_IN_PROGRESS state and can not be updated.");
            return Err(error("cloudformation", 400, "ValidationError", &message));
        }
        let (arn, old) = match (kind.as_str(), self.find(&name)) {
            ("UPDATE", Some(stack)) => (stack.arn.clone(), Some((stack.template.clone(), stack.parameters.clone()))),
            ("UPDATE", None) => {
                let message = format!("Stack [{name}] does not exist");
                return Err(error("cloudformation", 400, "ValidationError", &message));
            }
            (_, Some(stack)) if stack.status != "REVIEW_IN_PROGRESS" => {
                let message = format!("Stack [{name}] already exists and cannot be created again");
                return Err(error("cloudformation", 400, "AlreadyExistsException", &message));
            }
            (_, Some(stack)) => (stack.arn.clone(), None),
            (_, None) => {
                let stack = self.put(&name, "REVIEW_IN_PROGRESS", Value::Null);
                (stack.arn.clone(), None)
            }
        };
        let changes = match &old {
            None => {
                let action = if kind == "IMPORT" { "Import" } else { "Add" };
                resources(&template).map(|(id, kind)| (action, id, kind)).collect()
            }
            Some((before, values)) => {
                let had = |id: &str| before["Resources"].get(id).is_some();
                let modified = |id: &str| {
                    before["Resources"][id] != template["Resources"][id]
                        || (*values != parameters && template["Resources"][id]["Type"] == "AWS::Lambda::Function")
                };
                let mut changes: Vec<_> = resources(&template)
                    .filter(|(id, _)| !had(id) || modified(id))
                    .map(|(id, kind)| (if had(&id) { "Modify" } else { "Add" }, id, kind))
                    .collect();
                let gone = resources(before).filter(|(id, _)| template["Resources"].get(id).is_none());
                changes.extend(gone.map(|(id, kind)| ("Remove", id, kind)));
                changes
            }
        };
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{}/1", form["ChangeSetName"]);
        let set = ChangeSet { stack: arn.clone(), kind, template, parameters, changes };
        self.change_sets.insert(id.clone(), set);
        Ok(format!("<Id>{id}</Id><StackId>{arn}</StackId>"))
    }

    fn describe_change_set(&self, id: &str) -> Result<String, Answer> {
        let Some(set) = self.change_sets.get(id) else {
            return Err(error("cloudformation", 404, "ChangeSetNotFound", "ChangeSet does not exist"));
        };
        let (status, execution, reason) = if set.changes.is_empty() {
            ("FAILED", "UNAVAILABLE", NO_CHANGES)
        } else {
            ("CREATE_COMPLETE", "AVAILABLE", "")
        };
        let mut changes = String::new();
        for (action, logical_id, kind) in &set.changes {
            let replacement = if *action == "Modify" { "<Replacement>False</Replacement>" } else { "" };
            write!(
                changes,
                "<member><Type>Resource</Type><ResourceChange><Action>{action}</Action>\
                 <LogicalResourceId>{logical_id}</LogicalResourceId><ResourceType>{kind}</ResourceType>{replacement}\
                 </ResourceChange></member>"
            )
            .unwrap();
        }
        Ok(format!(
            "<ChangeSetId>{id}</ChangeSetId><StackId>{}</StackId><Status>{status}</Status>\
             <ExecutionStatus>{execution}</ExecutionStatus><StatusReason>{reason}</StatusReason>\
             <Changes>{changes}</Changes>",
            set.stack
        ))
    }

    fn execute(&mut self, id: &str, token: &str) -> Result<String, Answer> {
        let Some(set) = self.change_sets.remove(id) else {
            return Err(error("cloudformation", 404, "ChangeSetNotFound", "ChangeSet does not exist"));
        };
        // API, "ExecuteChangeSet": the stack's other change sets are deleted.
        self.change_sets.retain(|_, other| other.stack != set.stack);
        let (failing, gets_stuck) = (self.failing.clone(), self.stuck_rollbacks > 0);
        let mut script = match set.kind.as_str() {
            "CREATE" => creation(&set, &failing, token),
            "IMPORT" => {
                self.imported.push(set.template.clone());
                importing(&set, token)
            }
            _ => update(&set, &failing, gets_stuck, token),
        };
        let fails = set.changes.iter().any(|(_, id, _)| failing.contains_key(id));
        if fails {
            self.failing.retain(|id, _| !set.changes.iter().any(|(_, changed, _)| changed == id));
        }
        if fails && gets_stuck && set.kind == "UPDATE" {
            self.stuck_rollbacks -= 1;
        }
        let stack = self.find(&set.stack).unwrap();
        for (id, kind) in resources(&set.template) {
            stack.resources.entry(id).or_default().kind = kind;
        }
        if !fails {
            stack.template = set.template;
            stack.parameters = set.parameters;
        }
        stack.script.append(&mut script);
        stack.tick();
        Ok(String::new())
    }

    /// API, "DescribeStackEvents": newest first, in pages. Each look at the first page lets time go on.
    fn events(&mut self, stack: &str, next: &str) -> Result<String, Answer> {
        let page = if self.page == 0 { 100 } else { self.page };
        let steps = if self.slow { 1 } else { 6 };
        let stack = self.existing(stack)?;
        if next.is_empty() {
            (0..steps).for_each(|_| stack.tick());
        }
        // The token holds how many events there were, so that a page does not shift when new ones arrive.
        let (total, skip) = next
            .split_once('-')
            .map_or((stack.events.len(), 0), |(total, skip)| (total.parse().unwrap(), skip.parse().unwrap()));
        let mut members = String::new();
        for event in stack.events[..total].iter().rev().skip(skip).take(page) {
            let (id, physical) = match &event.step.resource {
                Some(id) => (id.clone(), format!("physical-{id}")),
                None => (stack.name.clone(), stack.arn.clone()),
            };
            write!(
                members,
                "<member><StackId>{}</StackId><EventId>{}</EventId><StackName>{}</StackName>\
                 <LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{}</ResourceType><Timestamp>2026-11-22T12:00:00Z</Timestamp>\
                 <ResourceStatus>{}</ResourceStatus><ResourceStatusReason>{}</ResourceStatusReason>\
                 <ClientRequestToken>{}</ClientRequestToken></member>",
                stack.arn,
                event.id,
                stack.name,
                event.kind,
                event.step.status,
                escape(&event.step.reason),
                event.step.token
            )
            .unwrap();
        }
        let more =
            if skip + page < total { format!("<NextToken>{total}-{}</NextToken>", skip + page) } else { String::new() };
        Ok(format!("<StackEvents>{members}</StackEvents>{more}"))
    }

    fn list_resources(&mut self, stack: &str) -> Result<String, Answer> {
        let stack = self.existing(stack)?;
        let mut members = String::new();
        for (id, resource) in &stack.resources {
            write!(
                members,
                "<member><LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>physical-{id}\
                 </PhysicalResourceId><ResourceType>{}</ResourceType><ResourceStatus>{}</ResourceStatus>\
                 <ResourceStatusReason>{}</ResourceStatusReason>\
                 <LastUpdatedTimestamp>2026-11-22T12:00:00Z</LastUpdatedTimestamp></member>",
                resource.kind,
                resource.status,
                escape(&resource.reason)
            )
            .unwrap();
        }
        Ok(format!("<StackResourceSummaries>{members}</StackResourceSummaries>"))
    }

    fn get_template(&mut self, stack: &str) -> Result<String, Answer> {
        let template = self.existing(stack)?.template.to_string();
        Ok(format!("<TemplateBody>{}</TemplateBody>", escape(&template)))
    }

    /// API, "DeleteStack": a stack that does not exist is deleted successfully. Guide, "Delete a stack fails": what
    /// cannot be deleted leaves the stack in `DELETE_FAILED`.
    fn delete(&mut self, stack: &str, token: &str, retain: &[String]) -> Result<String, Answer> {
        let undeletable = self.undeletable.clone();
        let Some(stack) = self.find(stack) else { return Ok(String::new()) };
        if stack.protected {
            let message = format!("Stack [{}] cannot be deleted while TerminationProtection is enabled", stack.name);
            return Err(error("cloudformation", 400, "ValidationError", &message));
        }
        let template = stack.template.clone();
        stack.script.clear();
        stack.script.push_back(step(None, "DELETE_IN_PROGRESS", "User Initiated", token));
        let mut failed = Vec::new();
        let left: Vec<String> =
            stack.resources.iter().filter(|(_, r)| r.status != "DELETE_COMPLETE").map(|(id, _)| id.clone()).collect();
        for id in left {
            let policy = template["Resources"][&id]["DeletionPolicy"].as_str().unwrap_or("Delete");
            if retain.contains(&id) || policy != "Delete" {
                stack.script.push_back(step(Some(&id), "DELETE_SKIPPED", "", token));
                continue;
            }
            stack.script.push_back(step(Some(&id), "DELETE_IN_PROGRESS", "", token));
            match undeletable.get(&id) {
                Some((times, reason)) if *times > 0 => {
                    stack.script.push_back(step(Some(&id), "DELETE_FAILED", reason, token));
                    failed.push(id);
                }
                _ => stack.script.push_back(step(Some(&id), "DELETE_COMPLETE", "", token)),
            }
        }
        if failed.is_empty() {
            stack.script.push_back(step(None, "DELETE_COMPLETE", "", token));
        } else {
            let reason = format!("The following resource(s) failed to delete: [{}].", failed.join(", "));
            stack.script.push_back(step(None, "DELETE_FAILED", &reason, token));
        }
        stack.tick();
        for id in failed {
            self.undeletable.get_mut(&id).unwrap().0 -= 1;
        }
        Ok(String::new())
    }

    /// API, "ContinueUpdateRollback": only in `UPDATE_ROLLBACK_FAILED`; skipped resources count as rolled back.
    fn continue_rollback(&mut self, stack: &str, token: &str, skip: Vec<String>) -> Result<String, Answer> {
        let gets_stuck = self.stuck_rollbacks > 0 && skip.is_empty();
        self.skipped.push(skip);
        if gets_stuck {
            self.stuck_rollbacks -= 1;
        }
        let stack = self.existing(stack)?;
        if stack.status != "UPDATE_ROLLBACK_FAILED" {
            let message = "ContinueUpdateRollback cannot be called from current stack status";
            return Err(error("cloudformation", 400, "ValidationError", message));
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token));
        let end = if gets_stuck { "UPDATE_ROLLBACK_FAILED" } else { "UPDATE_ROLLBACK_COMPLETE" };
        stack.script.push_back(step(None, end, "", token));
        stack.tick();
        Ok(String::new())
    }
}

/// Guide, "Stack events": each resource begins and ends; the first failure cancels the others, and what was made is
/// deleted again, which ends in `ROLLBACK_COMPLETE`.
fn creation(set: &ChangeSet, failing: &BTreeMap<String, String>, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "CREATE_IN_PROGRESS", "User Initiated", token)]);
    let ids: Vec<&str> = set.changes.iter().map(|(_, id, _)| id.as_str()).collect();
    for (at, id) in ids.iter().enumerate() {
        script.push_back(step(Some(id), "CREATE_IN_PROGRESS", "", token));
        script.push_back(step(Some(id), "CREATE_IN_PROGRESS", "Resource creation Initiated", token));
        let Some(reason) = failing.get(*id) else {
            script.push_back(step(Some(id), "CREATE_COMPLETE", "", token));
            continue;
        };
        script.push_back(step(Some(id), "CREATE_FAILED", reason, token));
        if let Some(other) = ids.get(at + 1) {
            script.push_back(step(Some(other), "CREATE_FAILED", "Resource creation cancelled", token));
        }
        let names = format!("The following resource(s) failed to create: [{id}]. Rollback requested by user.");
        script.push_back(step(None, "ROLLBACK_IN_PROGRESS", &names, token));
        for made in &ids[..at] {
            script.push_back(step(Some(made), "DELETE_COMPLETE", "", token));
        }
        script.push_back(step(None, "ROLLBACK_COMPLETE", "", token));
        return script;
    }
    script.push_back(step(None, "CREATE_COMPLETE", "", token));
    script
}

/// Guide, "Continue rolling back an update": a rollback that cannot restore a resource ends in
/// `UPDATE_ROLLBACK_FAILED`.
fn update(set: &ChangeSet, failing: &BTreeMap<String, String>, stuck: bool, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "UPDATE_IN_PROGRESS", "User Initiated", token)]);
    for (_, id, _) in &set.changes {
        script.push_back(step(Some(id), "UPDATE_IN_PROGRESS", "", token));
        let Some(reason) = failing.get(id) else {
            script.push_back(step(Some(id), "UPDATE_COMPLETE", "", token));
            continue;
        };
        script.push_back(step(Some(id), "UPDATE_FAILED", reason, token));
        script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "", token));
        if stuck {
            script.push_back(step(Some(id), "UPDATE_FAILED", "could not be put back", token));
            script.push_back(step(None, "UPDATE_ROLLBACK_FAILED", "", token));
        } else {
            script.push_back(step(Some(id), "UPDATE_COMPLETE", "", token));
            script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
            script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE", "", token));
        }
        return script;
    }
    script.push_back(step(None, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
    script.push_back(step(None, "UPDATE_COMPLETE", "", token));
    script
}

/// Guide, "Import AWS resources into a CloudFormation stack": the resources stay as they are.
fn importing(set: &ChangeSet, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "IMPORT_IN_PROGRESS", "User Initiated", token)]);
    for (_, id, _) in &set.changes {
        script.push_back(step(Some(id), "IMPORT_IN_PROGRESS", "Resource import started.", token));
        script.push_back(step(Some(id), "IMPORT_COMPLETE", "Resource import completed.", token));
    }
    script.push_back(step(None, "IMPORT_COMPLETE", "", token));
    script
}

/// A list in the Query protocol: `Name.member.1`, `Name.member.2`, …
fn list(form: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    (1..).map_while(|n| form.get(&format!("{name}.member.{n}")).cloned()).collect()
}
