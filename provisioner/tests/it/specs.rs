//! Stack files and specs for tests.

use std::path::Path;

use handler_contract::FileTypes;
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use provisioner_model::spec::{
    Alarm, Architecture, Billing, Bucket, BucketNamespace, DataPolicy, DeploymentMode, Emulator, Files, Handler,
    LOG_PERIODS, PARENT_MEMORY, StackSpec, Table, parse,
};
use provisioner_model::units::{Seconds, Size};

const MIB: u64 = 1 << 20;
const DAY: u64 = 86_400;

/// The spec of a minimal file with these additional lines.
pub(crate) fn spec(more: &str) -> StackSpec {
    parse(&format!("name: dev\ndata: delete\n{more}"), Path::new("dev.yaml")).unwrap()
}

/// The spec of a stack of this name.
pub(crate) fn named(name: &str) -> StackSpec {
    parse(&format!("name: {name}\ndata: delete\n"), Path::new("stack.yaml")).unwrap()
}

/// Any valid spec.
pub(crate) fn any_spec() -> impl Strategy<Value = StackSpec> {
    let place = (
        "[a-z][a-z0-9]{0,10}(-[a-z0-9]{1,6}){0,1}",
        of(prop::sample::select(vec!["eu-central-1", "us-gov-west-1", "ap-southeast-1"])),
        of("[0-9]{12}"),
        of(1..=u16::MAX),
        any::<bool>(),
        of("[A-Za-z0-9_-]{1,20}"),
        of("[a-f0-9-]{1,36}"),
    );
    let parts = (any_bucket(), any_table(), any_files(), any_handler(), any_tags());
    (place, parts).prop_map(
        |((name, region, account, port, keep, topic, key), (bucket, table, files, handler, tags))| {
            let topic_region = region.unwrap_or("eu-west-3");
            StackSpec {
                name,
                region: region.map(ToOwned::to_owned),
                account,
                cloudformation_role: None,
                deployment: if keep { DeploymentMode::Standard } else { DeploymentMode::Express },
                permissions_boundary: None,
                termination_protection: Some(keep),
                kms_key: key.map(|id| format!("arn:aws:kms:{topic_region}:123456789012:key/{id}")),
                emulator: port.map(|port| Emulator { port }),
                data: if keep { DataPolicy::Keep } else { DataPolicy::Delete },
                bucket,
                table,
                files,
                handler,
                alarm: Alarm { topic: topic.map(|name| format!("arn:aws:sns:{topic_region}:123456789012:{name}")) },
                tags,
            }
        },
    )
}

fn any_bucket() -> impl Strategy<Value = Bucket> {
    let key = "[a-zA-Z0-9/ ü:#'\"{}_.-]{1,30}";
    (any::<bool>(), any::<bool>(), 1..5_000_u64, of(1..5_000_u64), of(key), of(key)).prop_map(
        |(require_tls, versioning, kept, expire, prefix, suffix)| Bucket {
            namespace: if versioning { BucketNamespace::AccountRegional } else { BucketNamespace::Global },
            require_tls,
            versioning,
            keep_old_versions: Seconds(kept * DAY),
            expire_files: expire.map(|days| Seconds(days * DAY)),
            prefix,
            suffix,
        },
    )
}

fn any_table() -> impl Strategy<Value = Table> {
    (any::<bool>(), any::<bool>(), of(1..4_000_u64)).prop_map(|(free, point_in_time_recovery, keep)| Table {
        billing: if free { Billing::FreeTier } else { Billing::OnDemand },
        point_in_time_recovery,
        keep_records: keep.map(|days| Seconds(days * DAY)),
    })
}

fn any_files() -> impl Strategy<Value = Files> {
    let types = vec("([a-z]{1,8}/([a-z+.-]{1,12}|\\*))|\\*/\\*", 1..5);
    (1..=10_112 * MIB, types)
        .prop_map(|(max, types)| Files { max_size: Size(max), allowed_types: FileTypes::new(types).unwrap() })
}

fn any_handler() -> impl Strategy<Value = Handler> {
    let numbers = (128..=10_240_u64, 4..=900_u64, 0.0..=1.0, 0.0..=1.0);
    (numbers, any::<bool>(), of(1..1_000_u32), prop::sample::select(LOG_PERIODS.to_vec())).prop_map(
        |((memory, timeout, memory_part, cpu_part), arm, max_concurrency, days)| {
            let part = |of: u64, part: f64| {
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "any part of the range is sufficient"
                )]
                let n = (of as f64 * part) as u64;
                n.min(of)
            };
            Handler {
                memory: Size(memory * MIB),
                timeout: Seconds(timeout),
                architecture: if arm { Architecture::Arm64 } else { Architecture::X86_64 },
                max_concurrency,
                keep_logs: Seconds(days * DAY),
                child_memory: Size(16 * MIB + part(memory * MIB - PARENT_MEMORY.0 - 16 * MIB, memory_part)),
                child_cpu: Seconds(1 + part(timeout * 3 / 4 - 1, cpu_part)),
                detailed_metrics: timeout % 2 == 0,
            }
        },
    )
}

fn any_tags() -> impl Strategy<Value = std::collections::BTreeMap<String, String>> {
    btree_map("[b-z][a-z0-9 _.:/=+@-]{0,20}[a-z0-9]", "[A-Za-z0-9 _.:/=+@-]{0,30}", 0..6)
}
