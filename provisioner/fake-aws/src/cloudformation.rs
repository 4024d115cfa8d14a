//! CloudFormation: stateful, with virtual time. Each read of a stack's events performs some steps of the running
//! operation, one virtual second apart; no clock runs and nothing sleeps.
//!
//! Each behaviour cites the AWS page that documents it. API: `API_NAME.html` in the CloudFormation API Reference
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/>). Guide: a page of the CloudFormation User
//! Guide (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/>).
//!
//! The statuses are those of Guide, `view-stack-events.html`, "Stack status codes". A test may set any other text.

mod change_sets;
mod deletion;
mod deployed;
mod describe;
mod drift;
mod events;
mod execute;
mod rollback;
mod script;
mod stack;
mod template;

use std::collections::BTreeMap;

use serde_json::Value;

pub use self::change_sets::{Change, ChangeSet, DeploymentConfig, ValidationFailure};
pub(crate) use self::stack::Physical;
pub use self::stack::{Resource, Stack, Step};
use crate::http::Response;
use crate::xml::{error, query_answer};
use crate::{ACCOUNT, REGION};

/// All stacks, including deleted ones, and the failures to inject.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch that tests set")]
pub struct CloudFormation {
    /// The stacks, oldest first.
    pub stacks: Vec<Stack>,
    /// The change sets that are neither executed nor deleted, by ARN.
    pub change_sets: BTreeMap<String, ChangeSet>,
    /// Resources whose creation or update fails once, with the reason.
    pub failing: BTreeMap<String, String>,
    /// How many rollbacks fail, of any operation.
    pub stuck_rollbacks: u32,
    /// Reads of a change set until it is created.
    pub change_set_looks: u32,
    /// The early-validation findings of the next change set, which then fails.
    pub validation_failures: Vec<ValidationFailure>,
    /// The findings of early validation that `DescribeEvents` has for the operations of all stacks.
    pub operation_failures: Vec<ValidationFailure>,
    /// Resources whose deletion fails this often, with the reason.
    pub undeletable: BTreeMap<String, (u32, String)>,
    /// One step for each read instead of several, for tests that act during an operation.
    pub slow: bool,
    /// Events in a page of API `DescribeStackEvents`; 0 means AWS's 100.
    pub page: usize,
    /// The resources to skip of each `ContinueUpdateRollback` call.
    pub skipped: Vec<Vec<String>>,
    /// Templates of import change sets that were executed.
    pub imported: Vec<Value>,
    /// Out-of-band changes by logical id: properties; null for a resource that was deleted.
    pub changed: BTreeMap<String, Value>,
    /// Whether the out-of-band changes remain, whatever CloudFormation does.
    pub changed_for_good: bool,
    /// An additional change that a change set lists.
    pub surprise: Option<Change>,
    /// Whether drift-aware change sets are supported. Guide, `drift-aware-change-sets.html`.
    pub reverts_drift: bool,
    /// Whether another process updates the stack to the same template right after the next change set is created.
    pub concurrent_update: bool,
    /// Whether an update has events of every resource, also of unchanged ones, as the emulator does.
    pub events_of_unchanged: bool,
    /// The changed resources of the started updates, by logical id.
    pub updated: Vec<Vec<String>>,
    serial: u32,
}

/// The parameters of a call.
type Form = BTreeMap<String, String>;
/// The result of a call as XML; an error is also a response.
type Answered = Result<String, Response>;

impl CloudFormation {
    /// Adds a stack that exists before the test starts, with the resources of a template.
    ///
    /// # Panics
    /// Never: the stack that was put is there.
    pub fn put(&mut self, name: &str, status: &str, template: Value) -> &mut Stack {
        let arn = self.new_arn(name);
        let resources = template::resources(&template)
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
        self.stacks.last_mut().expect("a stack was put")
    }

    /// The stack of this name that is not deleted. API, `DescribeStacks`: a deleted one is found by its id only.
    pub fn live(&self, name: &str) -> Option<&Stack> {
        self.stacks.iter().find(|s| s.name == name && s.status != "DELETE_COMPLETE")
    }

    fn new_arn(&mut self, name: &str) -> String {
        self.serial += 1;
        format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{}", self.serial)
    }

    fn find(&mut self, stack: &str) -> Option<&mut Stack> {
        self.stacks.iter_mut().find(|s| s.arn == stack || (s.name == stack && s.status != "DELETE_COMPLETE"))
    }

    /// API, `DescribeStacks`: a stack that does not exist is a `ValidationError`.
    fn existing(&mut self, stack: &str) -> Result<&mut Stack, Response> {
        let message = format!("Stack with id {stack} does not exist");
        self.find(stack).ok_or_else(|| refused(&message))
    }

    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, action: &str, form: &Form, physical: &mut Physical<'_>) -> Option<Response> {
        let get = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (stack, token) = (get("StackName"), get("ClientRequestToken"));
        let result = match action {
            "DescribeStacks" => self.describe_stacks(&stack),
            "ListStackResources" => self.list_resources(&stack),
            "GetTemplate" => self.get_template(&stack),
            "CreateChangeSet" => self.create_change_set(form),
            "DescribeChangeSet" => self.describe_change_set(&get("ChangeSetName"), &stack),
            "ListChangeSets" => self.list_change_sets(&stack),
            "ExecuteChangeSet" => self.execute(&get("ChangeSetName"), &stack, &token, physical),
            "DeleteChangeSet" => {
                if let Some(id) = self.change_set_id(&get("ChangeSetName"), &stack) {
                    self.change_sets.remove(&id);
                }
                Ok(String::new())
            }
            "UpdateTerminationProtection" => {
                let enable = get("EnableTerminationProtection") == "true";
                self.existing(&stack).map(|stack| {
                    stack.protected = enable;
                    crate::xml::text("StackId", &stack.arn)
                })
            }
            "DescribeStackEvents" => self.describe_stack_events(&stack, &get("NextToken"), physical),
            "DescribeEvents" if get("Filters.FailedEvents") == "true" => {
                self.describe_failures(&stack, &get("ChangeSetName"))
            }
            "DetectStackResourceDrift" => self.detect_drift(&get("LogicalResourceId")),
            "DeleteStack" => self.delete(&stack, &token, &list(form, "RetainResources"), physical),
            "CancelUpdateStack" => self.cancel_update(&stack, &token),
            "ContinueUpdateRollback" => self.continue_rollback(&stack, &token, list(form, "ResourcesToSkip"), physical),
            _ => return None,
        };
        Some(result.map_or_else(|refusal| refusal, |body| query_answer(action, &body)))
    }
}

/// The error for an invalid request.
fn refused(message: &str) -> Response {
    error("cloudformation", 400, "ValidationError", message)
}

/// A list in the Query protocol: `Name.member.1`, `Name.member.2`, …
fn list(form: &Form, name: &str) -> Vec<String> {
    (1..).map_while(|n| form.get(&format!("{name}.member.{n}")).cloned()).collect()
}

/// A list of pairs in the Query protocol, such as parameters and tags.
fn pairs(form: &Form, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let field = |n: usize, name: &str| form.get(&format!("{list}.member.{n}.{name}")).cloned();
    (1..).map_while(|n| Some((field(n, key)?, field(n, value)?))).collect()
}
