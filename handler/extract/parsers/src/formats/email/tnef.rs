//! Attachments that Outlook packs into one, `winmail.dat` ([MS-OXTNEF]): attributes of the message and of its files, one
//! after the other, some of which are lists of MAPI's properties.

use super::mapi::{BINARY, MapiMessage, Person, STRING, STRING_8, TIME, text};
use crate::formats::date::DateParts;
use crate::formats::mapi_properties as tag;
use crate::formats::value::clean_bytes;
use crate::input::View;

const SUBJECT: u32 = 0x0001_8004;
const DATE_SENT: u32 = 0x0003_8005;
const MESSAGE_ID: u32 = 0x0001_8009;
const BODY: u32 = 0x0002_800c;
const FROM: u32 = 0x0000_8000;
const ATTACHMENT_TITLE: u32 = 0x0001_8010;
const ATTACHMENT_START: u32 = 0x0006_9002;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const RECIPIENTS: u32 = 0x0006_9004;
const ATTACHMENT_PROPERTIES: u32 = 0x0006_9005;

/// Attributes, properties and values that are looked at.
const MOST: u32 = 1 << 16;

/// A file of the message, as far as it is named.
#[derive(Default)]
struct Attachment {
    title: Option<String>,
    long_name: Option<String>,
}

/// Reads the attributes. The second value says whether they are there to the end.
pub(super) fn describe(bytes: &[u8]) -> (MapiMessage, bool) {
    let view = View::little_endian(bytes);
    let mut message = MapiMessage::default();
    let mut attachment: Option<Attachment> = None;
    let mut at = 6;
    let mut left = MOST;
    while at < view.len() {
        let (Some(id), Some(len)) = (view.u32(at + 1), view.u32(at + 5)) else {
            return finish(message, attachment, false);
        };
        let Some(content) = view.part(at + 9, len.into()) else { return finish(message, attachment, false) };
        match id {
            SUBJECT => message.property(tag::SUBJECT, STRING_8, content.bytes()),
            MESSAGE_ID => message.property(tag::MESSAGE_ID, STRING_8, content.bytes()),
            BODY => message.property(tag::BODY, STRING_8, content.bytes()),
            DATE_SENT => message.sent(date(content)),
            FROM => from(content, &mut message).unwrap_or_default(),
            ATTACHMENT_START => end(attachment.replace(Attachment::default()), &mut message),
            ATTACHMENT_TITLE => attachment.get_or_insert_default().title = clean_bytes(content.bytes()),
            ATTACHMENT_PROPERTIES => {
                let attachment = attachment.get_or_insert_default();
                properties(content, 0, &mut left, &mut |number, kind, value| {
                    if number == tag::ATTACHMENT_LONG_NAME {
                        attachment.long_name = text(kind, value);
                    }
                });
            }
            MESSAGE_PROPERTIES => {
                properties(content, 0, &mut left, &mut |number, kind, value| message.property(number, kind, value));
            }
            RECIPIENTS => recipients(content, &mut left, &mut message).unwrap_or_default(),
            _ => {}
        }
        // A sum follows.
        at += 9 + u64::from(len) + 2;
        left = left.saturating_sub(1);
        if left == 0 {
            return finish(message, attachment, false);
        }
    }
    finish(message, attachment, at <= view.len())
}

fn finish(mut message: MapiMessage, attachment: Option<Attachment>, is_whole: bool) -> (MapiMessage, bool) {
    end(attachment, &mut message);
    (message, is_whole)
}

fn end(attachment: Option<Attachment>, message: &mut MapiMessage) {
    if let Some(Attachment { title, long_name }) = attachment {
        message.attachment(long_name.or(title));
    }
}

/// Year, month, day, hour, minute, second: local, where the sender is.
fn date(content: View) -> Option<String> {
    let field = |index: u64| content.u16(2 * index).map(u32::from);
    let clock = Some((field(3)?, field(4)?, field(5)?));
    DateParts { year: field(0)?, month: Some(field(1)?), day: Some(field(2)?), clock, ..DateParts::default() }.iso()
}

/// A name and an address of the form `SMTP:a@b`, led by their lengths.
fn from(content: View, message: &mut MapiMessage) -> Option<()> {
    let (name, address) = (u64::from(content.u16(4)?), u64::from(content.u16(6)?));
    let name_text = content.slice(8, name)?;
    let address_text = content.slice(8 + name, address)?;
    message.property(tag::SENDER_NAME, STRING_8, name_text);
    let address_text = address_text.strip_prefix(b"SMTP:").unwrap_or(address_text);
    message.property(tag::SENDER_ADDRESS, STRING_8, address_text);
    Some(())
}

/// Rows of properties.
fn recipients(content: View, left: &mut u32, message: &mut MapiMessage) -> Option<()> {
    let mut at = 4;
    for _ in 0..content.u32(0)?.min(*left) {
        let mut person = Person::default();
        at = properties(content, at, left, &mut |number, kind, value| person.property(number, kind, value))?;
        message.recipient(person);
    }
    Some(())
}

/// Calls a function with the number, the kind and the value of each property of a list, and returns where the list ends.
fn properties(list: View, at: u64, left: &mut u32, found: &mut impl FnMut(u16, u16, &[u8])) -> Option<u64> {
    let count = list.u32(at)?;
    let mut at = at + 4;
    for _ in 0..count {
        *left = left.checked_sub(1)?;
        let (kind, number) = (list.u16(at)?, list.u16(at + 2)?);
        at += 4;
        // A property with a name has it here: of whom, of which kind, and a number or a text.
        if number >= 0x8000 {
            at += 16;
            at = if list.u32(at)? == 0 { at + 8 } else { at + 8 + u64::from(list.u32(at + 4)?).next_multiple_of(4) };
        }
        let (is_many, kind) = (kind & 0x1000 != 0, kind & !0x1000);
        let width = match kind {
            0x0002 | 0x0003 | 0x0004 | 0x000a | 0x000b => Some(4),
            0x0005 | 0x0006 | 0x0007 | 0x0014 | TIME => Some(8),
            0x0048 => Some(16),
            STRING_8 | STRING | BINARY | 0x000d => None,
            _ => return None,
        };
        let values = if is_many || width.is_none() { list.u32(at)? } else { 1 };
        at += if is_many || width.is_none() { 4 } else { 0 };
        for index in 0..values {
            *left = left.checked_sub(1)?;
            let len = if let Some(width) = width {
                width
            } else {
                at += 4;
                list.u32(at - 4)?.into()
            };
            let value = list.slice(at, len)?;
            if index == 0 {
                found(number, kind, value);
            }
            at += len.next_multiple_of(4);
        }
    }
    Some(at)
}
