//! Every code that a FAILED record can carry, provoked.
//!
//! The match below has no rest, so that a code without a row does not compile. Most rows are a file, a fault of S3 or a
//! limit that the whole function meets; what only a parser gone wrong can cause is caused by a child that does so on
//! purpose.

use std::path::Path;
use std::time::Duration;

use fake_aws::{Cut, Fault};
use handler_bench::runtime_api::Answer;
use handler_contract::{ErrorCode, FileTypes, Limits};
use handler_extract::Extractor;

use crate::world::{TIME, World};

#[test]
fn every_code_has_a_cause_that_leads_to_it() {
    std::thread::scope(|scope| {
        for code in ErrorCode::ALL {
            scope.spawn(move || assert_eq!(provoke(*code), code.as_str(), "{code}"));
        }
    });
}

/// Causes the failure that the code names, and returns the code of the record.
fn provoke(code: ErrorCode) -> String {
    match code {
        ErrorCode::EmptyFile => file("x.txt", b""),
        ErrorCode::FileTooLarge => file("x.txt", &vec![b'x'; 1 << 20]),
        ErrorCode::TypeNotAllowed => file("x", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0"),
        ErrorCode::TypeMismatch => file("x.png", b"%PDF-1.7\n"),
        // Of RAR 5, with encrypted headers.
        ErrorCode::Encrypted => file("x.rar", b"Rar!\x1a\x07\x01\0\0\0\0\0\x02\x04\0"),
        ErrorCode::Malformed => file("x.json", b"{\"unfinished\":"),
        // What a page draws is held at once.
        ErrorCode::MemoryLimit => {
            limited(&pdf(&b" ".repeat(8 << 20), ""), Limits { memory: 6 << 20, ..Limits::default() })
        }
        ErrorCode::CpuLimit => limited(&endless(), Limits { cpu_seconds: 1, ..Limits::default() }),
        ErrorCode::TimeLimit => limited(&endless(), Limits { cpu_seconds: 60, wall_seconds: 1, ..Limits::default() }),
        ErrorCode::StackLimit => file("x.rtf", &[b"{\\rtf1 ".as_slice(), &b"{".repeat(10_000)].concat()),
        ErrorCode::SpoolLimit => {
            limited(&pdf(&b" ".repeat(2 << 20), ""), Limits { spool: 1 << 20, ..Limits::default() })
        }
        ErrorCode::OutputLimit => misbehaviour("flood"),
        ErrorCode::DecompressionBomb => file("x.zip", &bomb()),
        ErrorCode::SandboxViolation => misbehaviour("SYS"),
        ErrorCode::Crashed => misbehaviour("SEGV"),
        ErrorCode::DeadlineExceeded => {
            let world = World::start();
            let dropped = world.drop_file("x.txt", &b"word ".repeat(10_000), "01");
            world.fail_reads([Fault::BrokenBody(1000, Cut::Stall)]);
            recorded(&world, &world.api.invoke(dropped.event, Duration::from_secs(4)).0)
        }
        ErrorCode::Superseded => {
            let world = World::start();
            let dropped = world.drop_file("x.txt", b"old", "01");
            world.drop_file("x.txt", b"new", "02");
            recorded(&world, &world.invoke(&dropped.event))
        }
        ErrorCode::NotFound => {
            let world = World::start();
            let dropped = world.drop_file("x.txt", b"text", "01");
            world.delete("x.txt");
            recorded(&world, &world.invoke(&dropped.event))
        }
        ErrorCode::NotReadable => {
            let world = World::start();
            let dropped = world.drop_file("x.txt", b"text", "01");
            world.fail_reads([(403, "InvalidObjectState", "The object is archived").into()]);
            recorded(&world, &world.invoke(&dropped.event))
        }
    }
}

/// Drops a file.
fn file(name: &str, content: &[u8]) -> String {
    let world = World::start();
    let dropped = world.drop_file(name, content, "01");
    recorded(&world, &world.invoke(&dropped.event))
}

/// Drops a document where children have these limits.
fn limited(document: &[u8], limits: Limits) -> String {
    let world = World::with(|settings| {
        settings.limits = limits;
        settings.max_file_size = 16 << 20;
    });
    let dropped = world.drop_file("x.pdf", document, "01");
    recorded(&world, &world.api.invoke(dropped.event, TIME).0)
}

/// The code of the record.
fn recorded(world: &World, answer: &Answer) -> String {
    assert!(matches!(answer, Answer::Success(_)), "{answer:?}");
    let item = world.item();
    assert_eq!(item["status"]["S"], "FAILED");
    assert!(item["errorMessage"]["S"].as_str().is_some_and(|message| !message.is_empty()));
    item["errorCode"]["S"].as_str().unwrap_or_default().to_owned()
}

/// Reads a file with a child that does what the file's name says.
fn misbehaviour(name: &str) -> String {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("extract/tests/it/children/misbehave.sh");
    let extractor = Extractor::without_template(program, Limits::default(), FileTypes::any());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let findings = runtime.block_on(async {
        let mut session = extractor.start(name, None).await.expect("the child starts");
        session.feed(b"bytes").await.expect("feeding does not fail");
        session.finish().await.expect("the outcome is a finding")
    });
    findings.failure.expect("a failure").code.as_str().to_owned()
}

/// A document of one page with a font `F`, and further objects from 6 on.
fn pdf(content: &[u8], further: &str) -> Vec<u8> {
    let resources = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> /XObject << /X 6 0 R >>";
    let head = format!(
        "%PDF-1.7\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [3 0 R] /Count 1 >> \
         endobj\n3 0 obj << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 5 0 R /Resources << {resources} >> >> \
         endobj\n5 0 obj << /Length {} >>\nstream\n",
        content.len()
    );
    let tail = format!("\nendstream endobj\n{further}trailer << /Root 1 0 R >>\n%%EOF\n");
    [head.as_bytes(), content, tail.as_bytes()].concat()
}

/// Forty forms that each draw the next one twice.
fn endless() -> Vec<u8> {
    let form = |number: usize| {
        format!(
            "{number} 0 obj << /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {} 0 R >> >> \
             /Length 11 >>\nstream\n/X Do /X Do\nendstream endobj\n",
            number + 1
        )
    };
    let forms = (6..46).map(form).collect::<Vec<_>>().concat();
    pdf(b"/X Do", &forms)
}

/// An archive of an entry that claims to unpack to two gigabytes.
fn bomb() -> Vec<u8> {
    let local = [&b"PK\x03\x04"[..], &[0; 26]].concat();
    let central = [
        &b"PK\x01\x02"[..],
        &[0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        b"\x09\0\0\0\0\0\0\x80\x01\0",
        &[0; 16],
        b"x",
    ]
    .concat();
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &[47, 0, 0, 0, 30, 0, 0, 0, 0, 0]].concat();
    [local, central, end].concat()
}
