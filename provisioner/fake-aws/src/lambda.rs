//! The parts of Lambda that a deployment and a redrive use: one function for each stack, whose code CloudFormation or a
//! caller changes, and which records what it is invoked with.
//!
//! The function is the stack's resource `Handler`, its name `STACK-handler`, and its zip the one that the stack's parameter
//! `ArtifactKey` names (`handler/SHA256.zip`).
//!
//! API: "AWS Lambda API Reference".

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::cloudformation::{CloudFormation, Stack};
use crate::http::{Request, Response};
use crate::xml::{error, json};
use crate::{ACCOUNT, REGION};

const PERMISSION: &str = "AWS::Lambda::Permission";

/// All functions.
#[derive(Debug, Clone, Default)]
pub struct Lambda {
    /// The functions by name. They follow their stacks at each call of Lambda.
    pub functions: BTreeMap<String, Function>,
    /// A rollback does not change the function, because the update had not.
    pub rollbacks_spare_code: bool,
    /// The number of reads after which a code change is effective.
    pub looks_until_served: u32,
    /// The number of reads after which a function is active that was deployed in express mode, which ends before that.
    pub looks_until_active: u32,
    /// The key of a zip that another process deploys to a function just before its next code change.
    pub concurrent_key: Option<&'static str>,
    /// The reason for which changes of code fail once they have started.
    pub broken: Option<&'static str>,
    /// The invocations, oldest first.
    pub invocations: Vec<Invocation>,
    /// Whether the permission of S3 to invoke the functions was removed out of band.
    pub forbids_invocation: bool,
    /// The response of a synchronous invocation.
    pub answer: Value,
    /// Synchronous invocations whose payload contains a text fail with an error, the response's payload.
    pub errors: Vec<(String, Value)>,
}

/// An invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// The function's name.
    pub function: String,
    /// `Event` or `RequestResponse`.
    pub kind: String,
    /// The payload; null if it is not JSON.
    pub payload: Value,
}

/// A function.
#[derive(Debug, Clone, Default)]
pub struct Function {
    /// The key of its zip, whose name is the zip's hash.
    pub key: String,
    /// Counts the changes of its code.
    pub revision: u32,
    /// Reads until the last change is effective.
    pending: u32,
    /// Reads until the function is active.
    inactive: u32,
    /// The previous key.
    before: String,
    /// Events of the stack that have been applied to the function.
    events: usize,
}

impl Lambda {
    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, action: &str, request: &Request, stacks: &CloudFormation) -> Option<Response> {
        // `/2015-03-31/functions/NAME/…`, where the name may be an ARN.
        let name = request.segment(2).rsplit(':').next().unwrap_or_default().to_owned();
        self.follow(stacks);
        let Some(function) = self.functions.get_mut(&name) else {
            return Some(error("lambda", 404, "ResourceNotFoundException", "Function not found"));
        };
        Some(match action {
            "GetFunctionConfiguration" => {
                let (status, reason) = function.look(self.broken);
                json(200, &function.described(&name, status, reason))
            }
            "GetFunction" => {
                let (status, reason) = function.look(self.broken);
                let code = json!({ "RepositoryType": "S3", "Location": format!("https://code/{}", function.key) });
                json(200, &json!({ "Configuration": function.described(&name, status, reason), "Code": code }))
            }
            "UpdateFunctionCode" => {
                if let Some(key) = self.concurrent_key.take() {
                    key.clone_into(&mut function.key);
                    function.revision += 1;
                }
                function.update(&name, &request.json(), self.looks_until_served)
            }
            "Invoke" => {
                let kind = request.header("x-amz-invocation-type").unwrap_or("RequestResponse").to_owned();
                let (is_event, payload) = (kind == "Event", request.json());
                let text = payload.to_string();
                self.invocations.push(Invocation { function: name, kind, payload });
                match self.errors.iter().find(|(part, _)| text.contains(part)) {
                    _ if is_event => Response::new(202, ""),
                    // API, `Invoke`, response elements: X-Amz-Function-Error.
                    Some((_, error)) => json(200, error).with("x-amz-function-error", "Unhandled"),
                    None => json(200, &self.answer),
                }
            }
            // Properties that only the template has are read from there, by physical id.
            "GetPolicy" if self.forbids_invocation || stacks.properties_of_kind(PERMISSION).is_none() => {
                error("lambda", 404, "ResourceNotFoundException", "The resource you requested does not exist.")
            }
            "GetPolicy" => {
                let principal = json!({ "Service": "s3.amazonaws.com" });
                let statement = json!({ "Effect": "Allow", "Principal": principal, "Action": "lambda:InvokeFunction" });
                json(200, &json!({ "Policy": json!({ "Statement": [statement] }).to_string() }))
            }
            "GetFunctionConcurrency" => json(200, &json!({})),
            _ => return None,
        })
    }

    /// Applies CloudFormation's changes to the functions since the last read.
    fn follow(&mut self, stacks: &CloudFormation) {
        let has_one = |stack: &&Stack| {
            let status = stack.resources.get("Handler").map(|handler| handler.status.as_str());
            stack.status != "DELETE_COMPLETE" && !matches!(status, None | Some("DELETE_COMPLETE"))
        };
        let name_of = |stack: &Stack| format!("{}-handler", stack.name);
        self.functions.retain(|name, _| stacks.stacks.iter().filter(has_one).any(|stack| name_of(stack) == *name));
        for stack in stacks.stacks.iter().filter(has_one) {
            let is_made = stack.resources["Handler"].status.ends_with("_COMPLETE");
            let (Some(key), true) = (stack.parameters.get("ArtifactKey"), is_made) else { continue };
            let function = self.functions.entry(name_of(stack)).or_default();
            if function.events == stack.events.len() || !stack.status.ends_with("_COMPLETE") {
                continue;
            }
            function.events = stack.events.len();
            if stack.status != "UPDATE_ROLLBACK_COMPLETE" || !self.rollbacks_spare_code {
                function.key.clone_from(key);
                function.revision += 1;
                let express = stack.deployment_config.as_ref().and_then(|config| config.mode.as_deref());
                function.inactive = if express == Some("EXPRESS") { self.looks_until_active } else { 0 };
            }
        }
    }
}

impl Function {
    /// The status and reason of the last change. Each read is a step.
    fn look(&mut self, broken: Option<&'static str>) -> (&'static str, &'static str) {
        self.inactive = self.inactive.saturating_sub(1);
        let is_running = self.pending > 0;
        self.pending = self.pending.saturating_sub(1);
        let status = match broken {
            _ if is_running => "InProgress",
            Some(_) if !self.before.is_empty() => "Failed",
            _ => "Successful",
        };
        (status, broken.unwrap_or_default())
    }

    fn update(&mut self, name: &str, body: &Value, looks: u32) -> Response {
        // API, `UpdateFunctionCode`, RevisionId: "Update the function only if the revision ID matches".
        if body["RevisionId"].as_str().is_some_and(|wanted| wanted != self.revision.to_string()) {
            let message = "The RevisionId provided does not match the latest RevisionId for the Lambda function";
            return error("lambda", 412, "PreconditionFailedException", message);
        }
        let key = body["S3Key"].as_str().unwrap_or_default().to_owned();
        self.before = std::mem::replace(&mut self.key, key);
        self.revision += 1;
        self.pending = looks;
        json(200, &self.described(name, "InProgress", ""))
    }

    fn described(&self, name: &str, status: &str, reason: &str) -> Value {
        let hash = self.key.trim_start_matches("handler/").trim_end_matches(".zip");
        json!({
            "FunctionName": name,
            "FunctionArn": format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"),
            "CodeSha256": base64_of_hex(hash),
            "CodeSize": 100,
            "State": if self.inactive > 0 { "Pending" } else { "Active" },
            "LastUpdateStatus": status,
            "LastUpdateStatusReason": reason,
            "RevisionId": self.revision.to_string(),
        })
    }
}

/// Hexadecimal digits in the notation that Lambda has for hashes.
fn base64_of_hex(hex: &str) -> String {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2);
    let bytes: Vec<u8> = pairs.filter_map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
