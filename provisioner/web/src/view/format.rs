//! Values as people read them.

use handler_contract::Timestamp;
use maud::{Markup, html};
use provisioner_model::text::clean;
use provisioner_model::units::{Size, grouped};

/// A name or another text of another source. `bdi` keeps its right-to-left letters from moving what is around it.
pub(crate) fn foreign(text: &str) -> Markup {
    html! { bdi { (clean(text)) } }
}

/// A number of bytes.
pub(crate) fn size(bytes: u64) -> String {
    Size(bytes).rounded()
}

/// A number of things: `1 word`, `1,234 words`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A time. The module shows it in the reader's zone.
pub(crate) fn time(time: &Timestamp) -> Markup {
    let text = time.as_str();
    html! { time datetime=(text) title={ (text) } { (text[..16].replace('T', " ")) " UTC" } }
}

/// The same from milliseconds since the Unix epoch.
pub(crate) fn time_of(millis: i64) -> Markup {
    Timestamp::from_unix_millis(millis).map(|at| time(&at)).unwrap_or_default()
}

/// Media types and their names. Others have their own name.
const TYPES: &[(&str, &str)] = &[
    ("application/pdf", "PDF"),
    ("text/plain", "Text"),
    ("text/csv", "CSV"),
    ("text/html", "HTML"),
    ("text/markdown", "Markdown"),
    ("text/xml", "XML"),
    ("application/xml", "XML"),
    ("application/json", "JSON"),
    ("application/x-ndjson", "JSON lines"),
    ("application/zip", "ZIP archive"),
    ("application/gzip", "Gzip"),
    ("application/x-tar", "Tar archive"),
    ("application/x-7z-compressed", "7z archive"),
    ("application/vnd.rar", "RAR archive"),
    ("application/rtf", "RTF"),
    ("application/epub+zip", "EPUB"),
    ("application/msword", "Word (doc)"),
    ("application/vnd.ms-excel", "Excel (xls)"),
    ("application/vnd.ms-powerpoint", "PowerPoint (ppt)"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Word"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel"),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", "PowerPoint"),
    ("application/vnd.oasis.opendocument.text", "OpenDocument text"),
    ("application/vnd.oasis.opendocument.spreadsheet", "OpenDocument sheet"),
    ("application/vnd.oasis.opendocument.presentation", "OpenDocument slides"),
    ("application/octet-stream", "Unknown"),
    ("image/jpeg", "JPEG"),
    ("image/png", "PNG"),
    ("image/gif", "GIF"),
    ("image/webp", "WebP"),
    ("image/tiff", "TIFF"),
    ("image/svg+xml", "SVG"),
    ("image/heic", "HEIC"),
    ("audio/mpeg", "MP3"),
    ("audio/wav", "WAV"),
    ("audio/vnd.wave", "WAV"),
    ("audio/flac", "FLAC"),
    ("audio/ogg", "Ogg audio"),
    ("video/mp4", "MP4 video"),
    ("video/quicktime", "QuickTime"),
    ("video/webm", "WebM"),
    ("message/rfc822", "Email"),
    ("application/mbox", "Mailbox"),
];

/// A media type in a word or two.
pub(crate) fn type_name(media_type: &str) -> String {
    if let Some((_, name)) = TYPES.iter().find(|(known, _)| *known == media_type) {
        return (*name).to_owned();
    }
    let subtype = media_type.split_once('/').map_or(media_type, |(_, subtype)| subtype);
    let name = subtype.strip_prefix("x-").or_else(|| subtype.strip_prefix("vnd.")).unwrap_or(subtype);
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_do_not_turn_what_is_around_them() {
        assert_eq!(foreign("<b>&\"'").into_string(), "<bdi>&lt;b&gt;&amp;&quot;'</bdi>");
        assert_eq!(foreign("a\u{202e}fdp.exe").into_string(), "<bdi>a\u{fffd}fdp.exe</bdi>");
    }

    #[test]
    fn types_have_names() {
        for (media_type, name) in [
            ("application/pdf", "PDF"),
            ("application/x-foo", "Foo"),
            ("font/woff2", "Woff2"),
            ("odd", "Odd"),
            ("a/", ""),
        ] {
            assert_eq!(type_name(media_type), name);
        }
    }
}
