//! The function with its role, log group, permission and environment variables.

use handler_contract::Settings;

use super::Resources;
use crate::names::Names;
use crate::spec::{StackSpec, child_limits, ephemeral_storage};
use crate::template::intrinsic::Value;
use crate::template::policy;
use crate::template::resource::iam::{InlinePolicy, Role};
use crate::template::resource::lambda::{
    Code, Environment, EphemeralStorage, Function, LoggingConfig, Permission, Variables,
};
use crate::template::resource::logs::LogGroup;
use crate::template::resource::{Resource, tags};
use crate::template::{ARTIFACT_BUCKET, ARTIFACT_KEY, ARTIFACT_VERSION, id};

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;

/// The handler's settings.
fn settings(spec: &StackSpec, names: &Names) -> Settings {
    Settings {
        table_name: names.table.clone(),
        max_file_size: spec.files.max_size.0,
        keep_records: spec.table.keep_records.map(|time| time.0),
        detailed_metrics: spec.handler.detailed_metrics,
        allowed_types: spec.files.allowed_types.clone(),
        limits: child_limits(spec),
    }
}

/// The policy of the handler's role.
fn permissions(spec: &StackSpec) -> policy::Document {
    let mut permissions = policy::handler();
    if spec.bucket.versioning {
        permissions = permissions.and(policy::handler_versions());
    }
    if let Some(key) = &spec.kms_key {
        permissions = permissions.and(policy::handler_key().with_key(key));
    }
    permissions
}

pub(in crate::template) fn add(spec: &StackSpec, names: &Names, resources: &mut Resources) {
    let function = Function {
        function_name: Value::text(&*names.function),
        description: "Reads each uploaded file and writes its record",
        runtime: "provided.al2023",
        handler: "bootstrap",
        architectures: [spec.handler.architecture],
        code: Code {
            s3_bucket: Value::reference(ARTIFACT_BUCKET),
            s3_key: Value::reference(ARTIFACT_KEY),
            s3_object_version: Value::reference(ARTIFACT_VERSION),
        },
        role: Value::attribute(id::HANDLER_ROLE, "Arn"),
        memory_size: spec.handler.memory.0 / MIB,
        timeout: spec.handler.timeout.0,
        ephemeral_storage: EphemeralStorage { size: ephemeral_storage(spec).0 / MIB },
        reserved_concurrent_executions: spec.handler.max_concurrency,
        recursive_loop: "Terminate",
        logging_config: LoggingConfig { log_format: "JSON", log_group: Value::reference(id::HANDLER_LOGS) },
        environment: Environment { variables: Variables(settings(spec, names).to_vars()) },
        tags: tags(&spec.tags),
    };
    let role = Role {
        description: "Permissions of the function that reads uploaded files",
        assume_role_policy_document: policy::handler_trust().for_template(names),
        policies: [InlinePolicy { policy_name: "handler", policy_document: permissions(spec).for_template(names) }],
        permissions_boundary: spec.permissions_boundary.clone(),
        tags: tags(&spec.tags),
    };
    let logs = LogGroup {
        log_group_name: Value::text(&*names.log_group),
        retention_in_days: spec.handler.keep_logs.0 / DAY,
        kms_key_id: spec.kms_key.clone(),
        tags: tags(&spec.tags),
    };
    let permission = Permission {
        action: "lambda:InvokeFunction",
        function_name: Value::attribute(id::HANDLER, "Arn"),
        principal: "s3.amazonaws.com",
        source_account: Value::reference("AWS::AccountId"),
        source_arn: Value::text(format!("arn:${{AWS::Partition}}:s3:::{}", names.bucket)),
    };
    resources.extend([
        (id::HANDLER, Resource::new(function)),
        (id::HANDLER_ROLE, Resource::new(role)),
        // Logs are deleted with the stack, whatever the data policy is.
        (id::HANDLER_LOGS, Resource::new(logs).deletion_policy(false)),
        (id::HANDLER_PERMISSION, Resource::new(permission)),
    ]);
}
