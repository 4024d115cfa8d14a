//! `provisioner inspect`: the record that the handler would write for a local file. It needs neither AWS nor
//! credentials.
//!
//! The file is read by the same extractor as in the function, in a child process with the same limits. Attributes that
//! are not derived from the content are placeholders: the bucket is `local`, the key is the file name, and the upload
//! time is the modification time. Version, `ETag` and sequencer are absent. `documentId` and the shards therefore
//! differ from those of an uploaded file.

use std::path::Path;

use handler_contract::record::Findings;
use handler_contract::{Record, Status, Timestamp, Upload};
use handler_extract::Extractor;
use provisioner_engine::clock;
use provisioner_engine::stack_file::StackFile;
use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec::child_limits;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use crate::cli::{Global, Inspect};
use crate::report::{Report, files};

/// The placeholder for the bucket name.
const BUCKET: &str = "local";
/// The size in bytes of one read, and of one write to the child.
const CHUNK: usize = 256 << 10;

/// Reads every file and prints its record. With `--json` the output is one array of records.
pub async fn run(global: &Global, args: &Inspect, report: &Report) -> Result<()> {
    let spec = StackFile::load_anywhere(&global.stack)?;
    let extractor = Extractor::new(child_limits(&spec), spec.files.allowed_types.clone())
        .map_err(|e| Error::new(Exit::Failure, "extractor", "failed to prepare the extraction").source(e))?;
    let mut records = Vec::new();
    let mut failed = 0;
    for path in &args.files {
        let record = inspect(&extractor, path, spec.files.max_size.0).await?;
        failed += usize::from(record.status == Status::Failed);
        let record = serde_json::to_value(record)
            .map_err(|e| Error::new(Exit::Failure, "record", "failed to write the record").source(e))?;
        if report.is_json() {
            records.push(record);
        } else {
            report.text(&files::inspected(&path.display().to_string(), &record, report.data_style));
        }
    }
    if report.is_json() {
        report.document(&Value::Array(records));
    }
    if failed > 0 {
        let message = format!("{failed} of {} file(s) would be recorded as FAILED", args.files.len());
        return Err(Error::new(Exit::Files, "failed-files", message).already_reported());
    }
    Ok(())
}

async fn inspect(extractor: &Extractor, path: &Path, max_size: u64) -> Result<Record> {
    let failed = |e| io("read", path, e);
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let meta = file.metadata().await.map_err(failed)?;
    if !meta.is_file() {
        return Err(Error::new(Exit::Usage, "files", format!("{} is not a file", path.display())));
    }
    let changed = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let changed = changed.and_then(|age| i64::try_from(age.as_millis()).ok()).and_then(Timestamp::from_unix_millis);
    let now = clock::now()?;
    let upload = Upload {
        bucket: BUCKET.to_owned(),
        key: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        version_id: None,
        e_tag: None,
        sequencer: None,
        size: Some(meta.len()),
        uploaded_at: changed.unwrap_or_else(|| now.clone()),
    };
    let findings = if meta.len() > max_size {
        Findings::too_large(meta.len(), max_size)
    } else {
        let broken =
            |e| Error::new(Exit::Failure, "extraction", format!("failed to extract {}", path.display())).source(e);
        let mut session = extractor.start(upload.file_name(), upload.size).await.map_err(broken)?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let length = file.read(&mut chunk).await.map_err(failed)?;
            if length == 0 {
                break;
            }
            session.feed(&chunk[..length]).await.map_err(broken)?;
        }
        session.finish().await.map_err(broken)?
    };
    Ok(Record::new(&upload, findings, now, env!("CARGO_PKG_VERSION")))
}
