//! Sends failed events to the function again.

use provisioner_aws::Aws;
use provisioner_aws::function::Function;
use provisioner_aws::object::Object;
use provisioner_aws::queue::{Message, Queue};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::spec::StackSpec;
use serde_json::Value;

use crate::dialog::Dialog;
use crate::event::deploy::DeployEvent;

/// Sends every event in the queue of failed events to the function. Asks first, unless `agreed` is set or the queue is
/// empty.
pub async fn redrive(aws: &Aws, spec: &StackSpec, agreed: bool, dialog: &dyn Dialog) -> Result<()> {
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let queue = Queue::find(aws, &names.queue)
        .await
        .map_err(|e| e.into_error(&format!("look for the queue {}", names.queue)))?
        .ok_or_else(|| {
            Error::new(Exit::Failure, "not-deployed", format!("there is no queue {}", names.queue))
                .hint(format!("Deploy the stack first: provisioner up -s {}", spec.name))
        })?;
    let waiting = queue.depth().await.map_err(|e| e.into_error("read the queue of failed events"))?;
    if waiting == 0 {
        dialog.event(DeployEvent::Redriven { sent: 0, unreadable: 0, dropped: 0 });
        return Ok(());
    }
    if !agreed {
        dialog.ask(&format!("Send {waiting} failed event(s) to {} again?", names.function), "--yes").await?;
    }
    let function = Function::new(aws, &names.function);
    let (mut sent, mut unreadable, mut gone) = (0, 0, Vec::new());
    // An event that fails again returns to the queue; the initial count bounds the loop.
    while sent + unreadable + (gone.len() as u64) < waiting {
        let messages = queue
            .receive(crate::failed_events::HELD_SECONDS)
            .await
            .map_err(|e| e.into_error("receive failed events"))?;
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let Some(event) = event_of(&message.body) else {
                unreadable += 1;
                continue;
            };
            // The function's role may not list the bucket, so for it an object that is gone is one that it may not read:
            // its event would fail again.
            if Object::all_gone(aws, &event).await.map_err(|e| e.into_error("look for the object of an event"))? {
                gone.push(message);
                continue;
            }
            let event = serde_json::to_vec(&event).unwrap_or_default();
            function.invoke_later(event).await.map_err(|e| {
                e.into_error(&format!(
                    "send an event to {}; {sent} were sent, the others stay in the queue",
                    names.function
                ))
            })?;
            // Delete the message only after Lambda accepted the event. If the deletion fails, the event is processed twice,
            // which gives one record.
            queue.delete(&message).await.map_err(|e| e.into_error("delete a sent event from the queue"))?;
            sent += 1;
        }
    }
    let dropped = drop_gone(&queue, &gone, agreed, dialog).await?;
    dialog.event(DeployEvent::Redriven { sent, unreadable, dropped });
    let hidden = waiting.saturating_sub(sent + unreadable + gone.len() as u64);
    if hidden > 0 {
        dialog.remark(&format!(
            "About {hidden} more are hidden, because another consumer has received them. Those that it does not delete \
             become visible within minutes; run the same command again then."
        ));
    }
    if unreadable > 0 {
        return Err(Error::new(
            Exit::Failure,
            "unreadable-messages",
            format!("{unreadable} message(s) in {} contain no Lambda event", names.queue),
        )
        .hint("Another producer writes to this queue. Inspect the messages in the console and delete them there."));
    }
    Ok(())
}

/// Offers to delete the messages whose objects no longer exist. Returns how many were deleted.
async fn drop_gone(queue: &Queue, gone: &[Message], agreed: bool, dialog: &dyn Dialog) -> Result<u64> {
    if gone.is_empty() {
        return Ok(0);
    }
    if !agreed {
        let question = format!("{} event(s) are about objects that no longer exist. Delete these events?", gone.len());
        dialog.ask(&question, "--yes").await?;
    }
    for message in gone {
        queue.delete(message).await.map_err(|e| e.into_error("delete the event of an object that no longer exists"))?;
    }
    Ok(gone.len() as u64)
}

/// The event in the record that Lambda sends to an on-failure destination: `requestPayload` (Lambda developer guide,
/// "Capturing records of asynchronous invocations").
fn event_of(body: &str) -> Option<Value> {
    let record: Value = serde_json::from_str(body).ok()?;
    record.get("requestPayload").filter(|payload| payload.is_object()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_found_in_lambdas_record() {
        let body =
            r#"{"version":"1.0","requestContext":{"condition":"RetriesExhausted"},"requestPayload":{"Records":[]}}"#;
        assert_eq!(event_of(body), Some(serde_json::json!({"Records": []})));
        for other in ["", "hello", "{}", r#"{"requestPayload":"text"}"#, r#"{"requestPayload":null}"#] {
            assert_eq!(event_of(other), None, "{other}");
        }
    }
}
