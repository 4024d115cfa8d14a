//! `provisioner records`: lists the records of the table, newest first.

use handler_contract::Status;
use provisioner_engine::records::Listing;
use provisioner_engine::{clock, connection};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::query::{Pattern, Query, moment};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Format, Global, Records};
use crate::report::{Report, files};

/// The JSON output.
#[derive(Debug, Serialize)]
struct Document {
    records: Vec<Value>,
    /// The token for `--after`; absent on the last page.
    next: Option<String>,
}

/// Prints one page.
pub async fn run(global: &Global, args: &Records, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let now = clock::now()?;
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

    let aws = connection::connect(&global.connection(), &spec).await?;
    let listing = Listing::new(&aws, &spec, &global.stack);
    let query = Query {
        status,
        name: args.name.as_deref().map(Pattern::contained),
        file_type: args.file_type.as_deref().map(Pattern::whole),
        since,
        until,
        object: args.key.clone().map(|key| (listing.bucket().to_owned(), key)),
        after,
    };
    let page = listing.page(&query, args.limit.into()).await?;
    let next = page.next.as_ref().map(ToString::to_string);

    let format = if report.is_json() { Format::Json } else { args.format };
    if format == Format::Table {
        if page.rows.is_empty() {
            report.narrate("No record matches.");
        } else {
            report.text(&files::records(&page.rows, report.data_style));
        }
    } else {
        let records = listing.documents(&page).await?;
        match format {
            Format::Csv => report.text(&files::csv(&records)),
            Format::Json | Format::Table => report.document(&Document { records, next: next.clone() }),
        }
    }
    if let Some(next) = next {
        if let Some(examined) = page.gave_up_after {
            report.narrate(&format!("Read {examined} records and stopped there."));
        }
        report.narrate(&report.style.dim(&format!("Older records: the same command with --after {next}")));
    }
    Ok(())
}
