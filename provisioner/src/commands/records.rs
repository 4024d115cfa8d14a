//! `provisioner records`: lists the records of the table, newest first.

use std::time::Duration;

use handler_contract::Status;
use provisioner_aws::Aws;
use provisioner_engine::export::Export;
use provisioner_engine::records::Listing;
use provisioner_engine::{clock, connection};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::names::Names;
use provisioner_model::query::{Order, Pattern, Query, media_type};
use provisioner_model::record_csv;
use provisioner_model::units::{Size, counted};
use provisioner_planner::canary;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{Format, Global, Records};
use crate::report::{Report, record_list};

/// From this duration on, an export is announced.
const ANNOUNCED: Duration = Duration::from_secs(10);

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
    let (since, until) = super::period(args.since.as_deref(), args.until.as_deref(), &now)?;
    let after = args.after.as_deref().map(str::parse).transpose().map_err(|e| usage(&e))?;
    let file_type = args.file_type.as_deref().map(media_type).transpose().map_err(|e| usage(&e))?;
    let format = super::format(report, args.format, Format::Json)?;
    let status =
        args.status.as_ref().map(|s| if s.eq_ignore_ascii_case("failed") { Status::Failed } else { Status::Success });

    let aws = connection::connect(&global.connection(), &spec).await?;
    let listing = Listing::new(&aws, &spec, &global.stack);
    let query = Query {
        status,
        name: args.name.as_deref().map(Pattern::contained),
        file_type,
        since,
        until,
        // A canary's record is of no interest, unless it is asked for.
        excluded: (!args.test_files && args.key.is_none()).then_some(canary::NAME),
        order: Order::NewestFirst,
        object: args.key.clone().map(|key| (listing.bucket().to_owned(), key)),
        after,
    };
    if args.all {
        let names = Names::new(&spec, &aws.account, &aws.region);
        return all(&aws, &names, &listing, &query, format, report).await;
    }
    let format = format.unwrap_or(Format::Table);
    let page = listing.page(&query, args.limit.into()).await?;
    let next = page.next.as_ref().map(ToString::to_string);

    if format == Format::Table {
        if page.rows.is_empty() {
            report.narrate("No record matches.");
        } else {
            let partial = listing.partial(&page).await?;
            report.text(&record_list::records(&page.rows, &partial, report.data_style));
        }
    } else {
        let records = listing.documents(&page).await?;
        match format {
            Format::Csv => report.text(&record_csv::csv(&records)),
            Format::Json | Format::Table => report.document(&Document { records, next: next.clone() }),
        }
    }
    if let Some(next) = next {
        if let Some(examined) = page.gave_up_after {
            report.narrate(&format!("Read {} and stopped there.", counted(examined as u64, "record")));
        }
        report.narrate(&report.style.dim(&format!(
            "Older records: the same command with --after {next}. All records: provisioner records --all"
        )));
    }
    Ok(())
}

/// Streams all records that match: as CSV the columns of the list, as JSON lines all attributes.
async fn all(
    aws: &Aws,
    names: &Names,
    listing: &Listing<'_>,
    query: &Query,
    format: Option<Format>,
    report: &Report,
) -> Result<()> {
    let csv = match format {
        Some(Format::Table) => {
            return Err(Error::new(Exit::Usage, "usage", "a table needs all of its rows to be laid out")
                .hint("With --all, give --format csv, or --format json for JSON lines."));
        }
        Some(Format::Json) => false,
        Some(Format::Csv) | None => true,
    };
    let export = Export::of(aws, names, !csv).await.map_err(|error| listing.failed(error))?;
    let export = export.ok_or_else(|| listing.missing())?;
    if let Some(pace) = export.pace {
        let estimate = pace.estimate(export.bytes);
        if estimate >= ANNOUNCED {
            report.narrate(&format!(
                "Reading {} ({}) within the {} read units that the table has takes about {}.",
                counted(export.items, "record"),
                Size(export.bytes).rounded(),
                pace.units,
                counted(estimate.as_secs().div_ceil(60), "minute")
            ));
        }
    }
    if csv {
        report.text(&record_csv::list_header());
    }
    let exported = export.run(query, |records| {
        let text = if csv { record_csv::list_rows(records) } else { lines(records) };
        if !text.is_empty() {
            report.text(&text);
        }
        report.stdout_open()
    });
    let exported = exported.await.map_err(|error| listing.failed(error))?;
    report.narrate(&counted(exported, "record"));
    Ok(())
}

/// One JSON document a line.
fn lines(records: &[Value]) -> String {
    records.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
