//! Multipart uploads.

use std::collections::BTreeMap;

use super::bucket::Bucket;
use super::{Answered, content};
use crate::http::{Request, Response};
use crate::xml::{document, error, leaves, node, text};

/// A multipart upload that is neither completed nor aborted.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The object's key.
    pub key: String,
    /// The parts by number: `ETag` and content.
    pub parts: BTreeMap<u32, (String, Vec<u8>)>,
    /// The object's media type.
    pub content_type: Option<String>,
    /// The coding that the object will be stored in, if one was given.
    pub content_encoding: Option<String>,
    /// The object's metadata.
    pub metadata: BTreeMap<String, String>,
}

impl Upload {
    /// The object's content.
    pub(super) fn whole(&self) -> Vec<u8> {
        self.parts.values().flat_map(|(_, bytes)| bytes).copied().collect()
    }
}

impl Bucket {
    fn upload(&mut self, request: &Request, key: &str) -> Result<(String, &mut Upload), Response> {
        let id = request.parameter("uploadId").unwrap_or_default();
        let found = self.uploads.get_mut(&id).filter(|upload| upload.key == key);
        let missing = || error("s3", 404, "NoSuchUpload", "The specified upload does not exist.");
        found.map(|upload| (id, upload)).ok_or_else(missing)
    }

    /// API, `UploadPart`.
    pub(super) fn put_part(
        &mut self,
        request: &Request,
        key: &str,
        e_tag: String,
        bytes: Vec<u8>,
    ) -> Result<(), Response> {
        let number = request.parameter("partNumber").and_then(|number| number.parse().ok()).unwrap_or_default();
        self.upload(request, key)?.1.parts.insert(number, (e_tag, bytes));
        Ok(())
    }

    /// API, `CompleteMultipartUpload`: combines the listed parts, by number and `ETag`.
    pub(super) fn complete(&mut self, request: &Request, key: &str) -> Result<Upload, Response> {
        let (id, upload) = self.upload(request, key)?;
        let named = pairs(&leaves(&content(request)));
        let is_there = |(number, e_tag): (&u32, &String)| upload.parts.get(number).is_some_and(|part| part.0 == *e_tag);
        if named.is_empty() || !named.iter().all(is_there) {
            let message = "One or more of the specified parts could not be found.";
            return Err(error("s3", 400, "InvalidPart", message));
        }
        upload.parts.retain(|number, _| named.contains_key(number));
        let upload = upload.clone();
        self.uploads.remove(&id);
        Ok(upload)
    }

    /// API, `AbortMultipartUpload`.
    pub(super) fn abort(&mut self, request: &Request, key: &str) -> Answered {
        let (id, _) = self.upload(request, key)?;
        self.uploads.remove(&id);
        Ok(Response::new(204, ""))
    }

    /// API, `ListParts`; always one page.
    pub(super) fn list_parts(&mut self, request: &Request, key: &str) -> Answered {
        let (id, upload) = self.upload(request, key)?;
        let parts = upload.parts.iter().fold(String::new(), |all, (number, (e_tag, bytes))| {
            let part = [text("PartNumber", number), text("ETag", format!("\"{e_tag}\"")), text("Size", bytes.len())];
            all + &node("Part", &part.concat())
        });
        Ok(document("ListPartsResult", &(text("Key", key) + &text("UploadId", id) + &parts)))
    }
}

/// Part numbers and `ETag`s in any order within a part.
fn pairs(leaves: &[(String, String)]) -> BTreeMap<u32, String> {
    let of = |name: &'static str| leaves.iter().filter(move |(path, _)| path == name).map(|(_, value)| value);
    let numbers = of("Part/PartNumber").map(|number| number.parse().unwrap_or_default());
    numbers.zip(of("Part/ETag").map(|e_tag| e_tag.trim_matches('"').to_owned())).collect()
}
