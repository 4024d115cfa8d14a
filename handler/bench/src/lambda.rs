//! The row "as on Lambda": the same programs under the processor share that Lambda gives a function by its memory.

use std::error::Error;
use std::time::Duration;

use crate::cpu_share::{CpuShare, ONE_PROCESSOR};
use crate::harness::{Bench, File, Program, Running};
use crate::price;
use crate::report::{Figures, Row, SMALL};
use crate::services::Services;

/// Megabytes of memory: what the stacks have, twice that, and one whole processor.
pub(crate) const MEMORY: [u32; 3] = [SMALL, 512, ONE_PROCESSOR];
/// Between an answer and the next event, where there is a pause: long enough for a share to be whole again.
const PAUSE: Duration = Duration::from_millis(50);
/// Events of a file in one go, so that what else the machine does meets all programs alike.
const ROUND: usize = 25;
/// Events before those that are measured.
const WARM_UP: usize = 3;

/// Measures every program with every amount of memory.
///
/// # Errors
/// A program fails; or control groups may not be made, with [`std::io::Error`] as its source.
pub(crate) fn measure(
    bench: &Bench<impl Services>,
    programs: &[Program],
    files: &[File],
    events: usize,
) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for memory_mb in MEMORY {
        // The group is deleted after the process that is in it.
        let mut running = Vec::new();
        for program in programs {
            let share = CpuShare::of_memory(memory_mb)?;
            let running_program = bench.start_in(&share, program)?;
            running_program.api.asked(1).ok_or("the program never asks for an event")?;
            running.push((running_program, share));
        }
        for file in files {
            let mut figures: Vec<_> =
                programs.iter().map(|program| Figures { name: program.name, ..Figures::default() }).collect();
            for ((running, _), _) in running.iter().zip(programs) {
                for _ in 0..WARM_UP {
                    bench.invoke(running, file)?;
                }
            }
            for _ in 0..events.div_ceil(ROUND) {
                for ((running, share), figures) in running.iter().zip(&mut figures) {
                    round(bench, running, share, file, figures)?;
                }
            }
            for figures in &mut figures {
                figures.dollars_per_million = price::of_a_million(memory_mb, &figures.at_once.millis);
            }
            rows.push(Row { memory_mb, file: file.key, programs: figures });
        }
    }
    Ok(rows)
}

/// One round of events without pauses, and some with.
fn round(
    bench: &Bench<impl Services>,
    running: &Running,
    share: &CpuShare,
    file: &File,
    figures: &mut Figures,
) -> Result<(), Box<dyn Error>> {
    std::thread::sleep(PAUSE);
    let before = share.used()?;
    for _ in 0..ROUND {
        figures.at_once.add(bench.invoke(running, file)?);
    }
    // What a program does after its answer belongs to the file.
    std::thread::sleep(PAUSE);
    let used = share.used()?.saturating_sub(before);
    figures.cpu.add(used / u32::try_from(ROUND)?);
    for _ in 0..ROUND / 5 {
        std::thread::sleep(PAUSE);
        figures.with_pauses.add(bench.invoke(running, file)?);
    }
    Ok(())
}
