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
    ("silence.au", "audio/basic", "", "{}"),
    ("silence.voc", "audio/x-voc", "", "{}"),
    ("binary.cfg", "application/octet-stream", "", "{}"),
    ("sqlcipher.sqlite", "application/octet-stream", "", "{}"),
    ("a.etl", "application/octet-stream", "", "{}"),
    // Audio after ID3 tags.
    ("id3-before.ogg", "audio/ogg", "", "{}"),
    ("id3-before.wv", "audio/wavpack", "", "{}"),
    ("id3-before.ac3", "audio/ac3", "", "{}"),
    // PDFs, and what quotes them.
    ("two-spaces-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("html-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("word-before.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("ps-adobe-header.pdf", "application/pdf", "", r#"{"pageCount": 3}"#),
    ("pdf-tutorial.md", "text/markdown", "", "{}"),
    ("pdf-tutorial.html", "text/html", "", "{}"),
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
    ("skippable-5a.zst", "application/zstd", "", "{}"),
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
    ("repeat.log.gz", "application/gzip", "", "{}"),
    ("matrix.csv.gz", "application/gzip", "", "{}"),
    // Texts with control characters and of any encoding.
    ("app-copytruncate.log", "text/plain", "", "{}"),
    ("nul-terminated.txt", "text/plain", "", "{}"),
    ("ctrl-z.txt", "text/plain", "", "{}"),
    ("utf16le-bom-nul.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("utf32le-bom.txt", "text/plain", "", r#"{"charset": "UTF-32LE"}"#),
    ("utf16le-nobom-ru.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("utf16le-nobom-zh.txt", "text/plain", "", r#"{"charset": "UTF-16LE"}"#),
    ("cp437-de.txt", "text/plain", "", r#"{"charset": "IBM437"}"#),
    ("ebcdic-cp037.txt", "text/plain", "", r#"{"charset": "IBM037"}"#),
    ("fix-messages.log", "text/plain", "", "{}"),
    ("hl7-mllp.txt", "text/plain", "", "{}"),
    // Extensions with several meanings.
    ("graph.dot", "text/plain", "", "{}"),
    ("messages.pot", "text/plain", "", "{}"),
    ("Pose.msg", "text/plain", "", "{}"),
    ("region.mid", "text/csv", "", r#"{"rowCount": 3}"#),
    ("html-table.xls", "text/html", "", "{}"),
    ("csv.xls", "text/csv", "", r#"{"rowCount": 2}"#),
    ("html.doc", "text/html", "", "{}"),
    ("ooxml-word2003.doc", "text/xml", "", "{}"),
    ("enc-as.xls", "application/x-tika-ooxml-protected", "ENCRYPTED", "{}"),
    // Objects that are stored with a Content-Encoding.
    ("gz-content-encoding.json", "application/json", "", r#"{"itemCount": 1}"#),
    ("gz-content-encoding.csv", "text/csv", "", r#"{"rowCount": 2}"#),
    ("gz-content-encoding.log", "text/plain", "", "{}"),
    ("gz-content-encoding.html", "text/html", "", "{}"),
    // Pictures and videos by brands and tags.
    ("reduced-first.tif", "image/tiff", "", r#"{"width": 64, "height": 48, "pageCount": 1}"#),
    ("mif1.avif", "image/avif", "", r#"{"width": 64, "height": 48}"#),
    ("anim.avif", "image/avif", "", r#"{"width": 64, "height": 48}"#),
    ("audio.webm", "audio/webm", "", "{}"),
    ("small-brand-hvc1.mp4", "video/mp4", "", r#"{"width": 64, "height": 48}"#),
    // Texts that are no tables, no messages and no programs.
    ("python-logging.log", "text/plain", "", "{}"),
    ("apache-clf.log", "text/plain", "", "{}"),
    ("statements.ts", "text/plain", "", "{}"),
    ("perl.pm", "text/plain", "", "{}"),
    ("hosts.conf", "text/plain", "", "{}"),
    ("requirements.txt", "text/plain", "", "{}"),
    ("addresses.txt", "text/plain", "", "{}"),
    ("helm-values.yaml", "text/plain", "", "{}"),
    ("email-headers-like.properties", "text/plain", "", "{}"),
    ("http-head.txt", "text/plain", "", "{}"),
    ("echo-notes.txt", "text/plain", "", "{}"),
    ("batch-sql.sql", "text/plain", "", "{}"),
    ("binary-8bit-attachment.eml", "message/rfc822", "", r#"{"sender": "ann@example.org"}"#),
    ("apple.emlx", "message/x-emlx", "", r#"{"sender": "ann@example.org"}"#),
    // Markup, JSON and RTF.
    ("comment-first.svg", "image/svg+xml", "", r#"{"width": 24, "height": 24}"#),
    ("doctype-nodecl.svg", "image/svg+xml", "", r#"{"width": 4, "height": 4}"#),
    ("main.html", "text/html", "", "{}"),
    ("list.html", "text/html", "", "{}"),
    ("tsconfig.json", "application/json5", "", "{}"),
    ("firehose.json", "application/x-ndjson", "", r#"{"itemCount": 3}"#),
    ("rtf-leading-nl.rtf", "application/rtf", "", "{}"),
    ("rtf-leading-spaces.rtf", "application/rtf", "", "{}"),
    ("rtf-bom.rtf", "application/rtf", "", "{}"),
    // Keys, signatures and Office.
    ("contract.pdf.p7m", "application/pkcs7-mime", "", "{}"),
    ("detached.p7s", "application/pkcs7-signature", "", "{}"),
    ("macro.docm", "application/vnd.ms-word.document.macroEnabled.12", "", "{}"),
    ("macro.xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12", "", "{}"),
    ("show.ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow", "", "{}"),
    ("winmail.dat", "application/vnd.ms-tnef", "", "{}"),
    // Data of science.
    ("plain.h5", "application/x-hdf5", "", "{}"),
    ("netcdf4.nc", "application/x-netcdf", "", "{}"),
    ("plain.npy", "application/x-npy", "", "{}"),
    ("plain.orc", "application/x-orc", "", "{}"),
    ("plain.dbf", "application/vnd.dbf", "", "{}"),
    ("plain.grib2", "application/x-grib2", "", "{}"),
    ("crawl.arc", "application/x-internet-archive", "", "{}"),
    ("a.dxf", "image/vnd.dxf", "", "{}"),
    ("a.warc", "application/warc", "", "{}"),
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
