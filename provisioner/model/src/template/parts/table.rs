//! The table of records and its indexes. `docs/indexes.md` has the arithmetic.

use handler_contract::table::{
    BY_OBJECT, EXPIRY, FAILURES, INDEXES, Index, PARTITION_KEY, PROJECTED, RECENT, SORT_KEY,
};

use super::Resources;
use crate::names::Names;
use crate::spec::{Billing, DataPolicy, StackSpec};
use crate::template::id;
use crate::template::intrinsic::Value;
use crate::template::resource::dynamodb::{
    AttributeDefinition, GlobalSecondaryIndex, KeySchema, PointInTimeRecoverySpecification, Projection,
    ProvisionedThroughput, SseSpecification, Table, TimeToLiveSpecification,
};
use crate::template::resource::{Resource, tags};

/// The read and the write units that are always free, for one payer account and region (`DynamoDB` pricing page, "free
/// tier").
pub const FREE_UNITS: u32 = 25;

/// How the free units are shared. Every record is written to the table and two indexes, a failed one to all three, and
/// whichever is full throttles the write: so writes are shared evenly. Reads go where lists are made: the newest
/// records, and `put --wait` asking for one object.
const TABLE_SHARE: ProvisionedThroughput = ProvisionedThroughput { read_capacity_units: 3, write_capacity_units: 7 };
const INDEX_SHARES: [(Index, ProvisionedThroughput); 3] = [
    (RECENT, ProvisionedThroughput { read_capacity_units: 10, write_capacity_units: 6 }),
    (FAILURES, ProvisionedThroughput { read_capacity_units: 4, write_capacity_units: 6 }),
    (BY_OBJECT, ProvisionedThroughput { read_capacity_units: 8, write_capacity_units: 6 }),
];

pub(in crate::template) fn add(spec: &StackSpec, names: &Names, resources: &mut Resources) {
    let free_tier = spec.table.billing == Billing::FreeTier;
    let keep = spec.data == DataPolicy::Keep;
    let keys = std::iter::once(PARTITION_KEY).chain([SORT_KEY]).chain(INDEXES.iter().map(|i| i.partition_key));
    let table = Table {
        table_name: Value::text(&*names.table),
        billing_mode: if free_tier { "PROVISIONED" } else { "PAY_PER_REQUEST" },
        provisioned_throughput: free_tier.then_some(TABLE_SHARE),
        attribute_definitions: keys
            .map(|attribute_name| AttributeDefinition { attribute_name, attribute_type: "S" })
            .collect(),
        key_schema: vec![KeySchema { attribute_name: PARTITION_KEY, key_type: "HASH" }],
        global_secondary_indexes: INDEX_SHARES
            .iter()
            .map(|(index, share)| GlobalSecondaryIndex {
                index_name: index.name,
                key_schema: vec![
                    KeySchema { attribute_name: index.partition_key, key_type: "HASH" },
                    KeySchema { attribute_name: SORT_KEY, key_type: "RANGE" },
                ],
                projection: Projection { projection_type: "INCLUDE", non_key_attributes: PROJECTED.to_vec() },
                provisioned_throughput: free_tier.then_some(*share),
            })
            .collect(),
        deletion_protection_enabled: keep,
        point_in_time_recovery_specification: PointInTimeRecoverySpecification {
            point_in_time_recovery_enabled: spec.table.point_in_time_recovery,
        },
        // DynamoDB always encrypts. `true` takes the account's own key, whose every use CloudTrail shows and KMS bills;
        // `false` takes a key of DynamoDB's, which costs nothing.
        sse_specification: SseSpecification {
            sse_enabled: keep || spec.kms_key.is_some(),
            sse_type: spec.kms_key.as_ref().map(|_| "KMS"),
            kms_master_key_id: spec.kms_key.clone(),
        },
        // Absent and not `Enabled: false` without the setting, so that deployed stacks do not change.
        time_to_live_specification: spec
            .table
            .keep_records
            .map(|_| TimeToLiveSpecification { attribute_name: EXPIRY, enabled: true }),
        tags: tags(&spec.tags),
    };
    resources.push((id::TABLE, Resource::new(table).deletion_policy(keep)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_units_are_shared_to_the_last_and_every_index_has_some() {
        let shares: Vec<_> = INDEX_SHARES.iter().map(|(_, share)| *share).chain([TABLE_SHARE]).collect();
        assert_eq!(shares.iter().map(|s| s.read_capacity_units).sum::<u32>(), FREE_UNITS);
        assert_eq!(shares.iter().map(|s| s.write_capacity_units).sum::<u32>(), FREE_UNITS);
        assert_eq!(INDEX_SHARES.map(|(index, _)| index), INDEXES);
    }
}
