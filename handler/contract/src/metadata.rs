//! What can be known of a file's content. The fields are attributes of the record, side by side with the six that the
//! user's schema fixes; `docs/record.md` is generated from this table.
//!
//! Names are schema.org, Dublin Core or Tika terms where one fits, in the record's camel case.

use serde::{Deserialize, Serialize};

/// A row of the documentation: one attribute that a record may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The attribute's name.
    pub name: &'static str,
    /// `text`, `number`, `boolean` or `list`.
    pub kind: &'static str,
    /// The unit of a number, or the form of a text; empty where there is none.
    pub unit: &'static str,
    /// For which files it is set.
    pub files: &'static str,
    /// What it says.
    pub meaning: &'static str,
}

macro_rules! kind {
    (String) => {
        "text"
    };
    (bool) => {
        "boolean"
    };
    (u64) => {
        "number"
    };
    (f64) => {
        "number"
    };
    (Vec<String>) => {
        "list"
    };
}

macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $field:ident: [$($kind:tt)+] = $name:literal, $unit:literal, $files:literal;)+) => {
        /// What was read from a file's content. A field that the format does not have, or the file does not say, is
        /// absent, never zero or empty.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        pub struct Metadata {
            $($(#[doc = $doc])+ #[serde(rename = $name, default, skip_serializing_if = "Option::is_none")] pub $field: Option<$($kind)+>,)+
        }

        impl Metadata {
            /// All fields, in the order of the documentation.
            pub const FIELDS: &[Field] = &[$(Field {
                name: $name, kind: kind!($($kind)+), unit: $unit, files: $files, meaning: concat!($($doc),+),
            }),+];
        }
    };
}

fields! {
    // Text and whatever has text in it.
    /// Words, separated by white space, as `wc -w` counts them.
    word_count: [u64] = "wordCount", "words", "text, html, email, pdf, office, e-books";
    /// Words by Unicode's rules (UAX 29), which take each ideograph for a word; absent for Thai, Lao, Khmer and Burmese, whose words only a dictionary separates.
    unicode_word_count: [u64] = "unicodeWordCount", "words", "text, pdf, office, e-books, html, email";
    /// Characters: Unicode scalar values.
    character_count: [u64] = "characterCount", "characters", "text";
    /// Lines; a last one without an end counts. Where there is no line feed, carriage returns end them.
    line_count: [u64] = "lineCount", "lines", "text";
    /// The character encoding, as the WHATWG names it, or else IANA: code pages of DOS, EBCDIC, UTF-32.
    charset: [String] = "charset", "WHATWG or IANA name", "text, html";
    /// The language of the text, where it can be detected with confidence, or the one the document declares.
    language: [String] = "language", "BCP 47", "text, markdown, html, email, pdf, office, e-books";

    // Documents.
    /// Pages, counted.
    page_count: [u64] = "pageCount", "pages", "pdf, tiff, postscript";
    /// Slides, counted.
    slide_count: [u64] = "slideCount", "slides", "pptx, ppt, odp";
    /// Sheets, counted.
    sheet_count: [u64] = "sheetCount", "sheets", "xlsx, xlsb, xls, ods";
    /// Pages as the program that wrote the file declared them; often wrong.
    declared_page_count: [u64] = "declaredPageCount", "pages", "office";
    /// Words as the program that wrote the file declared them; often wrong.
    declared_word_count: [u64] = "declaredWordCount", "words", "office";
    /// The title that the file gives itself.
    title: [String] = "title", "", "pdf, office, e-books, html, image, audio, video, markdown, postscript";
    /// Who made it: the author or the artist.
    author: [String] = "author", "", "pdf, office, e-books, html, image, audio, video, markdown, email, postscript";
    /// What it is about.
    subject: [String] = "subject", "", "pdf, office, e-books, email, image";
    /// Its summary.
    description: [String] = "description", "", "office, e-books, html, image, audio, video, markdown";
    /// Its keywords, as the file spells them.
    keywords: [String] = "keywords", "", "pdf, office, e-books, html, markdown, image";
    /// Who published it.
    publisher: [String] = "publisher", "", "e-books, office";
    /// The identifier it gives itself, such as an ISBN or a message's id.
    identifier: [String] = "identifier", "", "e-books, office, email";
    /// The program that wrote the original.
    creator_tool: [String] = "creatorTool", "", "pdf, office, e-books, html, image, audio, video, email, postscript";
    /// The program that made this file of it.
    producer: [String] = "producer", "", "pdf";
    /// Who changed it last.
    last_modified_by: [String] = "lastModifiedBy", "", "office";
    /// When the content was made, sent or photographed, as the file says: in UTC (`Z`) where it gives a zone, else without one.
    date_created: [String] = "dateCreated", "ISO 8601", "pdf, office, e-books, email, image, audio, video";
    /// When the content was last changed, as the file says: in UTC (`Z`) where it gives a zone, else without one.
    date_modified: [String] = "dateModified", "ISO 8601", "pdf, office, e-books, image";
    /// The version of its format.
    format_version: [String] = "formatVersion", "", "pdf, xml, e-books";
    /// Whether any page has text that can be selected; a scan has none.
    has_text_layer: [bool] = "hasTextLayer", "", "pdf";
    /// Whether it has a form to fill in.
    has_forms: [bool] = "hasForms", "", "pdf";
    /// Whether it carries scripts that a viewer might run.
    has_java_script: [bool] = "hasJavaScript", "", "pdf, html";
    /// Whether it carries macros.
    has_macros: [bool] = "hasMacros", "", "office";
    /// Whether it, or a part of it, is encrypted.
    is_encrypted: [bool] = "isEncrypted", "", "pdf, office, e-books, archives, email";
    /// Files embedded or attached.
    attachment_count: [u64] = "attachmentCount", "files", "pdf, email";
    /// The names of attached files, at most 32.
    attachment_names: [Vec<String>] = "attachmentNames", "", "email";
    /// Whether only a part could be read, because the file breaks off, is damaged or too large: counts are lower bounds, and a playing time is an estimate.
    is_partial: [bool] = "isPartial", "", "all";

    /// The coding that the object is stored in, as S3 has it: type and content are those of what it decodes to, size
    /// and hash those of what is stored. Of a coding that cannot be decoded, such as `br`, nothing else is known.
    content_encoding: [String] = "contentEncoding", "HTTP content coding", "encoded objects";

    // Data.
    /// Rows, the header not among them.
    row_count: [u64] = "rowCount", "rows", "csv";
    /// Columns of the first row.
    column_count: [u64] = "columnCount", "columns", "csv";
    /// What separates columns.
    delimiter: [String] = "delimiter", "one character", "csv";
    /// Whether the first row looks like names of columns.
    has_header: [bool] = "hasHeader", "", "csv";
    /// Elements of the outermost array, members of the outermost object, or lines of NDJSON.
    item_count: [u64] = "itemCount", "items", "json";
    /// How deep arrays, objects or elements are nested.
    nesting_depth: [u64] = "nestingDepth", "levels", "json, xml";
    /// The name of the outermost element.
    root_element: [String] = "rootElement", "", "xml";
    /// The namespace of the outermost element.
    root_namespace: [String] = "rootNamespace", "URI", "xml";
    /// Elements.
    element_count: [u64] = "elementCount", "elements", "xml";

    // Mail.
    /// Who sent it.
    sender: [String] = "sender", "RFC 5322 address", "email";
    /// To whom, at most 32.
    recipients: [Vec<String>] = "recipients", "RFC 5322 addresses", "email";
    /// Messages.
    message_count: [u64] = "messageCount", "messages", "mbox";

    // Pictures, audio and video.
    /// Width, before any rotation that `orientation` asks for.
    width: [u64] = "width", "pixels", "image, video, svg, postscript";
    /// Height, before any rotation that `orientation` asks for.
    height: [u64] = "height", "pixels", "image, video, svg, postscript";
    /// How the picture is to be turned: the Exif value 1 to 8.
    orientation: [u64] = "orientation", "Exif value", "image, video";
    /// The maker of the camera.
    camera_make: [String] = "cameraMake", "", "image, video";
    /// The model of the camera.
    camera_model: [String] = "cameraModel", "", "image, video";
    /// Whether the picture says where it was taken. The place itself is not recorded.
    has_gps: [bool] = "hasGps", "", "image, video";
    /// Whether it has more than one frame to be shown in turn.
    is_animated: [bool] = "isAnimated", "", "gif, png, webp";
    /// Frames.
    frame_count: [u64] = "frameCount", "frames", "gif, png, webp";
    /// Playing time.
    duration: [f64] = "duration", "seconds", "audio, video";
    /// How it is coded; the tracks of a video are separated by commas.
    codec: [String] = "codec", "", "audio, video";
    /// Bits a second, over the whole file.
    bit_rate: [u64] = "bitRate", "kbit/s", "audio, video";
    /// Samples a second.
    sample_rate: [u64] = "sampleRate", "Hz", "audio, video";
    /// Audio channels.
    channel_count: [u64] = "channelCount", "channels", "audio, video";
    /// The album.
    album: [String] = "album", "", "audio";
    /// The genre.
    genre: [String] = "genre", "", "audio";
    /// The number of the track on its album.
    track_number: [u64] = "trackNumber", "", "audio";

    // Archives and programs.
    /// Files in the archive.
    entry_count: [u64] = "entryCount", "files", "archives";
    /// Size of everything in it when unpacked, as declared or counted.
    uncompressed_size: [u64] = "uncompressedSize", "bytes", "archives, compressed files";
    /// The processor that a program is made for.
    machine: [String] = "machine", "", "executables";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_nothing_is_written_for_what_is_unknown() {
        let mut names: Vec<_> = Metadata::FIELDS.iter().map(|f| f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Metadata::FIELDS.len());
        assert_eq!(serde_json::to_value(Metadata::default()).unwrap(), serde_json::json!({}));
    }
}
