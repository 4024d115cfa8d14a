//! Runs the contenders side by side and takes the times.
//!
//! Their runs alternate, so that whatever else the machine does meets all of them alike.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use handler_bench::dynamodb::DynamoDb;
use handler_bench::events::{Put, notification};
use handler_bench::function::{Function, children, lambda_vars, peak_kib};
use handler_bench::http::Body;
use handler_bench::runtime_api::{Answer, RuntimeApi};
use handler_bench::s3::S3;
use handler_contract::{FileTypes, Limits, Settings};
use sha2::{Digest, Sha256};

use crate::cpu_share::CpuShare;
use crate::report::{Contender, Lambda, Large, Report, Times, in_units};
use crate::{files, instructions, lambda};

/// The longest that any event may take.
const TIME: Duration = Duration::from_mins(5);

/// Between one answer and the next event. On this machine services answer in a tenth of a millisecond; in AWS they take
/// this long and longer, in which a program works on what is not part of the answer.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes of the small text and of the medium one.
const SMALL_TEXT: usize = 1600;
const MEDIUM_TEXT: usize = 54_000;
/// Pages of the small PDF.
const SMALL_PDF: usize = 3;

/// A program that is measured.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) executable: PathBuf,
    pub(crate) arguments: Vec<String>,
    /// Whether it can read a PDF.
    pub(crate) reads_pdf: bool,
}

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) starts: usize,
    pub(crate) warm: usize,
    pub(crate) pdfs: usize,
    /// MiB.
    pub(crate) large: Vec<u64>,
    pub(crate) pdf: Vec<u8>,
    /// How many events each program gets for each file under each processor share.
    pub(crate) shared: usize,
    /// The program whose instructions are counted.
    pub(crate) in_process: Option<PathBuf>,
}

/// The services that the programs call.
pub(crate) struct Bench {
    s3: S3,
    dynamodb: DynamoDb,
    events: AtomicU64,
}

/// A file that S3 holds.
pub(crate) struct File {
    pub(crate) key: &'static str,
    e_tag: String,
    size: u64,
}

/// A program that runs as a function.
pub(crate) struct Running {
    function: Function,
    pub(crate) api: RuntimeApi,
}

/// Measures everything. The first program is the handler.
pub(crate) fn measure(programs: &[Program], plan: &Plan, mut say: impl FnMut(&str)) -> Result<Report, Box<dyn Error>> {
    let bench = Bench { s3: S3::start()?, dynamodb: DynamoDb::start()?, events: AtomicU64::new(0) };
    let small = bench.put_bytes("small.txt", files::text(SMALL_TEXT));
    let pdf = bench.put_bytes("sample.pdf", plan.pdf.clone());
    let mut contenders: Vec<_> = programs.iter().map(|program| Contender::new(program.name)).collect();

    say(&format!("starting each of {} programs {} times", programs.len(), plan.starts));
    for _ in 0..plan.starts {
        for (program, contender) in programs.iter().zip(&mut contenders) {
            let running = bench.start(program)?;
            let asked = running.api.asked(1).ok_or("the program never asks for an event")?;
            contender.start_to_first_request.add(asked.saturating_duration_since(running.function.started()));
            contender.first_answer.add(bench.invoke(&running, &small)?);
            contender.peak_kib = contender.peak_kib.max(running.function.peak_kib());
        }
    }

    say(&format!("{} small texts each", plan.warm));
    let running = programs.iter().map(|program| bench.start(program)).collect::<Result<Vec<_>, _>>()?;
    for running in &running {
        // The first answers pay for connections.
        bench.invoke(running, &small)?;
    }
    for _ in 0..plan.warm {
        for (running, contender) in running.iter().zip(&mut contenders) {
            // What a program does after its answer, it does in the pause, as it does in Lambda while services answer.
            std::thread::sleep(PAUSE);
            contender.warm_text.add(bench.invoke(running, &small)?);
        }
    }
    for (running, contender) in running.iter().zip(&mut contenders) {
        for _ in 0..plan.warm {
            contender.warm_text_at_once.add(bench.invoke(running, &small)?);
        }
    }

    say(&format!("{} PDFs of {} KB each", plan.pdfs, plan.pdf.len() / 1000));
    for _ in 0..plan.pdfs {
        for ((program, running), contender) in programs.iter().zip(&running).zip(&mut contenders) {
            if program.reads_pdf {
                contender.warm_pdf.add(bench.invoke(running, &pdf)?);
            }
        }
    }
    for (running, contender) in running.iter().zip(&mut contenders) {
        contender.peak_kib = contender.peak_kib.max(running.function.peak_kib());
    }
    drop(running);

    let mut large = Vec::new();
    for &mib in &plan.large {
        say(&format!("a text of {mib} MiB"));
        large.push(bench.large(&programs[0], mib)?);
    }

    let contents = [
        ("text-1.6-KB.txt", files::text(SMALL_TEXT)),
        ("text-54-KB.txt", files::text(MEDIUM_TEXT)),
        ("pdf-3-pages.pdf", files::pdf(SMALL_PDF)),
    ];
    say(&format!("{} events for each of {} files under each processor share", plan.shared, contents.len()));
    let files: Vec<_> = contents.iter().map(|(name, bytes)| bench.put_bytes(name, bytes.clone())).collect();
    let lambda = match lambda::measure(&bench, programs, &files, plan.shared) {
        Ok(rows) => Lambda::Measured(rows),
        Err(error) if error.is::<io::Error>() => Lambda::NotMeasured(format!("control groups cannot be used: {error}")),
        Err(error) => return Err(error),
    };
    let count = |path: &PathBuf| {
        contents.iter().filter_map(|(name, bytes)| instructions::count(path, name, bytes)).collect::<Vec<_>>()
    };
    let instructions = plan.in_process.as_ref().map(count).unwrap_or_default();
    Ok(Report::new(contenders, large, lambda, instructions, hash_rate(), &programs[0].executable)?)
}

/// Megabytes a second that this processor hashes as the handler does: the best of some tries, as the rest were others'.
fn hash_rate() -> f64 {
    const BYTES: usize = 32 << 20;
    let piece = vec![b'x'; 64 << 10];
    let try_once = |_| {
        let (mut hash, start) = (Sha256::new(), Instant::now());
        (0..BYTES / piece.len()).for_each(|_| hash.update(&piece));
        std::hint::black_box(hash.finalize());
        start.elapsed()
    };
    let best = (0..8).map(try_once).min().unwrap_or(TIME);
    in_units(BYTES as u64, 1e6) / best.as_secs_f64()
}

impl Bench {
    fn put_bytes(&self, key: &'static str, bytes: Vec<u8>) -> File {
        self.put(key, Body::Bytes(Arc::new(bytes)))
    }

    fn put(&self, key: &'static str, body: Body) -> File {
        let size = body.len();
        File { key, e_tag: self.s3.put(&format!("uploads/{key}"), body), size }
    }

    fn start(&self, program: &Program) -> Result<Running, Box<dyn Error>> {
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
            table_name: "records".to_owned(),
            max_file_size: u64::MAX,
            allowed_types: FileTypes::any(),
            keep_records: None,
            detailed_metrics: false,
            limits: Limits::default(),
        };
        let mut vars = lambda_vars(&api.endpoint());
        vars.extend(settings.to_vars());
        vars.push(("AWS_ENDPOINT_URL_S3", self.s3.endpoint()));
        vars.push(("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint()));
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
        let event = notification(&Put { bucket: "uploads", key, e_tag, size: *size, sequencer: &sequencer });
        match running.api.invoke(event, TIME) {
            (Answer::Success(answer), took) if answer["files"][0]["outcome"] == "stored" => Ok(took),
            (answer, _) => Err(format!("{key} was not stored: {answer:?}").into()),
        }
    }

    fn large(&self, program: &Program, mib: u64) -> Result<Large, Box<dyn Error>> {
        let file = self.put("large.txt", files::large_text(mib << 20));
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

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.millis.push(time.as_secs_f64() * 1e3);
    }
}
