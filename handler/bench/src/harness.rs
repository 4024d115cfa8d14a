//! Runs programs as Lambda does, with S3 and `DynamoDB` beside them.

use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use handler_bench::events::{Put, notification};
use handler_bench::function::{Function, children, lambda_vars, peak_kib};
use handler_bench::runtime_api::{Answer, RuntimeApi};
use handler_contract::{FileTypes, Limits, Settings};

use crate::cpu_share::CpuShare;
use crate::files;
use crate::report::{Large, in_units};
use crate::services::{BUCKET, Fakes, Services};

/// The longest that any event may take.
pub(crate) const TIME: Duration = Duration::from_mins(5);

/// A program that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Whether it can read a PDF.
    pub(crate) reads_pdf: bool,
}

/// The services that the programs call, and the number of their events.
pub(crate) struct Bench<S> {
    services: S,
    events: AtomicU64,
}

/// A file that S3 holds.
pub(crate) struct File {
    pub(crate) key: &'static str,
    pub(crate) e_tag: String,
    pub(crate) size: u64,
}

/// A program that runs as a function.
pub(crate) struct Running {
    pub(crate) function: Function,
    pub(crate) api: RuntimeApi,
}

impl<S: Services> Bench<S> {
    pub(crate) fn new(services: S) -> Self {
        Self { services, events: AtomicU64::new(0) }
    }

    pub(crate) fn put(&self, key: &'static str, content: Vec<u8>) -> Result<File, Box<dyn Error>> {
        let size = content.len() as u64;
        Ok(File { key, e_tag: self.services.put(key, content)?, size })
    }

    pub(crate) fn start(&self, program: &Program) -> Result<Running, Box<dyn Error>> {
        let mut command = Command::new(&program.executable);
        command.args(&program.arguments);
        self.start_as(command)
    }

    /// Starts a program with a share of the processor.
    pub(crate) fn start_in(&self, share: &CpuShare, program: &Program) -> Result<Running, Box<dyn Error>> {
        self.start_as(share.command(&program.executable, &program.arguments))
    }

    fn start_as(&self, mut command: Command) -> Result<Running, Box<dyn Error>> {
        let api = RuntimeApi::start()?;
        let settings = Settings {
            table_name: self.services.table().to_owned(),
            max_file_size: u64::MAX,
            allowed_types: FileTypes::any(),
            keep_records: None,
            detailed_metrics: false,
            limits: Limits::default(),
        };
        let mut vars = lambda_vars(&api.endpoint());
        vars.extend(settings.to_vars());
        let [s3, dynamodb] = self.services.endpoints();
        vars.extend([("AWS_ENDPOINT_URL_S3", s3), ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)]);
        command.stdin(Stdio::null());
        let program = command.get_program().to_owned();
        let function = Function::spawn(command, vars)
            .map_err(|error| format!("failed to start {}: {error}", program.display()))?;
        Ok(Running { function, api })
    }

    /// Sends the file's event, and says how long its answer took. An answer other than "stored" ends the benchmark.
    pub(crate) fn invoke(&self, running: &Running, file: &File) -> Result<Duration, Box<dyn Error>> {
        // Every event is a new upload, or all but the first would be duplicates.
        let sequencer = format!("{:016X}", self.events.fetch_add(1, Ordering::Relaxed));
        let File { key, e_tag, size } = file;
        let event = notification(&Put { bucket: BUCKET, key, e_tag, size: *size, sequencer: &sequencer });
        match running.api.invoke(event, TIME) {
            (Answer::Success(answer), took) if answer["files"][0]["outcome"] == "stored" => Ok(took),
            (answer, _) => Err(format!("{key} was not stored: {answer:?}").into()),
        }
    }
}

impl Bench<Fakes> {
    pub(crate) fn large(&self, program: &Program, mib: u64) -> Result<Large, Box<dyn Error>> {
        let (key, body) = ("large.txt", files::large_text(mib << 20));
        let size = body.len();
        let file = File { key, e_tag: self.services.put_body(key, body), size };
        let running = self.start(program)?;
        running.api.asked(1);
        let done = AtomicBool::new(false);
        let process = running.function.id();
        let (took, child_kib) = std::thread::scope(|scope| {
            // A child's peak is gone with the child, so it is looked at while it runs.
            let watcher = scope.spawn(|| {
                let mut peak = None;
                while !done.load(Ordering::Relaxed) {
                    peak = children(process).into_iter().filter_map(peak_kib).max().max(peak);
                    std::thread::sleep(Duration::from_millis(5));
                }
                peak
            });
            let took = self.invoke(&running, &file);
            done.store(true, Ordering::Relaxed);
            (took, watcher.join().unwrap_or_default())
        });
        let took = took?;
        Ok(Large {
            mib,
            seconds: took.as_secs_f64(),
            mb_per_second: in_units(mib << 20, 1e6) / took.as_secs_f64(),
            parent_peak_kib: running.function.peak_kib(),
            child_peak_kib: child_kib,
        })
    }
}
