//! Media types: how they are written in a record, and which kinds of them there are.

use handler_contract::FileTypes;

/// The type of an object without bytes, as libmagic names it.
pub const EMPTY: &str = "application/x-empty";
/// An encrypted OOXML document, as Apache Tika names it: its content does not show which program it is for.
pub(crate) const ENCRYPTED_OPEN_XML: &str = "application/x-tika-ooxml-protected";

/// Whether a text can be the type in a record: lower case, without parameters, at most 255 bytes.
pub fn is_media_type(text: &str) -> bool {
    text.len() <= 255 && FileTypes::new([text]).is_ok() && !text.contains(|c: char| c == '*' || c.is_ascii_uppercase())
}

/// Types that are text under another name.
const TEXTUAL: &[&str] = &[
    "application/json",
    "application/mbox",
    "application/pgp",
    "application/pgp-keys",
    "application/pgp-signature",
    "application/x-ndjson",
    "application/x-pem-file",
    "application/x-subrip",
    "audio/x-mpegurl",
    "message/rfc822",
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

/// Types of OOXML documents.
pub(crate) fn is_open_xml(file_type: &str) -> bool {
    file_type.starts_with("application/vnd.openxmlformats-officedocument.")
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

/// Whether files of a type are zip archives, perhaps by another name.
pub(crate) fn is_zip(file_type: &str) -> bool {
    file_type == "application/zip"
        || file_type.ends_with("+zip")
        || file_type.starts_with("application/vnd.openxmlformats-officedocument.")
        || is_open_document(file_type)
        || matches!(file_type, "application/java-archive" | "application/vnd.android.package-archive")
}
