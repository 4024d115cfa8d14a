//! Whether a document is encrypted, and how much of it.

use std::sync::Arc;

use memchr::memmem;
use memmap2::{Mmap, MmapMut};

use crate::report::Abort;

/// What names the encryption of a document in its trailer.
const KEY: &[u8] = b"/Encrypt";
/// What takes its place in a copy that is read without.
const PLAIN_KEY: &[u8] = b"/Encrypx";
/// How far around `/Encrypt` the rest of a trailer is looked for. Bytes.
const TRAILER: usize = 1 << 10;
/// The longest encryption dictionary. Bytes.
const DICTIONARY: usize = 4 << 10;
/// A larger document is not copied. Bytes.
const LARGEST_COPY: usize = 32 << 20;

/// Whether only attached files are encrypted (PDF 1.7 reference, section 3.5.4): texts and streams have no filter, and
/// embedded files have one. The parser asks for the password of any encryption.
pub(super) fn is_of_attachments(bytes: &[u8]) -> bool {
    bytes.len() <= LARGEST_COPY && is_encrypted(bytes) && trailers(bytes).all(|at| dictionary(bytes, at).is_some_and(is_plain))
}

/// A copy of a document that names no encryption.
pub(super) fn without(bytes: &[u8]) -> Result<Arc<Mmap>, Abort> {
    let failed = |error: std::io::Error| Abort::Internal(format!("the parser failed to copy the document: {error}"));
    let mut copy = MmapMut::map_anon(bytes.len()).map_err(failed)?;
    copy.copy_from_slice(bytes);
    for at in trailers(bytes) {
        copy[at..at + KEY.len()].copy_from_slice(PLAIN_KEY);
    }
    Ok(Arc::new(copy.make_read_only().map_err(failed)?))
}

/// Whether a trailer, or the dictionary of a cross-reference stream, names an encryption dictionary. The parser opens
/// what needs no password and does not show that it was encrypted.
pub(super) fn is_encrypted(bytes: &[u8]) -> bool {
    trailers(bytes).next().is_some()
}

/// Where trailers name an encryption dictionary.
fn trailers(bytes: &[u8]) -> impl Iterator<Item = usize> {
    memmem::find_iter(bytes, KEY).filter(|at| {
        let value = bytes[at + KEY.len()..].trim_ascii_start();
        let around = &bytes[at.saturating_sub(TRAILER)..bytes.len().min(at + TRAILER)];
        value.first().is_some_and(|byte| byte.is_ascii_digit() || *byte == b'<')
            && memmem::find(around, b"/Root").is_some()
    })
}

/// The encryption dictionary that a trailer names, or has in place.
fn dictionary(bytes: &[u8], trailer: usize) -> Option<&[u8]> {
    let value = bytes[trailer + KEY.len()..].trim_ascii_start();
    let start = if value.starts_with(b"<") {
        value
    } else {
        let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let object = [b"\n", &value[..digits], b" 0 obj"].concat();
        let at = memmem::rfind(bytes, &object)?;
        &bytes[at + object.len()..]
    };
    let dictionary = &start[..start.len().min(DICTIONARY)];
    Some(&dictionary[..memmem::find(dictionary, b"endobj").unwrap_or(dictionary.len())])
}

/// Whether an encryption dictionary leaves texts and streams as they are, and encrypts embedded files.
fn is_plain(dictionary: &[u8]) -> bool {
    let filter = |key: &[u8]| {
        let value = dictionary[memmem::find(dictionary, key)? + key.len()..].trim_ascii_start();
        Some(&value[..value.iter().skip(1).position(|byte| !byte.is_ascii_alphanumeric()).map_or(value.len(), |at| at + 1)])
    };
    let is_identity = |key| filter(key).is_none_or(|name| name == b"/Identity");
    let has_filters = memmem::find(dictionary, b"/CF").is_some() && filter(b"/EFF").is_some_and(|name| name != b"/Identity");
    has_filters && is_identity(b"/StmF") && is_identity(b"/StrF")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_of_which_the_files_alone_are_encrypted_are_read_without() {
        let document = |dictionary: &str| {
            format!("%PDF-1.7\n12 0 obj\n<< {dictionary} >>\nendobj\ntrailer << /Root 1 0 R /Encrypt 12 0 R >>")
        };
        let filters = "/Filter /Standard /V 4 /CF << /StdCF << /AuthEvent /EFOpen /CFM /AESV2 >> >>";
        for (dictionary, is_plain) in [
            (format!("{filters} /StmF /Identity /StrF /Identity /EFF /StdCF"), true),
            (format!("{filters} /EFF /StdCF"), true),
            (format!("{filters} /StmF /StdCF /StrF /Identity /EFF /StdCF"), false),
            (format!("{filters} /StmF /Identity /StrF /StdCF /EFF /StdCF"), false),
            (format!("{filters} /StmF /Identity /StrF /Identity"), false),
            ("/Filter /Standard /V 2 /O (a) /U (b)".to_owned(), false),
        ] {
            let document = document(&dictionary);
            assert_eq!(is_of_attachments(document.as_bytes()), is_plain, "{dictionary}");
            assert!(is_encrypted(document.as_bytes()));
            assert!(!is_encrypted(&without(document.as_bytes()).unwrap()));
        }
        let in_place = format!("trailer << /Root 1 0 R /Encrypt << {filters} /EFF /StdCF >> >>");
        assert!(is_of_attachments(in_place.as_bytes()));
        assert!(!is_of_attachments(b"trailer << /Root 1 0 R /Encrypt 12 0 R >>") && !is_of_attachments(b""));
        assert!(!is_encrypted(b"a text about /Encrypt 12 0 R"));
    }
}
