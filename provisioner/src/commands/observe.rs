//! Looks at everything that a decision may need. Reads only.

use std::time::Duration;

use crate::aws::Aws;
use crate::aws::fault::{Fault, Kind};
use crate::aws::function::Function;
use crate::aws::live;
use crate::aws::stacks::{Stack, Stacks};
use crate::aws::storage::{Presence, Storage};
use crate::aws::table::Table;
use crate::drift::{CodeDrift, Drift, Unchecked};
use crate::error::Result;
use crate::names::Names;
use crate::package;
use crate::plan::{Observed, Place, wants_resources};
use crate::status::Phase;
use crate::template::ARTIFACT_KEY;

/// How long CloudFormation is given to detect drift. It looks at one resource after the other; ten take well under this.
const DETECTION: Duration = Duration::from_mins(3);
/// How often it is asked whether it has ended, at first and at last.
const FIRST_LOOK: Duration = Duration::from_millis(50);
const LAST_LOOK: Duration = Duration::from_secs(3);

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
        if full { Some(detect(stacks, &stack.arn).await) } else { None }
    });
    let mut drift = Drift::of(template, &context, readings);
    if let Some(detected) = detected {
        let (detected, failed) = detected.map_err(|e| e.into_error("have CloudFormation detect drift"))?;
        drift.and_detected(detected, template, &context);
        drift.unchecked.extend(failed.map(|reason| Unchecked { logical_id: stack.name.clone(), reason }));
    }
    let deployed = stack.parameters.get(ARTIFACT_KEY).and_then(|key| package::sha256_of(key));
    drift.code = deployed
        .zip(observed.code.as_ref())
        .filter(|(deployed, code)| *deployed != code.sha256)
        .map(|(deployed, code)| CodeDrift { deployed: deployed.to_owned(), actual: code.sha256.clone() });
    Ok(drift)
}

/// Has CloudFormation look, and waits. Also returns what it could not look at.
async fn detect(stacks: &Stacks, stack: &str) -> Result<(Vec<crate::drift::Drifted>, Option<String>), Fault> {
    let id = stacks.detect_drift(stack).await?;
    let wait = async {
        let mut pause = FIRST_LOOK;
        loop {
            if let Some(failed) = stacks.detection(&id).await? {
                return Ok(failed);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
        }
    };
    let failed = tokio::time::timeout(DETECTION, wait).await.unwrap_or_else(|_| {
        Err(Fault {
            kind: Kind::Other,
            code: None,
            message: format!("CloudFormation still looks after {} seconds", DETECTION.as_secs()),
        })
    })?;
    Ok((stacks.drifted(stack).await?, failed))
}
