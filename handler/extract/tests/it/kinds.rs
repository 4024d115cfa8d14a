//! Every file of `tests/kinds` through a real child: its type, and that it is accepted. They are of kinds that other
//! tools are known to take for something else, one small file of each.

use std::collections::BTreeSet;
use std::path::Path;

use handler_contract::Limits;
use serde_json::{Map, Value};

use crate::{extractor, read_encoded};

/// Name, type, error code or nothing, and some attributes of the record.
const KINDS: &[(&str, &str, &str, &str)] = &[
    // Binary files that look like texts.
    ("white.bmp", "image/bmp", "", r#"{"width": 64, "height": 64}"#),
    ("alpha.pam", "image/x-portable-arbitrarymap", "", r#"{"width": 64, "height": 64}"#),
    ("silence.au", "audio/basic", "", r#"{}"#),
    ("silence.voc", "audio/x-voc", "", r#"{}"#),
    ("binary.cfg", "application/octet-stream", "", r#"{}"#),
    ("sqlcipher.sqlite", "application/octet-stream", "", r#"{}"#),
    ("a.etl", "application/octet-stream", "", r#"{}"#),
    // Audio after ID3 tags.
    ("id3-before.ogg", "audio/ogg", "", r#"{}"#),
    ("id3-before.wv", "audio/wavpack", "", r#"{}"#),
    ("id3-before.ac3", "audio/ac3", "", r#"{}"#),
    // PDFs, and what quotes them.
    ("two-spaces-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("html-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("word-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("ps-adobe-header.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("pdf-tutorial.md", "text/markdown", "", r#"{}"#),
    ("pdf-tutorial.html", "text/html", "", r#"{}"#),
    ("binary-pdf-attachment.eml", "message/rfc822", "", r#"{"sender": "ann@example.org"}"#),
    ("v7-pdf-first.tar", "application/x-tar", "", r#"{"entryCount": 1}"#),
    // Archives by what proves them.
    ("photos-and-doc.kml.zip", "application/zip", "", r#"{"entryCount": 2}"#),
    ("figma.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("flash.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("3d.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("backup.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("ppt-folder.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("container.zip", "application/zip", "", r#"{"entryCount": 2}"#),
    ("musescore.mscz", "application/x-musescore", "", r#"{"entryCount": 3}"#),
    ("musicxml.mxl", "application/vnd.recordare.musicxml", "", r#"{"entryCount": 2}"#),
    ("spanned.zip", "application/zip", "", r#"{"entryCount": 2}"#),
    ("skippable-5a.zst", "application/zstd", "", r#"{}"#),
    ("v7.tar", "application/x-tar", "", r#"{"entryCount": 2}"#),
    ("doc.pages", "application/vnd.apple.pages", "", r#"{"entryCount": 5}"#),
    ("doc.numbers", "application/vnd.apple.numbers", "", r#"{"entryCount": 5}"#),
    ("doc.key", "application/vnd.apple.keynote", "", r#"{"entryCount": 5}"#),
    ("sig.asics", "application/vnd.etsi.asic-s+zip", "", r#"{"entryCount": 3}"#),
    ("art.kra", "application/x-krita", "", r#"{"entryCount": 2}"#),
    ("hwp5-like.hwpx", "application/hwp+zip", "", r#"{"entryCount": 2}"#),
    ("tableau.twbx", "application/twbx", "", r#"{"entryCount": 1}"#),
    // Archives of what repeats itself.
    ("blank-floppy.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("sparse-db.zip", "application/zip", "", r#"{"entryCount": 1}"#),
    ("repeat.log.gz", "application/gzip", "", r#"{}"#),
    ("matrix.csv.gz", "application/gzip", "", r#"{}"#),
    // Texts with control characters and of any encoding.
    ("app-copytruncate.log", "text/plain", "", r#"{}"#),
    ("nul-terminated.txt", "text/plain", "", r#"{}"#),
    ("ctrl-z.txt", "text/plain", "", r#"{}"#),
    ("utf16le-bom-nul.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("utf32le-bom.txt", "text/plain", "", r#"{"charset": "UTF-32LE"}"#),
    ("utf16le-nobom-ru.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("utf16le-nobom-zh.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("cp437-de.txt", "text/plain", "", r#"{"charset": "IBM437"}"#),
    ("ebcdic-cp037.txt", "text/plain", "", r#"{"charset": "IBM037"}"#),
    ("fix-messages.log", "text/plain", "", r#"{}"#),
    ("hl7-mllp.txt", "text/plain", "", r#"{}"#),
    // Extensions with several meanings.
    ("graph.dot", "text/plain", "", r#"{}"#),
    ("messages.pot", "text/plain", "", r#"{}"#),
    ("Pose.msg", "text/plain", "", r#"{}"#),
    ("region.mid", "text/csv", "", r#"{"rowCount": 3}"#),
    ("html-table.xls", "text/html", "", r#"{}"#),
    ("csv.xls", "text/csv", "", r#"{"rowCount": 2}"#),
    ("html.doc", "text/html", "", r#"{}"#),
    ("ooxml-word2003.doc", "text/xml", "", r#"{}"#),
    ("enc-as.xls", "application/x-tika-ooxml-protected", "ENCRYPTED", r#"{}"#),
    // Objects that are stored with a Content-Encoding.
    ("gz-content-encoding.json", "application/json", "", r#"{"itemCount": 1}"#),
    ("gz-content-encoding.csv", "text/csv", "", r#"{"rowCount": 2}"#),
    ("gz-content-encoding.log", "text/plain", "", r#"{}"#),
    ("gz-content-encoding.html", "text/html", "", r#"{}"#),
    // Pictures and videos by brands and tags.
    ("reduced-first.tif", "image/tiff", "", r#"{"width": 64, "height": 48, "pageCount": 1}"#),
    ("mif1.avif", "image/avif", "", r#"{"width": 64, "height": 48}"#),
    ("anim.avif", "image/avif", "", r#"{"width": 64, "height": 48}"#),
    ("audio.webm", "audio/webm", "", r#"{}"#),
    ("small-brand-hvc1.mp4", "video/mp4", "", r#"{"width": 64, "height": 48}"#),
    // Texts that are no tables, no messages and no programs.
    ("python-logging.log", "text/plain", "", r#"{}"#),
    ("apache-clf.log", "text/plain", "", r#"{}"#),
    ("statements.ts", "text/plain", "", r#"{}"#),
    ("perl.pm", "text/plain", "", r#"{}"#),
    ("hosts.conf", "text/plain", "", r#"{}"#),
    ("requirements.txt", "text/plain", "", r#"{}"#),
    ("addresses.txt", "text/plain", "", r#"{}"#),
    ("helm-values.yaml", "text/plain", "", r#"{}"#),
    ("email-headers-like.properties", "text/plain", "", r#"{}"#),
    ("http-head.txt", "text/plain", "", r#"{}"#),
    ("echo-notes.txt", "text/plain", "", r#"{}"#),
    ("batch-sql.sql", "text/plain", "", r#"{}"#),
    ("binary-8bit-attachment.eml", "message/rfc822", "", r#"{"sender": "ann@example.org"}"#),
    ("apple.emlx", "message/x-emlx", "", r#"{"sender": "ann@example.org"}"#),
    // Markup, JSON and RTF.
    ("comment-first.svg", "image/svg+xml", "", r#"{"width": 24, "height": 24}"#),
    ("doctype-nodecl.svg", "image/svg+xml", "", r#"{"width": 4, "height": 4}"#),
    ("main.html", "text/html", "", r#"{}"#),
    ("list.html", "text/html", "", r#"{}"#),
    ("tsconfig.json", "application/json5", "", r#"{}"#),
    ("firehose.json", "application/x-ndjson", "", r#"{"itemCount": 3}"#),
    ("rtf-leading-nl.rtf", "application/rtf", "", r#"{}"#),
    ("rtf-leading-spaces.rtf", "application/rtf", "", r#"{}"#),
    ("rtf-bom.rtf", "application/rtf", "", r#"{}"#),
    // Keys, signatures and Office.
    ("contract.pdf.p7m", "application/pkcs7-mime", "", r#"{}"#),
    ("detached.p7s", "application/pkcs7-signature", "", r#"{}"#),
    ("macro.docm", "application/vnd.ms-word.document.macroEnabled.12", "", r#"{}"#),
    ("macro.xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12", "", r#"{}"#),
    ("show.ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow", "", r#"{}"#),
    ("winmail.dat", "application/vnd.ms-tnef", "", r#"{}"#),
    // Data of science.
    ("plain.h5", "application/x-hdf5", "", r#"{}"#),
    ("netcdf4.nc", "application/x-hdf5", "", r#"{}"#),
    ("plain.npy", "application/x-npy", "", r#"{}"#),
    ("plain.orc", "application/x-orc", "", r#"{}"#),
    ("plain.dbf", "application/vnd.dbf", "", r#"{}"#),
    ("plain.grib2", "application/x-grib2", "", r#"{}"#),
    ("crawl.arc", "application/x-internet-archive", "", r#"{}"#),
    ("a.dxf", "image/vnd.dxf", "", r#"{}"#),
    ("a.warc", "application/warc", "", r#"{}"#),
];

#[tokio::test]
async fn every_kind_has_its_type_and_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds");
    let files = std::fs::read_dir(&folder).unwrap();
    let files: BTreeSet<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let rows: BTreeSet<String> = KINDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(files, rows, "each file has a row");

    let extractor = extractor(Limits { cpu_seconds: 30, ..Limits::default() });
    let mut wrong = Vec::new();
    for (name, file_type, code, facts) in KINDS {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let coding = name.starts_with("gz-content-encoding").then_some("gzip");
        let findings = read_encoded(&extractor, name, &bytes, coding).await;
        let found_code = findings.failure.as_ref().map_or_else(String::new, |failure| failure.code.to_string());
        if findings.file_type.as_deref() != Some(file_type) || found_code != *code {
            wrong.push(format!("{name}: {:?} {:?}", findings.file_type, findings.failure));
        }
        let metadata = serde_json::to_value(&findings.metadata).unwrap();
        let facts: Map<String, Value> = serde_json::from_str(facts).unwrap();
        wrong.extend(
            facts
                .iter()
                .filter(|(key, value)| metadata.get(key.as_str()) != Some(*value))
                .map(|(key, value)| format!("{name}: {key} is {:?}, not {value}", metadata.get(key.as_str()))),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
