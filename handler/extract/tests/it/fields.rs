//! The table of fields against what the readers do: what it claims for a kind of file is set by a sample of that kind,
//! and nothing is set that it does not claim.

use std::collections::BTreeSet;
use std::io::{Cursor, Write};

use handler_contract::{FileTypes, Limits, Metadata};
use handler_extract::Extractor;
use zip::write::SimpleFileOptions;

use crate::video::{boxed, video};
use crate::{pdf, read_encoded};

/// A file, and the kinds that the table counts it among.
struct Sample {
    kinds: &'static [&'static str],
    name: &'static str,
    bytes: Vec<u8>,
}

/// What the table calls files of every kind.
const ALL: &str = "all";
/// What the table calls objects that are stored in a coding.
const ENCODED: &str = "encoded objects";

#[tokio::test]
async fn what_the_table_claims_is_set_and_nothing_else_is() {
    let types = FileTypes::new(["*/*", "application/x-executable"]).unwrap();
    let extractor = Extractor::with_program(env!("CARGO_BIN_EXE_extract"), Limits::default(), types);
    let mut set = BTreeSet::new();
    for Sample { kinds, name, bytes } in samples() {
        let coding = kinds.contains(&ENCODED).then_some("br");
        let findings = read_encoded(&extractor, name, &bytes, coding).await;
        let fields = serde_json::to_value(&findings.metadata).unwrap();
        for field in fields.as_object().unwrap().keys() {
            let claim = Metadata::FIELDS.iter().find(|claim| claim.name == field).unwrap();
            let claimed: Vec<_> = claim.files.split(", ").collect();
            assert!(
                claimed.iter().any(|kind| *kind == ALL || kinds.contains(kind)),
                "{name} has {field}, which is claimed for {claimed:?}"
            );
            set.extend(kinds.iter().chain(&[ALL]).map(|kind| (*kind, claim.name)));
        }
    }
    let unmet: Vec<_> = Metadata::FIELDS
        .iter()
        .flat_map(|claim| claim.files.split(", ").map(|kind| (kind, claim.name)))
        .filter(|claim| !set.contains(claim))
        .collect();
    assert!(unmet.is_empty(), "claimed, and set by no sample: {unmet:?}");
}

const PROSE: &str = "All human beings are born free and equal in dignity and rights. They are endowed with reason and \
    conscience and should act towards one another in a spirit of brotherhood.";

fn samples() -> Vec<Sample> {
    let mut samples = texts();
    samples.extend(documents());
    samples.extend(pictures());
    samples.extend(recordings());
    samples.extend(others());
    samples
}

fn sample(kinds: &'static [&'static str], name: &'static str, bytes: impl Into<Vec<u8>>) -> Sample {
    Sample { kinds, name, bytes: bytes.into() }
}

fn texts() -> Vec<Sample> {
    let markdown = format!("---\ntitle: A\nauthor: B\ndescription: C\ntags: [d]\nlang: en\n---\n# A\n\n{PROSE}\n");
    let html = format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>A</title><meta name=author content=B><meta \
         name=description content=C><meta name=keywords content=d><meta name=generator content=E></head>\
         <body><script>x()</script>{PROSE}</body></html>"
    );
    let letter = format!(
        "From: Ann <a@example.org>\nTo: b@example.org\nSubject: A\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n\
         Message-ID: <1@example.org>\nContent-Language: en\nUser-Agent: E\nMIME-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\n{PROSE}\n--x\n\
         Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=a.pdf\n\nx\n--x--\n"
    );
    let sealed = "From: a@example.org\nTo: b@example.org\nSubject: A\nMIME-Version: 1.0\n\
        Content-Type: multipart/encrypted; boundary=x; protocol=\"application/pgp-encrypted\"\n\n--x--\n";
    let mailbox = format!("From a@example.org Thu Jan  1 00:00:00 2026\n{letter}\n");
    vec![
        sample(&["text"], "x.txt", PROSE),
        sample(&["text", "markdown"], "x.md", markdown),
        sample(&["text", "csv"], "x.csv", "name,size\na,1\nb,2\n"),
        sample(&["text", "json"], "x.json", "{\"a\": [1]}"),
        sample(&["text", "xml"], "x.xml", "<?xml version=\"1.0\"?><a xmlns=\"urn:n\"><b/></a>"),
        sample(&["html"], "x.html", html),
        sample(&["email"], "x.eml", letter),
        sample(&["email"], "sealed.eml", sealed),
        sample(&["mbox"], "x.mbox", mailbox),
    ]
}

/// A zip file. Each character of a part is a byte of it.
fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).expect("a sample can be made");
        let bytes: Vec<u8> = content.chars().map(|c| u8::try_from(c).expect("a sample can be made")).collect();
        writer.write_all(&bytes).expect("a sample can be made");
    }
    writer.finish().expect("a sample can be made").into_inner()
}

fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("a sample can be made");
    for (name, content) in streams {
        file.create_stream(name).expect("a sample can be made").write_all(content).expect("a sample can be made");
    }
    file.flush().expect("a sample can be made");
    file.into_inner().into_inner()
}

/// An OOXML document whose main part has this content type, name and content.
fn open_xml(content_type: &str, main: &str, content: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let types = format!(r#"<Types><Override PartName="/{main}" ContentType="{content_type}"/></Types>"#);
    let relationships = format!(
        r#"<Relationships><Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="{main}"/></Relationships>"#
    );
    zip(&[&[("[Content_Types].xml", &*types), ("_rels/.rels", &relationships), (main, content)], more].concat())
}

fn documents() -> Vec<Sample> {
    const WORD: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    const SLIDES: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml";
    const SHEETS: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml";
    const BINARY_SHEETS: &str = "application/vnd.ms-excel.sheet.binary.macroEnabled.main";
    let core = "<coreProperties><title>A</title><creator>B</creator><subject>S</subject><keywords>d</keywords>\
        <description>C</description><lastModifiedBy>F</lastModifiedBy><language>en</language>\
        <identifier>1</identifier><created>2026-01-01T00:00:00Z</created><modified>2026-01-02T00:00:00Z</modified>\
        </coreProperties>";
    let app =
        "<Properties><Application>E</Application><Company>P</Company><Pages>1</Pages><Words>2</Words></Properties>";
    let text = "<document><body><p><r><t>three small words</t></r></p></body></document>";
    let docx = open_xml(WORD, "word/document.xml", text, &[("docProps/core.xml", core), ("docProps/app.xml", app)]);
    let sheets = r#"<workbook><sheets><sheet name="a" id="r1"/></sheets></workbook>"#;
    let slides = r#"<presentation><sldIdLst><sldId id="256"/></sldIdLst></presentation>"#;
    // A sheet's record of the binary workbook, without content.
    let binary_sheets = "\u{9c}\u{1}\u{0}";
    let open_document = |kind: &str, body: &str| {
        let mimetype = format!("application/vnd.oasis.opendocument.{kind}");
        let content = format!("<document-content><body>{body}</body></document-content>");
        zip(&[("mimetype", &mimetype), ("content.xml", &content)])
    };
    let encrypted = compound(&[("EncryptionInfo", b"x"), ("EncryptedPackage", b"x")]);
    // A sheet of the old binary workbook, between its start and its end.
    let workbook = b"\x09\x08\x04\0\0\x06\x05\0\x85\0\x08\0\0\0\0\0\0\0\x01a\x0a\0\0\0";
    let container = r#"<container><rootfiles><rootfile full-path="book.opf"/></rootfiles></container>"#;
    let book = "<package version=\"3.0\" unique-identifier=\"i\"><metadata><identifier id=\"i\">1</identifier>\
        <title>A</title><creator>B</creator><subject>S</subject><description>C</description><publisher>P</publisher>\
        <language>en</language><date>2026-01-01</date><meta property=\"dcterms:modified\">2026-01-02T00:00:00Z</meta>\
        </metadata><manifest><item id=\"a\" href=\"a.xhtml\"/></manifest><spine><itemref idref=\"a\"/></spine></package>";
    let parts = [
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", container),
        ("book.opf", book),
        ("a.xhtml", "<html><body>two words</body></html>"),
    ];
    let locked = [&parts[..], &[("META-INF/rights.xml", "<rights/>")]].concat();
    let information = b"<< /Title (A) /Author (B) /Subject (S) /Keywords (d) /Creator (E) /Producer (F) \
        /CreationDate (D:20260101000000Z) /ModDate (D:20260102000000Z) >>";
    let pdf = pdf::build(&[
        b"<< /Type /Catalog /Pages 2 0 R /Lang (en) >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>".to_vec(),
        information.to_vec(),
    ]);
    let fiction = "<?xml version=\"1.0\"?><FictionBook xmlns=\"http://www.gribuser.ru/xml/fictionbook/2.0\"><description>\
        <title-info><book-title>A</book-title><keywords>d</keywords></title-info><document-info><program-used>E\
        </program-used></document-info></description><body><p>two words</p></body></FictionBook>";
    vec![
        sample(&["pdf"], "x.pdf", pdf),
        sample(&["e-books"], "x.fb2", fiction),
        sample(&["office", "ppt"], "x.ppt", presentation()),
        sample(&["office"], "x.docx", docx),
        sample(&["office"], "encrypted.docx", encrypted),
        sample(&["office", "pptx"], "x.pptx", open_xml(SLIDES, "ppt/presentation.xml", slides, &[])),
        sample(&["office", "xlsx"], "x.xlsx", open_xml(SHEETS, "xl/workbook.xml", sheets, &[])),
        sample(&["office", "xlsb"], "x.xlsb", open_xml(BINARY_SHEETS, "xl/workbook.bin", binary_sheets, &[])),
        sample(&["office", "xls"], "x.xls", compound(&[("Workbook", workbook)])),
        sample(&["office", "ods"], "x.ods", open_document("spreadsheet", "<spreadsheet><table/></spreadsheet>")),
        sample(&["office", "odp"], "x.odp", open_document("presentation", "<presentation><page/></presentation>")),
        sample(&["e-books"], "x.epub", zip(&parts)),
        sample(&["e-books"], "locked.epub", zip(&locked)),
    ]
}

/// A presentation of the binary format with one slide.
fn presentation() -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let record = |head: u16, kind: u16, content: &[u8]| {
        let length = u32::try_from(content.len()).expect("a sample can be made");
        [&head.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes(), content].concat()
    };
    let list =
        record(15, 0x0ff0, &[record(0, 0x03f3, &words(&[2, 0, 0, 0, 0])), record(0, 0x0fa8, b"two words")].concat());
    let (document, slide) = (record(15, 0x03e8, &list), record(15, 0x03ee, b""));
    let at = |before: &[&Vec<u8>]| u32::try_from(before.iter().map(|part| part.len()).sum::<usize>());
    let second = at(&[&document]).expect("a sample can be made");
    let third = at(&[&document, &slide]).expect("a sample can be made");
    let directory = record(0, 0x1772, &words(&[1 | 2 << 20, 0, second]));
    let edit = at(&[&document, &slide, &directory]).expect("a sample can be made");
    let saved = record(0, 0x0ff5, &words(&[0, 0, 0, third, 1, 0, 0]));
    let user = [words(&[0, 0, 0, 0xe391_c05f]), words(&[edit])].concat();
    compound(&[("PowerPoint Document", &[document, slide, directory, saved].concat()), ("Current User", &user)])
}

/// A picture of TIFF with all that a camera writes: entries, in the order of their tags, and then what does not fit.
fn tiff() -> Vec<u8> {
    const DATE: &[u8] = b"2026:01:02 00:00:00\0";
    let (directory, details) = (8, 8 + 2 + 12 * 12 + 4);
    let date_at = details + 2 + 12 + 4;
    let entry = |tag: u16, kind: u16, value: &[u8]| {
        let count = u32::try_from(if kind == 2 { value.len() } else { 1 }).expect("a sample can be made");
        let field = if value.len() > 4 {
            u32::try_from(date_at).expect("a sample can be made").to_le_bytes().to_vec()
        } else {
            value.to_vec()
        };
        let padding = vec![0; 4 - field.len()];
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &field, &padding].concat()
    };
    let number = |value: usize| u32::try_from(value).expect("a sample can be made").to_le_bytes();
    [
        &b"II\x2a\0"[..],
        &number(directory),
        b"\x0c\0",
        &entry(0x0100, 4, &number(320)),
        &entry(0x0101, 4, &number(240)),
        &entry(0x010e, 2, b"C\0"),
        &entry(0x010f, 2, b"M\0"),
        &entry(0x0110, 2, b"N\0"),
        &entry(0x0112, 3, b"\x06\0"),
        &entry(0x0131, 2, b"E\0"),
        &entry(0x0132, 2, DATE),
        &entry(0x013b, 2, b"B\0"),
        &entry(0x8769, 4, &number(details)),
        // Texts of Windows, of two bytes a character.
        &entry(0x9c9e, 2, b"d\0\0\0"),
        &entry(0x9c9f, 2, b"S\0\0\0"),
        &[0; 4],
        b"\x01\0",
        &entry(0x9003, 2, DATE),
        &[0; 4],
        DATE,
    ]
    .concat()
}

fn pictures() -> Vec<Sample> {
    let chunk = |name: &[u8], data: &[u8]| {
        [&u32::try_from(data.len()).expect("a sample can be made").to_be_bytes()[..], name, data, b"sums"].concat()
    };
    let png = [
        &b"\x89PNG\r\n\x1a\n"[..],
        &chunk(b"IHDR", b"\0\0\0\x04\0\0\0\x03\x08\0\0\0\0"),
        &chunk(b"tEXt", b"Title\0A"),
        &chunk(b"acTL", &[0; 8]),
        &chunk(b"fcTL", &[0; 26]),
        &chunk(b"fcTL", &[0; 26]),
        &chunk(b"IEND", b""),
    ];
    let frame = b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0\x02\0\x01\0\0\x02\x02\x44\x01\0";
    let gif = [&b"GIF89a\x02\0\x01\0\x80\0\0\0\0\0\xff\xff\xff"[..], &frame.repeat(2), b"\x3b"].concat();
    let cut = gif[..gif.len() - 1].to_vec();
    let webp = riff(
        b"WEBP",
        &[little(b"VP8X", &[2, 0, 0, 0, 3, 0, 0, 2, 0, 0]), little(b"ANMF", &[0; 16]), little(b"ANMF", &[0; 16])],
    );
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"3\"><text>two words</text></svg>";
    let page = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 20\n%%Title: A\n%%Creator: E\n%%For: B\n%%Pages: 1\n";
    vec![
        sample(&["image", "tiff"], "x.tif", tiff()),
        sample(&["image", "png"], "x.png", png.concat()),
        sample(&["image", "gif"], "x.gif", gif),
        sample(&["image", "gif"], "cut.gif", cut),
        sample(&["image", "webp"], "x.webp", webp),
        sample(&["image", "svg", "xml", "text"], "x.svg", svg),
        sample(&["postscript"], "x.eps", page),
    ]
}

fn little(name: &[u8], data: &[u8]) -> Vec<u8> {
    [name, &u32::try_from(data.len()).expect("a sample can be made").to_le_bytes()[..], data, &[0; 1][..data.len() % 2]]
        .concat()
}

fn riff(form: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    little(b"RIFF", &[form, &chunks.concat()].concat())
}

fn recordings() -> Vec<Sample> {
    let texts: [&[u8]; 8] = [b"INAM", b"IART", b"IPRD", b"IGNR", b"ICMT", b"ISFT", b"ICRD", b"ITRK"];
    let info = [b"INFO".to_vec(), texts.map(|name| little(name, b"2026")).concat()].concat();
    let format = b"\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0";
    let wav = riff(b"WAVE", &[little(b"fmt ", format), little(b"LIST", &info), little(b"data", &vec![0; 17_640])]);
    // As a camera writes them.
    let texts: [&[u8]; 7] = [b"\xa9nam", b"\xa9ART", b"\xa9cmt", b"\xa9too", b"\xa9mak", b"\xa9mod", b"\xa9xyz"];
    let mp4 = video(&texts.map(|name| boxed(name, b"\0\x01\0\0A")).concat());
    vec![sample(&["audio"], "x.wav", wav), sample(&["video"], "x.mp4", mp4)]
}

fn others() -> Vec<Sample> {
    let elf = [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], b"\x02\0\xb7\0\x01\0\0\0", &[0; 64]].concat();
    // An empty block, stored.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x01\0\0\xff\xff\0\0\0\0\0\0\0\0";
    vec![
        sample(&["archives"], "x.zip", zip(&[("a", "text")])),
        sample(&["compressed files"], "x.gz", gzip),
        sample(&["executables"], "x", elf),
        sample(&[ENCODED], "x.txt", b"\x0b\x02\x80text\x03"),
    ]
}
