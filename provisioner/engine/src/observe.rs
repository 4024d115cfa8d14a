//! Reads the state that decisions need. Changes nothing.

use std::sync::Arc;
use std::time::Duration;

use provisioner_artifact::package;
use provisioner_aws::Aws;
use provisioner_aws::function::Function;
use provisioner_aws::live;
use provisioner_aws::stacks::Stacks;
use provisioner_aws::storage::Storage;
use provisioner_aws::table::Table;
use provisioner_model::call_error::CallError;
use provisioner_model::drifted::Drifted;
use provisioner_model::error::Result;
use provisioner_model::names::Names;
use provisioner_model::stack::{Deployed, Presence, Resource, Stack};
use provisioner_model::status::Phase;
use provisioner_model::template::ARTIFACT_KEY;
use provisioner_planner::drift::{CodeDrift, Drift, Unchecked};
use provisioner_planner::plan::needs_resources;
use provisioner_planner::state::{Observed, Place};
use serde_json::Value;
use tokio::sync::Semaphore;

/// The timeout of drift detection for one resource.
const DETECTION: Duration = Duration::from_mins(1);
/// The number of concurrent drift detections; CloudFormation allows only a few calls a second.
const AT_ONCE: usize = 4;

/// The location of a stack.
pub fn place(aws: &Aws, names: &Names) -> Place {
    Place {
        partition: aws.partition().to_owned(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        stack: names.stack.clone(),
    }
}

/// The observed state with its drift.
#[derive(Debug)]
pub struct ObservedState {
    /// The state that CloudFormation and the services report.
    pub observed: Observed,
    /// What was changed out of band.
    pub drift: Drift,
}

/// Reads the state and its drift. With `closely`, also runs CloudFormation's drift detection.
pub async fn observe_with_drift(aws: &Aws, names: &Names, closely: bool) -> Result<ObservedState> {
    let stacks = Stacks::new(aws);
    let observed = observe(aws, &stacks, names).await?;
    let place = place(aws, names);
    let drift = drift(aws, &stacks, &place, &observed, closely).await?;
    Ok(ObservedState { observed, drift })
}

/// The results of all reads: whether a failed read is an error depends on the stack's status.
#[derive(Debug, Clone)]
pub struct StackReads {
    /// The stack, if there is one.
    pub stack: Result<Option<Stack>, CallError>,
    /// The upload bucket, whether it belongs to the stack or not.
    pub bucket: Result<Presence, CallError>,
    /// The table's properties in CloudFormation's format, whether it belongs to the stack or not.
    pub table: Result<Option<serde_json::Value>, CallError>,
    /// The template that is deployed.
    pub template: Result<Option<Value>, CallError>,
    /// The stack's resources.
    pub resources: Result<Vec<Resource>, CallError>,
    /// The function with its code, if there is one.
    pub code: Result<Option<Deployed>, CallError>,
}

/// Reads stack, bucket, table and function concurrently.
pub async fn read_all(aws: &Aws, stacks: &Stacks, names: &Names) -> StackReads {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let function = Function::new(aws, &names.function);
    let reads = async {
        tokio::join!(
            stacks.describe(&names.stack),
            bucket.presence(),
            table.properties_for_import(),
            stacks.deployed_template(&names.stack),
            stacks.resources(&names.stack),
            function.describe(),
        )
    };
    let (stack, bucket, table, template, resources, code) = Box::pin(reads).await;
    StackReads { stack, bucket, table, template, resources, code }
}

/// Reads the state, and fails if a part that decisions need could not be read.
pub async fn observe(aws: &Aws, stacks: &Stacks, names: &Names) -> Result<Observed> {
    read_all(aws, stacks, names).await.observed(names)
}

impl StackReads {
    /// The stack, as CloudFormation describes it.
    pub fn stack(&self, names: &Names) -> Result<Option<Stack>> {
        self.stack.clone().map_err(|e| e.into_error(&format!("read the stack {}", names.stack)))
    }

    /// The state that decisions need; an error if a needed part could not be read.
    pub fn observed(self, names: &Names) -> Result<Observed> {
        let stack = self.stack(names)?;
        let phase = stack.as_ref().map_or(Phase::Absent, |s| s.status.phase());
        let works = matches!(phase, Phase::Ready | Phase::ImportUndone);
        let (bucket, table) = if phase == Phase::Ready {
            // Bucket and table belong to a working stack, so no permission to read them is needed.
            (Presence::Absent, None)
        } else {
            (
                self.bucket.map_err(|e| e.into_error(&format!("look for the bucket {}", names.bucket)))?,
                self.table.map_err(|e| e.into_error(&format!("look for the table {}", names.table)))?,
            )
        };
        // These are needed only for a working stack; for others, some are not available.
        Ok(Observed {
            template: if works { self.template.map_err(|e| e.into_error("read the deployed template"))? } else { None },
            resources: if works || needs_resources(phase) {
                self.resources.map_err(|e| e.into_error("read the stack's resources"))?
            } else {
                Vec::new()
            },
            code: if works { self.code.map_err(|e| e.into_error("read the deployed handler"))? } else { None },
            stack,
            bucket,
            table,
            change_set: None,
            continued: false,
        })
    }
}

/// Detects drift. `full` also runs CloudFormation's drift detection.
pub async fn drift(aws: &Aws, stacks: &Stacks, place: &Place, observed: &Observed, full: bool) -> Result<Drift> {
    let (Some(stack), Some(template)) = (&observed.stack, &observed.template) else { return Ok(Drift::default()) };
    let context = observed.context(place);
    let (readings, detected) = tokio::join!(live::read(aws, &observed.resources), async {
        if full { detect(stacks, &stack.arn, &observed.resources).await } else { Detected::default() }
    });
    let known: Vec<String> = readings.keys().cloned().collect();
    let mut drift = Drift::of(template, &context, readings);
    if full {
        drift.merge_detected(detected.drifted, template, &context);
        // Resources that were read from their service need no result of CloudFormation.
        drift.unchecked.extend(detected.failed.into_iter().filter(|failed| !known.contains(&failed.logical_id)));
    }
    let deployed = stack.parameters.get(ARTIFACT_KEY).and_then(|key| package::sha256_of(key));
    drift.code = deployed
        .zip(observed.code.as_ref())
        .filter(|(deployed, code)| *deployed != code.sha256)
        .map(|(deployed, code)| CodeDrift { deployed: deployed.to_owned(), actual: code.sha256.clone() });
    Ok(drift)
}

/// The results of CloudFormation's drift detection.
#[derive(Debug, Default)]
struct Detected {
    drifted: Vec<Drifted>,
    failed: Vec<Unchecked>,
}

/// Runs CloudFormation's drift detection for every resource. An unsupported type or a missing permission is not an error.
async fn detect(stacks: &Stacks, stack: &str, resources: &[Resource]) -> Detected {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut reads = tokio::task::JoinSet::new();
    for resource in resources.iter().filter(|r| !r.physical_id.is_empty()) {
        let (permits, stacks, stack) = (Arc::clone(&permits), stacks.clone(), stack.to_owned());
        let logical_id = resource.logical_id.clone();
        reads.spawn(async move {
            let _permit = permits.acquire().await;
            let reads = tokio::time::timeout(DETECTION, stacks.detect_drift(&stack, &logical_id));
            let found = match reads.await {
                Ok(found) => found.map_err(|error| error.to_string()),
                Err(_) => Err(format!("CloudFormation did not finish within {} seconds", DETECTION.as_secs())),
            };
            (logical_id, found)
        });
    }
    let mut detected = Detected::default();
    for (logical_id, found) in reads.join_all().await {
        match found {
            Ok(found) => detected.drifted.extend(found),
            Err(reason) => detected.failed.push(Unchecked { logical_id, reason }),
        }
    }
    detected.failed.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    detected
}
