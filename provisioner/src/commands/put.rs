//! `provisioner put`: uploads files and, with `--wait`, waits for their records.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use provisioner_engine::connection;
use provisioner_engine::put::{PutOptions, Target, doubts, report_unprocessed};
use provisioner_engine::upload_list::{Excluded, Upload, collect_uploads};
use provisioner_model::error::Result;

use crate::cli::{Global, Put};
use crate::report::Report;
use crate::report::uploads::{Planned, Uploading, planned, shown};

/// Uploads all files. If one of them cannot be read, none is uploaded.
pub async fn run(global: &Global, args: &Put, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let excluded = Excluded::new(&args.exclude)?;
    let uploads = collect_uploads(&args.files, &args.prefix, args.key.as_deref(), &excluded)?;
    report_unprocessed(&spec, &uploads, args.wait, report)?;
    if args.dry_run && !args.skip_existing {
        doubts::settle(&doubts::doubts(&uploads, &spec), true, report).await?;
        show(&uploads, &BTreeSet::new(), report);
        return Ok(());
    }
    let aws = connection::connect(&global.connection(), &spec).await?;
    let target = Target::find(&aws, &spec, &global.stack).await?;
    let doubts = target.doubts(&uploads, &spec).await;
    doubts::settle(&doubts, args.yes || args.dry_run, report).await?;
    if args.dry_run {
        show(&uploads, &target.already_there(&uploads, args.parallel).await?, report);
        return Ok(());
    }
    let options = PutOptions {
        wait: args.wait,
        timeout: Duration::from_secs(args.timeout.0),
        parallel: args.parallel,
        skip_existing: args.skip_existing,
    };
    report.set_files(uploads.iter().map(|upload| shown(&upload.name(), &upload.key).to_owned()));
    let bar = Uploading::new(&report.live, uploads.len(), uploads.iter().map(Upload::size).sum());
    target.put(uploads, options, Arc::new(bar), report).await
}

fn show(uploads: &[Upload], there: &BTreeSet<String>, report: &Report) {
    let planned_uploads: Vec<Planned> = uploads
        .iter()
        .map(|upload| Planned {
            file: upload.name(),
            key: upload.key.clone(),
            size: upload.known_size(),
            skipped: there.contains(&upload.key),
        })
        .collect();
    report.data(&planned_uploads, || planned(&planned_uploads, report.data_style));
}
