//! What is encoded by the distinguished rules of ASN.1 (X.690): the first elements show which message it is.
//!
//! Keys, certificates, signatures and time stamps all start as a sequence; the object identifier or the fields after
//! that distinguish them. No more is read than that.

use super::head::Head;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const ENUMERATED: u8 = 0x0a;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;

/// 1.2.840.113549.1.7, the content types of PKCS #7 (RFC 5652).
const PKCS_7: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07";
const SIGNED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
/// 1.2.840.113549.1.9.16.1, the content types of S/MIME.
const SMIME: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01";
/// The content of a time-stamp token (RFC 3161, section 2.4.2).
const TIME_STAMP: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x04";

/// An element: its tag, its content as far as the head has it, and what follows.
struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let [tag, length, rest @ ..] = bytes else { return None };
        let (len, rest) = match length {
            0..=0x7f => (usize::from(*length), rest),
            // Without a length, up to a mark: long messages are written so.
            0x80 => (rest.len(), rest),
            0x81..=0x84 => {
                let (number, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
                (number.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at(len.min(rest.len()));
        Some(Self { tag: *tag, content, rest })
    }

    /// The element of this tag that starts here, and what follows it.
    fn of(tag: u8, bytes: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        Self::read(bytes).filter(|element| element.tag == tag).map(|element| (element.content, element.rest))
    }

    /// The tag of the element that starts here.
    fn tag(bytes: &[u8]) -> u8 {
        bytes.first().copied().unwrap_or(0)
    }
}

/// The type of a message; `None` for what is none that is known here.
pub(super) fn media_type(head: Head) -> Option<&'static str> {
    // Shorter than this is none of these messages.
    if !matches!(head.bytes, [SEQUENCE, 0x20..=0x84, ..]) || !has_its_length(head) {
        return None;
    }
    let (body, _) = Element::of(SEQUENCE, head.bytes)?;
    match Element::tag(body) {
        IDENTIFIER => content_info(body),
        INTEGER => numbered(body),
        SEQUENCE => signed_or_key(body),
        ENUMERATED => {
            matches!(Element::of(ENUMERATED, body), Some(([0..=6], _))).then_some("application/ocsp-response")
        }
        _ => None,
    }
}

/// Whether the sequence is as long as the file. Some programs write a line feed after it.
fn has_its_length(head: Head) -> bool {
    let [_, length, rest @ ..] = head.bytes else { return false };
    let (len, content) = match length {
        0..0x80 => (usize::from(*length), rest),
        0x80 => return true,
        _ => {
            let Some((number, content)) = rest.split_at_checked(usize::from(length & 0x7f)) else { return false };
            (number.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)), content)
        }
    };
    if head.is_whole { (len..=len + 2).contains(&content.len()) } else { len > content.len() }
}

/// An identifier and what it is of (RFC 5652, section 3).
fn content_info(body: &[u8]) -> Option<&'static str> {
    let (identifier, rest) = Element::of(IDENTIFIER, body)?;
    if identifier != SIGNED_DATA {
        let is_known = identifier.starts_with(PKCS_7) || identifier.starts_with(SMIME);
        return is_known.then_some("application/pkcs7-mime");
    }
    let (content, _) = Element::of(CONTEXT_0, rest)?;
    let (signed, _) = Element::of(SEQUENCE, content)?;
    let (_, rest) = Element::of(INTEGER, signed)?;
    let (algorithms, rest) = Element::of(SET, rest)?;
    let (inner, _) = Element::of(SEQUENCE, rest)?;
    let (kind, inner) = Element::of(IDENTIFIER, inner)?;
    let has_content = Element::tag(inner) == CONTEXT_0;
    Some(match (kind, has_content) {
        (TIME_STAMP, _) => "application/vnd.etsi.timestamp-token",
        (_, true) => "application/pkcs7-mime",
        // Certificates that nobody signs anything with.
        (_, false) if algorithms.is_empty() => "application/x-pkcs7-certificates",
        (_, false) => "application/pkcs7-signature",
    })
}

/// A version, and what follows.
fn numbered(body: &[u8]) -> Option<&'static str> {
    let (version, rest) = Element::of(INTEGER, body)?;
    match (version, Element::tag(rest)) {
        // RFC 7292, section 4.
        ([3], SEQUENCE) => {
            let (kind, _) = Element::of(IDENTIFIER, Element::of(SEQUENCE, rest)?.0)?;
            kind.starts_with(PKCS_7).then_some("application/pkcs12")
        }
        // RFC 5958, section 2.
        ([0 | 1], SEQUENCE) => {
            let (algorithm, rest) = Element::of(SEQUENCE, rest)?;
            match (Element::tag(algorithm), Element::tag(rest)) {
                (IDENTIFIER, OCTET_STRING) => Some("application/pkcs8"),
                // RFC 3161, section 2.4.1: the digest of what is to be stamped.
                (SEQUENCE, _) if version == [1] => Some("application/timestamp-query"),
                _ => None,
            }
        }
        // RFC 8017, section A.1.2, and RFC 5915, section 3.
        ([0 | 1], INTEGER) | ([1], OCTET_STRING) => Some("application/x-der-private-key"),
        // RFC 8017, section A.1.1: a modulus of any use, an exponent, and nothing more.
        ([_, ..], INTEGER) if version.len() >= 64 => {
            let (exponent, rest) = Element::of(INTEGER, rest)?;
            (exponent.len() <= 4 && rest.trim_ascii().is_empty()).then_some("application/x-der-public-key")
        }
        _ => None,
    }
}

/// What is signed, its algorithm and the signature; or what a key is for, and the key.
fn signed_or_key(body: &[u8]) -> Option<&'static str> {
    let (first, rest) = Element::of(SEQUENCE, body)?;
    let after = Element::tag(rest);
    match Element::tag(first) {
        // RFC 5280, section 4.1: a version that is not the first, or a serial number.
        CONTEXT_0 => Some("application/x-x509-ca-cert"),
        IDENTIFIER if after == BIT_STRING => Some("application/x-der-public-key"),
        IDENTIFIER if after == OCTET_STRING => Some("application/pkcs8-encrypted"),
        SEQUENCE => is_revocation_list(first).then_some("application/pkix-crl"),
        INTEGER => {
            let (number, fields) = Element::of(INTEGER, first)?;
            // RFC 3161, section 2.4.2: a status, and the token.
            if after == SEQUENCE && Element::of(SEQUENCE, rest).is_some_and(|(token, _)| content_info(token).is_some())
            {
                return Some("application/timestamp-reply");
            }
            let (_, second) = Element::of(SEQUENCE, fields)?;
            match Element::tag(second) {
                _ if number == [1] && is_revocation_list(fields) => Some("application/pkix-crl"),
                // An algorithm, an issuer and two dates.
                SEQUENCE => {
                    let (_, dates) = Element::of(SEQUENCE, second)?;
                    if is_time(Element::of(SEQUENCE, dates).map_or(&[], |(dates, _)| dates)) {
                        Some("application/x-x509-ca-cert")
                    } else {
                        (number == [0]).then_some("application/pkcs10")
                    }
                }
                // RFC 2986, section 4: a subject and a key.
                _ if number == [0] => Some("application/pkcs10"),
                _ => None,
            }
        }
        _ => None,
    }
}

/// An algorithm, an issuer, a time (RFC 5280, section 5.1).
fn is_revocation_list(fields: &[u8]) -> bool {
    let issuer = Element::of(SEQUENCE, fields).map_or(&[][..], |(_, rest)| rest);
    is_time(Element::of(SEQUENCE, issuer).map_or(&[], |(_, rest)| rest))
}

fn is_time(bytes: &[u8]) -> bool {
    matches!(Element::tag(bytes), UTC_TIME | GENERALIZED_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        let length = if content.len() < 128 { vec![len[1]] } else { [&[0x82][..], &len].concat() };
        [&[tag], &length[..], content].concat()
    }

    /// A sequence that is written with a long length, as all but the shortest are.
    fn message(fields: &[Vec<u8>]) -> Vec<u8> {
        let content = fields.concat();
        let len = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[SEQUENCE, 0x82][..], &len, &content].concat()
    }

    #[test]
    fn messages_by_their_first_elements() {
        let sequence = |fields: &[Vec<u8>]| element(SEQUENCE, &fields.concat());
        let number = |number: u8| element(INTEGER, &[number]);
        let identifier = |bytes: &[u8]| element(IDENTIFIER, bytes);
        let data = || identifier(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01");
        let algorithm = || sequence(&[identifier(b"\x2a\x03")]);
        let name = || sequence(&[element(SET, b"")]);
        let time = || element(UTC_TIME, b"260101000000Z");
        let text = || element(OCTET_STRING, b"text");
        let signed = |algorithms: &[u8], inner: Vec<u8>| {
            let body = sequence(&[number(1), element(SET, algorithms), inner]);
            vec![identifier(SIGNED_DATA), element(CONTEXT_0, &body)]
        };
        let token = || signed(&algorithm(), sequence(&[identifier(TIME_STAMP), element(CONTEXT_0, &text())]));
        let rows: &[(Vec<Vec<u8>>, Option<&str>)] = &[
            (signed(&algorithm(), sequence(&[data(), element(CONTEXT_0, &text())])), Some("application/pkcs7-mime")),
            (signed(&algorithm(), sequence(&[data()])), Some("application/pkcs7-signature")),
            (signed(b"", sequence(&[data()])), Some("application/x-pkcs7-certificates")),
            (token(), Some("application/vnd.etsi.timestamp-token")),
            (vec![sequence(&[number(0)]), sequence(&token())], Some("application/timestamp-reply")),
            (vec![number(1), sequence(&[algorithm(), text()])], Some("application/timestamp-query")),
            (vec![identifier(b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"), text()], Some("application/pkcs7-mime")),
            (vec![number(3), sequence(&[data(), text()])], Some("application/pkcs12")),
            (vec![number(0), algorithm(), text()], Some("application/pkcs8")),
            (vec![algorithm(), text()], Some("application/pkcs8-encrypted")),
            (vec![algorithm(), element(BIT_STRING, b"\0key")], Some("application/x-der-public-key")),
            (vec![number(0), number(99), number(3)], Some("application/x-der-private-key")),
            (vec![number(1), text()], Some("application/x-der-private-key")),
            (vec![sequence(&[element(CONTEXT_0, &number(2)), number(9)])], Some("application/x-x509-ca-cert")),
            (
                vec![sequence(&[number(9), algorithm(), name(), sequence(&[time(), time()])])],
                Some("application/x-x509-ca-cert"),
            ),
            (vec![sequence(&[number(0), name(), algorithm()])], Some("application/pkcs10")),
            (vec![sequence(&[number(1), algorithm(), name(), time()])], Some("application/pkix-crl")),
            (vec![sequence(&[algorithm(), name(), time()])], Some("application/pkix-crl")),
            (vec![element(ENUMERATED, &[0]), text()], Some("application/ocsp-response")),
            (vec![element(INTEGER, &[9; 64]), element(INTEGER, &[1, 0, 1])], Some("application/x-der-public-key")),
            (vec![element(INTEGER, &[9; 64]), element(INTEGER, &[1, 0, 1]), number(1)], None),
            (vec![text(), text()], None),
            (vec![identifier(b"\x2a\x03"), text()], None),
            (vec![number(7), number(7)], None),
        ];
        // As short as a key on a curve is, with a length of one byte.
        let key = sequence(&[algorithm(), element(BIT_STRING, &[4; 40])]);
        assert_eq!(media_type(Head { bytes: &key, is_whole: true }), Some("application/x-der-public-key"));
        let text = b"0+ or 0- is how this text starts, of a length that fits";
        assert_eq!(media_type(Head { bytes: text, is_whole: true }), None);
        for (fields, expected) in rows {
            let bytes = message(fields);
            let of = |bytes: &[u8]| media_type(Head { bytes, is_whole: true });
            assert_eq!(of(&bytes), *expected, "{}", bytes.escape_ascii());
            assert_eq!(of(&[&bytes[..], b"\n"].concat()), *expected, "a line feed at the end");
            assert_eq!(of(&[&bytes[..], b"and a text"].concat()), None, "more than the message");
            for len in 0..bytes.len() {
                assert_eq!(of(&bytes[..len]), None);
                media_type(Head { bytes: &bytes[..len], is_whole: false });
            }
        }
    }
}
