//! CloudFormation in slow motion: stateful, and its time is virtual. A look at a stack's events lets some steps of the
//! running operation happen, each a second after the one before; no clock runs and nothing sleeps.
//!
//! Each behaviour names the page of AWS that documents it. API: `API_NAME.html` in the CloudFormation API Reference
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>). Guide: a page of the CloudFormation User Guide
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/>).
//!
//! The statuses are those of Guide, `view-stack-events.html`, "Stack status codes".

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;

use serde_json::Value;

use super::{ACCOUNT, Answer, REGION, error, escape, xml};

/// Resources that are worked on at the same time. CloudFormation works on all whose dependencies are done: Guide,
/// `stack-resource-configuration-complete.html`.
const AT_ONCE: usize = 3;

/// What API `DescribeChangeSet` gives as the reason of a change set without changes: the `StatusReason` that the AWS CLI's
/// `deploy` command matches, too.
const NO_CHANGES: &str =
    "The submitted information didn't contain changes. Submit different information to create a change set.";

/// All stacks, deleted ones too, and what goes wrong.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that tests set")]
pub(crate) struct CloudFormation {
    pub(crate) stacks: Vec<Stack>,
    pub(crate) change_sets: BTreeMap<String, ChangeSet>,
    /// Resources whose creation or update fails once, with the reason.
    pub(crate) failing: BTreeMap<String, String>,
    /// How many rollbacks get stuck, of whatever operation.
    pub(crate) stuck_rollbacks: u32,
    /// Looks at a change set until it is made.
    pub(crate) change_set_looks: u32,
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
    /// What somebody changed behind CloudFormation's back, by logical id: properties; null for a resource that was
    /// deleted.
    pub(crate) changed: BTreeMap<String, Value>,
    /// Whether that stays so, whatever CloudFormation does.
    pub(crate) changed_for_good: bool,
    /// A change that a change set lists beside what was asked for.
    pub(crate) surprise: Option<(&'static str, String, String)>,
    /// Whether drift-aware change sets are known. Guide, `drift-aware-change-sets.html`.
    pub(crate) reverts_drift: bool,
    /// Whether somebody else updates the stack, to the same, right after the next change set was made.
    pub(crate) overtaken: bool,
    /// Whether an update has events of every resource, also of those that it leaves alone, as the emulator does.
    pub(crate) tells_all: bool,
    /// What the updates that began were to change, by logical id.
    pub(crate) updated: Vec<Vec<String>>,
    serial: u32,
}

/// What the resources of stacks are: the state of the other services.
pub(crate) struct Things<'a> {
    pub(crate) buckets: &'a mut BTreeMap<String, BTreeSet<String>>,
    pub(crate) tables: &'a mut BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) status: String,
    pub(crate) protected: bool,
    pub(crate) template: Value,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) resources: BTreeMap<String, Resource>,
    /// What is still to happen.
    pub(crate) script: VecDeque<Step>,
    /// Template and parameters to go back to.
    before: Option<(Value, BTreeMap<String, String>)>,
    /// Resources that the running deletion could not delete.
    undeleted: Vec<String>,
    /// How often it was updated.
    updates: u32,
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
    /// Looks until it is made.
    looks: u32,
    /// Whether it puts back what drifted.
    reverts: bool,
    tags: BTreeMap<String, String>,
}

fn resources(template: &Value) -> impl Iterator<Item = (String, String)> + '_ {
    let resources = template["Resources"].as_object();
    resources.into_iter().flatten().map(|(id, r)| (id.clone(), r["Type"].as_str().unwrap_or_default().to_owned()))
}

fn step(resource: Option<&str>, status: &'static str, reason: &str, token: &str) -> Step {
    Step { resource: resource.map(ToOwned::to_owned), status, reason: reason.to_owned(), token: token.to_owned() }
}

/// The name that a template gives a bucket or table.
fn name_of(template: &Value, id: &str) -> String {
    let properties = &template["Resources"][id]["Properties"];
    let name = if properties["BucketName"].is_null() { &properties["TableName"] } else { &properties["BucketName"] };
    let text = name.as_str().or(name["Fn::Sub"].as_str()).unwrap_or_default();
    text.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", REGION)
}

impl Stack {
    /// Lets the next step happen.
    fn tick(&mut self, things: &mut Things<'_>) {
        let Some(mut step) = self.script.pop_front() else { return };
        let kind = match step.resource.clone() {
            None => {
                // Guide, `troubleshooting.html`, "Delete stack fails": what cannot be deleted leaves the stack in
                // DELETE_FAILED.
                if step.status == "DELETE_COMPLETE" && !self.undeleted.is_empty() {
                    let names = std::mem::take(&mut self.undeleted).join(", ");
                    step.status = "DELETE_FAILED";
                    step.reason = format!("The following resource(s) failed to delete: [{names}]. ");
                }
                step.status.clone_into(&mut self.status);
                "AWS::CloudFormation::Stack".to_owned()
            }
            Some(id) => {
                self.happens(&id, &mut step, things);
                let resource = self.resources.entry(id).or_default();
                step.status.clone_into(&mut resource.status);
                resource.reason.clone_from(&step.reason);
                resource.kind.clone()
            }
        };
        self.events.push(Event { id: format!("{}-{}", self.arn, self.events.len()), step, kind });
    }

    /// What a step does to the thing that the resource is.
    fn happens(&mut self, id: &str, step: &mut Step, things: &mut Things<'_>) {
        let kind = self.resources.get(id).map(|r| r.kind.clone()).unwrap_or_default();
        let name = name_of(&self.template, id);
        match (step.status, kind.as_str()) {
            ("CREATE_COMPLETE", "AWS::S3::Bucket") => {
                things.buckets.entry(name).or_default();
            }
            ("CREATE_COMPLETE", "AWS::DynamoDB::Table") => {
                things.tables.insert(name);
            }
            // API of S3, `DeleteBucket`: all objects must be deleted before the bucket itself can be.
            ("DELETE_COMPLETE", "AWS::S3::Bucket")
                if things.buckets.get(&name).is_some_and(|keys| !keys.is_empty()) =>
            {
                step.status = "DELETE_FAILED";
                step.reason = format!(
                    "Resource handler returned message: \"The bucket you tried to delete is not empty (Service: S3, \
                     Status Code: 409)\" {name}"
                );
            }
            ("DELETE_COMPLETE", "AWS::S3::Bucket") => {
                things.buckets.remove(&name);
            }
            ("DELETE_COMPLETE", "AWS::DynamoDB::Table") => {
                things.tables.remove(&name);
            }
            _ => {}
        }
        if step.status == "DELETE_FAILED" {
            self.undeleted.push(id.to_owned());
        }
    }

    /// How often an operation began that shows itself by this status.
    pub(crate) fn begun(&self, status: &str) -> usize {
        self.events.iter().filter(|e| e.step.resource.is_none() && e.step.status == status).count()
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

    /// The stack of this name that is not deleted. API, `DescribeStacks`: a deleted one is found by its id only.
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

    pub(crate) fn answer(&mut self, action: &str, form: &BTreeMap<String, String>, things: &mut Things<'_>) -> Answer {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (stack, token) = (get("StackName"), get("ClientRequestToken"));
        let result = match action {
            "DescribeStacks" => self.describe_stacks(&stack),
            "CreateChangeSet" => self.create_change_set(form),
            "DescribeChangeSet" => self.describe_change_set(&get("ChangeSetName")),
            "ListChangeSets" => self.list_change_sets(&stack),
            "ExecuteChangeSet" => self.execute(&get("ChangeSetName"), &token, things),
            "DeleteChangeSet" => {
                self.change_sets.remove(&get("ChangeSetName"));
                Ok(String::new())
            }
            "DescribeStackEvents" => self.events(&stack, &get("NextToken"), things),
            "ListStackResources" => self.list_resources(&stack),
            "GetTemplate" => self.get_template(&stack),
            "DeleteStack" => self.delete(&stack, &token, &list(form, "RetainResources"), things),
            "CancelUpdateStack" => self.cancel_update(&stack, &token),
            "ContinueUpdateRollback" => self.continue_rollback(&stack, &token, list(form, "ResourcesToSkip"), things),
            other => panic!("nobody should call {other}"),
        };
        match result {
            Ok(body) => xml(&format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>")),
            Err(no) => no,
        }
    }

    fn existing(&mut self, stack: &str) -> Result<&mut Stack, Answer> {
        let message = format!("Stack with id {stack} does not exist");
        // API, `DescribeStacks`: a stack that does not exist is a ValidationError.
        self.find(stack).ok_or_else(|| error("cloudformation", 400, "ValidationError", &message))
    }

    fn describe_stacks(&mut self, stack: &str) -> Result<String, Answer> {
        let described = |s: &Stack| {
            let parameters = s.parameters.iter().fold(String::new(), |all, (k, v)| {
                all + &format!("<member><ParameterKey>{k}</ParameterKey><ParameterValue>{v}</ParameterValue></member>")
            });
            let tags = s
                .tags
                .iter()
                .fold(String::new(), |all, (k, v)| all + &format!("<member><Key>{k}</Key><Value>{v}</Value></member>"));
            // API, `Stack`: only of a stack that was updated at least once.
            let updated = match s.updates {
                0 => String::new(),
                n => format!("<LastUpdatedTime>2026-11-22T13:{:02}:{:02}Z</LastUpdatedTime>", n / 60, n % 60),
            };
            format!(
                "<member><StackName>{}</StackName><StackId>{}</StackId><StackStatus>{}</StackStatus>\
                 <Tags>{tags}</Tags><CreationTime>2026-11-22T12:00:00Z</CreationTime>{updated}\
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

    /// API, `CreateChangeSet`: CREATE and IMPORT make a stack in `REVIEW_IN_PROGRESS`, which may have several change sets.
    /// Guide, `using-cfn-updating-stacks-changesets-create.html`: a set without changes is FAILED.
    fn create_change_set(&mut self, form: &BTreeMap<String, String>) -> Result<String, Answer> {
        let name = form["StackName"].clone();
        let kind = form["ChangeSetType"].clone();
        let template: Value = serde_json::from_str(&form["TemplateBody"]).unwrap();
        let pairs = |list: &str, key: &str, value: &str| -> BTreeMap<String, String> {
            let field = |n: usize, name: &str| form.get(&format!("{list}.member.{n}.{name}")).cloned();
            (1..).map_while(|n| Some((field(n, key)?, field(n, value)?))).collect()
        };
        let parameters = pairs("Parameters", "ParameterKey", "ParameterValue");
        // API, `CreateChangeSet` takes tags as `UpdateStack` does: without the parameter, the stack's tags stay; an empty
        // value removes them.
        let keeps_tags = !form.keys().any(|name| name == "Tags" || name.starts_with("Tags."));
        let tags = match self.find(&name) {
            Some(stack) if keeps_tags => stack.tags.clone(),
            _ => pairs("Tags", "Key", "Value"),
        };
        // Guide, `view-stack-events.html`, "Stack status codes": in some states a stack can only be deleted, or its
        // rollback be continued; while it is busy nothing can be changed.
        if let Some(stack) = self.find(&name)
            && (stack.is_busy()
                || ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"]
                    .contains(&stack.status.as_str()))
        {
            let message = format!("Stack:{} is in {} state and can not be updated.", stack.arn, stack.status);
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
        let reverts = self.reverts_drift && form.get("DeploymentMode").is_some_and(|mode| mode == "REVERT_DRIFT");
        let changes = match &old {
            None => {
                let action = if kind == "IMPORT" { "Import" } else { "Add" };
                resources(&template).map(|(id, kind)| (action, id, kind)).collect()
            }
            Some((before, values)) => {
                let had = |id: &str| before["Resources"].get(id).is_some();
                let modified = |id: &str| {
                    before["Resources"][id] != template["Resources"][id]
                        || (reverts && self.changed.contains_key(id))
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
        let changes = changes.into_iter().chain(self.surprise.clone()).collect();
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{}/1", form["ChangeSetName"]);
        let set = ChangeSet {
            stack: arn.clone(),
            kind,
            template,
            parameters,
            changes,
            looks: self.change_set_looks,
            reverts,
            tags,
        };
        self.change_sets.insert(id.clone(), set);
        if std::mem::take(&mut self.overtaken)
            && let Some(stack) = self.find(&arn)
        {
            stack.updates += 1;
        }
        Ok(format!("<Id>{id}</Id><StackId>{arn}</StackId>"))
    }

    /// API, `DescribeChangeSet`: a set is made step by step, and can be executed once its `ExecutionStatus` says so.
    fn describe_change_set(&mut self, id: &str) -> Result<String, Answer> {
        let Some(set) = self.change_sets.get_mut(id) else {
            let message = format!("ChangeSet [{id}] does not exist");
            return Err(error("cloudformation", 404, "ChangeSetNotFound", &message));
        };
        let made = set.looks == 0;
        set.looks = set.looks.saturating_sub(1);
        let (status, execution, reason) = if !made {
            (if set.looks > 0 { "CREATE_PENDING" } else { "CREATE_IN_PROGRESS" }, "UNAVAILABLE", "")
        } else if set.changes.is_empty() {
            ("FAILED", "UNAVAILABLE", NO_CHANGES)
        } else {
            ("CREATE_COMPLETE", "AVAILABLE", "")
        };
        let mut changes = String::new();
        for (action, logical_id, kind) in set.changes.iter().filter(|_| made) {
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

    /// API, `ListChangeSets`: those of a stack that are pending or can be executed.
    fn list_change_sets(&mut self, stack: &str) -> Result<String, Answer> {
        let arn = self.existing(stack)?.arn.clone();
        let summaries =
            self.change_sets.iter().filter(|(_, set)| set.stack == arn).fold(String::new(), |all, (id, _)| {
                all + &format!("<member><ChangeSetId>{id}</ChangeSetId><StackId>{arn}</StackId></member>")
            });
        Ok(format!("<Summaries>{summaries}</Summaries>"))
    }

    /// API, `ExecuteChangeSet`: begins the operation, and deletes all change sets of the stack.
    fn execute(&mut self, id: &str, token: &str, things: &mut Things<'_>) -> Result<String, Answer> {
        let missing = |id: &str| {
            let message = format!("ChangeSet [{id}] does not exist");
            error("cloudformation", 404, "ChangeSetNotFound", &message)
        };
        let target = self.change_sets.get(id).map(|set| set.stack.clone()).ok_or_else(|| missing(id))?;
        if self.find(&target).is_none_or(|stack| stack.is_busy()) {
            let message = format!("ChangeSet [{id}] cannot be executed in its current status");
            return Err(error("cloudformation", 400, "InvalidChangeSetStatus", &message));
        }
        let set = self.change_sets.remove(id).ok_or_else(|| missing(id))?;
        self.change_sets.retain(|_, other| other.stack != set.stack);
        let failing = self.failing.clone();
        let fails = set.changes.iter().any(|(_, id, _)| failing.contains_key(id));
        let sticks = fails && self.stuck_rollbacks > 0;
        if set.kind == "UPDATE" {
            let mut ids: Vec<String> = set.changes.iter().map(|(_, id, _)| id.clone()).collect();
            ids.sort_unstable();
            self.updated.push(ids);
        }
        let mut script = match set.kind.as_str() {
            "CREATE" => creation(&set, &failing, sticks, token),
            "IMPORT" => {
                self.imported.push(set.template.clone());
                importing(&set, &failing, sticks, token)
            }
            _ => update(&set, &failing, sticks, token),
        };
        if fails {
            self.failing.retain(|id, _| !set.changes.iter().any(|(_, changed, _)| changed == id));
        }
        if sticks {
            self.stuck_rollbacks -= 1;
        }
        if !fails && set.kind == "UPDATE" && !self.changed_for_good {
            self.settle(&set);
        }
        let tells_all = self.tells_all && set.kind == "UPDATE";
        let stack = self.find(&set.stack).unwrap();
        stack.updates += u32::from(set.kind == "UPDATE");
        if tells_all {
            for id in stack.resources.keys().filter(|id| set.changes.iter().all(|(_, changed, _)| changed != *id)) {
                let at = script.len() - 2;
                script.insert(at, step(Some(id), "UPDATE_COMPLETE", "", token));
                script.insert(at, step(Some(id), "UPDATE_IN_PROGRESS", "", token));
            }
        }
        if !fails {
            stack.tags.clone_from(&set.tags);
        }
        for (id, kind) in resources(&set.template) {
            stack.resources.entry(id).or_default().kind = kind;
        }
        // A creation or import that fails has a template too: its rollback deletes and retains by it.
        if !fails || set.kind != "UPDATE" {
            stack.before = Some((
                std::mem::replace(&mut stack.template, set.template),
                std::mem::replace(&mut stack.parameters, set.parameters),
            ));
        }
        stack.script.append(&mut script);
        stack.tick(things);
        Ok(String::new())
    }

    /// An update sets the properties that differ between the templates, whatever somebody made of them; one that reverts
    /// drift sets all.
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

    /// API, `DescribeStackEvents`: newest first, in pages, also of a deleted stack by its id. All events of an operation
    /// carry its `ClientRequestToken` (API, `StackEvent`). Each look at the first page lets time go on.
    fn events(&mut self, stack: &str, next: &str, things: &mut Things<'_>) -> Result<String, Answer> {
        let page = if self.page == 0 { 100 } else { self.page };
        let steps = if self.slow { 1 } else { 6 };
        let stack = self.existing(stack)?;
        if next.is_empty() {
            (0..steps).for_each(|_| stack.tick(things));
        }
        // The token holds how many events there were, so that a page does not shift when new ones arrive.
        let (total, skip) = next
            .split_once('-')
            .map_or((stack.events.len(), 0), |(total, skip)| (total.parse().unwrap(), skip.parse().unwrap()));
        let mut members = String::new();
        for (at, event) in stack.events[..total].iter().enumerate().rev().skip(skip).take(page) {
            let (id, physical) = match &event.step.resource {
                Some(id) => (id.clone(), format!("physical-{id}")),
                None => (stack.name.clone(), stack.arn.clone()),
            };
            write!(
                members,
                "<member><StackId>{}</StackId><EventId>{}</EventId><StackName>{}</StackName>\
                 <LogicalResourceId>{id}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>\
                 <ResourceType>{}</ResourceType><Timestamp>2026-11-22T12:{:02}:{:02}.123Z</Timestamp>\
                 <ResourceStatus>{}</ResourceStatus><ResourceStatusReason>{}</ResourceStatusReason>\
                 <ClientRequestToken>{}</ClientRequestToken></member>",
                stack.arn,
                event.id,
                stack.name,
                event.kind,
                at / 60 % 60,
                at % 60,
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

    /// API, `DeleteStack`: a stack that does not exist, or no longer, is deleted successfully; `RetainResources` is for
    /// stacks in `DELETE_FAILED`. Guide, `using-cfn-protect-stacks.html`: a protected stack cannot be deleted. Guide,
    /// `aws-attribute-deletionpolicy.html`: what the template retains is left alone (`DELETE_SKIPPED`).
    fn delete(
        &mut self,
        stack: &str,
        token: &str,
        retain: &[String],
        things: &mut Things<'_>,
    ) -> Result<String, Answer> {
        let undeletable = &mut self.undeletable;
        let found =
            self.stacks.iter_mut().find(|s| (s.arn == stack || s.name == stack) && s.status != "DELETE_COMPLETE");
        let Some(stack) = found else { return Ok(String::new()) };
        if stack.protected {
            let message = format!("Stack [{}] cannot be deleted while TerminationProtection is enabled", stack.name);
            return Err(error("cloudformation", 400, "ValidationError", &message));
        }
        if !retain.is_empty() && stack.status != "DELETE_FAILED" {
            let message = "Invalid operation on stack. Specify which resources to retain only when the stack is in the \
                           DELETE_FAILED state.";
            return Err(error("cloudformation", 400, "ValidationError", message));
        }
        stack.script.clear();
        stack.undeleted.clear();
        stack.script.push_back(step(None, "DELETE_IN_PROGRESS", "User Initiated", token));
        let left: Vec<String> = stack
            .resources
            .iter()
            .filter(|(_, r)| !["DELETE_COMPLETE", "", "IMPORT_ROLLBACK_COMPLETE"].contains(&r.status.as_str()))
            .map(|(id, _)| id.clone())
            .collect();
        for id in left {
            let policy = stack.template["Resources"][&id]["DeletionPolicy"].as_str().unwrap_or("Delete");
            if retain.contains(&id) || policy != "Delete" {
                stack.script.push_back(step(Some(&id), "DELETE_SKIPPED", "", token));
                continue;
            }
            stack.script.push_back(step(Some(&id), "DELETE_IN_PROGRESS", "", token));
            match undeletable.get_mut(&id) {
                Some((times, reason)) if *times > 0 => {
                    *times -= 1;
                    stack.script.push_back(step(Some(&id), "DELETE_FAILED", reason, token));
                }
                _ => stack.script.push_back(step(Some(&id), "DELETE_COMPLETE", "", token)),
            }
        }
        stack.script.push_back(step(None, "DELETE_COMPLETE", "", token));
        stack.tick(things);
        let arn = stack.arn.clone();
        // API, `DeleteStack`: what was prepared for the stack goes with it.
        self.change_sets.retain(|_, set| set.stack != arn);
        Ok(String::new())
    }

    /// API, `CancelUpdateStack`: only in `UPDATE_IN_PROGRESS`; the stack goes back to what it was before.
    fn cancel_update(&mut self, stack: &str, token: &str) -> Result<String, Answer> {
        let stack = self.existing(stack)?;
        if stack.status != "UPDATE_IN_PROGRESS" {
            let message = "CancelUpdateStack cannot be called from current stack status";
            return Err(error("cloudformation", 400, "ValidationError", message));
        }
        stack.script.clear();
        if let Some((template, parameters)) = stack.before.take() {
            (stack.template, stack.parameters) = (template, parameters);
        }
        let begun: Vec<(String, bool)> = stack
            .resources
            .iter()
            .filter(|(_, r)| r.status.starts_with("UPDATE_"))
            .map(|(id, r)| (id.clone(), r.status.ends_with("_IN_PROGRESS")))
            .collect();
        for (id, running) in &begun {
            if *running {
                stack.script.push_back(step(Some(id), "UPDATE_FAILED", "Resource update cancelled", token));
            }
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token));
        for (id, _) in &begun {
            stack.script.push_back(step(Some(id), "UPDATE_IN_PROGRESS", "", token));
            stack.script.push_back(step(Some(id), "UPDATE_COMPLETE", "", token));
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE", "", token));
        Ok(String::new())
    }

    /// API, `ContinueUpdateRollback`: only in `UPDATE_ROLLBACK_FAILED`; only what failed in the rollback can be skipped,
    /// and counts as `UPDATE_COMPLETE` then.
    fn continue_rollback(
        &mut self,
        stack: &str,
        token: &str,
        skip: Vec<String>,
        things: &mut Things<'_>,
    ) -> Result<String, Answer> {
        let gets_stuck = self.stuck_rollbacks > 0 && skip.is_empty();
        let stack = self.existing(stack)?;
        let refused = |message: &str| error("cloudformation", 400, "ValidationError", message);
        if stack.status != "UPDATE_ROLLBACK_FAILED" {
            let message =
                format!("Stack [{}] is in {} state and rollback can not be continued.", stack.arn, stack.status);
            return Err(refused(&message));
        }
        let failed = |id: &String| {
            let resource = stack.resources.get(id);
            resource.is_some_and(|r| r.status == "UPDATE_FAILED" && !r.reason.contains("cancelled"))
        };
        if let Some(id) = skip.iter().find(|id| !failed(id)) {
            return Err(refused(&format!("Resource {id} is not in UPDATE_FAILED because of the rollback")));
        }
        stack.script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated", token));
        for id in &skip {
            stack.script.push_back(step(Some(id), "UPDATE_COMPLETE", "Resource skipped", token));
        }
        let end = if gets_stuck { "UPDATE_ROLLBACK_FAILED" } else { "UPDATE_ROLLBACK_COMPLETE" };
        stack.script.push_back(step(None, end, "", token));
        stack.tick(things);
        self.skipped.push(skip);
        if gets_stuck {
            self.stuck_rollbacks -= 1;
        }
        Ok(String::new())
    }
}

/// Guide, `stack-resource-configuration-complete.html`: each resource begins, is told once more with its physical id, and
/// ends. Guide, `determine-root-cause-for-stack-failures.html`: a failure cancels what runs beside it. Guide,
/// `stack-failure-options.html`: then everything that was made is deleted, which ends in `ROLLBACK_COMPLETE`, or in
/// `ROLLBACK_FAILED` where something cannot be deleted.
fn creation(set: &ChangeSet, failing: &BTreeMap<String, String>, stuck: bool, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "CREATE_IN_PROGRESS", "User Initiated", token)]);
    let ids: Vec<&str> = set.changes.iter().map(|(_, id, _)| id.as_str()).collect();
    for (wave, together) in ids.chunks(AT_ONCE).enumerate() {
        script.extend(together.iter().map(|id| step(Some(id), "CREATE_IN_PROGRESS", "", token)));
        let initiated = "Resource creation Initiated";
        script.extend(together.iter().map(|id| step(Some(id), "CREATE_IN_PROGRESS", initiated, token)));
        let Some((id, reason)) = together.iter().find_map(|id| Some((id, failing.get(*id)?))) else {
            script.extend(together.iter().map(|id| step(Some(id), "CREATE_COMPLETE", "", token)));
            continue;
        };
        script.push_back(step(Some(id), "CREATE_FAILED", reason, token));
        for other in together.iter().filter(|other| *other != id) {
            script.push_back(step(Some(other), "CREATE_FAILED", "Resource creation cancelled", token));
        }
        let names = format!(
            "The following resource(s) failed to create: [{}]. Rollback requested by user.",
            together.join(", ")
        );
        script.push_back(step(None, "ROLLBACK_IN_PROGRESS", &names, token));
        for (at, made) in ids[..wave * AT_ONCE].iter().enumerate() {
            script.push_back(step(Some(made), "DELETE_IN_PROGRESS", "", token));
            if stuck && at == 0 {
                script.push_back(step(Some(made), "DELETE_FAILED", "could not be deleted", token));
            } else {
                script.push_back(step(Some(made), "DELETE_COMPLETE", "", token));
            }
        }
        script.extend(together.iter().map(|id| step(Some(id), "DELETE_COMPLETE", "", token)));
        let end = if stuck { "ROLLBACK_FAILED" } else { "ROLLBACK_COMPLETE" };
        script.push_back(step(None, end, "", token));
        return script;
    }
    script.push_back(step(None, "CREATE_COMPLETE", "", token));
    script
}

/// Guide, `using-cfn-updating-stacks-monitor-stack.html`: after the resources comes the cleanup. Guide,
/// `using-cfn-updating-stacks-continueupdaterollback.html`: a rollback that cannot put a resource back ends in
/// `UPDATE_ROLLBACK_FAILED`.
fn update(set: &ChangeSet, failing: &BTreeMap<String, String>, stuck: bool, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "UPDATE_IN_PROGRESS", "User Initiated", token)]);
    for (action, id, _) in &set.changes {
        let (begins, ends) = match *action {
            "Add" => ("CREATE_IN_PROGRESS", "CREATE_COMPLETE"),
            // What is removed from a template is deleted in the cleanup.
            "Remove" => continue,
            _ => ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        };
        script.push_back(step(Some(id), begins, "", token));
        let Some(reason) = failing.get(id) else {
            script.push_back(step(Some(id), ends, "", token));
            continue;
        };
        script.push_back(step(Some(id), "UPDATE_FAILED", reason, token));
        let names = format!("The following resource(s) failed to update: [{id}]. ");
        script.push_back(step(None, "UPDATE_ROLLBACK_IN_PROGRESS", &names, token));
        if stuck {
            script.push_back(step(Some(id), "UPDATE_FAILED", "could not be put back", token));
            let names = format!("The following resource(s) failed to update: [{id}]. ");
            script.push_back(step(None, "UPDATE_ROLLBACK_FAILED", &names, token));
        } else {
            script.push_back(step(Some(id), "UPDATE_COMPLETE", "", token));
            script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
            script.push_back(step(None, "UPDATE_ROLLBACK_COMPLETE", "", token));
        }
        return script;
    }
    script.push_back(step(None, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "", token));
    for (_, id, _) in set.changes.iter().filter(|(action, _, _)| *action == "Remove") {
        script.push_back(step(Some(id), "DELETE_COMPLETE", "", token));
    }
    script.push_back(step(None, "UPDATE_COMPLETE", "", token));
    script
}

/// Guide, `import-resources.html`: the resources stay as they are; an import that fails is rolled back, which ends in
/// `IMPORT_ROLLBACK_COMPLETE` or `IMPORT_ROLLBACK_FAILED`.
fn importing(set: &ChangeSet, failing: &BTreeMap<String, String>, stuck: bool, token: &str) -> VecDeque<Step> {
    let mut script = VecDeque::from([step(None, "IMPORT_IN_PROGRESS", "User Initiated", token)]);
    for (at, (_, id, _)) in set.changes.iter().enumerate() {
        script.push_back(step(Some(id), "IMPORT_IN_PROGRESS", "Resource import started.", token));
        let Some(reason) = failing.get(id) else {
            script.push_back(step(Some(id), "IMPORT_COMPLETE", "Resource import completed.", token));
            continue;
        };
        script.push_back(step(Some(id), "IMPORT_FAILED", reason, token));
        script.push_back(step(None, "IMPORT_ROLLBACK_IN_PROGRESS", "", token));
        let end = if stuck { "IMPORT_ROLLBACK_FAILED" } else { "IMPORT_ROLLBACK_COMPLETE" };
        for (_, begun, _) in &set.changes[..=at] {
            script.push_back(step(Some(begun), end, "", token));
        }
        script.push_back(step(None, end, "", token));
        return script;
    }
    script.push_back(step(None, "IMPORT_COMPLETE", "", token));
    script
}

/// A list in the Query protocol: `Name.member.1`, `Name.member.2`, …
fn list(form: &BTreeMap<String, String>, name: &str) -> Vec<String> {
    (1..).map_while(|n| form.get(&format!("{name}.member.{n}")).cloned()).collect()
}
