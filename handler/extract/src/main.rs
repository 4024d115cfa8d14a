//! Reads files the way the handler does, without any cloud, and writes a line of JSON for each: for tests, comparisons
//! and benchmarks of this crate. With the default limits, and every type allowed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use handler_contract::{FileTypes, Limits};
use handler_extract::{Extractor, child};
use serde_json::json;

/// Bytes passed on at a time; about what a download gives.
const CHUNK: usize = 64 << 10;

fn main() -> ExitCode {
    if let Some(code) = child::run_if_asked() {
        return code;
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "extract: failed to {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("start: {error}"))?;
    let extractor =
        Extractor::new(Limits::default(), FileTypes::any()).map_err(|error| format!("find this program: {error}"))?;
    for path in std::env::args_os().skip(1) {
        let path = Path::new(&path);
        let line =
            runtime.block_on(read(&extractor, path)).map_err(|error| format!("read {}: {error}", path.display()))?;
        writeln!(io::stdout(), "{line}").map_err(|error| format!("write: {error}"))?;
    }
    Ok(())
}

async fn read(extractor: &Extractor, path: &Path) -> io::Result<serde_json::Value> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut session = extractor.start(&name, Some(length)).await?;
    session.set_length(length);
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = file.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        session.feed(&chunk[..count]).await?;
    }
    let findings = session.finish().await?;
    Ok(json!({
        "path": path.to_string_lossy(),
        "fileType": findings.file_type,
        "fileSize": findings.file_size,
        "sha256": findings.sha256,
        "metadata": findings.metadata,
        "failure": findings.failure,
    }))
}
