//! What the fuzzers in `fuzz/` call: a target for each entry of a parser, and what must hold whatever the bytes are.
//! Compiled for tests, which run what the fuzzers once found, and with the feature `fuzzing`; never into the handler.
//!
//! A target panics when something does not hold. It knows nothing of libFuzzer, nor of processes: the target for the
//! whole extractor in its child is `tests/it/whole.rs`.

use std::cell::Cell;
use std::sync::{Arc, Once};

use handler_contract::{Failure, Metadata};
use memmap2::MmapMut;
use unicode_segmentation::UnicodeSegmentation;

use crate::charset::ToUtf8;
use crate::extract::extract;
use crate::formats::{self, Container, FormatReader, json, xml};
use crate::input::{HEAD, Input, View};
use crate::media_type::{Detected, is_media_type};
use crate::report::{Abort, MAX_ANSWER, MAX_EXPLANATION, Report};
use crate::sniff::{self, Sniffed};
use crate::validate;
use crate::words::{Counter, Counts, is_newer_than_std, lines_of};

/// The longest text in a record. Bytes.
const MAX_VALUE: usize = 1 << 10;
/// Values in a list of a record.
const MAX_LISTED: usize = 32;
/// Whole numbers up to here are exact in every program that reads a record.
const EXACT: u64 = 1 << 53;

/// How a target drives what it is for.
enum Target {
    /// The reader of these types, as the child drives it.
    Reads(&'static [&'static str]),
    /// The same, and where the file is cut into pieces must make no difference.
    Pieces(&'static [&'static str]),
    /// Something else.
    Other(fn(&[u8])),
}

/// All targets, by the name that `fuzz/fuzz_targets` has them under.
const TARGETS: &[(&str, Target)] = &[
    ("pdf", Target::Other(pdf)),
    ("open_xml", Target::Reads(&["application/vnd.openxmlformats-officedocument.wordprocessingml.document"])),
    ("open_document", Target::Reads(&["application/vnd.oasis.opendocument.text"])),
    ("office_binary", Target::Reads(&["application/msword"])),
    ("outlook", Target::Reads(&["application/vnd.ms-outlook"])),
    ("epub", Target::Reads(&["application/epub+zip"])),
    ("fiction_book", Target::Reads(&["application/x-fb2+xml"])),
    ("mobipocket", Target::Reads(&["application/x-mobipocket-ebook"])),
    ("flat_open_document", Target::Reads(&["application/vnd.oasis.opendocument.text-flat-xml"])),
    ("tnef", Target::Reads(&["application/vnd.ms-tnef"])),
    ("emlx", Target::Pieces(&["message/x-emlx"])),
    ("xmp", Target::Other(xmp)),
    ("dates", Target::Other(dates)),
    ("rtf", Target::Reads(&["application/rtf"])),
    ("zip", Target::Reads(&["application/zip"])),
    ("tar", Target::Pieces(&["application/x-tar"])),
    ("gzip", Target::Pieces(&["application/gzip"])),
    ("xz", Target::Pieces(&["application/x-xz"])),
    ("zstd", Target::Pieces(&["application/zstd"])),
    ("seven_zip", Target::Reads(&["application/x-7z-compressed"])),
    ("rar", Target::Reads(&["application/vnd.rar"])),
    ("svg", Target::Reads(&["image/svg+xml"])),
    ("postscript", Target::Reads(&["application/postscript"])),
    ("image", Target::Reads(&["image/png"])),
    ("media", Target::Reads(&["audio/mpeg"])),
    ("csv", Target::Reads(&["text/csv", "text/tab-separated-values"])),
    ("json", Target::Other(json)),
    ("html", Target::Reads(&["text/html"])),
    ("xml", Target::Other(xml)),
    ("email", Target::Reads(&["message/rfc822"])),
    ("mbox", Target::Pieces(&["application/mbox"])),
    ("markdown", Target::Reads(&["text/markdown"])),
    ("text", Target::Reads(&["text/plain", "text/x-c"])),
    ("executable", Target::Reads(&["application/x-executable"])),
    ("sniff", Target::Other(sniff)),
    ("content_encoding", Target::Other(content_encoding)),
    ("charset", Target::Other(charset)),
    ("words", Target::Other(words)),
];

/// Runs a target on a file.
///
/// # Panics
/// When something does not hold that must, and when there is no target of that name.
pub fn run(target: &str, bytes: &[u8]) {
    let Some((_, target)) = TARGETS.iter().find(|(name, _)| *name == target) else {
        panic!("no target is called {target}");
    };
    match target {
        Target::Reads(types) => {
            for file_type in *types {
                read(file_type, bytes, &[]);
            }
        }
        Target::Pieces(types) => {
            for file_type in *types {
                let whole = read(file_type, bytes, &[]);
                let (head, rest) = bytes.split_at(cut(bytes));
                assert_eq!(whole, read(file_type, head, rest), "cut after {} bytes", head.len());
            }
        }
        Target::Other(run) => run(bytes),
    }
}

/// Where a file is cut in two: anywhere, and the same place whenever the same bytes come.
fn cut(bytes: &[u8]) -> usize {
    let sum = bytes.iter().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    if bytes.is_empty() { 0 } else { sum % bytes.len() }
}

/// Reads a file as the child does once its type is settled, and checks what comes out.
fn read(file_type: &str, head: &[u8], rest: &[u8]) -> (Metadata, Option<Failure>) {
    let mut report = Report::discarding();
    let reader = formats::reader(file_type).expect("the type has a reader");
    // The head and the tail of a file that is too large to be kept must do no harm either.
    let third = head.len() / 3;
    let ends = View::of_head_and_tail(&head[..third], &head[2 * third..], 2 * third as u64);
    let mut of_ends = Report::discarding();
    let result = match reader {
        FormatReader::HeadAndTail(read) => {
            let result = read(ends, &mut of_ends);
            outcome(&of_ends, result);
            read(View::big_endian(head), &mut report)
        }
        FormatReader::Container(read) => {
            let result = read(Container::unopened(ends), &mut of_ends);
            outcome(&of_ends, result);
            read(Container::unopened(View::big_endian(head)), &mut report)
        }
        FormatReader::WholeContainer(read) => read(Container::unopened(View::big_endian(head)), &mut report),
        FormatReader::Stream(read) => read(&mut Input::of(head, rest), &mut report),
        FormatReader::Whole(read) => {
            let mut bytes = MmapMut::map_anon(head.len()).expect("the file can be mapped");
            bytes.copy_from_slice(head);
            let bytes = Arc::new(bytes.make_read_only().expect("the map can be protected"));
            read(&bytes, &mut report)
        }
    };
    let failure = outcome(&report, result);
    (report.metadata, failure)
}

/// Checks what a reader found, and says why it stopped.
fn outcome(report: &Report, result: Result<(), Abort>) -> Option<Failure> {
    let failure = match result {
        Ok(()) => None,
        Err(Abort::Rejected(failure)) => Some(failure),
        Err(Abort::Internal(trouble)) => panic!("trouble: {trouble}"),
    };
    check(&report.metadata, failure.as_ref());
    if let Some(exact) = report.exact_type {
        assert!(is_media_type(exact), "{exact}");
    }
    failure
}

/// What must hold for every answer: texts are short and clean, numbers can be, and all of it fits.
fn check(metadata: &Metadata, failure: Option<&Failure>) {
    if let Some(failure) = failure {
        let message = &failure.message;
        assert!(!message.is_empty() && message.len() <= MAX_EXPLANATION, "{message}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }
    let answer = serde_json::to_value(metadata).expect("metadata can be written");
    let fields = answer.as_object().expect("metadata has fields");
    for (name, value) in fields {
        check_value(name, value);
    }
    let written = answer.to_string();
    assert!(written.len() < MAX_ANSWER, "an answer of {} bytes", written.len());
    let back: Metadata = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(back, *metadata);
}

fn check_value(name: &str, value: &serde_json::Value) {
    use serde_json::Value;
    match value {
        Value::Null | Value::Object(_) => panic!("{name} is written as {value}"),
        Value::Bool(_) => {}
        Value::Number(number) => match number.as_u64() {
            // What a file claims of the size of its content is recorded as it claims it.
            Some(number) => assert!(number <= EXACT || name == "uncompressedSize", "{name} is {number}"),
            None => assert!(number.as_f64().is_some_and(|n| n.is_finite() && n >= 0.0), "{name} is {number}"),
        },
        Value::String(text) => {
            assert!(!text.is_empty(), "{name} is empty");
            assert!(text.len() <= MAX_VALUE, "{name} has {} bytes", text.len());
            // A delimiter may be a tab.
            assert!(name == "delimiter" || !text.contains(formats::is_unsafe), "{name} is {text:?}");
            if name.starts_with("date") {
                assert!(formats::date::is_iso(text), "{name} is {text:?}");
            }
        }
        Value::Array(values) => {
            assert!(!values.is_empty() && values.len() <= MAX_LISTED, "{name} has {} values", values.len());
            for value in values {
                assert!(value.is_string(), "{name} has {value}");
                check_value(name, value);
            }
        }
    }
}

thread_local! {
    /// Whether this thread is inside of [`pdf`], and whether the last panic there was in a dependency.
    static IN_PDF: Cell<bool> = const { Cell::new(false) };
    static IS_THEIRS: Cell<bool> = const { Cell::new(false) };
}

/// The parser of PDF is not ours: a panic of its own ends a child with a named failure, and is no finding here. One of
/// ours is.
fn pdf(bytes: &[u8]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // In a fuzzer this is the hook that reports a finding.
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let is_theirs = info.location().is_some_and(|at| at.file().contains("/registry/"));
            IS_THEIRS.set(is_theirs);
            if !(IN_PDF.get() && is_theirs) {
                report(info);
            }
        }));
    });
    IN_PDF.set(true);
    let result = std::panic::catch_unwind(|| read("application/pdf", bytes, &[]));
    IN_PDF.set(false);
    if let Err(panic) = result
        && !IS_THEIRS.get()
    {
        std::panic::resume_unwind(panic);
    }
}

fn json(bytes: &[u8]) {
    for file_type in ["application/json", "application/x-ndjson"] {
        read(file_type, bytes, &[]);
    }
    if let Ok(text) = str::from_utf8(bytes) {
        let read = |pieces: &[&str]| {
            let (mut reader, mut metadata) = (json::JsonReader::new(json::Form::Json), Metadata::default());
            for piece in pieces {
                reader.feed(piece);
            }
            (reader.finish(&mut metadata), metadata)
        };
        let (outcome, metadata) = read(&[text]);
        let is_json = outcome == Ok(json::Form::Json);
        assert_eq!((outcome, metadata), read(&halves(text)));
        // The reference. It follows 128 levels.
        let reference = serde_json::from_str::<serde::de::IgnoredAny>(text);
        assert!(is_json || reference.is_err(), "valid JSON is refused");
    }
}

fn xml(bytes: &[u8]) {
    read("text/xml", bytes, &[]);
    if let Ok(text) = str::from_utf8(bytes) {
        let read = |pieces: &[&str]| {
            let (mut reader, mut metadata) = (xml::XmlReader::new(), Metadata::default());
            for piece in pieces {
                reader.feed(piece);
            }
            (reader.finish(&mut metadata), metadata)
        };
        assert_eq!(read(&[text]), read(&halves(text)));
    }
}

/// A text, cut in two.
fn halves(text: &str) -> [&str; 2] {
    let (first, second) = text.split_at(text.floor_char_boundary(cut(text.as_bytes())));
    [first, second]
}

/// The type of a file, by its head and as a container, and what its name makes of it.
fn sniff(bytes: &[u8]) {
    let head = &bytes[..bytes.len().min(HEAD)];
    let mut types = Vec::new();
    for whole in [true, false] {
        match sniff::head(head, whole) {
            Sniffed::Type(detected) => types.push(detected),
            Sniffed::Container(container) => {
                types.push(sniff::whole(View::big_endian(bytes), container).0);
                types.push(Detected::proven(container));
            }
        }
    }
    let name = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]);
    for detected in types {
        assert!(is_media_type(&detected.file_type), "{detected:?}");
        let file_type = validate::resolve_type(&name, &detected);
        assert!(is_media_type(file_type), "{file_type}");
        let allowed = handler_contract::FileTypes::any();
        if let Err(failure) = validate::validate(&name, file_type, &allowed) {
            check(&Metadata::default(), Some(&failure));
        }
    }
}

/// Whatever the coding decodes to, it is read as a file is, and nothing is lost by it.
fn content_encoding(bytes: &[u8]) {
    for header in ["gzip", "deflate", "br, gzip"] {
        let (mut input, mut report) = (Input::of(bytes, &[]), Report::discarding());
        input.set_content_encoding(header, "x").expect("memory can be read");
        let result = extract("x", &handler_contract::FileTypes::any(), &mut input, &mut report);
        // A container needs a temporary file, which there is none of here.
        if !matches!(result, Err(Abort::Internal(_))) {
            outcome(&report, result);
        }
    }
}

/// What a packet of XMP says of a picture and of a document.
fn xmp(bytes: &[u8]) {
    for metadata in formats::xmp_readings(bytes) {
        check(&metadata, None);
    }
}

/// Whatever a date is taken for, it becomes ISO 8601 or nothing.
fn dates(bytes: &[u8]) {
    for date in formats::date::readings(&String::from_utf8_lossy(bytes)) {
        assert!(formats::date::is_iso(&date), "{date}");
    }
}

/// Text in UTF-8 and nothing else comes out, and UTF-8 comes out as it is, however it is cut.
fn charset(bytes: &[u8]) {
    let decode = |pieces: &[&[u8]]| {
        let (mut to_utf8, mut decoded) = (ToUtf8::new(), String::new());
        for piece in pieces {
            to_utf8.feed(piece, &mut |text| decoded.push_str(text));
        }
        to_utf8.finish(&mut |text| decoded.push_str(text));
        (decoded, to_utf8.charset())
    };
    let (decoded, charset) = decode(&[bytes]);
    let is_known = encoding_rs::Encoding::for_label(charset.as_bytes()).is_some();
    assert!(is_known || ["IBM", "UTF-32"].iter().any(|name| charset.starts_with(name)), "{charset}");
    // The longest growth there is: a byte that has no meaning becomes three.
    assert!(decoded.len() <= 3 * bytes.len() + 3, "{} bytes became {}", bytes.len(), decoded.len());
    if charset == "UTF-8" {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        assert_eq!(decoded, String::from_utf8_lossy(text));
        // The first piece decides on the encoding, so that the cut must come after the bytes that decide it.
        let marked = bytes.len() - text.len();
        for at in (marked..bytes.len()).step_by(1 + bytes.len() / 16) {
            let (first, second) = bytes.split_at(at);
            let pieces = decode(&[first, second]);
            if pieces.1 == charset && at > marked {
                assert_eq!(pieces.0, decoded, "cut after {at} bytes");
            }
        }
    }
}

/// Counts are those of the references, however the text is cut.
fn words(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    let count = |pieces: &[&str]| {
        let mut counter = Counter::default();
        for piece in pieces {
            counter.feed(piece);
        }
        counter.counts()
    };
    let counts = count(&[text]);
    assert_eq!(counts, count(&halves(text)));
    let characters: Vec<_> = text.split_inclusive(|_| true).collect();
    assert_eq!(counts, count(&characters));
    let reference = Counts {
        words: text.split_whitespace().count() as u64,
        unicode_words: counts.unicode_words,
        unparted_letters: counts.unparted_letters,
        characters: text.chars().count() as u64,
        lines: lines_of(text),
    };
    assert_eq!(counts, reference);
    // The reference splits sequences of pictographs that the rules keep together.
    if !text.contains(is_pictograph) {
        // The reference has the standard library's version of Unicode, and takes newer characters for unassigned ones.
        let known = text.replace(is_newer_than_std, "");
        assert_eq!(count(&[&known]).unicode_words, known.unicode_words().count() as u64);
    }
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '©' | '®' | '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{TARGETS, run};

    /// Files larger than this are no seeds (`tools/fuzz`). Bytes.
    const LARGEST_SEED: usize = 8 << 10;
    /// Threads that replay.
    const WORKERS: usize = 2;

    /// An input and where it comes from.
    type Named = (String, Vec<u8>);

    fn crate_folder() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
        }
        files
    }

    fn read(path: &PathBuf) -> Named {
        let bytes = std::fs::read(path).expect("the file can be read");
        (path.display().to_string(), bytes)
    }

    /// Files that a fuzzer once tripped over.
    fn found() -> Vec<Named> {
        files_below(&crate_folder().join("../fuzz/found")).iter().map(read).collect()
    }

    /// The words that dictionaries offer to the fuzzers, each as a file.
    fn dictionaries() -> Vec<Named> {
        let mut words = Vec::new();
        for path in files_below(&crate_folder().join("../fuzz/dictionaries")) {
            let text = std::fs::read_to_string(&path).expect("the dictionary can be read");
            for line in text.lines() {
                let Some((_, word)) = line.strip_suffix('"').and_then(|line| line.split_once('"')) else { continue };
                words.push((format!("{}: {word}", path.display()), unescaped(word.as_bytes())));
            }
        }
        words
    }

    /// A word of a dictionary (<https://llvm.org/docs/LibFuzzer.html#dictionaries>): `\\`, `\"` and `\xAB` are escapes.
    fn unescaped(mut word: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let [first, rest @ ..] = word {
            (word, bytes) = match (first, rest) {
                (b'\\', [b'x', high, low, rest @ ..]) => {
                    let digits = [*high, *low];
                    let digits = str::from_utf8(&digits).expect("two digits");
                    bytes.push(u8::from_str_radix(digits, 16).expect("two hexadecimal digits"));
                    (rest, bytes)
                }
                (b'\\', [escaped, rest @ ..]) => {
                    bytes.push(*escaped);
                    (rest, bytes)
                }
                _ => {
                    bytes.push(*first);
                    (rest, bytes)
                }
            };
        }
        bytes
    }

    /// The seeds of `tools/fuzz`: small hostile and good files, without those that use up what a child has.
    fn seeds() -> Vec<Named> {
        let folder = tempfile::tempdir().expect("a directory");
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let script = crate_folder().join("../tests/hostile/make.py");
        let status = Command::new(python).env("PYTHONDONTWRITEBYTECODE", "1").arg(script).arg(folder.path()).status();
        assert!(status.expect("Python 3.10 or newer is needed; PYTHON names it").success());
        let manifest = std::fs::read(folder.path().join("manifest.json")).expect("the script writes it");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("it is JSON");
        let is_costly = |file: &Path| {
            manifest.as_array().expect("it is a list").iter().any(|row| {
                matches!(row["code"].as_str(), Some("MEMORY_LIMIT" | "CPU_LIMIT"))
                    && row["path"].as_str().is_some_and(|path| Path::new(path).file_name() == file.file_name())
            })
        };
        let samples = crate_folder().join("../../../samples");
        let files = [files_below(folder.path()), files_below(&samples)].concat();
        let files = files.iter().filter(|file| !is_costly(file)).map(read);
        files.filter(|(_, bytes)| bytes.len() <= LARGEST_SEED).collect()
    }

    /// Runs every target on every input, a few at a time.
    fn replay(inputs: &[Named], least: usize) {
        assert!(inputs.len() >= least, "only {} inputs", inputs.len());
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    while let Some((name, bytes)) = inputs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        for (target, _) in TARGETS {
                            if std::panic::catch_unwind(|| run(target, bytes)).is_err() {
                                failed.lock().expect("no worker panics").push(format!("{target} on {name}"));
                            }
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().expect("no worker panics");
        assert!(failed.is_empty(), "{}", failed.join("\n"));
    }

    #[test]
    fn every_target_holds_on_all_that_was_found() {
        replay(&found(), 5);
    }

    #[test]
    fn every_target_holds_on_every_word_of_the_dictionaries() {
        replay(&dictionaries(), 200);
    }

    #[test]
    fn every_target_holds_on_every_seed() {
        replay(&seeds(), 150);
    }

    #[test]
    fn every_target_is_one_for_the_fuzzer_and_takes_what_is_no_file() {
        for (target, _) in TARGETS {
            let program = crate_folder().join(format!("../fuzz/fuzz_targets/{target}.rs"));
            let source = std::fs::read_to_string(&program).unwrap_or_default();
            assert!(source.contains(&format!("\"{target}\"")), "{} is missing", program.display());
            for bytes in [&b""[..], b"\0", b"\xff\xfe", b"PK", &[0; 1024]] {
                run(target, bytes);
            }
        }
    }

    #[test]
    fn every_folder_of_found_files_is_named_after_a_target() {
        for file in files_below(&crate_folder().join("../fuzz/found")) {
            let folder = file.parent().and_then(Path::file_name).expect("a folder").to_string_lossy().into_owned();
            let is_target = folder == "extractor" || TARGETS.iter().any(|(target, _)| *target == folder);
            assert!(is_target, "{}", file.display());
        }
    }
}
