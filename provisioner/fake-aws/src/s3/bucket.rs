//! One bucket: its objects, read and written, and its configurations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::multipart::Upload;
use super::objects::{Object, Objects, SyntheticObject};
use super::{Answered, content};
use crate::ACCOUNT;
use crate::http::{Body, Request, Response};
use crate::route::BUCKET_SUBRESOURCES;
use crate::state::Now;
use crate::synthetic::Synthetic;
use crate::xml::{document, error, leaves};

/// Whether a bucket keeps versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// It does.
    Enabled,
    /// It did, and keeps those.
    Suspended,
}

/// A bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The account that it belongs to.
    pub owner: String,
    /// Whether it keeps versions.
    pub versioning: Versioning,
    /// Its configurations by subresource (`policy`, `lifecycle`, …), as they were put.
    pub configurations: BTreeMap<String, String>,
    /// Multipart uploads that are neither completed nor aborted, by id.
    pub uploads: BTreeMap<String, Upload>,
    pub(super) objects: Objects,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            owner: ACCOUNT.to_owned(),
            versioning: Versioning::Off,
            configurations: BTreeMap::new(),
            uploads: BTreeMap::new(),
            objects: Objects::default(),
        }
    }
}

impl Bucket {
    /// The current version of a key, unless that is a delete marker.
    pub fn object(&self, key: &str) -> Option<Object> {
        self.objects.versions(key).into_iter().next().filter(|object| !object.is_marker)
    }

    /// The keys whose current version is an object, in order.
    pub fn keys(&self) -> impl Iterator<Item = String> + '_ {
        self.objects.from("").filter(|(_, versions)| versions.first().is_some_and(|o| !o.is_marker)).map(|(key, _)| key)
    }

    /// Whether it holds neither versions nor delete markers. Multipart uploads do not count (API, `DeleteBucket`).
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Adds objects that are made when somebody looks: `count` of them, by number. Their keys have to ascend. Replaces
    /// the synthetic objects that there were.
    pub fn synthesize(&mut self, count: u64, make: impl Fn(u64) -> SyntheticObject + Send + Sync + 'static) {
        self.objects.synthesize(Synthetic::new(count, make));
    }

    /// A version of a key, the current one without an id; also if it is a delete marker.
    pub(super) fn version(&self, key: &str, id: Option<&str>) -> Option<Object> {
        self.objects.versions(key).into_iter().find(|object| id.is_none_or(|id| object.version == id))
    }

    /// Makes this the current version.
    pub(super) fn put(&mut self, key: &str, mut object: Object) {
        if self.versioning != Versioning::Enabled {
            // API, `PutBucketVersioning`: what is put while versioning is suspended replaces the null version.
            "null".clone_into(&mut object.version);
            self.objects.remove(key, "null");
        }
        self.objects.push(key, object);
    }

    /// Deletes the current version; the id of the delete marker that this leaves, if it leaves one.
    pub(super) fn delete(&mut self, key: &str, marker: Object) -> Option<String> {
        match self.versioning {
            Versioning::Off => {
                self.objects.remove(key, "null");
                None
            }
            Versioning::Enabled | Versioning::Suspended => {
                self.put(key, marker);
                self.version(key, None).map(|marker| marker.version)
            }
        }
    }

    pub(super) fn delete_version(&mut self, key: &str, version: &str) {
        self.objects.remove(key, version);
    }

    /// API, `GetObject` and `HeadObject`.
    pub(super) fn get_object(&self, request: &Request, key: &str, may_list: bool) -> Answered {
        let wanted = request.parameter("versionId");
        let Some(object) = self.version(key, wanted.as_deref()) else {
            return Err(match (may_list, wanted) {
                (true, Some(_)) => error("s3", 404, "NoSuchVersion", "The specified version does not exist."),
                (true, None) => error("s3", 404, "NoSuchKey", "The specified key does not exist."),
                (false, _) => error("s3", 403, "AccessDenied", "Access Denied"),
            });
        };
        if object.is_marker {
            let refusal = match (wanted, may_list) {
                (Some(_), _) => error("s3", 405, "MethodNotAllowed", "The specified method is not allowed."),
                (None, true) => error("s3", 404, "NoSuchKey", "The specified key does not exist."),
                (None, false) => error("s3", 403, "AccessDenied", "Access Denied"),
            };
            return Err(refusal.with("x-amz-delete-marker", "true"));
        }
        let quoted = format!("\"{}\"", object.e_tag);
        if request.header("if-match").is_some_and(|wanted| wanted.trim_matches('"') != object.e_tag) {
            return Err(precondition_failed());
        }
        if request.header("if-none-match").is_some_and(|known| known == quoted) {
            return Err(Response::new(304, ""));
        }
        let mut response = Response::new(200, object.body.clone())
            .with("etag", quoted)
            .with("last-modified", Now(object.modified).http_date())
            .with("content-type", object.content_type.as_deref().unwrap_or("application/octet-stream"));
        if self.versioning != Versioning::Off {
            response = response.with("x-amz-version-id", object.version);
        }
        if let Some(coding) = object.content_encoding {
            response = response.with("content-encoding", coding);
        }
        for (name, value) in object.metadata {
            response = response.with(&format!("x-amz-meta-{name}"), value);
        }
        if let Some(range) = request.header("range") {
            return ranged(response, &object.body, range);
        }
        // API, `GetObject`: the checksum is that of the whole object.
        if let (Some(crc32), Some("ENABLED")) = (object.crc32, request.header("x-amz-checksum-mode")) {
            response = response.with("x-amz-checksum-crc32", crc32).with("x-amz-checksum-type", "FULL_OBJECT");
        }
        Ok(response)
    }

    /// API, `PutObject`: `If-None-Match: *` and `If-Match`.
    pub(super) fn check_write(&self, request: &Request, key: &str) -> Result<(), Response> {
        let existing = self.object(key);
        if request.header("if-none-match") == Some("*") && existing.is_some() {
            return Err(precondition_failed());
        }
        let Some(wanted) = request.header("if-match") else { return Ok(()) };
        match existing {
            Some(object) if wanted.trim_matches('"') == object.e_tag => Ok(()),
            Some(_) => Err(precondition_failed()),
            None => Err(error("s3", 404, "NoSuchKey", "The specified key does not exist.")),
        }
    }

    /// Whether its policy denies an action to everybody.
    pub(super) fn denies(&self, action: &str) -> bool {
        let policy = self.configurations.get("policy").and_then(|text| serde_json::from_str::<Value>(text).ok());
        let statements = policy.as_ref().and_then(|policy| policy["Statement"].as_array());
        statements.into_iter().flatten().any(|s| s["Effect"] == "Deny" && s["Action"] == action)
    }

    /// Reads, puts or deletes a configuration; `None` for what is not modelled.
    pub(super) fn configuration(&mut self, action: &str, request: &Request) -> Option<Answered> {
        let verb = &request.method;
        let (word, noun) = BUCKET_SUBRESOURCES.into_iter().find(|(_, noun)| action.ends_with(noun))?;
        Some(match verb.as_str() {
            "PUT" => {
                let text = String::from_utf8_lossy(&content(request)).into_owned();
                if word == "versioning" {
                    self.versioning = match leaves(text.as_bytes()).iter().find(|(path, _)| path == "Status") {
                        Some((_, status)) if status == "Enabled" => Versioning::Enabled,
                        _ => Versioning::Suspended,
                    };
                }
                self.configurations.insert(word.to_owned(), text);
                Ok(Response::new(200, ""))
            }
            "DELETE" => {
                self.configurations.remove(word);
                Ok(Response::new(204, ""))
            }
            _ => match self.configurations.get(word) {
                Some(text) => Ok(Response::new(200, text.clone()).with("content-type", "application/xml")),
                None => unconfigured(word, noun),
            },
        })
    }
}

/// What a bucket says of a configuration that it does not have.
fn unconfigured(word: &str, noun: &str) -> Answered {
    let (code, message) = match word {
        "policy" => ("NoSuchBucketPolicy", "The bucket policy does not exist"),
        "lifecycle" => ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        "publicAccessBlock" => {
            ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
        }
        "ownershipControls" => ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        "encryption" => {
            ("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found")
        }
        "tagging" => ("NoSuchTagSet", "The TagSet does not exist"),
        "cors" => ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        _ => {
            let root = if word == "notification" { "NotificationConfiguration" } else { noun };
            return Ok(document(if word == "versioning" { "VersioningConfiguration" } else { root }, ""));
        }
    };
    Err(error("s3", 404, code, message))
}

fn precondition_failed() -> Response {
    error("s3", 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

/// One range of bytes, as RFC 9110 has it: `bytes=FIRST-LAST`, `bytes=FIRST-` or `bytes=-LENGTH`.
fn ranged(mut response: Response, body: &Body, range: &str) -> Answered {
    let length = body.len();
    let bounds = range.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-'));
    let number = |text: &str| text.parse::<u64>().ok();
    let span = bounds.and_then(|(first, last)| match (number(first), number(last)) {
        (Some(first), Some(last)) => Some((first, last.min(length.saturating_sub(1)))),
        (Some(first), None) => Some((first, length.saturating_sub(1))),
        (None, Some(suffix)) => Some((length.saturating_sub(suffix), length.saturating_sub(1))),
        (None, None) => None,
    });
    let Some((first, last)) = span.filter(|(first, last)| *first < length && first <= last) else {
        return Err(error("s3", 416, "InvalidRange", "The requested range is not satisfiable"));
    };
    response.status = 206;
    response.body = match body {
        Body::Bytes(bytes) => {
            let at = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
            Body::from(&bytes[at(first)..=at(last)])
        }
        // What repeats is the same everywhere, as far as anybody looks.
        Body::Repeat(piece, _) => Body::Repeat(piece.clone(), last - first + 1),
    };
    Ok(response.with("content-range", format!("bytes {first}-{last}/{length}")))
}
