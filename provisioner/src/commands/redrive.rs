//! `provisioner redrive`: lists failed events, and sends them to the function again.

use provisioner_engine::connection;
use provisioner_engine::redrive::{self, Options};
use provisioner_model::error::Result;
use provisioner_model::query::Pattern;
use provisioner_model::units::counted;

use crate::cli::{Global, Redrive};
use crate::report::{Report, redrive as human};

/// Runs the command.
pub async fn run(global: &Global, args: &Redrive, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let options = Options {
        agreed: args.yes,
        code: args.code.clone(),
        name: args.name.as_deref().map(Pattern::contained),
        limit: args.limit.into(),
        dry_run: args.dry_run,
        keep: args.keep,
        discard: args.discard,
    };
    let aws = connection::connect(&global.connection(), &spec).await?;
    if !args.list {
        return redrive::redrive(&aws, &spec, &options, report).await;
    }
    let listing = redrive::list(&aws, &spec, &options).await?;
    if report.is_json() || !listing.events.is_empty() {
        report.data(&listing, || human::list(&listing, report.data_style));
    } else {
        report.narrate(if listing.depth == 0 { "No failed event." } else { "No failed event matches." });
    }
    if listing.unread > 0 {
        report.narrate(&format!(
            "{} more in the queue: another consumer has received them, or there are more than are read at a time.",
            counted(listing.unread, "message")
        ));
    }
    if let Some(reason) = &listing.hidden {
        report.warn(&format!("the messages stay hidden from other consumers for half a minute: {reason}"));
    }
    Ok(())
}
