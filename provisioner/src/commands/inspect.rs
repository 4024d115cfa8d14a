//! `provisioner inspect`: the record that the handler would write for a local file. It needs neither AWS nor
//! credentials.
//!
//! The file is read by the same extractor as in the function, in a child process with the same limits. Attributes that
//! are not derived from the content are placeholders: the bucket is `local`, the key is the file name, and the upload
//! time is the modification time. Version, `ETag` and sequencer are absent. `documentId` and the shards therefore
//! differ from those of an uploaded file.

use std::path::{Path, PathBuf};

use handler_contract::record::Findings;
use handler_contract::{Record, Status, Timestamp, Upload};
use handler_extract::Extractor;
use provisioner_engine::clock;
use provisioner_engine::stack_file::StackFile;
use provisioner_model::error::{Error, Exit, Result, io};
use provisioner_model::spec::child_limits;
use provisioner_model::units::counted;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::unreadable;
use crate::cli::{Global, Inspect};
use crate::report::{Report, files as human};

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
    let files = collect(&args.files)?;
    let total = files.len();
    for file in &files {
        let record =
            inspect(&extractor, file.path(), &file.name(), args.content_encoding.as_deref(), spec.files.max_size.0)
                .await?;
        failed += usize::from(record.status == Status::Failed);
        let record = serde_json::to_value(record)
            .map_err(|e| Error::new(Exit::Failure, "record", "failed to write the record").source(e))?;
        if report.is_json() {
            records.push(record);
        } else {
            report.text(&human::inspected(&file.to_string(), &record, report.data_style));
        }
    }
    if report.is_json() {
        report.document(&Value::Array(records));
    }
    if failed > 0 {
        let message = format!("{failed} of {} would be recorded as FAILED", counted(total as u64, "file"));
        return Err(Error::new(Exit::Files, "failed-files", message).already_reported());
    }
    Ok(())
}

/// A file to inspect.
#[derive(Debug)]
enum Input {
    File(PathBuf),
    /// A copy of standard input, deleted with this value.
    Stdin(tempfile::NamedTempFile),
}

impl Input {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) => path,
            Self::Stdin(copy) => copy.path(),
        }
    }

    /// The name in the record.
    fn name(&self) -> String {
        match self {
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Stdin(_) => "stdin".to_owned(),
        }
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Stdin(_) => f.write_str("standard input"),
        }
    }
}

/// The files that the arguments name, as `put` takes them: files, folders with all files below them, and `-`.
fn collect(paths: &[PathBuf]) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let copy = |e| io("keep a copy of standard input in", &std::env::temp_dir(), e);
            let mut file = tempfile::NamedTempFile::new().map_err(copy)?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file).map_err(copy)?;
            inputs.push(Input::Stdin(file));
            continue;
        }
        let meta = std::fs::metadata(path).map_err(|e| unreadable("the file", path, e))?;
        if meta.is_dir() {
            let before = inputs.len();
            walk(path, &mut inputs)?;
            if inputs.len() == before {
                return Err(Error::new(Exit::Usage, "files", format!("the folder {} has no files", path.display())));
            }
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    Ok(inputs)
}

/// Adds the files below a folder, by name. Links to folders are not followed: they may lead back.
fn walk(folder: &Path, inputs: &mut Vec<Input>) -> Result<()> {
    let listed = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let mut entries = listed.map_err(|e| unreadable("the folder", folder, e))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().map_err(|e| unreadable("the file", &path, e))?.is_dir() {
            walk(&path, inputs)?;
        } else if path.is_file() {
            inputs.push(Input::File(path));
        }
    }
    Ok(())
}

async fn inspect(
    extractor: &Extractor,
    path: &Path,
    name: &str,
    content_encoding: Option<&str>,
    max_size: u64,
) -> Result<Record> {
    let failed = |e| unreadable("the file", path, e);
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let meta = file.metadata().await.map_err(failed)?;
    if !meta.is_file() {
        return Err(Error::new(Exit::Usage, "files", format!("{} is not a file", path.display())));
    }
    let changed = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let changed = changed.and_then(|age| i64::try_from(age.as_millis()).ok()).and_then(Timestamp::from_unix_millis);
    let now = clock::now()?;
    let upload = Upload {
        bucket: BUCKET.to_owned(),
        key: name.to_owned(),
        version_id: None,
        e_tag: None,
        sequencer: None,
        size: Some(meta.len()),
        uploaded_at: changed.unwrap_or_else(|| now.clone()),
    };
    let findings = if meta.len() > max_size {
        Findings::too_large(meta.len(), max_size)
    } else {
        let broken = |e| {
            let temporary = std::env::temp_dir();
            Error::new(Exit::Failure, "extraction", format!("failed to extract {}", path.display()))
                .source(e)
                .hint(format!("Temporary files are in {}; TMPDIR names another folder.", temporary.display()))
        };
        let mut session = extractor.start(upload.file_name(), upload.size).await.map_err(broken)?;
        session.set_content_encoding(content_encoding);
        // Of a file that grows meanwhile, what was there. Some of the system's files have no size and content all the same.
        let length = Some(meta.len()).filter(|length| *length > 0);
        if let Some(length) = length {
            session.set_length(length);
        }
        let mut file = file.take(length.unwrap_or(u64::MAX));
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
