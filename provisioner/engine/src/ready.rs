//! Waits for the function after a deployment that ended before it was ready.

use std::time::{Duration, Instant};

use provisioner_aws::Aws;
use provisioner_aws::function::Function;
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::stack::LastUpdate;

use crate::dialog::Dialog;

/// How long a function may take after an express deployment. In standard mode CloudFormation waits for it.
const TIMEOUT: Duration = Duration::from_mins(2);
/// The delay between two looks. Lambda allows 100 such calls a second (Lambda quotas, "API requests").
const PAUSE: Duration = Duration::from_millis(500);

/// Waits until the function can be invoked and serves its last update, at most two minutes. The function can be neither
/// created yet nor gone: an express deployment reports a resource once its configuration is accepted.
pub async fn until_active(aws: &Aws, function: &str, dialog: &dyn Dialog) -> Result<()> {
    let client = Function::new(aws, function);
    let began = Instant::now();
    let mut reported = false;
    loop {
        let state = client.describe().await.map_err(|e| e.into_error("read the function"))?;
        let (is_ready, is) = match state {
            Some(now) => {
                if let LastUpdate::Failed(reason) = now.last_update {
                    let message = format!("the last update of the function {function} failed");
                    return Err(Error::new(Exit::Unverified, "function-failed", message).source(reason));
                }
                // A function that was not invoked for long is inactive, and becomes active by an invocation.
                let invocable = now.state == "Active" || now.state == "Inactive";
                (invocable && now.last_update == LastUpdate::Done, now.state)
            }
            None => (false, "not there".to_owned()),
        };
        if is_ready {
            return Ok(());
        }
        if began.elapsed() >= TIMEOUT {
            let seconds = TIMEOUT.as_secs();
            let message =
                format!("the function {function} is {is} and not ready {seconds} s after the express deployment");
            return Err(Error::new(Exit::Unverified, "not-ready", message)
                .hint("Look at it again with: provisioner status. Then: provisioner verify"));
        }
        if !reported {
            reported = true;
            dialog.remark("the express deployment ended before the function was ready; waiting for it");
        }
        tokio::time::sleep(PAUSE).await;
    }
}
