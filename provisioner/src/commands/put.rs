//! `provisioner put`: uploads files and, with `--wait`, waits for their records.

use std::sync::Arc;
use std::time::Duration;

use provisioner_engine::connection;
use provisioner_engine::put::{PutOptions, Target, report_unprocessed};
use provisioner_engine::upload_list::{Upload, collect_uploads};
use provisioner_model::error::Result;

use crate::cli::{Global, Put};
use crate::report::Report;
use crate::report::files::Uploading;

/// Uploads all files. If one of them cannot be read, none is uploaded.
pub async fn run(global: &Global, args: &Put, report: &Report) -> Result<()> {
    let spec = super::stack_file(global, report)?.spec;
    let uploads = collect_uploads(&args.files, &args.prefix, args.key.as_deref())?;
    report_unprocessed(&spec, &uploads, args.wait, report)?;
    let aws = connection::connect(&global.connection(), &spec).await?;
    let target = Target::find(&aws, &spec, &global.stack).await?;
    let order = PutOptions { wait: args.wait, timeout: Duration::from_secs(args.timeout.0), parallel: args.parallel };
    let bar = Uploading::new(&report.live, uploads.len(), uploads.iter().map(Upload::size).sum());
    target.put(uploads, order, Arc::new(bar), report).await
}
