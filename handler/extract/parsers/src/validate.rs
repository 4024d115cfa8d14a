//! The rules that a file must meet before it is read: its type is allowed, and its name does not promise another one.
//! Pure: a name, a type and the stack's list in, a decision out.

use handler_contract::{ErrorCode, Failure, FileTypes};

use crate::media_type::{Detected, ENCRYPTED_OPEN_XML, is_executable, is_open_xml, is_textual, is_zip};

/// What an extension promises.
struct ExtensionRule {
    extensions: &'static [&'static str],
    /// The types that keep the promise; the first is the one to name.
    types: &'static [&'static str],
    unknown: Unknown,
    text: Text,
}

/// What an extension says of bytes of no known type.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unknown {
    /// Every file of the type is recognised, so that they break the promise.
    Excluded,
    /// They may be a file of the type that is not recognised.
    Accepted,
}

/// What an extension says of texts, beside those among its types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Text {
    /// They break the promise.
    Excluded,
    /// Programs give texts this name as well.
    Accepted,
}

const fn certain(extensions: &'static [&'static str], types: &'static [&'static str]) -> ExtensionRule {
    ExtensionRule { extensions, types, unknown: Unknown::Excluded, text: Text::Excluded }
}

const fn likely(extensions: &'static [&'static str], types: &'static [&'static str]) -> ExtensionRule {
    ExtensionRule { unknown: Unknown::Accepted, ..certain(extensions, types) }
}

/// For extensions that have other honest meanings, of which texts are one.
const fn shared(extensions: &'static [&'static str], types: &'static [&'static str]) -> ExtensionRule {
    ExtensionRule { text: Text::Accepted, ..likely(extensions, types) }
}

const WORD: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.template",
    "application/vnd.ms-word.document.macroEnabled.12",
    "application/vnd.ms-word.template.macroEnabled.12",
    ENCRYPTED_OPEN_XML,
];
const SHEET: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.template",
    "application/vnd.ms-excel.sheet.macroEnabled.12",
    "application/vnd.ms-excel.sheet.binary.macroEnabled.12",
    "application/vnd.ms-excel.template.macroEnabled.12",
    "application/vnd.ms-excel.addin.macroEnabled.12",
    ENCRYPTED_OPEN_XML,
];
const PRESENTATION: &[&str] = &[
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
    "application/vnd.openxmlformats-officedocument.presentationml.template",
    "application/vnd.ms-powerpoint.presentation.macroEnabled.12",
    "application/vnd.ms-powerpoint.slideshow.macroEnabled.12",
    "application/vnd.ms-powerpoint.template.macroEnabled.12",
    "application/vnd.ms-powerpoint.addin.macroEnabled.12",
    ENCRYPTED_OPEN_XML,
];

/// Extensions whose meaning is beyond doubt. One that is not here promises nothing.
const EXTENSION_RULES: &[ExtensionRule] = &[
    // Documents.
    certain(&["pdf"], &["application/pdf"]),
    likely(&["ai"], &["application/pdf", "application/postscript", "application/illustrator"]),
    likely(&["ps", "eps"], &["application/postscript", "image/x-eps"]),
    certain(&["rtf"], &["application/rtf"]),
    certain(&["docx", "docm", "dotx", "dotm"], WORD),
    certain(&["xlsx", "xlsm", "xlsb", "xltx", "xltm", "xlam"], SHEET),
    certain(&["pptx", "pptm", "ppsx", "ppsm", "potx", "potm", "ppam"], PRESENTATION),
    // Word itself writes RTF under this name, and so do other programs HTML, XML, MHTML and WordPerfect.
    shared(
        &["doc"],
        &[
            "application/msword",
            "application/x-cfb",
            "application/rtf",
            "application/vnd.wordperfect",
            ENCRYPTED_OPEN_XML,
        ],
    ),
    // Graphviz has texts under this name.
    shared(&["dot"], &["application/msword", "application/x-cfb", "application/rtf", ENCRYPTED_OPEN_XML]),
    shared(&["xls", "xlt"], &["application/vnd.ms-excel", "application/x-cfb", ENCRYPTED_OPEN_XML]),
    likely(&["ppt", "pps"], &["application/vnd.ms-powerpoint", "application/x-cfb", ENCRYPTED_OPEN_XML]),
    // gettext has texts under this name, ROS under the next.
    shared(&["pot"], &["application/vnd.ms-powerpoint", "application/x-cfb", ENCRYPTED_OPEN_XML]),
    shared(&["msg"], &["application/vnd.ms-outlook", "application/x-cfb"]),
    certain(&["odt"], &["application/vnd.oasis.opendocument.text"]),
    certain(&["ods"], &["application/vnd.oasis.opendocument.spreadsheet"]),
    certain(&["odp"], &["application/vnd.oasis.opendocument.presentation"]),
    certain(&["odg"], &["application/vnd.oasis.opendocument.graphics"]),
    certain(&["epub"], &["application/epub+zip"]),
    // Images.
    certain(&["png", "apng"], &["image/png", "image/apng"]),
    certain(&["jpg", "jpeg", "jpe"], &["image/jpeg"]),
    certain(&["gif"], &["image/gif"]),
    certain(&["webp"], &["image/webp"]),
    certain(
        &["tif", "tiff"],
        &["image/tiff", "image/x-adobe-dng", "image/x-canon-cr2", "image/x-nikon-nef", "image/x-sony-arw"],
    ),
    certain(&["bmp"], &["image/bmp"]),
    certain(&["psd"], &["image/vnd.adobe.photoshop"]),
    likely(&["ico"], &["image/vnd.microsoft.icon", "image/png"]),
    certain(&["heic", "heif"], &["image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"]),
    certain(&["avif"], &["image/avif"]),
    // Audio and video. Many containers start alike, and some streams start anywhere.
    likely(&["mp3"], &["audio/mpeg"]),
    likely(&["wav"], &["audio/vnd.wave"]),
    certain(&["flac"], &["audio/flac"]),
    certain(
        &["ogg", "oga", "opus", "spx", "ogv"],
        &["audio/ogg", "audio/opus", "application/ogg", "video/ogg", "audio/flac"],
    ),
    likely(
        &["mp4", "m4v", "m4a", "m4b", "mov", "qt", "3gp", "3g2"],
        &[
            "video/mp4",
            "audio/mp4",
            "application/mp4",
            "video/quicktime",
            "video/3gpp",
            "video/3gpp2",
            "video/x-m4v",
            "audio/x-m4a",
        ],
    ),
    certain(
        &["mkv", "mka", "mks", "webm"],
        &["video/matroska", "audio/matroska", "application/x-matroska", "video/webm", "audio/webm"],
    ),
    certain(&["avi"], &["video/x-msvideo"]),
    likely(&["aif", "aiff"], &["audio/x-aiff"]),
    likely(&["midi"], &["audio/midi"]),
    // MapInfo has tables under this name.
    shared(&["mid"], &["audio/midi"]),
    // Archives. A zip may hold anything that is made of one (see `satisfies`).
    certain(&["zip"], &["application/zip"]),
    certain(&["jar", "war", "ear"], &["application/java-archive", "application/zip"]),
    certain(&["gz", "tgz"], &["application/gzip"]),
    certain(&["bz2"], &["application/x-bzip2"]),
    certain(&["xz"], &["application/x-xz"]),
    certain(&["zst"], &["application/zstd"]),
    certain(&["7z"], &["application/x-7z-compressed"]),
    certain(&["rar"], &["application/vnd.rar"]),
    likely(&["tar"], &["application/x-tar"]),
    // An encrypted database shows nothing of what it is.
    likely(&["sqlite", "sqlite3"], &["application/vnd.sqlite3"]),
    certain(&["wasm"], &["application/wasm"]),
    // Programs.
    certain(&["exe", "dll"], &["application/vnd.microsoft.portable-executable", "application/x-dosexec"]),
    // Text, whatever its kind.
    certain(&["txt", "text", "yaml", "yml", "toml", "sql"], &["text/plain"]),
    // Every program has its own idea of what is in these.
    likely(&["log", "ini", "conf", "cfg"], &["text/plain"]),
    certain(&["csv"], &["text/csv"]),
    certain(&["tsv", "tab"], &["text/tab-separated-values"]),
    certain(&["md", "markdown"], &["text/markdown"]),
    certain(&["html", "htm"], &["text/html"]),
    certain(&["xhtml"], &["application/xhtml+xml"]),
    certain(&["xml", "xsd", "xsl"], &["text/xml"]),
    certain(&["svg"], &["image/svg+xml"]),
    certain(&["json"], &["application/json"]),
    certain(&["ndjson", "jsonl"], &["application/x-ndjson"]),
    certain(&["css"], &["text/css"]),
    certain(&["js", "mjs"], &["text/javascript"]),
    certain(&["py"], &["text/x-python"]),
    certain(&["rs"], &["text/x-rust"]),
    certain(&["c", "h"], &["text/x-c"]),
    certain(&["java"], &["text/x-java"]),
    certain(&["sh", "bash"], &["text/x-shellscript"]),
    certain(&["tex"], &["text/x-tex"]),
    certain(&["eml", "mht", "mhtml"], &["message/rfc822"]),
    certain(&["mbox"], &["application/mbox"]),
    certain(&["ics"], &["text/calendar"]),
    certain(&["vcf"], &["text/vcard"]),
    certain(&["srt"], &["application/x-subrip"]),
    certain(&["vtt"], &["text/vtt"]),
];

/// Types that the content alone does not distinguish.
const AMBIGUOUS: &[&str] = &["text/plain", "text/csv", "text/tab-separated-values", "text/markdown", "text/html"];

/// Types that a name may choose among those. Others show in the content, if they are there.
const CHOSEN_BY_NAME: &[&str] = &[
    "text/csv",
    "text/tab-separated-values",
    "text/markdown",
    "text/css",
    "text/javascript",
    "text/x-python",
    "text/x-rust",
    "text/x-c",
    "text/x-java",
    "text/x-shellscript",
    "text/x-tex",
    // Whether it is valid is found out by reading it.
    "application/json",
    "application/x-ndjson",
    "text/xml",
    "message/rfc822",
    "application/mbox",
    "text/html",
];

/// Extensions of texts that are neither tables nor messages nor Markdown, however much a part of them looks so:
/// records of programs, settings, and source code.
const PLAIN_TEXTS: &[&str] = &[
    "bas",
    "cfg",
    "cnf",
    "conf",
    "config",
    "cpp",
    "cs",
    "desktop",
    "dot",
    "env",
    "go",
    "gradle",
    "http",
    "ini",
    "kt",
    "log",
    "lst",
    "lua",
    "m",
    "mm",
    "mjs",
    "msg",
    "out",
    "php",
    "pl",
    "plist",
    "pm",
    "po",
    "pot",
    "properties",
    "ps1",
    "r",
    "rb",
    "reg",
    "rest",
    "rst",
    "scala",
    "service",
    "sql",
    "swift",
    "toml",
    "ts",
    "tsx",
    "jsx",
    "tf",
    "vb",
    "vue",
    "yaml",
    "yml",
];

/// Types of a text that only resembles them.
const RESEMBLED: &[&str] = &["text/csv", "text/tab-separated-values", "text/markdown", "text/x-msdos-batch"];

/// The type of a file whose content leaves it open, by the name's extension: a list of names with commas is no table
/// in `names.md`, a table of one column is one in `names.csv`, and of an encrypted Office document only the name shows
/// which program it is for.
pub(crate) fn resolve_type<'a>(file_name: &str, detected: &'a Detected) -> &'a str {
    let file_type = detected.file_type.as_str();
    let extension = extension(file_name).unwrap_or_default();
    if let Some((_, file_type)) = detected.by_extension.iter().find(|(name, _)| *name == extension) {
        return file_type;
    }
    let rule = extension_rule(file_name);
    let named = rule.map(|rule| rule.types[0]).unwrap_or_default();
    if AMBIGUOUS.contains(&file_type) && CHOSEN_BY_NAME.contains(&named) {
        return named;
    }
    // A single message that was taken out of a file of them.
    if file_type == "application/mbox" && extension == "eml" {
        return "message/rfc822";
    }
    if file_type == ENCRYPTED_OPEN_XML && is_open_xml(named) {
        return named;
    }
    let is_plain = PLAIN_TEXTS.contains(&extension.as_str());
    if is_plain && RESEMBLED.contains(&file_type) || detected.is_likely && (is_plain || named == "text/plain") {
        return "text/plain";
    }
    if detected.is_likely && CHOSEN_BY_NAME.contains(&named) && is_textual(file_type) {
        return named;
    }
    file_type
}

/// Judges a file by its name and the type of its content.
pub(crate) fn validate(file_name: &str, file_type: &str, allowed: &FileTypes) -> Result<(), Failure> {
    // What runs is refused unless somebody asked for it: not every type is a type that somebody has thought of.
    if is_executable(file_type) && allowed.allows(file_type) && !allowed.names(file_type) {
        return Err(Failure::new(
            ErrorCode::TypeNotAllowed,
            format!("the content is {file_type}, a program; a stack that accepts programs must name their type"),
        ));
    }
    if !allowed.allows(file_type) {
        let list = allowed.iter().collect::<Vec<_>>().join(", ");
        return Err(Failure::new(
            ErrorCode::TypeNotAllowed,
            format!("the content is {file_type}; this stack accepts {list}"),
        ));
    }
    match extension_rule(file_name) {
        Some(rule) if !satisfies(rule, file_type) => Err(Failure::new(
            ErrorCode::TypeMismatch,
            format!(
                "the extension .{} promises {}, but the content is {file_type}; rename the file or upload the right one",
                extension(file_name).unwrap_or_default(),
                rule.types[0],
            ),
        )),
        _ => Ok(()),
    }
}

fn extension(file_name: &str) -> Option<String> {
    let (stem, extension) = file_name.rsplit_once('.')?;
    (!stem.is_empty()).then(|| extension.to_ascii_lowercase())
}

fn extension_rule(file_name: &str) -> Option<&'static ExtensionRule> {
    let extension = extension(file_name)?;
    EXTENSION_RULES.iter().find(|rule| rule.extensions.contains(&extension.as_str()))
}

fn satisfies(rule: &ExtensionRule, file_type: &str) -> bool {
    rule.types.contains(&file_type)
        || (is_textual(rule.types[0]) || rule.text == Text::Accepted) && is_textual(file_type)
        || rule.types[0] == "application/zip" && is_zip(file_type)
        || rule.unknown == Unknown::Accepted && file_type == handler_contract::record::UNKNOWN_TYPE
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

    #[test]
    fn names_that_contradict_the_content() {
        let rows = [
            ("x.pdf", "application/pdf", true),
            ("X.PDF", "application/pdf", true),
            ("x.pdf", "image/png", false),
            ("x.pdf", "text/plain", false),
            ("x.pdf", "application/octet-stream", false),
            ("x.csv", "text/plain", true),
            ("x.csv", "application/json", true),
            ("x.txt", "text/html", true),
            ("x.txt", "image/png", false),
            ("x.txt", "application/octet-stream", false),
            ("x.json", "text/plain", true),
            ("x.svg", "text/xml", true),
            ("x.html", "application/pdf", false),
            ("x.docx", DOCX, true),
            ("x.docx", "application/zip", false),
            ("x.docx", "application/x-cfb", false),
            ("x.doc", "application/rtf", true),
            ("x.doc", DOCX, false),
            ("x.doc", "text/html", true),
            ("x.doc", "text/xml", true),
            ("x.doc", "message/rfc822", true),
            ("x.doc", "application/vnd.wordperfect", true),
            ("x.doc", ENCRYPTED_OPEN_XML, true),
            ("x.doc", "image/png", false),
            ("x.xls", "text/tab-separated-values", true),
            ("x.xls", "text/csv", true),
            ("x.xls", "application/pdf", false),
            ("x.ppt", ENCRYPTED_OPEN_XML, true),
            ("x.ppt", "text/html", false),
            ("x.docx", ENCRYPTED_OPEN_XML, true),
            ("x.docx", "text/html", false),
            ("x.docm", "application/vnd.ms-word.document.macroEnabled.12", true),
            ("x.docm", "application/vnd.ms-excel.sheet.macroEnabled.12", false),
            ("x.xlam", "application/vnd.ms-excel.addin.macroEnabled.12", true),
            ("x.ppsx", "application/vnd.openxmlformats-officedocument.presentationml.slideshow", true),
            ("x.dot", "text/plain", true),
            ("x.pot", "text/plain", true),
            ("x.msg", "text/plain", true),
            ("x.mid", "text/csv", true),
            ("x.mid", "image/png", false),
            ("x.midi", "text/csv", false),
            ("x.ts", "text/plain", true),
            ("x.ts", "video/mp2t", true),
            ("x.m", "text/plain", true),
            ("x.cfg", "application/octet-stream", true),
            ("x.log", "application/octet-stream", true),
            ("x.log", "image/png", false),
            ("x.sqlite", "application/octet-stream", true),
            ("x.sqlite", "text/plain", false),
            ("x.tif", "image/x-adobe-dng", true),
            ("x.webm", "audio/webm", true),
            ("x.json", "application/json5", true),
            ("x.mscz", "application/x-musescore", true),
            ("x.zip", "application/vnd.ms-word.document.macroEnabled.12", true),
            ("x.zip", DOCX, true),
            ("x.zip", "application/epub+zip", true),
            ("x.zip", "application/gzip", false),
            ("x.tar.gz", "application/gzip", true),
            ("x.jpg", "image/png", false),
            ("x.jpeg", "image/jpeg", true),
            ("x.mp3", "application/octet-stream", true),
            ("x.mp3", "application/zip", false),
            ("x.mp4", "video/quicktime", true),
            ("x.unheard-of", "image/png", true),
            ("pdf", "image/png", true),
            (".pdf", "image/png", true),
            ("", "image/png", true),
        ];
        for (name, file_type, accepted) in rows {
            let result = validate(name, file_type, &FileTypes::any()).map_err(|failure| failure.code);
            assert_eq!(result, if accepted { Ok(()) } else { Err(ErrorCode::TypeMismatch) }, "{name} {file_type}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_refused_whatever_its_name() {
        let allowed = FileTypes::new(["text/*", "application/pdf"]).unwrap();
        let failure = validate("x.png", "image/png", &allowed).unwrap_err();
        assert_eq!(failure.code, ErrorCode::TypeNotAllowed);
        assert_eq!(failure.message, "the content is image/png; this stack accepts text/*, application/pdf");
        assert_eq!(validate("x.pdf", "image/png", &allowed).unwrap_err().code, ErrorCode::TypeNotAllowed);
        assert!(validate("x.pdf", "application/pdf", &allowed).is_ok());
    }

    #[test]
    fn programs_are_accepted_only_where_they_are_named() {
        const ELF: &str = "application/x-executable";
        const SCRIPT: &str = "text/x-shellscript";
        let rows: &[(&[&str], &str, bool)] = &[
            (&["*/*"], ELF, false),
            (&["*/*"], SCRIPT, false),
            (&["*/*"], "application/vnd.microsoft.portable-executable", false),
            (&["*/*"], "application/x-mach-binary", false),
            (&["*/*"], "application/java-vm", false),
            (&["*/*"], "application/wasm", false),
            (&["*/*"], "application/x-msi", false),
            (&["*/*"], "application/x-sharedlib", false),
            (&["*/*"], "application/pdf", true),
            (&["*/*"], "text/x-python", true),
            (&["*/*", "application/x-executable"], ELF, true),
            (&["*/*", "application/*"], ELF, true),
            (&["*/*", "application/*"], SCRIPT, false),
            (&["text/*"], SCRIPT, true),
            (&["text/*"], ELF, false),
            (&["application/wasm"], "application/wasm", true),
        ];
        for (patterns, file_type, accepted) in rows {
            let result = validate("x", file_type, &FileTypes::new(*patterns).unwrap());
            let expected = if *accepted { Ok(()) } else { Err(ErrorCode::TypeNotAllowed) };
            assert_eq!(result.map_err(|failure| failure.code), expected, "{patterns:?} {file_type}");
        }
    }

    #[test]
    fn a_name_settles_what_the_content_leaves_open() {
        let rows = [
            ("x.csv", "text/plain", "text/csv"),
            ("x.md", "text/csv", "text/markdown"),
            ("x.py", "text/markdown", "text/x-python"),
            ("x.txt", "text/csv", "text/csv"),
            ("x.log", "text/csv", "text/plain"),
            ("x.yaml", "text/tab-separated-values", "text/plain"),
            ("x.ts", "text/csv", "text/plain"),
            ("x.sql", "text/x-msdos-batch", "text/plain"),
            ("x.bat", "text/x-msdos-batch", "text/x-msdos-batch"),
            ("x.json", "text/plain", "application/json"),
            ("x.json", "application/json5", "application/json5"),
            ("x.eml", "text/plain", "message/rfc822"),
            ("x.eml", "application/mbox", "message/rfc822"),
            ("x.mbox", "application/mbox", "application/mbox"),
            ("x", "application/mbox", "application/mbox"),
            ("README.md", "text/html", "text/markdown"),
            ("x.txt", "text/html", "text/html"),
            ("x.log", "text/html", "text/html"),
            ("x.yaml", "message/rfc822", "message/rfc822"),
            ("x.ics", "text/plain", "text/plain"),
            ("x.csv", "application/json", "application/json"),
            ("x.pdf", "text/plain", "text/plain"),
            ("x", "text/plain", "text/plain"),
            ("x.docx", ENCRYPTED_OPEN_XML, DOCX),
            ("x.xls", ENCRYPTED_OPEN_XML, ENCRYPTED_OPEN_XML),
            ("x.pdf", ENCRYPTED_OPEN_XML, ENCRYPTED_OPEN_XML),
            ("x.docx", "application/x-cfb", "application/x-cfb"),
        ];
        for (name, sniffed, settled) in rows {
            assert_eq!(resolve_type(name, &Detected::proven(sniffed)), settled, "{name} {sniffed}");
        }
    }

    #[test]
    fn what_a_text_only_resembles_is_for_the_name_to_say() {
        let rows = [
            ("x.txt", "text/csv", "text/plain"),
            ("x.txt", "text/html", "text/plain"),
            ("x.txt", "text/x-msdos-batch", "text/plain"),
            ("x.yaml", "message/rfc822", "text/plain"),
            ("x.properties", "message/rfc822", "text/plain"),
            ("x.md", "message/rfc822", "text/markdown"),
            ("x.html", "text/html", "text/html"),
            ("x.bat", "text/x-msdos-batch", "text/x-msdos-batch"),
            ("x.dat", "text/csv", "text/csv"),
            ("x", "message/rfc822", "message/rfc822"),
        ];
        for (name, sniffed, settled) in rows {
            assert_eq!(resolve_type(name, &Detected::likely(sniffed)), settled, "{name} {sniffed}");
        }
        let by_extension = &[("kmz", "application/vnd.google-earth.kmz")];
        let archive = Detected { by_extension, ..Detected::proven("application/zip") };
        assert_eq!(resolve_type("x.kmz", &archive), "application/vnd.google-earth.kmz");
        assert_eq!(resolve_type("x.zip", &archive), "application/zip");
    }

    #[test]
    fn no_extension_promises_twice() {
        let mut extensions: Vec<_> = EXTENSION_RULES.iter().flat_map(|rule| rule.extensions).collect();
        let all = extensions.len();
        extensions.sort_unstable();
        extensions.dedup();
        assert_eq!(extensions.len(), all);
    }
}
