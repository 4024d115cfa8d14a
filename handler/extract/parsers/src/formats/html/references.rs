//! Character references (HTML standard, section 13.5:
//! <https://html.spec.whatwg.org/multipage/named-characters.html>).

use encoding_rs::WINDOWS_1252;
use quick_xml::escape::resolve_html5_entity;

/// References that count without a semicolon (the HTML standard lists all; these are the ones in use).
const BARE_REFERENCES: &[&str] =
    &["amp", "lt", "gt", "quot", "nbsp", "copy", "reg", "AMP", "LT", "GT", "QUOT", "COPY", "REG"];

/// The text of a character reference without `&` and semicolon.
pub(super) fn resolve(name: &str, semicolon: bool) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
            None => number.parse(),
        };
        return match code.ok()? {
            // Written by those who took windows-1252 for Unicode.
            code @ 0x80..=0x9f => {
                Some(WINDOWS_1252.decode_without_bom_handling(&[u8::try_from(code).ok()?]).0.into_owned())
            }
            0 => Some('\u{fffd}'.into()),
            code => Some(char::from_u32(code).unwrap_or('\u{fffd}').into()),
        };
    }
    (semicolon || BARE_REFERENCES.contains(&name)).then(|| resolve_html5_entity(name).map(str::to_owned))?
}

/// An attribute's value with its character references resolved.
pub(super) fn unescape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '#').unwrap_or(after.len());
        let resolved = after[end..].starts_with(';').then(|| resolve(&after[..end], true)).flatten();
        if let Some(resolved) = resolved {
            text.push_str(&resolved);
            rest = &after[end + 1..];
        } else {
            text.push('&');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}
