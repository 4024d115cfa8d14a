//! Every hostile file of `tests/hostile/make.py`, and mangled good ones, through real children: each ends in the
//! outcome it must have, and the next file is read as if nothing were.
//!
//! The children are this crate's own, as built for tests and with as much processor time as such a build needs. Where
//! [`DEPLOYED`] names the handler as it is deployed (`make hostile-check`), they are that program's, with the limits
//! that it is deployed with.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use handler_contract::record::Findings;
use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;
use serde_json::Value;

use crate::{code, extractor, pdf, read};

/// Children at a time.
const WORKERS: usize = 2;
/// Processor time where an attack is not about it: a debug build is many times slower than what is deployed.
const CPU_SECONDS: u32 = 30;
/// The environment variable that names the handler as it is deployed.
const DEPLOYED: &str = "HANDLER_AS_DEPLOYED";
/// Mangled files.
const MANGLED: usize = 400;

/// A row of the manifest.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attack {
    /// As it is uploaded.
    name: String,
    path: PathBuf,
    #[serde(rename = "type")]
    file_type: String,
    code: Option<ErrorCode>,
    limits: Given,
    /// Attributes of the record; `null` for those that must be missing.
    facts: BTreeMap<String, Value>,
}

/// What a child is given for an attack, where that is not the usual.
#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Given {
    memory: Option<u64>,
    cpu_seconds: Option<u32>,
}

impl Given {
    fn extractor(&self) -> Extractor {
        let usual = Limits::default();
        if let Some(program) = std::env::var_os(DEPLOYED) {
            return Extractor::with_program(program, usual, FileTypes::any());
        }
        extractor(Limits {
            memory: self.memory.unwrap_or(usual.memory),
            cpu_seconds: self.cpu_seconds.unwrap_or(CPU_SECONDS),
            wall_seconds: 240,
            ..usual
        })
    }
}

/// The folder with the files, written once.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/make.py");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hostile");
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let status = Command::new(python).env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(&folder).status();
        assert!(status.expect("Python 3.10 or newer is needed; PYTHON names it").success());
        folder
    })
}

/// Does something to each item, a few at a time, and returns what went wrong.
fn each<T: Sync>(items: &[T], work: impl Fn(&tokio::runtime::Runtime, &T) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().expect("no worker panics").extend(work(&runtime, item).err());
                }
            });
        }
    });
    wrong.into_inner().expect("no worker panics")
}

/// Sends an attack and a good file.
async fn send(attack: &Attack, bytes: &[u8]) -> Result<(), String> {
    let findings = read(&attack.limits.extractor(), &attack.name, bytes).await;
    let mut wrong = Vec::new();
    if findings.file_size != bytes.len() as u64 || findings.sha256.is_none() {
        wrong.push("size and hash are not known".to_owned());
    }
    if findings.file_type.as_deref() != Some(&attack.file_type) {
        wrong.push(format!("its type is {:?}, not {}", findings.file_type, attack.file_type));
    }
    if code(&findings) != attack.code {
        wrong.push(format!("its outcome is {:?}, not {:?}", findings.failure, attack.code));
    }
    let metadata = serde_json::to_value(&findings.metadata).expect("metadata can be written");
    for (name, expected) in &attack.facts {
        let value = metadata.get(name).unwrap_or(&Value::Null);
        if value != expected {
            wrong.push(format!("{name} is {value}, not {expected}"));
        }
    }
    wrong.extend(unclean(&findings));
    let good = read(&Given::default().extractor(), "x.pdf", &pdf::letter("Still here.")).await;
    if (good.metadata.word_count, &good.failure) != (Some(2), &None) {
        wrong.push(format!("the next file fails: {:?}", good.failure));
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}: {}", attack.path.display(), wrong.join("; "))) }
}

/// What must not be in any answer: a text that is long, empty, or changes how the text around it is shown.
fn unclean(findings: &Findings) -> Option<String> {
    let bad = |text: &str| {
        text.is_empty()
            || text.len() > 1024
            || text.contains(|c: char| {
                c.is_control() && c != '\t' || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
            })
    };
    let metadata = serde_json::to_value(&findings.metadata).expect("metadata can be written");
    let of_fields = metadata.as_object().expect("metadata has fields").iter().find_map(|(name, value)| match value {
        Value::String(text) if bad(text) => Some(format!("{name} is {text:?}")),
        Value::Array(values) if values.len() > 32 || values.iter().any(|v| v.as_str().is_none_or(bad)) => {
            Some(format!("{name} is {value}"))
        }
        _ => None,
    });
    let of_failure = findings.failure.as_ref().filter(|failure| bad(&failure.message)).map(|f| f.message.clone());
    of_fields.or(of_failure)
}

#[test]
fn every_attack_has_its_outcome_and_the_next_file_is_read() {
    let manifest = std::fs::read(folder().join("manifest.json")).unwrap();
    let attacks: Vec<Attack> = serde_json::from_slice(&manifest).unwrap();
    assert!(attacks.len() > 60);
    let wrong = each(&attacks, |runtime, attack| {
        let bytes = std::fs::read(folder().join(&attack.path)).unwrap();
        runtime.block_on(send(attack, &bytes))
    });
    let right = format!("{} of {} hostile files end as they must", attacks.len() - wrong.len(), attacks.len());
    assert!(wrong.is_empty(), "{right}. Not these:\n{}", wrong.join("\n"));
    writeln!(std::io::stderr(), "{right}").unwrap();
}

#[test]
fn the_documentation_has_the_table_of_these_attacks() {
    let documented = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hostile.md");
    let written = std::fs::read_to_string(folder().join("README.md")).unwrap();
    assert_eq!(
        std::fs::read_to_string(documented).unwrap_or_default(),
        written,
        "docs/hostile.md is stale: make hostile, then cp target/hostile/README.md docs/hostile.md"
    );
}

fn good_files() -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder().join("good"))
        .expect("the folder is there")
        .map(|file| file.expect("the folder can be read").path())
        .collect();
    paths.sort();
    let named = |path: PathBuf| {
        (
            path.file_name().expect("files have names").to_string_lossy().into_owned(),
            std::fs::read(&path).expect("the file can be read"),
        )
    };
    paths.into_iter().map(named).collect()
}

#[test]
fn the_good_files_that_are_mangled_are_good() {
    let wrong = each(&good_files(), |runtime, (name, bytes)| {
        let findings = runtime.block_on(read(&extractor(Limits::default()), name, bytes));
        match (code(&findings), findings.metadata == handler_contract::Metadata::default()) {
            (None, false) => Ok(()),
            (failure, _) => Err(format!("{name}: {failure:?} {:?}", findings.metadata)),
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Numbers that look random and are the same in every run (Vigna's splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ mixed >> 31) % sides.max(1) as u64).expect("it was a usize")
    }
}

/// Changes a file in one to eight ways.
fn mangle(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.roll(8) {
        let at = dice.roll(bytes.len());
        let end = at + dice.roll((bytes.len() - at).min(64));
        match dice.roll(7) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 0xff, 0x80, 0x7f, b'<', b'(', b'9'][dice.roll(7)],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let to = dice.roll(bytes.len() - (end - at) + 1);
                bytes.copy_within(at..end, to);
            }
            5 => {
                let from = dice.roll(other.len());
                let piece = &other[from..from + dice.roll((other.len() - from).min(256))];
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            _ => {
                let again = bytes[at..end].repeat(dice.roll(40));
                drop(bytes.splice(at..at, again));
            }
        }
    }
}

#[test]
fn mangled_files_end_in_a_record_and_none_crashes_a_reader_of_ours() {
    let (good, mut dice) = (good_files(), Dice(1));
    let mangled: Vec<_> = (0..MANGLED)
        .map(|number| {
            let (name, bytes) = &good[number % good.len()];
            let (mut bytes, other) = (bytes.clone(), &good[dice.roll(good.len())].1);
            mangle(&mut bytes, other, &mut dice);
            (number, name.clone(), bytes)
        })
        .collect();
    let limits = Limits { cpu_seconds: CPU_SECONDS, ..Limits::default() };
    let wrong = each(&mangled, |runtime, (number, name, bytes)| {
        let findings = runtime.block_on(read(&extractor(limits), name, bytes));
        let failure = findings.failure.clone();
        // The parser of PDF is not ours. Its panics have a name, and `docs/upstream.md` has the ones we know of.
        let is_expected = match code(&findings) {
            None => true,
            Some(ErrorCode::Crashed) => {
                name == "good.pdf" && failure.as_ref().is_some_and(|failure| failure.message.contains("hayro"))
            }
            Some(code) => !matches!(
                code,
                ErrorCode::SandboxViolation | ErrorCode::MemoryLimit | ErrorCode::CpuLimit | ErrorCode::TimeLimit
            ),
        };
        match unclean(&findings) {
            None if is_expected && findings.file_type.is_some() => Ok(()),
            unclean => Err(format!("mangled file {number}, {name}: {failure:?} {unclean:?}")),
        }
    });
    assert!(wrong.is_empty(), "{} of {MANGLED}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_whole_extractor_holds_on_all_that_the_fuzzers_found() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/found");
    let mut count = 0;
    for target in std::fs::read_dir(found).unwrap() {
        let target = target.unwrap().path();
        for file in std::fs::read_dir(&target).unwrap() {
            let path = file.unwrap().path();
            let mut bytes = std::fs::read(&path).unwrap();
            if !target.ends_with("extractor") {
                // The name without an extension.
                bytes.insert(0, 0);
            }
            let held = std::panic::catch_unwind(|| crate::whole::read(env!("CARGO_BIN_EXE_extract").into(), &bytes));
            assert!(held.is_ok(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count >= 5, "only {count} files");
}
