//! STS: every caller is the same user, and every role can be assumed.

use crate::http::Response;
use crate::xml::{node, query_answer, text};
use crate::{ACCOUNT, ROLE_KEY};

/// Answers a call; `None` for one that is not modelled.
pub(crate) fn answer(action: &str) -> Option<Response> {
    let result = match action {
        "AssumeRole" => {
            let credentials = [
                text("AccessKeyId", ROLE_KEY),
                text("SecretAccessKey", "secret"),
                text("SessionToken", "token"),
                text("Expiration", "2100-01-01T00:00:00Z"),
            ];
            let user = text("AssumedRoleId", "R:session")
                + &text("Arn", format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/session"));
            node("Credentials", &credentials.concat()) + &node("AssumedRoleUser", &user)
        }
        "GetCallerIdentity" => {
            text("Arn", format!("arn:aws:iam::{ACCOUNT}:user/tester"))
                + &text("UserId", "U")
                + &text("Account", ACCOUNT)
        }
        _ => return None,
    };
    Some(query_answer(action, &result))
}
