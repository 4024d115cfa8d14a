//! Instructions that reading a file takes, which do not depend on the machine: of the parser by itself, in one process
//! and without a sandbox (`src/bin/in_process.rs`).

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Serialize;

/// How often the file is read in the second of two runs; the first run reads it once. What both do besides cancels out.
const TIMES: u64 = 11;

/// Instructions for one file.
#[derive(Debug, Serialize)]
pub(crate) struct Instructions {
    pub(crate) file: &'static str,
    pub(crate) count: u64,
    /// What has counted them.
    pub(crate) counter: &'static str,
}

/// Counts with the processor's own counter where the system has it, else with Valgrind's simulation; `None` where there
/// is neither.
pub(crate) fn count(in_process: &Path, file: &'static str, bytes: &[u8]) -> Option<Instructions> {
    let perf = ("perf", &["stat", "-x,", "-e", "instructions:u"][..]);
    let callgrind = ("valgrind", &["--tool=callgrind", "--callgrind-out-file=/dev/null"][..]);
    [perf, callgrind].into_iter().find_map(|(counter, options)| {
        let run = |times: u64| {
            let mut command = Command::new(counter);
            command.args(options).arg(in_process).arg(times.to_string());
            parse(&stderr(&mut command, bytes).ok()?)
        };
        let count = run(TIMES)?.checked_sub(run(1)?)? / (TIMES - 1);
        Some(Instructions { file, count, counter: if counter == "perf" { "perf" } else { "callgrind" } })
    })
}

fn stderr(command: &mut Command, input: &[u8]) -> io::Result<String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input)?;
    }
    Ok(String::from_utf8_lossy(&child.wait_with_output()?.stderr).into_owned())
}

/// The count in what either program writes.
fn parse(output: &str) -> Option<u64> {
    output.lines().find_map(|line| match line.split_once("Collected :") {
        Some((_, count)) => count.trim().parse().ok(),
        None if line.contains("instructions") => line.split(',').next()?.parse().ok(),
        None => None,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_counters_are_understood() {
        for (output, count) in [
            ("==7== Events    : Ir\n==7== Collected : 271828\n", Some(271_828)),
            ("314159,,instructions:u,1000,100.00,,\n", Some(314_159)),
            ("<not supported>,,instructions:u,0,100.00,,\n", None),
            ("", None),
        ] {
            assert_eq!(parse(output), count, "{output}");
        }
    }
}
