//! Numbers of the properties that a message of MAPI has ([MS-OXPROPS]), in Outlook's own files and in winmail.dat.

pub(super) const MESSAGE_CLASS: u16 = 0x001a;
pub(super) const SUBJECT: u16 = 0x0037;
pub(super) const CLIENT_SUBMIT_TIME: u16 = 0x0039;
pub(super) const SENT_REPRESENTING_NAME: u16 = 0x0042;
pub(super) const SENT_REPRESENTING_ADDRESS: u16 = 0x0065;
pub(super) const SENDER_NAME: u16 = 0x0c1a;
pub(super) const SENDER_ADDRESS: u16 = 0x0c1f;
pub(super) const DELIVERY_TIME: u16 = 0x0e06;
pub(super) const BODY: u16 = 0x1000;
pub(super) const HTML: u16 = 0x1013;
pub(super) const MESSAGE_ID: u16 = 0x1035;
pub(super) const DISPLAY_NAME: u16 = 0x3001;
pub(super) const ADDRESS: u16 = 0x3003;
pub(super) const CREATION_TIME: u16 = 0x3007;
pub(super) const FILE_NAME: u16 = 0x3704;
pub(super) const ATTACHMENT_LONG_NAME: u16 = 0x3707;
pub(super) const SMTP_ADDRESS: u16 = 0x39fe;
pub(super) const MESSAGE_CODE_PAGE: u16 = 0x3ffd;
pub(super) const SENDER_SMTP_ADDRESS: u16 = 0x5d01;
pub(super) const SENT_REPRESENTING_SMTP_ADDRESS: u16 = 0x5d02;
