//! Runs the contenders side by side and takes the times.
//!
//! Their runs alternate, so that whatever else the machine does meets all of them alike.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::harness::{Bench, Program, TIME};
use crate::report::{Contender, Lambda, LambdaReport, Report, in_units};
use crate::services::{Emulator, Fakes, Services};
use crate::{files, instructions, lambda};

/// Between one answer and the next event. On this machine services answer in a tenth of a millisecond; in AWS they take
/// this long and longer, in which a program works on what is not part of the answer.
const PAUSE: Duration = Duration::from_millis(10);

/// Bytes of the small text and of the medium one.
const SMALL_TEXT: usize = 1600;
const MEDIUM_TEXT: usize = 54_000;
/// Pages of the small PDF.
const SMALL_PDF: usize = 3;

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

/// Measures everything, with fakes as the services. The first program is the handler.
pub(crate) fn measure(programs: &[Program], plan: &Plan, mut say: impl FnMut(&str)) -> Result<Report, Box<dyn Error>> {
    let bench = Bench::new(Fakes::start()?);
    let small = bench.put("small.txt", files::text(SMALL_TEXT))?;
    let pdf = bench.put("sample.pdf", plan.pdf.clone())?;
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

    let lambda = measure_lambda(&bench, programs, plan.shared, say)?;
    let count = |path: &PathBuf| {
        lambda_files().iter().filter_map(|(name, bytes)| instructions::count(path, name, bytes)).collect::<Vec<_>>()
    };
    let instructions = plan.in_process.as_ref().map(count).unwrap_or_default();
    Ok(Report::new(contenders, large, lambda, instructions, hash_rate(), &programs[0].executable)?)
}

/// Measures under the processor shares of Lambda only, with the services at this URL.
pub(crate) fn measure_at(
    url: String,
    programs: &[Program],
    events: usize,
    say: impl FnMut(&str),
) -> Result<LambdaReport, Box<dyn Error>> {
    let bench = Bench::new(Emulator::prepare(url.clone())?);
    Ok(LambdaReport::new(url, measure_lambda(&bench, programs, events, say)?))
}

fn measure_lambda(
    bench: &Bench<impl Services>,
    programs: &[Program],
    events: usize,
    mut say: impl FnMut(&str),
) -> Result<Lambda, Box<dyn Error>> {
    let files = lambda_files().into_iter().map(|(name, content)| bench.put(name, content));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    say(&format!("{events} events for each of {} files under each processor share", files.len()));
    match lambda::measure(bench, programs, &files, events) {
        Ok(rows) => Ok(Lambda::Measured(rows)),
        Err(error) if error.is::<io::Error>() => {
            Ok(Lambda::NotMeasured(format!("control groups cannot be used: {error}")))
        }
        Err(error) => Err(error),
    }
}

/// The files that are measured under the processor shares of Lambda.
fn lambda_files() -> [(&'static str, Vec<u8>); 3] {
    [
        ("text-1.6-KB.txt", files::text(SMALL_TEXT)),
        ("text-54-KB.txt", files::text(MEDIUM_TEXT)),
        ("pdf-3-pages.pdf", files::pdf(SMALL_PDF)),
    ]
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
