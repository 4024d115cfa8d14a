//! What the services themselves say of a stack's resources, in CloudFormation's words, for [`crate::drift`].
//!
//! One call a resource, at the same time. What cannot be read says so and stops nothing: a caller who may not look at a
//! role may still see a plan.

use std::collections::BTreeMap;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Map, Value, json};

use super::Aws;
use super::roles::Roles;
use super::table::Table;
use crate::drift::Reading;
use crate::fault::{Fault, absent_is_none};
use crate::stack::Resource;

type Properties = Result<Option<Map<String, Value>>, Fault>;

/// Reads every resource of a type that is known here, by logical id.
pub async fn read(aws: &Aws, resources: &[Resource]) -> BTreeMap<String, Reading> {
    let mut reads = tokio::task::JoinSet::new();
    for resource in resources.iter().filter(|r| !r.physical_id.is_empty()) {
        let (aws, resource) = (aws.clone(), resource.clone());
        // The policy of a bucket or queue is read where that is: its own physical id leads nowhere.
        let on = |kind: &str| resources.iter().find(|r| r.kind == kind).map(|r| r.physical_id.clone());
        let on = match resource.kind.as_str() {
            "AWS::S3::BucketPolicy" => on("AWS::S3::Bucket"),
            "AWS::SQS::QueuePolicy" => on("AWS::SQS::Queue"),
            _ => Some(resource.physical_id.clone()),
        };
        let Some(on) = on else { continue };
        reads.spawn(async move { (resource.logical_id, one(&aws, &resource.kind, &on).await) });
    }
    let mut readings = BTreeMap::new();
    while let Some(read) = reads.join_next().await {
        if let Ok((logical_id, Some(reading))) = read {
            readings.insert(logical_id, reading);
        }
    }
    readings
}

/// Reads one resource; `None` for a type that only CloudFormation's own detection looks at.
async fn one(aws: &Aws, kind: &str, id: &str) -> Option<Reading> {
    let read = match kind {
        "AWS::Lambda::Function" => function(aws, id).await,
        "AWS::IAM::Role" => role(aws, id).await,
        "AWS::S3::BucketPolicy" => bucket_policy(aws, id).await,
        "AWS::SQS::Queue" => queue(aws, id).await,
        "AWS::SQS::QueuePolicy" => queue_policy(aws, id).await,
        "AWS::DynamoDB::Table" => table(aws, id).await,
        "AWS::Logs::LogGroup" => log_group(aws, id).await,
        _ => return None,
    };
    Some(match read {
        Ok(Some(properties)) => Reading::Properties(properties),
        Ok(None) => Reading::Gone,
        Err(fault) => Reading::Unreadable(fault.to_string()),
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
    let output = client.get_function_configuration().function_name(name).send().await.map_err(Fault::from);
    Ok(absent_is_none(output)?.map(|f| map(configuration(&f))))
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
    let (Some((trust, description)), Some((inline, attached))) = (trust?, policies?) else { return Ok(None) };
    let inline: Vec<Value> =
        inline.into_iter().map(|(name, document)| json!({ "PolicyName": name, "PolicyDocument": document })).collect();
    Ok(Some(map(json!({
        "AssumeRolePolicyDocument": trust,
        "Description": description,
        "Policies": inline,
        "ManagedPolicyArns": attached,
    }))))
}

async fn bucket_policy(aws: &Aws, bucket: &str) -> Properties {
    let output = aws
        .s3()
        .get_bucket_policy()
        .bucket(bucket)
        .expected_bucket_owner(&aws.account)
        .send()
        .await
        .map_err(Fault::from);
    let policy = absent_is_none(output)?.and_then(|o| o.policy);
    Ok(policy.and_then(|text| serde_json::from_str(&text).ok()).map(|document: Value| document_of(&document)))
}

fn document_of(document: &Value) -> Map<String, Value> {
    map(json!({ "PolicyDocument": document }))
}

/// All attributes of a queue; `None` if there is none.
async fn queue_attributes(aws: &Aws, url: &str) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let client = aws_sdk_sqs::Client::new(&aws.sdk);
    let output = client
        .get_queue_attributes()
        .queue_url(url)
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .map_err(Fault::from);
    Ok(absent_is_none(output)?.map(|o| {
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
    let output =
        aws_sdk_cloudwatchlogs::Client::new(&aws.sdk).describe_log_groups().log_group_name_prefix(name).send().await?;
    let group = output.log_groups.unwrap_or_default().into_iter().find(|g| g.log_group_name.as_deref() == Some(name));
    // Without a period, logs are kept for ever: a difference, and one that has to be told.
    Ok(group.map(|group| Map::from_iter([("RetentionInDays".to_owned(), json!(group.retention_in_days))])))
}
