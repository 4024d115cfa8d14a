//! `provisioner records`: the table, newest first.

use handler_contract::Status;
use serde::Serialize;
use serde_json::Value;

use crate::aws::records::Records as Table;
use crate::cli::{Format, Global, Records};
use crate::commands;
use crate::error::{Error, Exit, Result};
use crate::fault::{Fault, Kind};
use crate::names::Names;
use crate::query::{Pattern, Query, moment};
use crate::report::{Report, files};
use crate::spec::StackFile;

/// A page ends after so many records that were looked at, however few of them match: about 10 MB are read then.
const BUDGET: usize = 50_000;

/// The JSON form.
#[derive(Debug, Serialize)]
struct Document {
    records: Vec<Value>,
    /// For `--after`.
    next: Option<String>,
}

/// Prints one page.
pub async fn run(global: &Global, args: &Records, report: &Report) -> Result<()> {
    let spec = StackFile::load(&global.stack)?.spec;
    let now = commands::now()?;
    let usage = |e: &dyn std::error::Error| Error::new(Exit::Usage, "usage", e.to_string());
    let time =
        |text: &Option<String>| text.as_deref().map(|text| moment(text, &now)).transpose().map_err(|e| usage(&e));
    let (since, until) = (time(&args.since)?, time(&args.until)?);
    if let (Some(since), Some(until)) = (&since, &until)
        && since >= until
    {
        return Err(Error::new(Exit::Usage, "usage", format!("--since ({since}) is not before --until ({until})")));
    }
    let after = args.after.as_deref().map(str::parse).transpose().map_err(|e| usage(&e))?;
    let status =
        args.status.as_ref().map(|s| if s.eq_ignore_ascii_case("failed") { Status::Failed } else { Status::Success });

    let aws = commands::connect(global, &spec).await?;
    let names = Names::new(&spec.name, &aws.account, &aws.region);
    let query = Query {
        status,
        name: args.name.as_deref().map(Pattern::contained),
        file_type: args.file_type.as_deref().map(Pattern::whole),
        since,
        until,
        object: args.key.clone().map(|key| (names.bucket.clone(), key)),
        after,
    };
    let failed = |fault: Fault| match fault.kind {
        Kind::NotFound => {
            Error::new(Exit::Failure, "no-table", format!("the stack {} has no table {}", spec.name, names.table))
                .hint(format!("Create the stack first: provisioner up -s {}", global.stack))
        }
        _ => fault.into_error("read the table of records"),
    };
    let table = Table::new(&aws, &names.table);
    let page = table.page(&query, &now, args.limit.into(), BUDGET).await.map_err(failed)?;
    let next = page.next.as_ref().map(ToString::to_string);

    let format = if report.is_json() { Format::Json } else { args.format };
    if format == Format::Table {
        if page.rows.is_empty() {
            report.narrate("No record matches.");
        } else {
            report.text(&files::records(&page.rows, report.style));
        }
    } else {
        let ids: Vec<String> = page.rows.into_iter().map(|row| row.document_id).collect();
        let records = table.documents(&ids).await.map_err(failed)?;
        match format {
            Format::Csv => report.text(&files::csv(&records)),
            Format::Json | Format::Table => report.document(&Document { records, next: next.clone() }),
        }
    }
    if let Some(next) = next {
        if let Some(examined) = page.gave_up_after {
            report.narrate(&format!("Looked at {examined} records and stopped there."));
        }
        report.narrate(&report.style.dim(&format!("Older records: the same command with --after {next}")));
    }
    Ok(())
}
