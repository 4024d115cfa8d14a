//! The queue of events that failed every attempt, and its alarm.

use super::Resources;
use crate::delivery::EVENT_AGE;
use crate::names::Names;
use crate::spec::StackSpec;
use crate::template::id;
use crate::template::intrinsic::Value;
use crate::template::policy;
use crate::template::resource::cloudwatch::{Alarm, Dimension};
use crate::template::resource::lambda::{DestinationConfig, EventInvokeConfig, OnFailure};
use crate::template::resource::sqs::{Queue, QueuePolicy};
use crate::template::resource::{Resource, tags};

/// As often as Lambda can (Lambda developer guide, "Error handling for asynchronous invocation").
const RETRIES: u32 = 2;
/// As long as SQS can. Seconds.
const RETENTION: u32 = 14 * 86_400;
/// For how long `redrive` owns the message that it sends again. Seconds.
const VISIBILITY: u32 = 120;

pub(in crate::template) fn add(spec: &StackSpec, names: &Names, resources: &mut Resources) {
    let retries = EventInvokeConfig {
        function_name: Value::reference(id::HANDLER),
        qualifier: "$LATEST",
        maximum_retry_attempts: RETRIES,
        maximum_event_age_in_seconds: EVENT_AGE,
        destination_config: DestinationConfig {
            on_failure: OnFailure { destination: Value::attribute(id::FAILED_EVENTS, "Arn") },
        },
    };
    let queue = Queue {
        queue_name: Value::text(&*names.queue),
        message_retention_period: RETENTION,
        visibility_timeout: VISIBILITY,
        sqs_managed_sse_enabled: spec.kms_key.is_none(),
        kms_master_key_id: spec.kms_key.clone(),
        tags: tags(&spec.tags),
    };
    let alarm = Alarm {
        alarm_description: format!(
            "Events of {} failed every attempt and wait in the queue. See: provisioner status; try again: provisioner redrive",
            spec.name
        ),
        namespace: "AWS/SQS",
        metric_name: "ApproximateNumberOfMessagesVisible",
        dimensions: [Dimension { name: "QueueName", value: Value::attribute(id::FAILED_EVENTS, "QueueName") }],
        statistic: "Maximum",
        period: 60,
        evaluation_periods: 1,
        threshold: 0,
        comparison_operator: "GreaterThanThreshold",
        // SQS publishes no metrics for a queue that was inactive for hours.
        treat_missing_data: "notBreaching",
        alarm_actions: spec.alarm.topic.iter().cloned().collect(),
        tags: tags(&spec.tags),
    };
    resources.push((id::HANDLER_RETRIES, Resource::new(retries)));
    resources.push((id::FAILED_EVENTS, Resource::new(queue).deletion_policy(false)));
    if spec.bucket.require_tls {
        let policy = QueuePolicy {
            queues: [Value::reference(id::FAILED_EVENTS)],
            policy_document: policy::queue().for_template(names),
        };
        resources.push((id::FAILED_EVENTS_POLICY, Resource::new(policy)));
    }
    resources.push((id::FAILED_EVENTS_ALARM, Resource::new(alarm)));
}
