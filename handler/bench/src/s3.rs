//! S3 as far as the handler calls it: `GetObject` with `If-Match`, on path-style URLs. Faults can be put before it.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::fake::{Fake, Service};
use crate::http::{Body, Ending, Request, Response};

/// The service.
pub type S3 = Fake<Objects>;

/// What happens to one request instead of, or to, its right answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// An error with this status and code.
    Error(u16, &'static str),
    /// The right answer, badly sent.
    Ending(Ending),
    /// The right answer without its length.
    Chunked,
    /// The right answer with one byte changed, and the checksum of the right bytes.
    Corrupt,
}

#[derive(Debug)]
struct Object {
    body: Body,
    e_tag: String,
    crc32: Option<String>,
}

/// The objects of all buckets.
#[derive(Debug, Default)]
pub struct Objects {
    objects: HashMap<String, Object>,
    puts: u64,
}

impl S3 {
    /// Puts an object under `bucket/key` (as the URL spells it) and says its `ETag`, without quotes.
    pub fn put(&self, path: &str, body: Body) -> String {
        let crc32 = match &body {
            Body::Bytes(bytes) => Some(BASE64.encode(crc32(bytes).to_be_bytes())),
            Body::Repeat(..) => None,
        };
        self.with(|Objects { objects, puts }| {
            *puts += 1;
            let e_tag = format!("{puts:032x}");
            objects.insert(format!("/{path}"), Object { body, e_tag: e_tag.clone(), crc32 });
            e_tag
        })
    }

    /// Removes an object.
    pub fn delete(&self, path: &str) {
        self.with(|Objects { objects, .. }| objects.remove(&format!("/{path}")));
    }
}

impl Service for Objects {
    type Fault = Fault;

    fn answer(&mut self, request: &Request, fault: Option<Fault>) -> Response {
        if let Some(Fault::Error(status, code)) = fault {
            return error(status, code);
        }
        let path = request.path.split('?').next().unwrap_or_default();
        let Some(object) = self.objects.get(path) else { return error(404, "NoSuchKey") };
        let quoted = format!("\"{}\"", object.e_tag);
        if request.header("if-match").is_some_and(|expected| expected != quoted) {
            return error(412, "PreconditionFailed");
        }
        let mut response = Response::new(200, "").with("etag", quoted).with("content-type", "application/octet-stream");
        if let (Some(crc32), Some("ENABLED")) = (&object.crc32, request.header("x-amz-checksum-mode")) {
            response = response.with("x-amz-checksum-crc32", crc32).with("x-amz-checksum-type", "FULL_OBJECT");
        }
        response.body = object.body.clone();
        match (fault, &mut response.body) {
            (Some(Fault::Ending(ending)), _) => response.ending = ending,
            (Some(Fault::Chunked), _) => response.chunked = true,
            (Some(Fault::Corrupt), Body::Bytes(bytes)) => {
                if let Some(byte) = Arc::make_mut(bytes).last_mut() {
                    *byte ^= 1;
                }
            }
            _ => {}
        }
        response
    }
}

fn error(status: u16, code: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>injected by the test</Message></Error>"
    );
    Response::new(status, body).with("content-type", "application/xml")
}

/// CRC-32 as of ISO-HDLC, bit by bit: the bodies it is used on are small.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_one_that_s3_sends() {
        // The check value of CRC-32/ISO-HDLC, CBF43926, in base64.
        assert_eq!(BASE64.encode(crc32(b"123456789").to_be_bytes()), "y/Q5Jg==");
    }
}
