//! Lambda, as far as a deployment sees it: one function for each stack, whose code CloudFormation or a caller changes.
//!
//! API: "AWS Lambda API Reference".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cloudformation::{CloudFormation, Stack};
use super::{ACCOUNT, Answer, error, json as answer};

/// All functions.
#[derive(Debug, Default)]
pub(crate) struct Lambda {
    pub(crate) functions: BTreeMap<String, Function>,
    /// A rollback does not come to the function, because the update had not.
    pub(crate) spared_by_rollbacks: bool,
    /// After how many looks a change of code is in force.
    pub(crate) looks_until_served: u32,
    /// The key of a zip that somebody else gives a function just before the next change of its code.
    pub(crate) overtaken_by: Option<&'static str>,
    /// The reason for which changes of code fail once they are begun.
    pub(crate) broken: Option<&'static str>,
}

#[derive(Debug, Default)]
pub(crate) struct Function {
    /// The key of its zip, whose name is the zip's hash.
    pub(crate) key: String,
    pub(crate) revision: u32,
    /// Looks until the last change is in force.
    pending: u32,
    /// The key before it.
    before: String,
    /// Events of the stack that have come to the function.
    events: usize,
}

impl Lambda {
    pub(crate) fn answer(&mut self, action: &str, path: &str, body: &[u8], stacks: &CloudFormation) -> Answer {
        let name = path.split('/').nth(3).unwrap_or_default().to_owned();
        self.follow(stacks);
        let (looks, broken) = (self.looks_until_served, self.broken);
        let overtaken_by = if action == "UpdateFunctionCode" { self.overtaken_by.take() } else { None };
        let Some(function) = self.functions.get_mut(&name) else {
            return error("lambda", 404, "ResourceNotFoundException", "Function not found");
        };
        if let Some(key) = overtaken_by {
            key.clone_into(&mut function.key);
            function.revision += 1;
        }
        match action {
            "GetFunctionConfiguration" => {
                let running = function.pending > 0;
                function.pending = function.pending.saturating_sub(1);
                let status = match broken {
                    Some(_) if running => "InProgress",
                    Some(_) if !function.before.is_empty() => "Failed",
                    _ if running => "InProgress",
                    _ => "Successful",
                };
                answer(200, &function.described(&name, status, broken.unwrap_or_default()).to_string())
            }
            "UpdateFunctionCode" => {
                let body: Value = serde_json::from_slice(body).unwrap();
                // API, "UpdateFunctionCode", RevisionId: "Update the function only if the revision ID matches".
                if body["RevisionId"].as_str().is_some_and(|wanted| wanted != function.revision.to_string()) {
                    let message =
                        "The RevisionId provided does not match the latest RevisionId for the Lambda function";
                    return error("lambda", 412, "PreconditionFailedException", message);
                }
                function.before = std::mem::replace(&mut function.key, body["S3Key"].as_str().unwrap().to_owned());
                function.revision += 1;
                function.pending = looks;
                answer(200, &function.described(&name, "InProgress", "").to_string())
            }
            other => panic!("nobody should call {other}"),
        }
    }

    /// What CloudFormation did to the function since the last look.
    fn follow(&mut self, stacks: &CloudFormation) {
        let has_one = |stack: &&Stack| {
            let status = stack.resources.get("Handler").map(|handler| handler.status.as_str());
            stack.status != "DELETE_COMPLETE" && !matches!(status, None | Some("DELETE_COMPLETE"))
        };
        let name_of = |stack: &Stack| format!("{}-handler", stack.name);
        self.functions.retain(|name, _| stacks.stacks.iter().filter(has_one).any(|stack| name_of(stack) == *name));
        for stack in stacks.stacks.iter().filter(has_one) {
            let name = name_of(stack);
            let made = stack.resources["Handler"].status.ends_with("_COMPLETE");
            let (Some(key), true) = (stack.parameters.get("ArtifactKey"), made) else { continue };
            let function = self.functions.entry(name).or_default();
            if function.events == stack.events.len() || !stack.status.ends_with("_COMPLETE") {
                continue;
            }
            function.events = stack.events.len();
            if stack.status != "UPDATE_ROLLBACK_COMPLETE" || !self.spared_by_rollbacks {
                function.key.clone_from(key);
                function.revision += 1;
            }
        }
    }
}

impl Function {
    fn described(&self, name: &str, status: &str, reason: &str) -> Value {
        let hash = self.key.trim_start_matches("handler/").trim_end_matches(".zip");
        json!({
            "FunctionName": name,
            "FunctionArn": format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", super::REGION),
            "CodeSha256": base64(hash),
            "CodeSize": 100,
            "State": "Active",
            "LastUpdateStatus": status,
            "LastUpdateStatusReason": reason,
            "RevisionId": self.revision.to_string(),
        })
    }
}

/// Hexadecimal digits in the notation that Lambda has for hashes.
fn base64(hex: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = hex.chars().filter_map(|c| c.to_digit(16)).fold(String::new(), |all, d| all + &format!("{d:04b}"));
    let mut text: String = bits
        .as_bytes()
        .chunks(6)
        .map(|six| {
            let value = (0..6).fold(0, |n, at| n * 2 + usize::from(six.get(at) == Some(&b'1')));
            char::from(DIGITS[value])
        })
        .collect();
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}
