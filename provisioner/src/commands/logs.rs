//! `provisioner logs`: the function's log lines.

use provisioner_aws::logs::Logs as Group;
use provisioner_engine::logs::{Tail, is_transient, newest_until};
use provisioner_engine::{clock, connection, interrupt};
use provisioner_model::call_error::{CallError, Kind};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::log_filter::LogFilter;
use provisioner_model::log_lines::Entry;
use provisioner_model::names::Names;
use provisioner_model::query::Pattern;

use crate::cli::{Global, Logs};
use crate::report::Report;

/// Prints the newest lines and, with `--follow`, new lines until interrupted.
pub async fn run(global: &Global, args: &Logs, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let now = clock::now()?;
    let (since, until) = super::period(Some(&args.since), args.until.as_deref(), &now)?;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let names = Names::new(&spec, &aws.account, &aws.region);
    let failed = |fault: CallError| match fault.kind {
        Kind::NotFound => {
            Error::new(Exit::Failure, "no-log", format!("the stack {} has no log group {}", spec.name, names.log_group))
                .hint(format!("Create the stack first: provisioner up -s {}", global.stack))
        }
        _ => fault.into_error("read the log"),
    };
    let filter = LogFilter {
        file: args.file.clone(),
        request: args.request.clone(),
        errors: args.errors,
        text: args.grep.as_deref().map(Pattern::contained),
        reports: args.reports,
    };
    let group = Group::new(&aws, &names.log_group).matching(&filter.on_server());
    let shown = move |entry: &Entry| filter.matches(entry);

    let (now, limit) = (now.unix_millis(), usize::from(args.limit));
    let since = since.map_or(0, |since| since.unix_millis());
    if let Some(until) = &until {
        let lines = newest_until(&group, (since, until.unix_millis()), limit, &shown).await.map_err(failed)?;
        if lines.is_empty() {
            report.narrate("No line in this period.");
        }
        for entry in &lines {
            report.log(entry);
        }
        return Ok(());
    }
    let (newest, mut tail) = Tail::after_newest(group, (since, now), limit, &shown).await.map_err(failed)?;
    let none = newest.is_empty();
    for entry in newest {
        report.log(&entry);
    }
    if !args.follow {
        if none {
            report.narrate("No line in this period. For older lines: --since 7d");
        }
        return Ok(());
    }
    let mut interrupted = std::pin::pin!(interrupt::next());
    let mut readable = true;
    while report.stdout_open() {
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            () = tokio::time::sleep(tail.interval()) => {}
        }
        let read = tail.read(|entry| {
            if shown(entry) {
                report.log(entry);
            }
        });
        let read = tokio::select! {
            () = &mut interrupted => return Ok(()),
            read = read => read,
        };
        match read {
            Err(error) if is_transient(&error) => {
                // Once, not at each attempt.
                if std::mem::take(&mut readable) {
                    report.remark(&format!("The log cannot be read at the moment ({error}); trying again."));
                }
            }
            read => {
                read.map_err(failed)?;
                readable = true;
            }
        }
    }
    Ok(())
}
