//! What the properties of MAPI ([MS-OXPROPS]) say of a message.

use encoding_rs::UTF_16LE;
use handler_contract::Metadata;

use crate::formats::date::from_file_time;
use crate::formats::html::HtmlReader;
use crate::formats::mapi_properties as tag;
use crate::formats::value::{LISTED, clean, clean_bytes};
use crate::words::{Counter, Counts};

/// Kinds of values ([MS-OXCDATA], section 2.11.1).
pub(super) const STRING_8: u16 = 0x001e;
pub(super) const STRING: u16 = 0x001f;
pub(super) const TIME: u16 = 0x0040;
pub(super) const BINARY: u16 = 0x0102;

/// The longest text that is decoded of a property that is recorded, in bytes.
const LONGEST: usize = 4096;

/// The text of a value, if it is text.
pub(super) fn text(kind: u16, value: &[u8]) -> Option<String> {
    let value = &value[..value.len().min(LONGEST)];
    match kind {
        STRING => clean(UTF_16LE.decode_without_bom_handling(value).0.split('\0').next()?),
        STRING_8 => clean_bytes(value),
        _ => None,
    }
}

/// What a message says, property by property.
#[derive(Debug, Default)]
pub(super) struct MapiMessage {
    subject: Option<String>,
    names: [Option<String>; 2],
    /// By how sure they are addresses of the internet: others may be paths in a directory.
    addresses: [Option<String>; 4],
    times: [Option<String>; 3],
    identifier: Option<String>,
    body: Option<Counts>,
    html: Option<Counts>,
    recipients: Vec<String>,
    attachments: u64,
    attachment_names: Vec<String>,
}

impl MapiMessage {
    /// Takes a property of the message itself.
    pub(super) fn property(&mut self, number: u16, kind: u16, value: &[u8]) {
        let field = match number {
            tag::SUBJECT => &mut self.subject,
            tag::MESSAGE_ID => &mut self.identifier,
            tag::SENDER_NAME => &mut self.names[0],
            tag::SENT_REPRESENTING_NAME => &mut self.names[1],
            tag::SENDER_SMTP_ADDRESS => &mut self.addresses[0],
            tag::SENT_REPRESENTING_SMTP_ADDRESS => &mut self.addresses[1],
            tag::SENDER_ADDRESS => &mut self.addresses[2],
            tag::SENT_REPRESENTING_ADDRESS => &mut self.addresses[3],
            tag::CLIENT_SUBMIT_TIME | tag::DELIVERY_TIME | tag::CREATION_TIME => {
                let place = match number {
                    tag::CLIENT_SUBMIT_TIME => 0,
                    tag::DELIVERY_TIME => 1,
                    _ => 2,
                };
                let ticks = value.first_chunk().map(|ticks| u64::from_le_bytes(*ticks)).filter(|_| kind == TIME);
                self.times[place] = ticks.and_then(from_file_time);
                return;
            }
            tag::BODY => {
                self.body = count(kind, value);
                return;
            }
            tag::HTML => {
                let mut reader = HtmlReader::new();
                reader.feed(&String::from_utf8_lossy(value));
                let (counts, _) = reader.into_shown();
                self.html = Some(counts);
                return;
            }
            _ => return,
        };
        if field.is_none() {
            *field = text(kind, value);
        }
    }

    /// Takes the date that a message has outside of its properties.
    pub(super) fn sent(&mut self, date: Option<String>) {
        self.times[2] = self.times[2].take().or(date);
    }

    /// Takes a recipient.
    pub(super) fn recipient(&mut self, recipient: Person) {
        let address = recipient.smtp_address.or(recipient.address.filter(|address| address.contains('@')));
        let name = address.or(recipient.name);
        if let Some(name) = name.filter(|name| !self.recipients.contains(name))
            && self.recipients.len() < LISTED
        {
            self.recipients.push(name);
        }
    }

    /// Takes an attached file.
    pub(super) fn attachment(&mut self, name: Option<String>) {
        self.attachments += 1;
        if self.attachment_names.len() < LISTED {
            self.attachment_names.extend(name);
        }
    }

    /// What was found, as a record has it.
    pub(super) fn finish(self) -> Metadata {
        let [submitted, delivered, created] = self.times;
        let is_internet = |address: &String| address.contains('@');
        let counts = self.body.filter(|counts| counts.words > 0).or(self.html).or(self.body);
        let [sender_smtp, represented_smtp, sender, represented] = self.addresses;
        let addresses = [sender_smtp, represented_smtp, sender, represented].into_iter().flatten();
        let [name, represented_name] = self.names;
        let name = name.or(represented_name);
        Metadata {
            subject: self.subject,
            sender: addresses.clone().find(is_internet).or_else(|| addresses.clone().next()).or_else(|| name.clone()),
            author: name,
            recipients: (!self.recipients.is_empty()).then_some(self.recipients),
            date_created: submitted.or(delivered).or(created),
            identifier: self.identifier.and_then(|id| clean(id.trim_start_matches('<').trim_end_matches('>'))),
            attachment_count: Some(self.attachments),
            attachment_names: (!self.attachment_names.is_empty()).then_some(self.attachment_names),
            word_count: counts.map(|counts| counts.words),
            unicode_word_count: counts.and_then(|counts| counts.known_unicode_words()),
            ..Metadata::default()
        }
    }
}

/// Who a message is sent to.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) name: Option<String>,
    pub(super) address: Option<String>,
    pub(super) smtp_address: Option<String>,
}

impl Person {
    /// Takes a property of a recipient.
    pub(super) fn property(&mut self, number: u16, kind: u16, value: &[u8]) {
        match number {
            tag::DISPLAY_NAME => self.name = text(kind, value),
            tag::ADDRESS => self.address = text(kind, value),
            tag::SMTP_ADDRESS => self.smtp_address = text(kind, value),
            _ => {}
        }
    }
}

/// The words of a body.
fn count(kind: u16, value: &[u8]) -> Option<Counts> {
    let mut words = Counter::default();
    match kind {
        STRING => words.feed(&UTF_16LE.decode_without_bom_handling(value).0),
        STRING_8 => words.feed(&String::from_utf8_lossy(value)),
        _ => return None,
    }
    Some(words.counts())
}
