//! Measures the real handler beside a bare Rust Lambda and a Python one, on this machine, without any cloud.

mod cpu_share;
mod files;
mod harness;
mod instructions;
mod lambda;
mod measure;
mod price;
mod report;
mod services;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use serde::Serialize;

use crate::harness::Program;
use crate::measure::{Plan, measure, measure_at};

/// Starts the handler against a minimal Lambda Runtime API, S3 and DynamoDB, and measures start, answers and memory.
#[derive(Debug, Parser)]
#[command(name = "handler-bench")]
struct Arguments {
    /// The handler's executable, built with `--profile lambda`
    handler: PathBuf,
    /// The bare Rust Lambda to compare with (`cargo build --profile lambda -p handler-bench --bin bare`)
    #[arg(long, value_name = "PATH")]
    bare: Option<PathBuf>,
    /// A Python that has boto3 and pypdf, for the Python Lambda to compare with
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// The Python Lambda
    #[arg(long, value_name = "PATH", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/python/handler.py"))]
    python_handler: PathBuf,
    /// The PDF to measure with; generated if not given
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// How often each program is started
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// How many small texts each program gets
    #[arg(long, default_value_t = 300)]
    warm: usize,
    /// How many PDFs each program gets
    #[arg(long, default_value_t = 30)]
    pdfs: usize,
    /// Sizes of the large texts
    #[arg(long, value_name = "MIB", value_delimiter = ',', default_value = "256,1024")]
    large: Vec<u64>,
    /// How many events each program gets for each file under each processor share of Lambda
    #[arg(long, default_value_t = 100)]
    shared: usize,
    /// The address of S3 and DynamoDB, to measure with them instead of fakes, for example MiniStack's. It must be an IP
    /// address: of a name the programs would make one for each bucket. Measures only under the processor shares, and
    /// leaves a bucket and a table behind
    #[arg(long, value_name = "URL")]
    services: Option<String>,
    /// The program that reads a file without a sandbox, to count instructions (`--bin in_process` of this package)
    #[arg(long, value_name = "PATH")]
    in_process: Option<PathBuf>,
    /// Where the figures go as JSON; "-" for standard output, instead of the table
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
}

/// Pages of the PDF that is generated: about 200 KB.
const PDF_PAGES: usize = 40;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(std::io::stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    let program = |name, executable, arguments, reads_pdf| Program { name, executable, arguments, reads_pdf };
    let mut programs = vec![program("handler", arguments.handler, Vec::new(), true)];
    if let Some(path) = arguments.bare {
        programs.push(program(report::BARE, path.clone(), Vec::new(), false));
        programs.push(program(report::FORKING, path, vec!["--fork".to_owned()], false));
    }
    let script = arguments.python_handler.display().to_string();
    programs.extend(arguments.python.map(|path| program(report::PYTHON, path, vec![script], true)));
    // Narration that nobody reads is no reason to stop.
    let say = |step: &str| drop(writeln!(std::io::stderr(), "{step}"));
    if let Some(url) = arguments.services {
        let report = measure_at(url, &programs, arguments.shared, say)?;
        return print(&report, &report.table(), arguments.json.as_deref());
    }

    let pdf = match &arguments.pdf {
        Some(path) => std::fs::read(path).map_err(|error| format!("failed to read {}: {error}", path.display()))?,
        None => files::pdf(PDF_PAGES),
    };
    let plan = Plan {
        starts: arguments.starts,
        warm: arguments.warm,
        pdfs: arguments.pdfs,
        large: arguments.large,
        pdf,
        shared: arguments.shared,
        in_process: arguments.in_process,
    };
    let report = measure(&programs, &plan, say)?;
    print(&report, &report.table(), arguments.json.as_deref())
}

/// Writes a report to where it is asked for.
fn print(report: &impl Serialize, table: &str, json_path: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let json = serde_json::to_string_pretty(report)?;
    let mut stdout = std::io::stdout();
    match json_path {
        Some(path) if path.as_os_str() == "-" => writeln!(stdout, "{json}")?,
        Some(path) => {
            std::fs::write(path, json).map_err(|error| format!("failed to write {}: {error}", path.display()))?;
            stdout.write_all(table.as_bytes())?;
        }
        None => stdout.write_all(table.as_bytes())?,
    }
    Ok(())
}
