//! The binary formats of Office 97 and before: doc, xls and ppt, and OOXML documents under encryption.
//!
//! What they say of themselves is read, whether they are encrypted, the text of documents and slides, and of a workbook
//! the list of sheets.

use std::io::{BufReader, Read};

use handler_contract::Metadata;

use super::words::Words;
use super::{outlook, property_set, slides_binary, word_binary};
use crate::formats::container::{Compound, Container};
use crate::formats::container::{DocumentError, minor};
use crate::formats::container::{u16_at, u32_at};
use crate::media_type::ENCRYPTED_OPEN_XML;

/// The media type of a compound file, by the streams in its root; `None` for one that is of no kind known here.
pub(crate) fn media_type(file: &Compound<'_>) -> Option<&'static str> {
    let kind = Kind::of(file).map(|kind| match kind {
        Kind::Word => "application/msword",
        Kind::Workbook(_) => "application/vnd.ms-excel",
        Kind::Presentation | Kind::OldPresentation => "application/vnd.ms-powerpoint",
        Kind::Encrypted => ENCRYPTED_OPEN_XML,
    });
    kind.or_else(|| outlook::is_message(file).then_some("application/vnd.ms-outlook"))
        .or_else(|| is_hangul(file).then_some("application/x-hwp"))
}

/// Whether it is a document of Hancom's word processor, which says so in a stream of its own.
fn is_hangul(file: &Compound<'_>) -> bool {
    let mut head = [0; 17];
    let read = file.stream("FileHeader").map(|mut stream| stream.read_exact(&mut head));
    matches!(read, Some(Ok(()))) && &head == b"HWP Document File"
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Word,
    /// With the name of the stream that holds the workbook.
    Workbook(&'static str),
    Presentation,
    /// Of `PowerPoint` 95, of which only the properties are read.
    OldPresentation,
    Encrypted,
}

impl Kind {
    fn of(file: &Compound<'_>) -> Option<Self> {
        if file.has("EncryptedPackage") {
            Some(Self::Encrypted)
        } else if file.has("WordDocument") {
            Some(Self::Word)
        } else if file.has("PowerPoint Document") {
            Some(Self::Presentation)
        } else if file.has("PP40") {
            Some(Self::OldPresentation)
        } else {
            ["Workbook", "Book"].into_iter().find(|name| file.has(name)).map(Self::Workbook)
        }
    }
}

/// Reads what a document says of itself, or what is left to see of an encrypted one.
pub(super) fn describe<'b>(container: Container<'b>, metadata: &mut Metadata) -> Result<Compound<'b>, DocumentError> {
    let file = container.compound()?;
    if let Some(stream) = file.stream("\u{5}SummaryInformation") {
        let result = property_set::summary(stream, metadata);
        minor(metadata, result)?;
    }
    if let Some(stream) = file.stream("\u{5}DocumentSummaryInformation") {
        let result = property_set::document_summary(stream, metadata);
        minor(metadata, result)?;
    }
    if file.is_cut() {
        metadata.is_partial = Some(true);
    }
    let kind = Kind::of(&file);
    if let Some(Kind::Word | Kind::Workbook(_)) = kind {
        metadata.has_macros = Some(file.has("Macros") || file.has("_VBA_PROJECT_CUR") || file.has("_VBA_PROJECT"));
    }
    if matches!(kind, Some(Kind::Encrypted)) || file.has("\u{9}DRMContent") {
        return Err(DocumentError::Encrypted("the document is encrypted with a password or by rights management"));
    }
    Ok(file)
}

/// Counts words, slides or sheets, and finds out whether there is a password.
pub(super) fn count(file: &Compound<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let protected = DocumentError::Encrypted("the document is encrypted with a password");
    match Kind::of(file) {
        Some(Kind::Word) => {
            // FibBase ([MS-DOC], section 2.5.2): the ninth bit of the flags.
            let mut head = [0; 12];
            file.stream("WordDocument").ok_or(DocumentError::Truncated)?.read_exact(&mut head)?;
            let is_encrypted = u16_at(&head, 10).is_some_and(|flags| flags & 0x0100 != 0);
            if is_encrypted {
                return Err(protected);
            }
            let mut words = Words::default();
            let Some(result) = word_binary::count(file, &mut words) else { return Ok(()) };
            words.record(metadata);
            result
        }
        Some(Kind::Presentation) => {
            // CurrentUserAtom ([MS-PPT], section 2.3.2).
            let mut head = [0; 16];
            let Some(mut user) = file.stream("Current User") else { return Ok(()) };
            let is_encrypted = user.read_exact(&mut head).is_ok() && u32_at(&head, 12) == Some(0xf3d1_c4df);
            if is_encrypted { Err(protected) } else { slides_binary::count(file, metadata).unwrap_or(Ok(())) }
        }
        Some(Kind::Workbook(name)) => {
            let globals = read_globals(BufReader::new(file.stream(name).ok_or(DocumentError::Truncated)?), metadata);
            globals.and_then(|is_encrypted| if is_encrypted { Err(protected) } else { Ok(()) })
        }
        Some(Kind::OldPresentation | Kind::Encrypted) => Ok(()),
        None => Err(DocumentError::Damaged("the stream that holds the document is missing")),
    }
}

/// Reads the records before the first sheet ([MS-XLS], section 2.1.7.20.1): the list of sheets, and whether
/// what follows is encrypted.
fn read_globals(mut stream: impl Read, metadata: &mut Metadata) -> Result<bool, DocumentError> {
    const END: u16 = 0x000a;
    const FILE_PASS: u16 = 0x002f;
    const BOUND_SHEET: u16 = 0x0085;
    const VISUAL_BASIC: u8 = 6;
    let mut sheets = 0;
    let mut is_encrypted = false;
    let result = loop {
        let mut head = [0; 4];
        if let Err(error) = stream.read_exact(&mut head) {
            break Err(error.into());
        }
        let (Some(kind), Some(length)) = (u16_at(&head, 0), u16_at(&head, 2)) else {
            break Err(DocumentError::Truncated);
        };
        let mut body = [0; 6];
        let known = usize::from(length).min(body.len());
        let rest = stream.read_exact(&mut body[..known]).and_then(|()| {
            std::io::copy(&mut stream.by_ref().take((usize::from(length) - known) as u64), &mut std::io::sink())
        });
        if let Err(error) = rest {
            break Err(error.into());
        }
        match kind {
            END => break Ok(()),
            FILE_PASS => is_encrypted = true,
            // With a password not even the kind of a sheet can be read.
            BOUND_SHEET if is_encrypted => sheets += 1,
            BOUND_SHEET => {
                sheets += u64::from(body[5] != VISUAL_BASIC);
                if body[5] == 1 {
                    metadata.has_macros = Some(true);
                }
            }
            _ => {}
        }
    };
    metadata.sheet_count = (sheets > 0).then_some(sheets);
    result.map(|()| is_encrypted)
}
