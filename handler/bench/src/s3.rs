//! S3 as far as the handler calls it: `GetObject` with `If-Match`, on path-style URLs. Faults can be put before it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::checksum::crc32;
use crate::fake::{Fake, Service};
use crate::http::{Body, Ending, Request, Response, http_date};

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
    last_modified: String,
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
            let object = Object { body, e_tag: e_tag.clone(), crc32, last_modified: http_date(SystemTime::now()) };
            objects.insert(format!("/{path}"), object);
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
        let mut response = answer(200, "")
            .with("Last-Modified", &object.last_modified)
            .with("ETag", quoted)
            .with("x-amz-server-side-encryption", "AES256")
            .with("x-amz-version-id", "benchmark.Version_0000000000001a")
            .with("Accept-Ranges", "bytes")
            .with("Content-Type", "application/octet-stream");
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

/// An answer with the headers of every answer of S3. Source: Amazon S3 API reference, "Common Response Headers"; for
/// those of an object "`GetObject`", in a bucket that keeps versions and has the default encryption.
///
/// Identifiers are made up and as long as S3's.
fn answer(status: u16, body: impl Into<Vec<u8>>) -> Response {
    Response::new(status, body)
        .with("x-amz-id-2", "Zm9yIHRoZSBiZW5jaG1hcms/aGFuZGxlciBiYXJlIHB5dGhvbjEyMzQ1Njc4OTBhYmNkZWZnaGk=")
        .with("x-amz-request-id", "BENCHMARK0000001")
        .with("Date", http_date(SystemTime::now()))
        .with("Server", "AmazonS3")
}

fn error(status: u16, code: &str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>injected by the test</Message></Error>"
    );
    answer(status, body).with("Content-Type", "application/xml")
}
