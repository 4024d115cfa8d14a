//! S3, on path-style URLs.
//!
//! API: "Amazon S3 API Reference".

mod bucket;
mod listing;
mod multipart;
mod objects;

use std::collections::BTreeMap;

use base64::Engine as _;
use sha2::Digest as _;

pub use self::bucket::{Bucket, Versioning};
pub use self::multipart::Upload;
pub use self::objects::{Object, SyntheticObject};
use crate::http::{Body, Request, Response};
use crate::state::Now;
use crate::xml::{document, error, leaves, node, text};
use crate::{ACCOUNT, REGION};

/// Keys in a page of a listing.
const PAGE: usize = 1_000;

/// The region that needs no `LocationConstraint`.
const DEFAULT_REGION: &str = "us-east-1";

/// All buckets, and S3's behaviour.
#[derive(Debug, Clone, Default)]
pub struct S3 {
    /// The buckets by name.
    pub buckets: BTreeMap<String, Bucket>,
    /// Whether the caller lacks `s3:ListBucket`. A missing key is then 403, not 404 (API, `GetObject`).
    pub lists_denied: bool,
    /// Whether a bucket whose name ends in the suffix of an account's regional namespace (`-ACCOUNT-REGION-an`)
    /// requires the namespace header; without it the error is `MissingNamespaceHeader`.
    pub demands_namespace_header: bool,
    /// The number of writes that get no version although the bucket keeps versions, as it can be right after versioning was
    /// enabled (S3 user guide, "Enabling versioning on buckets").
    pub unversioned_writes: usize,
    /// The number of objects that `DeleteObjects` does not delete: it returns 200 and lists them as `SlowDown` errors.
    pub busy_deletes: usize,
    /// An object is uploaded to this bucket after each `DeleteObjects`, until a bucket policy denies `s3:PutObject`.
    pub writer: bool,
    /// The maximum number of keys in a page of a listing; 0 means S3's 1,000.
    pub page: usize,
    serial: u64,
}

/// The target of a request.
struct Target<'a> {
    request: &'a Request,
    bucket: String,
    /// The decoded key; empty for the bucket itself.
    key: String,
    now: Now,
}

/// The result of a call; an error is also a response.
type Answered = Result<Response, Response>;

impl S3 {
    /// Creates a bucket if none has this name.
    pub fn create_bucket(&mut self, name: &str) -> &mut Bucket {
        self.buckets.entry(name.to_owned()).or_default()
    }

    /// Puts an object. Creates the bucket if it is missing. Returns the `ETag`, without quotes.
    pub fn put(&mut self, bucket: &str, key: &str, body: impl Into<Body>) -> String {
        self.put_encoded(bucket, key, body, None)
    }

    /// The same for an object that is stored with this `Content-Encoding`.
    pub fn put_encoded(
        &mut self,
        bucket: &str,
        key: &str,
        body: impl Into<Body>,
        content_encoding: Option<&str>,
    ) -> String {
        let mut object = self.new_object(body.into(), Now::default());
        object.content_encoding = content_encoding.map(ToOwned::to_owned);
        let e_tag = object.e_tag.clone();
        self.create_bucket(bucket).put(key, object);
        e_tag
    }

    /// The same for an object that is put with its SHA-256.
    pub fn put_with_sha256(&mut self, bucket: &str, key: &str, body: &[u8]) {
        let mut object = self.new_object(body.into(), Now::default());
        object.sha256 = Some(sha256_of(body));
        self.create_bucket(bucket).put(key, object);
    }

    /// Deletes an object as `DeleteObject` does: with versions, it leaves a delete marker.
    pub fn delete(&mut self, bucket: &str, key: &str) {
        let marker = self.new_marker(Now::default());
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.delete(key, marker);
        }
    }

    /// Whether the current version of a key is an object.
    pub fn has(&self, bucket: &str, key: &str) -> bool {
        self.buckets.get(bucket).is_some_and(|bucket| bucket.object(key).is_some())
    }

    fn new_object(&mut self, body: Body, now: Now) -> Object {
        self.serial += 1;
        let crc32 = match &body {
            Body::Bytes(bytes) => {
                Some(base64::engine::general_purpose::STANDARD.encode(crc32fast::hash(bytes).to_be_bytes()))
            }
            Body::Repeat(..) => None,
        };
        Object {
            version: format!("v{:09}", self.serial),
            e_tag: format!("{:032x}", self.serial),
            body,
            modified: now.0,
            content_type: None,
            content_encoding: None,
            metadata: BTreeMap::new(),
            crc32,
            sha256: None,
            is_marker: false,
        }
    }

    fn new_marker(&mut self, now: Now) -> Object {
        Object { is_marker: true, ..self.new_object(Body::from(""), now) }
    }

    fn page(&self) -> usize {
        if self.page == 0 { PAGE } else { self.page }
    }

    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, action: &str, request: &Request, now: Now) -> Option<Response> {
        let path = percent_encoding::percent_decode_str(request.path.trim_start_matches('/')).decode_utf8_lossy();
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let target = Target { request, bucket: bucket.to_owned(), key: key.to_owned(), now };
        self.dispatch(action, &target).map(|answered| answered.unwrap_or_else(|refusal| refusal))
    }

    fn dispatch(&mut self, action: &str, target: &Target<'_>) -> Option<Answered> {
        match action {
            "ListBuckets" => return Some(Ok(self.list_buckets())),
            "CreateBucket" => return Some(self.create(target)),
            _ => {}
        }
        if let Err(refusal) = self.bucket_of(target) {
            return Some(Err(refusal));
        }
        let may_list = !self.lists_denied;
        let page = self.page();
        Some(match action {
            "DeleteBucket" => self.delete_bucket(target),
            "PutObject" | "CopyObject" | "CompleteMultipartUpload" => self.write(action, target),
            "DeleteObject" => self.delete_object(target),
            "DeleteObjects" => self.delete_objects(target),
            "CreateMultipartUpload" => self.begin_upload(target),
            "UploadPart" => self.upload_part(target),
            _ => {
                let bucket = self.bucket_of(target).ok()?;
                match action {
                    "HeadBucket" => Ok(Response::new(200, "").with("x-amz-bucket-region", REGION)),
                    "GetObject" | "HeadObject" => bucket.get_object(target.request, &target.key, may_list),
                    "ListObjectsV2" => Ok(bucket.list_objects(target.request, &target.bucket, page)),
                    "ListObjectVersions" => Ok(bucket.list_versions(target.request, &target.bucket, page)),
                    "ListMultipartUploads" => Ok(bucket.list_uploads(target.request, &target.bucket, page)),
                    "ListParts" => bucket.list_parts(target.request, &target.key),
                    "AbortMultipartUpload" => bucket.abort(target.request, &target.key),
                    _ => bucket.configuration(action, target.request)?,
                }
            }
        })
    }

    /// The bucket of a request, if it exists and its owner is the expected one.
    fn bucket_of(&mut self, target: &Target<'_>) -> Result<&mut Bucket, Response> {
        let missing = || error("s3", 404, "NoSuchBucket", "The specified bucket does not exist");
        let bucket = self.buckets.get_mut(&target.bucket).ok_or_else(missing)?;
        // API, "Verifying bucket ownership with bucket owner condition".
        if target.request.header("x-amz-expected-bucket-owner").is_some_and(|owner| owner != bucket.owner) {
            return Err(error("s3", 403, "AccessDenied", "Access Denied"));
        }
        Ok(bucket)
    }

    fn list_buckets(&self) -> Response {
        let buckets = self.buckets.keys().map(|name| node("Bucket", &text("Name", name))).collect::<String>();
        document("ListAllMyBucketsResult", &node("Buckets", &buckets))
    }

    fn create(&mut self, target: &Target<'_>) -> Answered {
        let Target { request, bucket: name, .. } = target;
        let is_regional = name.ends_with(&format!("-{ACCOUNT}-{REGION}-an"));
        if self.demands_namespace_header && is_regional && request.header("x-amz-bucket-namespace").is_none() {
            let message = "The bucket name is reserved for the account regional namespace";
            return Err(error("s3", 400, "MissingNamespaceHeader", message));
        }
        if let Some(bucket) = self.buckets.get(name) {
            return Err(match (bucket.owner == ACCOUNT, REGION == DEFAULT_REGION) {
                (true, true) => Response::new(200, ""),
                (true, false) => {
                    let message = "Your previous request to create the named bucket succeeded and you already own it.";
                    error("s3", 409, "BucketAlreadyOwnedByYou", message)
                }
                (false, _) => error("s3", 409, "BucketAlreadyExists", "The requested bucket name is not available."),
            });
        }
        self.create_bucket(name);
        Ok(Response::new(200, "").with("location", format!("/{name}")))
    }

    fn delete_bucket(&mut self, target: &Target<'_>) -> Answered {
        if !self.bucket_of(target)?.is_empty() {
            return Err(error("s3", 409, "BucketNotEmpty", "The bucket you tried to delete is not empty"));
        }
        self.buckets.remove(&target.bucket);
        Ok(Response::new(204, ""))
    }

    /// `PutObject`, `CopyObject` and `CompleteMultipartUpload`: each creates a new current version.
    fn write(&mut self, action: &str, target: &Target<'_>) -> Answered {
        let key = target.key.as_str();
        self.bucket_of(target)?.check_write(target.request, key)?;
        let mut object = match action {
            "PutObject" => {
                let body = content(target.request);
                let sha256 = target.request.header("x-amz-checksum-sha256").map(ToOwned::to_owned);
                if sha256.as_ref().is_some_and(|given| *given != sha256_of(&body)) {
                    return Err(error("s3", 400, "BadDigest", "The SHA256 you specified did not match."));
                }
                let mut object = self.new_object(body.into(), target.now);
                object.sha256 = sha256;
                object.content_type = target.request.header("content-type").map(ToOwned::to_owned);
                object.content_encoding = objects::content_encoding(target.request);
                object.metadata = objects::metadata(target.request);
                object
            }
            "CopyObject" => self.copied(target)?,
            _ => {
                let upload = self.bucket_of(target)?.complete(target.request, key)?;
                let mut object = self.new_object(upload.whole().into(), target.now);
                object.e_tag = format!("{}-{}", object.e_tag, upload.parts.len());
                object.content_type = upload.content_type;
                object.content_encoding = upload.content_encoding;
                object.metadata = upload.metadata;
                object
            }
        };
        let e_tag = object.e_tag.clone();
        if self.bucket_of(target)?.versioning == Versioning::Enabled && self.unversioned_writes > 0 {
            self.unversioned_writes -= 1;
            "null".clone_into(&mut object.version);
        }
        let bucket = self.bucket_of(target)?;
        let version = object.version.clone();
        bucket.put(key, object);
        let versioned = bucket.versioning == Versioning::Enabled;
        let quoted = format!("\"{e_tag}\"");
        let response = match action {
            "PutObject" => Response::new(200, "").with("etag", quoted),
            "CopyObject" => {
                document("CopyObjectResult", &(text("ETag", quoted) + &text("LastModified", target.now.rfc3339())))
            }
            _ => document("CompleteMultipartUploadResult", &(text("Key", key) + &text("ETag", quoted))),
        };
        Ok(if versioned { response.with("x-amz-version-id", version) } else { response })
    }

    fn copied(&mut self, target: &Target<'_>) -> Result<Object, Response> {
        let source = target.request.header("x-amz-copy-source").unwrap_or_default();
        let (path, version) = source.split_once("?versionId=").unwrap_or((source, ""));
        let path = percent_encoding::percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let version = (!version.is_empty()).then_some(version);
        let found = self.buckets.get(bucket).and_then(|bucket| bucket.version(key, version));
        let missing = || error("s3", 404, "NoSuchKey", "The specified key does not exist.");
        let source = found.filter(|object| !object.is_marker).ok_or_else(missing)?;
        let copy = self.new_object(source.body.clone(), target.now);
        let Object { content_type, content_encoding, metadata, .. } = source;
        Ok(Object { content_type, content_encoding, metadata, ..copy })
    }

    fn delete_object(&mut self, target: &Target<'_>) -> Answered {
        let version = target.request.parameter("versionId");
        let marker = self.new_marker(target.now);
        let bucket = self.bucket_of(target)?;
        let response = Response::new(204, "");
        if let Some(version) = version {
            bucket.delete_version(&target.key, &version);
            return Ok(response.with("x-amz-version-id", version));
        }
        Ok(match bucket.delete(&target.key, marker) {
            Some(marker) => response.with("x-amz-version-id", marker).with("x-amz-delete-marker", "true"),
            None => response,
        })
    }

    fn delete_objects(&mut self, target: &Target<'_>) -> Answered {
        let mut wanted: Vec<(String, Option<String>)> = Vec::new();
        for (path, value) in leaves(&content(target.request)) {
            match (path.as_str(), wanted.last_mut()) {
                ("Object/Key", _) => wanted.push((value, None)),
                ("Object/VersionId", Some((_, version))) => *version = Some(value),
                _ => {}
            }
        }
        let mut result = String::new();
        for (key, version) in wanted {
            if self.busy_deletes > 0 {
                self.busy_deletes -= 1;
                let details = [text("Code", "SlowDown"), text("Message", "Please reduce your request rate.")].concat();
                result += &node("Error", &(text("Key", key) + &details));
                continue;
            }
            let marker = self.new_marker(target.now);
            let bucket = self.bucket_of(target)?;
            match &version {
                Some(version) => bucket.delete_version(&key, version),
                None => drop(bucket.delete(&key, marker)),
            }
        }
        let is_closed = self.bucket_of(target)?.denies("s3:PutObject");
        if self.writer && !is_closed {
            let late = format!("late-{}", self.serial);
            self.put(&target.bucket, &late, "0123456789");
        }
        Ok(document("DeleteResult", &result))
    }

    fn begin_upload(&mut self, target: &Target<'_>) -> Answered {
        self.serial += 1;
        let id = format!("upload-{:09}", self.serial);
        let upload = Upload {
            key: target.key.clone(),
            parts: BTreeMap::new(),
            content_type: target.request.header("content-type").map(ToOwned::to_owned),
            content_encoding: objects::content_encoding(target.request),
            metadata: objects::metadata(target.request),
        };
        self.bucket_of(target)?.uploads.insert(id.clone(), upload);
        let result = [text("Bucket", &target.bucket), text("Key", &target.key), text("UploadId", id)].concat();
        Ok(document("InitiateMultipartUploadResult", &result))
    }

    fn upload_part(&mut self, target: &Target<'_>) -> Answered {
        self.serial += 1;
        let e_tag = format!("{:032x}", self.serial);
        let bucket = self.bucket_of(target)?;
        bucket.put_part(target.request, &target.key, e_tag.clone(), content(target.request))?;
        Ok(Response::new(200, "").with("etag", format!("\"{e_tag}\"")))
    }
}

/// A SHA-256 as S3 writes it.
fn sha256_of(body: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(sha2::Sha256::digest(body))
}

/// The content of a request. Its body may be in S3's own chunked encoding (API, "Signature calculations: transfer
/// payload in multiple chunks").
fn content(request: &Request) -> Vec<u8> {
    let is_streamed = request.header("x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
    let is_chunked = request.header("content-encoding").is_some_and(|coding| coding.contains("aws-chunked"));
    if is_streamed || is_chunked {
        crate::http::read_chunks(&mut request.body.as_slice()).unwrap_or_default()
    } else {
        request.body.clone()
    }
}
