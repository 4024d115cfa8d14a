//! Reads the live state of a stack's resources from their services, in CloudFormation's format, for
//! `provisioner_planner::drift`.
//!
//! The resources are read concurrently. A resource that cannot be read is reported as such, without an error: a caller
//! without permission to read a role still gets a plan.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::types::{BucketVersioningStatus, S3KeyFilter};
use aws_sdk_sqs::types::QueueAttributeName;
use provisioner_model::call_error::{CallError, optional};
use provisioner_model::drifted::LiveState;
use provisioner_model::stack::Resource;
use serde_json::{Map, Value, json};

use super::Aws;
use super::call_error::from_sdk;
use super::function::Function;
use super::roles::Roles;
use super::table::Table;

type Properties = Result<Option<Map<String, Value>>, CallError>;

/// Reads every resource of a type that is known here, by logical id.
pub async fn read(aws: &Aws, resources: &[Resource]) -> BTreeMap<String, LiveState> {
    let mut reads = tokio::task::JoinSet::new();
    for resource in resources.iter().filter(|r| !r.physical_id.is_empty()) {
        let (aws, resource) = (aws.clone(), resource.clone());
        // The policy of a bucket or queue is read where that is: its own physical id leads nowhere.
        let on = |kind: &str| resources.iter().find(|r| r.kind == kind).map(|r| r.physical_id.clone());
        let on = match resource.kind.as_str() {
            "AWS::S3::BucketPolicy" => on("AWS::S3::Bucket"),
            "AWS::SQS::QueuePolicy" => on("AWS::SQS::Queue"),
            "AWS::Lambda::Permission" => on("AWS::Lambda::Function"),
            _ => Some(resource.physical_id.clone()),
        };
        let Some(on) = on else { continue };
        reads.spawn(async move {
            let reading = one(&aws, &resource, &on).await;
            (resource.logical_id, reading)
        });
    }
    reads.join_all().await.into_iter().filter_map(|(logical_id, reading)| Some((logical_id, reading?))).collect()
}

/// Reads one resource by the physical id of what it is on; `None` for a type that only CloudFormation's own detection looks
/// at.
async fn one(aws: &Aws, resource: &Resource, id: &str) -> Option<LiveState> {
    let read = match resource.kind.as_str() {
        "AWS::Lambda::Function" => function(aws, id).await,
        "AWS::Lambda::Permission" => permission(aws, id, &resource.physical_id).await,
        "AWS::S3::Bucket" => bucket(aws, id).await,
        "AWS::IAM::Role" => role(aws, id).await,
        "AWS::S3::BucketPolicy" => bucket_policy(aws, id).await,
        "AWS::SQS::Queue" => queue(aws, id).await,
        "AWS::SQS::QueuePolicy" => queue_policy(aws, id).await,
        "AWS::DynamoDB::Table" => table(aws, id).await,
        "AWS::Logs::LogGroup" => log_group(aws, id).await,
        _ => return None,
    };
    Some(match read {
        Ok(Some(properties)) => LiveState::Properties(properties),
        Ok(None) => LiveState::Gone,
        Err(error) => LiveState::Unreadable(error.to_string()),
    })
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map.into_iter().filter(|(_, value)| !value.is_null()).collect(),
        _ => Map::new(),
    }
}

async fn function(aws: &Aws, name: &str) -> Properties {
    let client = aws_sdk_lambda::Client::new(&aws.sdk);
    let one = Function::new(aws, name);
    let (output, concurrency) =
        tokio::join!(client.get_function_configuration().function_name(name).send(), one.concurrency());
    let Some(output) = optional(output.map_err(from_sdk))? else { return Ok(None) };
    let mut properties = map(configuration(&output));
    properties.insert("ReservedConcurrentExecutions".into(), json!(concurrency?));
    Ok(Some(properties))
}

/// A permission is a statement of the function's policy, which its physical id names. It cannot be changed, only
/// removed.
async fn permission(aws: &Aws, function: &str, statement: &str) -> Properties {
    let policy = Function::new(aws, function).policy().await?.unwrap_or_default();
    let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
    let is_there = policy["Statement"].as_array().into_iter().flatten().any(|s| s["Sid"] == statement);
    Ok(is_there.then(Map::new))
}

/// What else a bucket's template sets is in its policy, or only in CloudFormation's own detection.
async fn bucket(aws: &Aws, bucket: &str) -> Properties {
    let (s3, owner) = (aws.s3(), &aws.account);
    let (notification, versioning, block) = tokio::join!(
        s3.get_bucket_notification_configuration().bucket(bucket).expected_bucket_owner(owner).send(),
        s3.get_bucket_versioning().bucket(bucket).expected_bucket_owner(owner).send(),
        s3.get_public_access_block().bucket(bucket).expected_bucket_owner(owner).send(),
    );
    let Some(notification) = optional(notification.map_err(from_sdk))? else { return Ok(None) };
    let Some(versioning) = optional(versioning.map_err(from_sdk))? else { return Ok(None) };
    // Without a block nothing is blocked.
    let block = optional(block.map_err(from_sdk))?.and_then(|b| b.public_access_block_configuration);
    // Without versioning in the template, the status is Suspended if versioning was enabled before.
    let versions = versioning.status.filter(|status| *status == BucketVersioningStatus::Enabled);
    Ok(Some(Map::from_iter([
        ("NotificationConfiguration".to_owned(), notified(&notification)),
        ("VersioningConfiguration".to_owned(), json!(versions.map(|status| json!({ "Status": status.as_str() })))),
        (
            "PublicAccessBlockConfiguration".to_owned(),
            json!(block.map(|b| json!({
                "BlockPublicAcls": b.block_public_acls,
                "BlockPublicPolicy": b.block_public_policy,
                "IgnorePublicAcls": b.ignore_public_acls,
                "RestrictPublicBuckets": b.restrict_public_buckets,
            }))),
        ),
    ])))
}

/// A bucket's notification configuration in CloudFormation's format, one entry for each event; null if it is empty.
fn notified(n: &GetBucketNotificationConfigurationOutput) -> Value {
    let lambdas = n.lambda_function_configurations().iter().flat_map(|c| {
        let filter = c.filter.as_ref().and_then(|f| f.key.as_ref());
        // S3 spells the names with a capital, and has no order of them.
        let rules: BTreeMap<String, &Option<String>> = filter
            .map(S3KeyFilter::filter_rules)
            .unwrap_or_default()
            .iter()
            .filter_map(|rule| Some((rule.name.as_ref()?.as_str().to_lowercase(), &rule.value)))
            .collect();
        let rules: Vec<Value> =
            rules.into_iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect();
        c.events.iter().map(move |event| {
            let entry = json!({ "Event": event.as_str(), "Function": c.lambda_function_arn });
            if rules.is_empty() { entry } else { with(entry, "Filter", json!({ "S3Key": { "Rules": rules } })) }
        })
    });
    let queues = n
        .queue_configurations()
        .iter()
        .flat_map(|c| c.events.iter().map(|event| json!({ "Event": event.as_str(), "Queue": c.queue_arn })));
    let topics = n
        .topic_configurations()
        .iter()
        .flat_map(|c| c.events.iter().map(|event| json!({ "Event": event.as_str(), "Topic": c.topic_arn })));
    let lists: [(&str, Vec<Value>); 3] = [
        ("LambdaConfigurations", lambdas.collect()),
        ("QueueConfigurations", queues.collect()),
        ("TopicConfigurations", topics.collect()),
    ];
    let lists: Map<String, Value> = lists
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(name, list)| (name.to_owned(), list.into()))
        .collect();
    if lists.is_empty() { Value::Null } else { lists.into() }
}

fn with(mut value: Value, name: &str, part: Value) -> Value {
    value[name] = part;
    value
}

fn configuration(f: &GetFunctionConfigurationOutput) -> Value {
    let architectures: Vec<&str> = f.architectures().iter().map(aws_sdk_lambda::types::Architecture::as_str).collect();
    let variables: Map<String, Value> = f
        .environment()
        .and_then(|e| e.variables())
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect();
    let logging = f.logging_config();
    json!({
        "MemorySize": f.memory_size(),
        "Timeout": f.timeout(),
        "Runtime": f.runtime().map(|r| r.as_str().to_owned()),
        "Handler": f.handler(),
        "Description": f.description(),
        "Architectures": architectures,
        "EphemeralStorage": f.ephemeral_storage().map(|s| json!({ "Size": s.size() })),
        "Environment": { "Variables": variables },
        "LoggingConfig": logging.map(|l| json!({
            "LogFormat": l.log_format().map(|f| f.as_str().to_owned()),
            "LogGroup": l.log_group(),
        })),
        "Role": f.role(),
    })
}

async fn role(aws: &Aws, name: &str) -> Properties {
    let roles = Roles::new(aws);
    let (trust, policies) = tokio::join!(roles.trust(name), roles.policies(name));
    let (Some((trust, description, boundary)), Some((inline, attached))) = (trust?, policies?) else { return Ok(None) };
    let inline: Vec<Value> =
        inline.into_iter().map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": document })).collect();
    Ok(Some(map(json!({
        "AssumeRolePolicyDocument": trust,
        "Description": description,
        "Policies": inline,
        "ManagedPolicyArns": attached,
        "PermissionsBoundary": boundary,
    }))))
}

async fn bucket_policy(aws: &Aws, bucket: &str) -> Properties {
    let output =
        aws.s3().get_bucket_policy().bucket(bucket).expected_bucket_owner(&aws.account).send().await.map_err(from_sdk);
    let policy = optional(output)?.and_then(|o| o.policy);
    Ok(policy.and_then(|text| serde_json::from_str(&text).ok()).map(|document: Value| document_of(&document)))
}

fn document_of(document: &Value) -> Map<String, Value> {
    map(json!({ "PolicyDocument": document }))
}

/// All attributes of a queue; `None` if there is none.
async fn queue_attributes(aws: &Aws, url: &str) -> Result<Option<BTreeMap<String, String>>, CallError> {
    let client = aws_sdk_sqs::Client::new(&aws.sdk);
    let output = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .map_err(from_sdk);
    Ok(optional(output)?.map(|o| {
        o.attributes.unwrap_or_default().into_iter().map(|(name, value)| (name.as_str().to_owned(), value)).collect()
    }))
}

async fn queue(aws: &Aws, url: &str) -> Properties {
    let Some(attributes) = queue_attributes(aws, url).await? else { return Ok(None) };
    // Numbers and switches come as text.
    let typed = |name: &str| -> Value {
        attributes.get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    };
    Ok(Some(map(json!({
        "MessageRetentionPeriod": typed("MessageRetentionPeriod"),
        "VisibilityTimeout": typed("VisibilityTimeout"),
        "SqsManagedSseEnabled": typed("SqsManagedSseEnabled"),
    }))))
}

async fn queue_policy(aws: &Aws, url: &str) -> Properties {
    let Some(attributes) = queue_attributes(aws, url).await? else { return Ok(None) };
    let document = attributes.get("Policy").and_then(|text| serde_json::from_str::<Value>(text).ok());
    Ok(document.map(|document| document_of(&document)))
}

async fn table(aws: &Aws, name: &str) -> Properties {
    Ok(Table::new(aws, name).describe().await?.map(|table| {
        let mut properties = map(table.properties);
        // It was found by its name.
        properties.remove("TableName");
        properties.insert("DeletionProtectionEnabled".into(), Value::Bool(table.protected));
        properties
    }))
}

async fn log_group(aws: &Aws, name: &str) -> Properties {
    let output = aws_sdk_cloudwatchlogs::Client::new(&aws.sdk)
        .describe_log_groups()
        .log_group_name_prefix(name)
        .send()
        .await
        .map_err(from_sdk)?;
    let group = output.log_groups.unwrap_or_default().into_iter().find(|g| g.log_group_name.as_deref() == Some(name));
    // Without a retention period logs are kept forever, which is reported as a difference.
    Ok(group.map(|group| Map::from_iter([("RetentionInDays".to_owned(), json!(group.retention_in_days))])))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::types::{
        Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfigurationFilter,
        QueueConfiguration,
    };

    use super::*;

    #[test]
    fn notifications_in_the_words_of_a_template() {
        assert_eq!(notified(&GetBucketNotificationConfigurationOutput::builder().build()), Value::Null);
        let rule =
            |name: &str, value: &str| FilterRule::builder().name(FilterRuleName::from(name)).value(value).build();
        let key =
            S3KeyFilter::builder().filter_rules(rule("Suffix", ".pdf")).filter_rules(rule("Prefix", "in/")).build();
        let filter = NotificationConfigurationFilter::builder().key(key).build();
        let lambda = LambdaFunctionConfiguration::builder()
            .lambda_function_arn("arn:f")
            .events(Event::from("s3:ObjectCreated:*"))
            .filter(filter)
            .build()
            .unwrap();
        let queue = QueueConfiguration::builder()
            .queue_arn("arn:q")
            .events(Event::S3ObjectCreatedPut)
            .events(Event::S3ObjectRemoved)
            .build()
            .unwrap();
        let n = GetBucketNotificationConfigurationOutput::builder()
            .lambda_function_configurations(lambda)
            .queue_configurations(queue)
            .build();
        let rules = json!([{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".pdf"}]);
        let expected = json!({
            "LambdaConfigurations": [
                {"Event": "s3:ObjectCreated:*", "Function": "arn:f", "Filter": {"S3Key": {"Rules": rules}}},
            ],
            "QueueConfigurations": [
                {"Event": "s3:ObjectCreated:Put", "Queue": "arn:q"},
                {"Event": "s3:ObjectRemoved:*", "Queue": "arn:q"},
            ],
        });
        assert_eq!(notified(&n), expected);
    }
}
