//! Media types: how they are written in a record, and which kinds of them there are.

use handler_contract::FileTypes;

/// The type of an object without bytes, as libmagic names it.
pub const EMPTY: &str = "application/x-empty";
/// An encrypted OOXML document, as Apache Tika names it: its content does not show which program it is for.
pub(crate) const ENCRYPTED_OPEN_XML: &str = "application/x-tika-ooxml-protected";

/// JSON with comments or commas at the end of lists, which programs accept in their settings. JSON5 allows both.
pub(crate) const JSON_WITH_COMMENTS: &str = "application/json5";

/// What a file's content shows of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detected {
    /// The media type, without parameters.
    pub(crate) file_type: String,
    /// Whether the content leaves room for another kind of text that the name promises.
    pub(crate) is_likely: bool,
    /// Types that share this content, by the extension that distinguishes them.
    pub(crate) by_extension: &'static [(&'static str, &'static str)],
}

impl Detected {
    /// A type that the content proves.
    pub(crate) fn proven(file_type: impl Into<String>) -> Self {
        Self { file_type: file_type.into(), is_likely: false, by_extension: &[] }
    }

    /// A kind of text that the content resembles.
    pub(crate) fn likely(file_type: impl Into<String>) -> Self {
        Self { is_likely: true, ..Self::proven(file_type) }
    }
}

/// Whether a text can be the type in a record: without parameters, at most 255 bytes, in lower case but for the
/// `macroEnabled` of the types that IANA registered so.
pub fn is_media_type(text: &str) -> bool {
    let lower_case = text.replace("macroEnabled", "");
    text.len() <= 255
        && FileTypes::new([text]).is_ok()
        && !lower_case.contains(|c: char| c == '*' || c.is_ascii_uppercase())
}

/// Types that are text under another name.
const TEXTUAL: &[&str] = &[
    "application/json",
    "application/json5",
    "application/mbox",
    "application/pgp",
    "application/pgp-keys",
    "application/pgp-signature",
    "application/x-ndjson",
    "application/x-pem-file",
    "application/x-subrip",
    "audio/x-mpegurl",
    "message/rfc822",
    "message/x-emlx",
];

/// Types of what can be run. Scripts of other languages are read by programmers more often than run by accident.
const EXECUTABLE: &[&str] = &[
    "application/java-vm",
    "application/vnd.microsoft.portable-executable",
    "application/wasm",
    "application/x-dosexec",
    "application/x-elf",
    "application/x-executable",
    "application/x-mach-binary",
    "application/x-ms-ne-executable",
    "application/x-ms-shortcut",
    "application/x-msdownload",
    "application/x-msi",
    "application/x-object",
    "application/x-pie-executable",
    "application/x-sharedlib",
    "text/x-msdos-batch",
    "text/x-shellscript",
];

/// Whether files of a type can be run. They are accepted only where the type, or all of its kind, is named.
pub(crate) fn is_executable(file_type: &str) -> bool {
    EXECUTABLE.contains(&file_type)
}

/// Whether a type is text, and may be read as such.
pub(crate) fn is_textual(file_type: &str) -> bool {
    let zipped_or_not = |suffix| file_type.ends_with(suffix) && !file_type.starts_with("application/vnd.ms-");
    file_type.starts_with("text/")
        || TEXTUAL.contains(&file_type)
        || zipped_or_not("+xml")
        || zipped_or_not("+json")
        || is_flat_open_document(file_type)
}

/// Types of OOXML documents: those of the standard, and those of Microsoft for documents with macros.
pub(crate) fn is_open_xml(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.openxmlformats-officedocument.")
        || file_type.starts_with("application/vnd.ms-") && file_type.ends_with(".macroEnabled.12")
}

/// Types of OpenDocument packages.
pub(crate) fn is_open_document(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.oasis.opendocument.") && !is_flat_open_document(file_type)
}

/// Types of OpenDocument in one XML file.
pub(crate) fn is_flat_open_document(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.oasis.opendocument.") && file_type.ends_with("-flat-xml")
}

/// Types of the binary formats of Office 97, and of OOXML documents that are encrypted.
pub(crate) fn is_office_binary(file_type: &str) -> bool {
    ["application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint", ENCRYPTED_OPEN_XML]
        .contains(&file_type)
}

/// Types that zip files give themselves in a part called `mimetype`, beside those of OpenDocument.
const SELF_DECLARED: &[&str] = &[
    "application/epub+zip",
    "application/hwp+zip",
    "application/vnd.adobe.indesign-idml-package",
    "application/vnd.etsi.asic-e+zip",
    "application/vnd.etsi.asic-s+zip",
    "application/vnd.recordare.musicxml",
    "application/x-krita",
    "image/openraster",
];

/// Whether a zip file that gives itself this type is of it.
pub(crate) fn is_self_declared(file_type: &str) -> bool {
    let ends_with_token = |prefix: &str| {
        let kind = file_type.strip_prefix(prefix);
        kind.is_some_and(|kind| {
            !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'.')
        })
    };
    SELF_DECLARED.contains(&file_type)
        || ends_with_token("application/vnd.oasis.opendocument.")
        || ends_with_token("application/vnd.sun.xml.")
}

/// Other types whose files are zip archives.
const ZIPPED: &[&str] = &[
    "application/java-archive",
    "application/twbx",
    "application/vnd.adobe.fla",
    "application/vnd.android.aab",
    "application/vnd.android.package-archive",
    "application/vnd.apple.keynote",
    "application/vnd.apple.numbers",
    "application/vnd.apple.pages",
    "application/vnd.google-earth.kmz",
    "application/vnd.ms-appx",
    "application/vnd.ms-appx.bundle",
    "application/vnd.ms-xpsdocument",
    "application/vsix",
    "application/x-ios-app",
    "application/x-musescore",
    "application/x-silverlight-app",
    "application/zip",
    "image/x-figma",
    "image/x-sketch",
    "model/3mf",
];

/// Whether files of a type are zip archives, perhaps by another name.
pub(crate) fn is_zip(file_type: &str) -> bool {
    file_type.ends_with("+zip")
        || is_open_xml(file_type)
        || is_self_declared(file_type)
        || file_type.starts_with("application/vnd.ms-visio.") && file_type.ends_with(".main+xml")
        || ZIPPED.contains(&file_type)
}
