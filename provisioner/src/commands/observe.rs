//! Looks at everything that a decision may need. Reads only.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::aws::Aws;
use crate::aws::function::Function;
use crate::aws::live;
use crate::aws::stacks::Stacks;
use crate::aws::storage::Storage;
use crate::aws::table::Table;
use crate::drift::{CodeDrift, Drift, Drifted, Unchecked};
use crate::error::Result;
use crate::names::Names;
use crate::package;
use crate::plan::{Observed, Place, wants_resources};
use crate::stack::{Presence, Resource, Stack};
use crate::status::Phase;
use crate::template::ARTIFACT_KEY;

/// How long CloudFormation is given to look at one resource.
const DETECTION: Duration = Duration::from_mins(1);
/// Resources that it looks at at the same time; it allows only a few calls a second.
const AT_ONCE: usize = 4;

/// Where the stack of a connection is.
pub fn place(aws: &Aws, names: &Names) -> Place {
    Place {
        partition: aws.partition().to_owned(),
        account: aws.account.clone(),
        region: aws.region.clone(),
        stack: names.stack.clone(),
    }
}

/// Looks at stack, bucket, table and function, all at the same time.
pub async fn observe(aws: &Aws, stacks: &Stacks, names: &Names) -> Result<Observed> {
    let (bucket, table) = (Storage::new(aws, &names.bucket), Table::new(aws, &names.table));
    let function = Function::new(aws, &names.function);
    let looks = async {
        tokio::join!(
            stacks.describe(&names.stack),
            bucket.presence(),
            table.describe(),
            stacks.deployed_template(&names.stack),
            stacks.resources(&names.stack),
            function.describe(),
        )
    };
    let (stack, bucket, table, template, resources, code) = Box::pin(looks).await;
    let stack: Option<Stack> = stack.map_err(|e| e.into_error(&format!("look at the stack {}", names.stack)))?;
    let phase = stack.as_ref().map_or(Phase::Absent, |s| s.status.phase());
    let works = matches!(phase, Phase::Ready | Phase::ImportUndone);
    let (bucket, table) = if phase == Phase::Ready {
        // What a working stack holds is its own; a caller without permission to look need not.
        (Presence::Absent, None)
    } else {
        (
            bucket.map_err(|e| e.into_error(&format!("look for the bucket {}", names.bucket)))?,
            table.map_err(|e| e.into_error(&format!("look for the table {}", names.table)))?.map(|t| t.properties),
        )
    };
    // Of a stack that does not work, these say little, and some cannot be had.
    Ok(Observed {
        template: if works { template.map_err(|e| e.into_error("read the deployed template"))? } else { None },
        resources: if works || wants_resources(phase) {
            resources.map_err(|e| e.into_error("look at the stack's resources"))?
        } else {
            Vec::new()
        },
        code: if works { code.map_err(|e| e.into_error("look at the deployed handler"))? } else { None },
        stack,
        bucket,
        table,
        change_set: None,
        continued: false,
    })
}

/// What was changed behind the tool's back. `full` has CloudFormation look too.
pub async fn drift(aws: &Aws, stacks: &Stacks, place: &Place, observed: &Observed, full: bool) -> Result<Drift> {
    let (Some(stack), Some(template)) = (&observed.stack, &observed.template) else { return Ok(Drift::default()) };
    let context = observed.context(place);
    let (readings, detected) = tokio::join!(live::read(aws, &observed.resources), async {
        if full { detect(stacks, &stack.arn, &observed.resources).await } else { Detected::default() }
    });
    let known: Vec<String> = readings.keys().cloned().collect();
    let mut drift = Drift::of(template, &context, readings);
    if full {
        drift.and_detected(detected.drifted, template, &context);
        // What a service itself has told, CloudFormation need not.
        drift.unchecked.extend(detected.failed.into_iter().filter(|failed| !known.contains(&failed.logical_id)));
    }
    let deployed = stack.parameters.get(ARTIFACT_KEY).and_then(|key| package::sha256_of(key));
    drift.code = deployed
        .zip(observed.code.as_ref())
        .filter(|(deployed, code)| *deployed != code.sha256)
        .map(|(deployed, code)| CodeDrift { deployed: deployed.to_owned(), actual: code.sha256.clone() });
    Ok(drift)
}

/// What CloudFormation found.
#[derive(Debug, Default)]
struct Detected {
    drifted: Vec<Drifted>,
    failed: Vec<Unchecked>,
}

/// Has CloudFormation look at every resource. A type that it cannot look at, or a caller who may not, stops nothing.
async fn detect(stacks: &Stacks, stack: &str, resources: &[Resource]) -> Detected {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut looks = tokio::task::JoinSet::new();
    for resource in resources.iter().filter(|r| !r.physical_id.is_empty()) {
        let (permits, stacks, stack) = (Arc::clone(&permits), stacks.clone(), stack.to_owned());
        let logical_id = resource.logical_id.clone();
        looks.spawn(async move {
            let _permit = permits.acquire().await;
            let look = tokio::time::timeout(DETECTION, stacks.detect_drift(&stack, &logical_id));
            let found = match look.await {
                Ok(found) => found.map_err(|fault| fault.to_string()),
                Err(_) => Err(format!("CloudFormation still looks after {} seconds", DETECTION.as_secs())),
            };
            (logical_id, found)
        });
    }
    let mut detected = Detected::default();
    for (logical_id, found) in looks.join_all().await {
        match found {
            Ok(found) => detected.drifted.extend(found),
            Err(reason) => detected.failed.push(Unchecked { logical_id, reason }),
        }
    }
    detected.failed.sort_by(|a, b| a.logical_id.cmp(&b.logical_id));
    detected
}
