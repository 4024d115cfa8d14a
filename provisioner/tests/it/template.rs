//! Templates and policies: they match the reviewed files in `stacks/rendered/`, and have the documented properties.

use assert_cmd::Command;
use handler_contract::actions::{ACTIONS, Resource, Stacks};
use handler_contract::{Settings, table};
use proptest::prelude::*;
use provisioner_engine::stack_file::StackFile;
use provisioner_model::lint::{self, Severity};
use provisioner_model::names::Names;
use provisioner_model::spec::{DataPolicy, StackSpec};
use provisioner_model::template;
use provisioner_model::template::policy::{self, Document};
use serde_json::{Value, json};

use crate::root;
use crate::specs::{any_spec, named, spec};

fn provisioner() -> Command {
    let mut command = Command::cargo_bin("provisioner").unwrap();
    command.current_dir(root()).env_remove("PROVISIONER_STACK").env("NO_COLOR", "1");
    command
}

fn tree(spec: &StackSpec) -> Value {
    serde_json::to_value(template::build(spec)).unwrap()
}

fn kept() -> StackSpec {
    StackSpec { data: DataPolicy::Keep, ..spec("") }
}

/// Every string of a JSON tree.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        Value::Object(object) => object.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_permissions_boundary_is_set_and_required_by_the_printed_policy() {
    const BOUNDARY: &str = "arn:aws:iam::123456789012:policy/b";
    let with = spec(&format!("permissionsBoundary: {BOUNDARY}\n"));
    let role = |spec| serde_json::to_value(template::build(spec)).unwrap()["Resources"]["HandlerRole"].clone();
    assert_eq!(role(&with)["Properties"]["PermissionsBoundary"], BOUNDARY);
    assert!(role(&spec(""))["Properties"]["PermissionsBoundary"].is_null());

    let policy = policy::cloudformation().with_boundary(BOUNDARY).for_stack(&with, Some("123456789012"), None);
    let policy: serde_json::Value = serde_json::from_str(&policy.to_json()).unwrap();
    let statements = policy["Statement"].as_array().unwrap();
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        let of: Vec<_> =
            statements.iter().filter(|s| s["Action"].to_string().contains(&format!("{action}\""))).collect();
        assert_eq!(of.len(), 1, "{action}");
        assert_eq!(of[0]["Condition"]["StringEquals"]["iam:PermissionsBoundary"], BOUNDARY, "{action}");
    }
    assert!(!policy.to_string().contains("DeleteRolePermissionsBoundary"));
    assert!(statements.iter().all(|s| s["Action"] != serde_json::json!([])), "{policy:#}");
}

#[test]
fn committed_files_match_the_generated_ones() {
    provisioner().args(["synth", "--check"]).assert().success();
}

#[test]
fn the_shipped_stacks_have_no_lint_findings() {
    for name in ["dev", "prod", "local"] {
        let path = root().join(format!("stacks/{name}.yaml"));
        let spec = StackFile::load(path.to_str().unwrap()).unwrap().spec;
        assert_eq!(lint::check(&spec, &template::build(&spec)), [], "{name}");
    }
}

#[test]
fn check_lists_stale_missing_and_obsolete_files_and_write_fixes_them() {
    let dir = tempfile::tempdir().unwrap();
    let rendered = dir.path().join("stacks/rendered");
    std::fs::create_dir_all(&rendered).unwrap();
    std::fs::write(dir.path().join("stacks/one.yaml"), "name: one\ndata: delete\n").unwrap();
    std::fs::write(rendered.join("one.yaml"), "old").unwrap();
    std::fs::write(rendered.join("gone.yaml"), "old").unwrap();
    let run = |flag: &str| provisioner().current_dir(dir.path()).args(["synth", flag]).assert();
    let refused = run("--check").code(3);
    let output = String::from_utf8(refused.get_output().stderr.clone()).unwrap();
    for line in [
        "stacks/stack.schema.json is missing",
        "stacks/rendered/one.yaml is stale",
        "stacks/rendered/gone.yaml belongs to no stack",
        "provisioner synth --write",
    ] {
        assert!(output.contains(line), "{line} is not in {output}");
    }
    run("--write").success();
    run("--check").success();
    assert!(!rendered.join("gone.yaml").exists());
    assert!(
        !dir.path().join("docs").exists(),
        "pages about the handler are written only in the workspace that builds it"
    );
}

#[test]
fn synth_prints_yaml_and_json_of_the_same_template() {
    let print = |args: &[&str]| {
        let output = provisioner().args(["synth", "-s", "prod"]).args(args).assert().success();
        String::from_utf8(output.get_output().stdout.clone()).unwrap()
    };
    let yaml: Value = serde_yaml::from_str(&print(&[])).unwrap();
    let json: Value = serde_json::from_str(&print(&["--json"])).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(json["Resources"]["Table"]["Properties"]["TableName"], "prod-records");
}

#[test]
fn schema_prints_the_committed_schema() {
    let output = provisioner().arg("schema").assert().success();
    let committed = std::fs::read_to_string(root().join("stacks/stack.schema.json")).unwrap();
    assert_eq!(String::from_utf8(output.get_output().stdout.clone()).unwrap(), committed);
}

#[test]
fn a_closed_pipe_is_not_a_failure_but_a_full_disk_is() {
    let schema = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command.arg("schema").current_dir(root()).stderr(std::process::Stdio::piped());
        command
    };
    let mut child = schema().stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));

    // /dev/full fails every write with ENOSPC.
    if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
        let output = schema().stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("failed to write to standard output"), "{stderr}");
    }
}

#[test]
fn role_and_permission_do_not_refer_to_the_bucket_which_depends_on_the_permission() {
    let tree = tree(&spec(""));
    for id in ["HandlerRole", "HandlerPermission"] {
        let text = tree["Resources"][id].to_string();
        assert!(!text.contains("\"Bucket\"") && !text.contains("${Bucket"), "{text}");
    }
    let after = &tree["Resources"]["Bucket"]["DependsOn"];
    assert_eq!(after, &json!(["HandlerPermission", "HandlerRetries"]));
}

#[test]
fn only_this_account_s_bucket_may_invoke() {
    let tree = tree(&spec(""));
    let permission = &tree["Resources"]["HandlerPermission"]["Properties"];
    assert_eq!(permission["SourceAccount"], json!({"Ref": "AWS::AccountId"}));
    let bucket = tree["Resources"]["Bucket"]["Properties"]["BucketName"]["Fn::Sub"].as_str().unwrap();
    assert_eq!(permission["SourceArn"]["Fn::Sub"], format!("arn:${{AWS::Partition}}:s3:::{bucket}"));
}

#[test]
fn logs_go_to_a_declared_group_that_the_handler_cannot_create() {
    let tree = tree(&spec("handler: {keepLogs: 30d}"));
    let function = &tree["Resources"]["Handler"]["Properties"];
    assert_eq!(function["LoggingConfig"], json!({"LogFormat": "JSON", "LogGroup": {"Ref": "HandlerLogs"}}));
    assert_eq!(tree["Resources"]["HandlerLogs"]["Properties"]["RetentionInDays"], 30);
    assert!(!tree.to_string().contains("CreateLogGroup"));
}

#[test]
fn failed_events_are_retained_and_raise_an_alarm() {
    let tree = tree(&spec("alarm: {topic: 'arn:aws:sns:eu-west-1:123456789012:alarms'}"));
    let retries = &tree["Resources"]["HandlerRetries"]["Properties"];
    assert_eq!((&retries["MaximumRetryAttempts"], &retries["MaximumEventAgeInSeconds"]), (&json!(2), &json!(21_600)));
    let queue = json!({"Fn::GetAtt": ["FailedEvents", "Arn"]});
    assert_eq!(retries["DestinationConfig"]["OnFailure"]["Destination"], queue);
    let alarm = &tree["Resources"]["FailedEventsAlarm"]["Properties"];
    assert_eq!(alarm["TreatMissingData"], "notBreaching");
    assert_eq!(alarm["AlarmActions"], json!(["arn:aws:sns:eu-west-1:123456789012:alarms"]));
    assert_eq!(tree["Resources"]["Handler"]["Properties"]["RecursiveLoop"], "Terminate");
}

#[test]
fn the_bucket_is_private_encrypted_and_has_lifecycle_rules() {
    let tree =
        tree(&spec("bucket: {versioning: true, keepOldVersions: 9d, expireFiles: 40d, prefix: in/, suffix: .pdf}"));
    let bucket = &tree["Resources"]["Bucket"]["Properties"];
    let block = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert!(block.len() == 4 && block.values().all(|on| *on == true));
    assert_eq!(bucket["OwnershipControls"]["Rules"], json!([{"ObjectOwnership": "BucketOwnerEnforced"}]));
    assert!(bucket["BucketEncryption"].to_string().contains("AES256"));
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    let rules = &bucket["LifecycleConfiguration"]["Rules"];
    assert_eq!(rules[0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
    assert_eq!(rules[1]["NoncurrentVersionExpiration"]["NoncurrentDays"], 9);
    assert_eq!(rules[2]["ExpirationInDays"], 40);
    // S3 refuses both in one bucket-wide expiration.
    assert_eq!(rules[1].get("ExpiredObjectDeleteMarker"), None);
    assert_eq!(
        bucket["NotificationConfiguration"]["LambdaConfigurations"][0]["Filter"]["S3Key"]["Rules"],
        json!([{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".pdf"}])
    );
}

#[test]
fn bucket_and_queue_require_tls_unless_disabled() {
    let with = tree(&spec(""));
    for id in ["BucketPolicy", "FailedEventsPolicy"] {
        let statement = &with["Resources"][id]["Properties"]["PolicyDocument"]["Statement"][0];
        assert_eq!(statement["Effect"], "Deny");
        assert_eq!(statement["Condition"], json!({"Bool": {"aws:SecureTransport": "false"}}));
    }
    let without = tree(&spec("bucket: {requireTls: false}"));
    assert!(!without.to_string().contains("SecureTransport"));
}

#[test]
fn retained_data_is_protected_from_deletion_and_replacement() {
    let tree = tree(&kept());
    for id in ["Bucket", "Table"] {
        assert_eq!(tree["Resources"][id]["DeletionPolicy"], "RetainExceptOnCreate");
        assert_eq!(tree["Resources"][id]["UpdateReplacePolicy"], "Retain");
    }
    assert_eq!(tree["Resources"]["Table"]["Properties"]["DeletionProtectionEnabled"], true);
    let delete = self::tree(&spec("table: {pointInTimeRecovery: true}"));
    for id in ["Bucket", "Table"] {
        assert_eq!(delete["Resources"][id]["DeletionPolicy"], "Delete");
    }
    let table = &delete["Resources"]["Table"]["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], false);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn records_expire_only_where_the_stack_file_says_so() {
    let tree_of = |text: &str| tree(&spec(text));
    let kept = tree_of("table: {keepRecords: 90d}");
    let expiry = json!({ "AttributeName": table::EXPIRY, "Enabled": true });
    assert_eq!(kept["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"], expiry);
    let variables = |tree: &Value| tree["Resources"]["Handler"]["Properties"]["Environment"]["Variables"].clone();
    assert_eq!(variables(&kept)["KEEP_RECORDS_SECONDS"], (90 * 86_400).to_string());
    // Not even a word about it elsewhere, so that deployed stacks do not change.
    let without = tree_of("table: {pointInTimeRecovery: true}").to_string();
    assert!(!without.contains("TimeToLive") && !without.contains("KEEP_RECORDS"), "{without}");
}

#[test]
fn the_table_has_the_contract_s_keys_and_indexes() {
    let on_demand = tree(&spec("table: {billing: on-demand}"));
    let table = &on_demand["Resources"]["Table"]["Properties"];
    assert_eq!(table["KeySchema"], json!([{"AttributeName": table::PARTITION_KEY, "KeyType": "HASH"}]));
    assert_eq!(table["BillingMode"], "PAY_PER_REQUEST");
    assert!(!table.to_string().contains("ProvisionedThroughput"));
    let indexes = table["GlobalSecondaryIndexes"].as_array().unwrap();
    for (index, expected) in indexes.iter().zip(table::INDEXES) {
        assert_eq!(index["IndexName"], expected.name);
        assert_eq!(
            index["KeySchema"],
            json!([
                {"AttributeName": expected.partition_key, "KeyType": "HASH"},
                {"AttributeName": table::SORT_KEY, "KeyType": "RANGE"},
            ])
        );
        assert_eq!(index["Projection"]["NonKeyAttributes"], json!(table::PROJECTED));
    }
    assert_eq!(indexes.len(), table::INDEXES.len());
}

#[test]
fn tags_are_on_every_resource_that_supports_them() {
    let tree = tree(&spec("tags: {team: files}"));
    let without = ["BucketPolicy", "HandlerPermission", "HandlerRetries", "FailedEventsPolicy"];
    for (id, resource) in tree["Resources"].as_object().unwrap() {
        let expected =
            if without.contains(&id.as_str()) { Value::Null } else { json!([{"Key": "team", "Value": "files"}]) };
        assert_eq!(resource["Properties"]["Tags"], expected, "{id}");
    }
}

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[test]
fn the_handler_s_policy_grants_the_contract_s_actions_on_their_resources_and_nothing_else() {
    let arn = |resource| match resource {
        Resource::UploadedObjects => {
            json!({"Fn::Sub": "arn:${AWS::Partition}:s3:::dev-uploads-${AWS::AccountId}-${AWS::Region}/*"})
        }
        Resource::Table => json!({"Fn::GetAtt": ["Table", "Arn"]}),
        Resource::LogStreams => json!({
            "Fn::Sub": "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/provisioner/dev/handler:log-stream:*"
        }),
        Resource::FailedEvents => json!({"Fn::GetAtt": ["FailedEvents", "Arn"]}),
        Resource::Key => json!(KEY),
    };
    for (versioning, key) in [(false, false), (true, false), (false, true), (true, true)] {
        let key_line = if key { format!("kmsKey: {KEY}\n") } else { String::new() };
        let tree = tree(&spec(&format!("{key_line}bucket: {{versioning: {versioning}}}")));
        let document = &tree["Resources"]["HandlerRole"]["Properties"]["Policies"][0]["PolicyDocument"];
        let mut granted = Vec::new();
        for statement in document["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow");
            let actions = match &statement["Action"] {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            granted.extend(actions.into_iter().map(|action| (action, statement["Resource"].clone())));
        }
        let performed = ACTIONS.iter().filter(|action| match action.stacks {
            Stacks::All => true,
            Stacks::Versioned => versioning,
            Stacks::WithKey => key,
        });
        let wanted: Vec<_> = performed.map(|action| (json!(action.name), arn(action.resource))).collect();
        assert_eq!(granted, wanted, "versioning {versioning}, key {key}");
    }
}

#[test]
fn a_key_encrypts_bucket_table_queue_and_logs() {
    let with = tree(&spec(&format!("kmsKey: {KEY}")));
    let of =
        |id: &str, pointer: &str| with["Resources"][id]["Properties"].pointer(pointer).cloned().unwrap_or_default();
    let rule = "/BucketEncryption/ServerSideEncryptionConfiguration/0";
    let by_default = json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": KEY});
    let expected = json!({"ServerSideEncryptionByDefault": by_default, "BucketKeyEnabled": true});
    assert_eq!(of("Bucket", rule), expected);
    let table = json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": KEY});
    assert_eq!(of("Table", "/SSESpecification"), table);
    assert_eq!(of("FailedEvents", "/KmsMasterKeyId"), KEY);
    assert_eq!(of("FailedEvents", "/SqsManagedSseEnabled"), false);
    assert_eq!(of("HandlerLogs", "/KmsKeyId"), KEY);
    let without = tree(&spec(""));
    assert!(!without.to_string().to_lowercase().contains("kms"), "{without}");
    assert_eq!(without["Resources"]["FailedEvents"]["Properties"]["SqsManagedSseEnabled"], true);
}

#[test]
fn a_key_comes_with_grants_on_itself_alone_and_with_what_its_owner_adds() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dev.yaml");
    let print = |text: String, whose: &str| {
        std::fs::write(&file, text).unwrap();
        let output = provisioner().args(["synth", "-s"]).arg(&file).arg(format!("--permissions={whose}")).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let text = |lines: &str| format!("name: dev\ndata: delete\n{lines}");
    let whole = || text(&format!("account: \"123456789012\"\nkmsKey: {KEY}\n"));
    for whose in ["caller", "cloudformation"] {
        let (_, policy, _) = print(whole(), whose);
        let policy: Value = serde_json::from_str(&policy).unwrap();
        let about_keys =
            policy["Statement"].as_array().unwrap().iter().filter(|s| s["Action"].to_string().contains("kms:"));
        let resources: Vec<_> = about_keys.map(|statement| statement["Resource"].clone()).collect();
        assert!(!resources.is_empty() && resources.iter().all(|resource| *resource == KEY), "{policy:#}");
        assert!(!print(text(""), whose).1.contains("kms:"));
    }
    let (code, policy, said) = print(whole(), "key");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(KEY), "{said}");
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let logs = &policy["Statement"][0];
    assert_eq!(logs["Principal"]["Service"], "logs.eu-central-1.amazonaws.com");
    let group = "arn:aws:logs:eu-central-1:123456789012:log-group:/provisioner/dev/handler";
    assert_eq!(logs["Condition"]["ArnEquals"]["kms:EncryptionContext:aws:logs:arn"], group);
    assert_eq!(policy["Statement"][1]["Principal"]["AWS"], "arn:aws:iam::123456789012:root");
    for (text, code, says) in
        [(text(""), "no-key", "kmsKey"), (text(&format!("kmsKey: {KEY}\n")), "no-account", "account")]
    {
        let (exit, _, said) = print(text, "key");
        assert!(exit == Some(3) && said.contains(says), "{code}: {said}");
    }
}

/// Whether the policies allow an action on a resource. `*` stands for any text.
fn allows(policies: &[Document], action: &str, resource: &str) -> bool {
    fn fits(pattern: &str, text: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == text,
            Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
                (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| fits(rest, &text[at..]))
            }),
        }
    }
    policies.iter().flat_map(Document::statements).any(|statement| {
        statement.action.as_slice().iter().any(|allowed| allowed == action)
            && statement.resource.iter().flat_map(policy::OneOrMore::as_slice).any(|allowed| fits(allowed, resource))
    })
}

#[test]
fn who_deploys_one_stack_cannot_change_the_code_of_another() {
    let account = Some("123456789012");
    for (region, account) in [(Some("eu-central-1"), account), (None, account)] {
        for (own, other) in [("dev", "prod"), ("prod", "prod-artifacts"), ("dev", "dev-own"), ("a", "provisioner")] {
            for more in ["", "bucket: { namespace: account-regional }\n"] {
                let stack = |name: &str| {
                    let text = format!("name: {name}\ndata: delete\n{more}");
                    provisioner_model::spec::parse(&text, std::path::Path::new("stack.yaml")).unwrap()
                };
                let of = |name: &str| Names::new(&stack(name), "123456789012", "eu-central-1").artifacts;
                let policies =
                    [policy::caller(), policy::cloudformation()].map(|p| p.for_stack(&stack(own), account, region));
                let shared = "provisioner-artifacts-123456789012-eu-central-1".to_owned();
                for action in ["s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"] {
                    assert!(allows(&policies, action, &format!("arn:aws:s3:::{}/handler/1.zip", of(own))), "{action}");
                    for bucket in [of(other), shared.clone()] {
                        let object = format!("arn:aws:s3:::{bucket}/handler/1.zip");
                        assert!(!allows(&policies, action, &object), "{own}: {action} on {object}");
                    }
                }
                for action in ["s3:PutBucketPolicy", "s3:DeleteBucket", "s3:PutBucketVersioning"] {
                    assert!(allows(&policies, action, &format!("arn:aws:s3:::{}", of(own))), "{action}");
                    for bucket in [of(other), shared.clone()] {
                        let bucket = format!("arn:aws:s3:::{bucket}");
                        assert!(!allows(&policies, action, &bucket), "{own}: {action} on {bucket}");
                    }
                }
            }
        }
    }
}

#[test]
fn no_policy_allows_a_whole_service_or_an_action_on_everything() {
    // Actions that IAM cannot limit to a resource; `tools/permissions/audit` checks that these are.
    const LISTS: &str = "LogGroupList";
    let policies: [(&str, Document); 4] = [
        ("handler-trust.json", policy::handler_trust()),
        ("handler.json", policy::handler()),
        ("caller.json", policy::caller()),
        ("cloudformation.json", policy::cloudformation()),
    ];
    for (file, document) in policies {
        for statement in document.statements() {
            assert_eq!(statement.effect, "Allow");
            for action in statement.action.as_slice() {
                assert!(!action.contains('*'), "{file}: {}: {action}", statement.sid);
            }
            for resource in statement.resource.iter().flat_map(policy::OneOrMore::as_slice) {
                // A single attribute, such as a table's ARN, identifies one resource.
                if resource.starts_with("${") && resource.ends_with(".Arn}") || statement.sid == LISTS {
                    continue;
                }
                let arn = resource.replace("AWS::", "");
                let last = arn.splitn(6, ':').nth(5).unwrap_or("*");
                assert!(last.contains(|c: char| c.is_alphabetic()), "{file}: {}: {resource}", statement.sid);
            }
        }
    }
    for document in [policy::bucket(), policy::queue()] {
        assert!(document.statements().iter().all(|statement| statement.effect == "Deny"));
    }
}

#[test]
fn policies_for_a_stack_are_documents_that_iam_takes() {
    let longest = named(&"x".repeat(24));
    for (file, policy) in [("caller", policy::caller()), ("cloudformation", policy::cloudformation())] {
        let known = policy.for_stack(&named("prod"), Some("123456789012"), Some("cn-north-1")).to_json();
        assert!(!known.contains("${"), "{file}: {known}");
        for arn in known.split('"').filter(|text| text.starts_with("arn:")) {
            assert!(arn.starts_with("arn:aws-cn:"), "{file}: {arn}");
        }
        for account in [None, Some("123456789012")] {
            let with_key = match file {
                "caller" => policy::caller_key(),
                _ => policy::cloudformation_key(),
            };
            let whole = policy.clone().and(with_key.with_key(KEY));
            let whole = whole.for_stack(&longest, account, Some("ap-southeast-1"));
            assert!(whole.length() <= policy::MAX_MANAGED_POLICY, "{file}: {}", whole.length());
        }
        let page = std::fs::read_to_string(root().join("docs/permissions.md")).unwrap();
        let (_, section) = page.split_once(&format!("\n## `{file}.json`")).unwrap();
        let section = section.split("\n## ").next().unwrap();
        for statement in policy.statements() {
            assert!(
                section.contains(&format!("| `{}` |", statement.sid)),
                "{file}: {} is not explained",
                statement.sid
            );
        }
    }
}

#[test]
fn without_an_account_no_arn_holds_a_variable_where_iam_reads_none() {
    for policy in [policy::caller(), policy::cloudformation()] {
        for region in [None, Some("eu-west-3")] {
            let open = serde_json::to_value(policy.for_stack(&named("prod"), None, region)).unwrap();
            for arn in texts(&open).into_iter().filter(|text| text.starts_with("arn:")) {
                let fields: Vec<&str> = arn.splitn(6, ':').collect();
                assert!(fields[..5].iter().all(|field| !field.contains('$')), "{arn}");
                assert!(["", "*"].contains(&fields[4]), "{arn}");
                assert_eq!(fields[2] == "s3", fields[5].contains("${aws:PrincipalAccount}"), "{arn}");
                assert!(["", region.unwrap_or("*")].contains(&fields[3]), "{arn}");
            }
        }
    }
}

#[test]
fn synth_prints_each_policy_and_says_who_needs_it() {
    let print = |args: &[&str]| {
        let output = provisioner().args(["synth", "-s", "dev", "--region", "eu-west-3"]).args(args).output().unwrap();
        assert!(output.status.success());
        let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
        (policy, String::from_utf8(output.stderr).unwrap())
    };
    let dev = StackFile::load(root().join("stacks/dev.yaml").to_str().unwrap()).unwrap().spec;
    let document = |policy: Document| serde_json::to_value(policy.for_stack(&dev, None, Some("eu-west-3"))).unwrap();
    let role = ["--cloudformation-role-arn", "arn:aws:iam::123456789012:role/builder"];
    let (bare, _) = print(&["--permissions"]);
    let (caller, said) = print(&["--permissions=caller"]);
    assert_eq!((&bare, &caller), (&document(policy::caller()), &document(policy::caller())));
    assert!(said.contains("of 6144 characters") && said.contains("--permissions=cloudformation"), "{said}");
    let (cloudformation, said) = print(&["--permissions=cloudformation"]);
    assert_eq!(cloudformation, document(policy::cloudformation()));
    assert!(said.contains("--permissions=caller"), "{said}");
    let (with_role, said) = print(&[&["--permissions=cloudformation"], &role[..]].concat());
    assert_eq!(with_role, cloudformation);
    assert!(said.contains("Attach it to arn:aws:iam::123456789012:role/builder"), "{said}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_valid_spec_gives_a_valid_template(spec in any_spec()) {
        let template = template::build(&spec);
        let errors: Vec<_> =
            lint::check(&spec, &template).into_iter().filter(|f| f.severity() == Severity::Error).collect();
        prop_assert_eq!(errors, vec![]);
    }

    #[test]
    fn json_and_yaml_are_equivalent(spec in any_spec()) {
        let template = template::build(&spec);
        let json: Value = serde_json::from_str(&template.to_json()).unwrap();
        let yaml: Value = serde_yaml::from_str(&template.to_yaml()).unwrap();
        prop_assert_eq!(json, yaml);
    }

    #[test]
    fn no_arn_is_bound_to_a_partition_an_account_or_a_region(spec in any_spec()) {
        let mut spec = spec;
        spec.alarm.topic = None;
        spec.kms_key = None;
        spec.tags.clear();
        let tree = tree(&spec);
        for text in texts(&tree) {
            prop_assert!(!text.contains("arn:") || text.starts_with("arn:${AWS::Partition}:"), "{}", text);
            prop_assert!(!text.contains("amazonaws.com") || text.ends_with(".amazonaws.com") && !text.contains('/'), "{}", text);
            prop_assert!(spec.account.as_ref().is_none_or(|account| !text.contains(account.as_str())), "{}", text);
        }
    }

    #[test]
    fn the_handler_reads_the_settings_that_the_template_writes(spec in any_spec()) {
        let tree = tree(&spec);
        let function = &tree["Resources"]["Handler"]["Properties"];
        let variables = function["Environment"]["Variables"].as_object().unwrap();
        let settings = Settings::parse(variables.iter().map(|(name, value)| (name, value.as_str().unwrap()))).unwrap();
        prop_assert_eq!(&settings.table_name, tree["Resources"]["Table"]["Properties"]["TableName"].as_str().unwrap());
        prop_assert_eq!(settings.max_file_size, spec.files.max_size.0);
        prop_assert_eq!(&settings.allowed_types, &spec.files.allowed_types);
        // The child's limits are within the function's.
        let mib = |value: &Value| value.as_u64().unwrap() << 20;
        prop_assert!(settings.limits.memory < mib(&function["MemorySize"]));
        prop_assert!(settings.limits.spool < mib(&function["EphemeralStorage"]["Size"]));
        prop_assert!(settings.limits.spool >= spec.files.max_size.0 || spec.files.kept_whole().is_none());
        prop_assert!(u64::from(settings.limits.wall_seconds) < function["Timeout"].as_u64().unwrap());
        prop_assert!(settings.limits.cpu_seconds <= settings.limits.wall_seconds);
    }
}
