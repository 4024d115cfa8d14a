//! Messages of Outlook ([MS-OXMSG]): a compound file in which each property is a stream, and recipients and attachments
//! are storages.

use std::io::Read;

use handler_contract::Metadata;

use super::codepage::{self, CodePage};
use super::words::Words;
use crate::formats::container::{Compound, Container, DocumentError, Storage, Stream, u32_at, u64_at};
use crate::formats::date;
use crate::formats::mapi_properties::{
    ADDRESS, ATTACHMENT_LONG_NAME, BODY, CLIENT_SUBMIT_TIME, DELIVERY_TIME, DISPLAY_NAME, FILE_NAME, MESSAGE_CLASS,
    MESSAGE_CODE_PAGE, MESSAGE_ID, SENDER_ADDRESS, SENDER_NAME, SENDER_SMTP_ADDRESS, SENT_REPRESENTING_ADDRESS,
    SENT_REPRESENTING_SMTP_ADDRESS, SMTP_ADDRESS, SUBJECT,
};
use crate::formats::value::{LISTED, clean};

/// The longest text of a property that is read, other than the body. Bytes.
const LONGEST: u64 = 64 << 10;
/// The longest body that is counted. Bytes.
const LONGEST_BODY: u64 = 16 << 20;
/// More recipients and attachments than this are not looked at.
const MOST_STORAGES: usize = 1024;

/// The stream of the properties that are no texts.
const PROPERTIES: &str = "__properties_version1.0";
/// The bytes before the first property of a message that is not inside of another (section 2.4.1.1).
const HEADER: usize = 32;
/// The bytes of a property.
const PROPERTY: usize = 16;

/// Whether a compound file is a message: nothing else has a stream of this name.
pub(super) fn is_message(file: &Compound<'_>) -> bool {
    file.has(PROPERTIES)
}

/// Reads who wrote to whom, what about and when, and what is attached.
pub(super) fn describe<'b>(container: Container<'b>, metadata: &mut Metadata) -> Result<Compound<'b>, DocumentError> {
    let file = container.compound()?;
    if file.is_cut() {
        metadata.is_partial = Some(true);
    }
    let numbers = file.stream(PROPERTIES).map(|stream| read(stream, LONGEST)).unwrap_or_default();
    let code_page = number(&numbers, MESSAGE_CODE_PAGE).and_then(|number| u16::try_from(number).ok());
    let message = Texts { open: |name: &str| file.stream(name), code_page: codepage::encoding(code_page.unwrap_or(0)) };

    metadata.subject = message.text(SUBJECT);
    metadata.identifier = message.text(MESSAGE_ID).map(|id| id.trim_matches(['<', '>']).to_owned());
    let senders = [SENDER_SMTP_ADDRESS, SENDER_ADDRESS, SENT_REPRESENTING_SMTP_ADDRESS, SENT_REPRESENTING_ADDRESS];
    metadata.sender =
        senders.into_iter().find_map(|property| message.address(property)).or_else(|| message.text(SENDER_NAME));
    let time = number(&numbers, CLIENT_SUBMIT_TIME).or_else(|| number(&numbers, DELIVERY_TIME));
    metadata.date_created = time.and_then(date::from_file_time);
    // A class of messages that only their recipient can read ([MS-OXOSMIME], section 2.1.1).
    let class = message.text(MESSAGE_CLASS).unwrap_or_default().to_ascii_lowercase();
    if class.rsplit('.').next() == Some("smime") {
        metadata.is_encrypted = Some(true);
    }

    let mut recipients: Vec<String> = Vec::new();
    for storage in file.storages("__recip_version1.0_#").take(MOST_STORAGES) {
        let recipient = message.within(&storage);
        let found = [SMTP_ADDRESS, ADDRESS].into_iter().find_map(|property| recipient.address(property));
        if let Some(found) = found.or_else(|| recipient.text(DISPLAY_NAME))
            && recipients.len() < LISTED
            && !recipients.contains(&found)
        {
            recipients.push(found);
        }
    }
    metadata.recipients = (!recipients.is_empty()).then_some(recipients);

    let (mut count, mut names) = (0, Vec::new());
    for storage in file.storages("__attach_version1.0_#").take(MOST_STORAGES) {
        count += 1;
        let attachment = message.within(&storage);
        let name =
            [ATTACHMENT_LONG_NAME, FILE_NAME, DISPLAY_NAME].into_iter().find_map(|property| attachment.text(property));
        names.extend(name.filter(|_| names.len() < LISTED));
    }
    metadata.attachment_count = Some(count);
    metadata.attachment_names = (!names.is_empty()).then_some(names);
    Ok(file)
}

/// Counts the words of the body, where it is kept as a text.
#[expect(clippy::unnecessary_wraps, reason = "the second step of every compound file has this form")]
pub(super) fn count(file: &Compound<'_>, metadata: &mut Metadata) -> Result<(), DocumentError> {
    let mut words = Words::default();
    if let Some(body) = file.stream(&stream_name(BODY, WIDE)) {
        words.feed(&wide(&read(body, LONGEST_BODY)));
    } else if let Some(body) = file.stream(&stream_name(BODY, NARROW)) {
        words.feed(&codepage::encoding(0).decode(&read(body, LONGEST_BODY)));
    } else {
        return Ok(());
    }
    words.record(metadata);
    Ok(())
}

/// Types of text: UTF-16, and bytes in the message's code page.
const WIDE: u16 = 0x001f;
const NARROW: u16 = 0x001e;

fn stream_name(property: u16, kind: u16) -> String {
    format!("__substg1.0_{property:04X}{kind:04X}")
}

/// The texts of a message, a recipient or an attachment.
struct Texts<Open> {
    open: Open,
    code_page: CodePage,
}

impl<'s, 'a: 's, Open: Fn(&str) -> Option<Stream<'s, 'a>>> Texts<Open> {
    /// The texts of a part of this message, which has the same code page.
    fn within<'t>(&self, storage: &'t Storage<'s, 'a>) -> Texts<impl Fn(&str) -> Option<Stream<'s, 'a>> + 't> {
        Texts { open: |name: &str| storage.stream(name), code_page: self.code_page }
    }

    fn text(&self, property: u16) -> Option<String> {
        let open = |kind| (self.open)(&stream_name(property, kind)).map(|stream| read(stream, LONGEST));
        let text = match open(WIDE) {
            Some(bytes) => wide(&bytes),
            None => self.code_page.decode(&open(NARROW)?).into_owned(),
        };
        clean(&text)
    }

    /// A text that is an address of the internet, and not of an Exchange server.
    fn address(&self, property: u16) -> Option<String> {
        self.text(property).filter(|address| address.contains('@'))
    }
}

/// As much of a stream as there is.
fn read(stream: impl Read, longest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What is after an error can only be missing.
    let _ = stream.take(longest).read_to_end(&mut bytes);
    bytes
}

fn wide(bytes: &[u8]) -> String {
    let units = bytes.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The value of a property that is a number or a time.
fn number(properties: &[u8], property: u16) -> Option<u64> {
    let found = properties
        .get(HEADER..)?
        .chunks_exact(PROPERTY)
        .find(|entry| u32_at(entry, 0).is_some_and(|tag| tag >> 16 == u32::from(property)))?;
    // Whole numbers have 32 bits, times all 64.
    if u32_at(found, 0)? & 0xffff == 3 { u32_at(found, 8).map(u64::from) } else { u64_at(found, 8) }
}
