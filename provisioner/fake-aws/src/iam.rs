//! IAM: the roles of the deployed stacks, read-only. The role name of a request is ignored.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ACCOUNT;
use crate::http::Response;
use crate::state::State;
use crate::xml::{error, members, node, optional, query_answer, text};

/// Answers a call; `None` for one that is not modelled.
pub(crate) fn answer(state: &State, action: &str, form: &BTreeMap<String, String>) -> Option<Response> {
    if !["GetRole", "ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies"].contains(&action) {
        return None;
    }
    let missing = || error("iam", 404, "NoSuchEntity", "The role cannot be found.");
    let Some(role) = state.cloudformation.properties_of_kind("AWS::IAM::Role") else { return Some(missing()) };
    let policies = role["Policies"].as_array().cloned().unwrap_or_default();
    let of_policy = |policy: &Value| policy["PolicyName"].as_str().unwrap_or_default().to_owned();
    let result = match action {
        "GetRole" => node("Role", &role_details(&role)),
        "ListRolePolicies" => {
            node("PolicyNames", &policies.iter().map(|policy| text("member", of_policy(policy))).collect::<String>())
        }
        "GetRolePolicy" => {
            let wanted = form.get("PolicyName").cloned().unwrap_or_default();
            let Some(policy) = policies.iter().find(|policy| of_policy(policy) == wanted) else {
                return Some(missing());
            };
            let document = text("PolicyDocument", &policy["PolicyDocument"]);
            text("RoleName", "r") + &text("PolicyName", wanted) + &document
        }
        _ => {
            let arns = role["ManagedPolicyArns"].as_array().into_iter().flatten().filter_map(Value::as_str);
            members("AttachedPolicies", arns.map(|arn| text("PolicyName", "p") + &text("PolicyArn", arn)))
        }
    };
    Some(query_answer(action, &result))
}

fn role_details(role: &Value) -> String {
    [
        text("Path", "/"),
        text("RoleName", "r"),
        text("RoleId", "R"),
        text("Arn", format!("arn:aws:iam::{ACCOUNT}:role/r")),
        text("CreateDate", "2026-11-22T12:00:00Z"),
        optional("Description", role["Description"].as_str()),
        text("AssumeRolePolicyDocument", &role["AssumeRolePolicyDocument"]),
        role["PermissionsBoundary"].as_str().map_or_else(String::new, |arn| {
            let kind = text("PermissionsBoundaryType", "Policy");
            node("PermissionsBoundary", &(kind + &text("PermissionsBoundaryArn", arn)))
        }),
    ]
    .concat()
}
