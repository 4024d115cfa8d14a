//! Objects and their versions, real and synthetic, in the order of listings.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use crate::http::{Body, Request};
use crate::synthetic::Synthetic;

/// One version of an object, or a delete marker.
#[derive(Debug, Clone)]
pub struct Object {
    /// The version's id; `null` for one of a bucket without versions.
    pub version: String,
    /// The `ETag` without quotes: a serial number in hexadecimal digits.
    pub e_tag: String,
    /// The content.
    pub body: Body,
    /// When it was put, by the logical clock.
    pub modified: Duration,
    /// The media type, if one was given.
    pub content_type: Option<String>,
    /// The coding that the content is stored in, if one was given.
    pub content_encoding: Option<String>,
    /// The headers `x-amz-meta-…`, without that prefix.
    pub metadata: BTreeMap<String, String>,
    /// The CRC-32 of the content, as S3 sends it; `None` for synthetic content.
    pub crc32: Option<String>,
    /// The SHA-256 of the content, as S3 sends it, if the object was put with one.
    pub sha256: Option<String>,
    /// Whether it is a delete marker.
    pub is_marker: bool,
}

/// An object that is generated when it is read.
#[derive(Debug, Clone)]
pub struct SyntheticObject {
    /// The key. The keys of a bucket's synthetic objects ascend with their numbers.
    pub key: String,
    /// Bytes. The content is this many `x`.
    pub size: u64,
    /// The `ETag`, without quotes.
    pub e_tag: String,
}

/// The coding that an object is stored in, without that of the upload itself.
pub(crate) fn content_encoding(request: &Request) -> Option<String> {
    let codings = request.header("content-encoding")?.split(',').map(str::trim);
    let stored: Vec<_> = codings.filter(|coding| *coding != "aws-chunked" && !coding.is_empty()).collect();
    (!stored.is_empty()).then(|| stored.join(","))
}

/// The headers of a request that become an object's metadata.
pub(crate) fn metadata(request: &Request) -> BTreeMap<String, String> {
    let headers = request.headers.iter();
    headers.filter_map(|(name, value)| Some((name.strip_prefix("x-amz-meta-")?.to_owned(), value.clone()))).collect()
}

/// The versions of a bucket's keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objects {
    /// By key; the newest last.
    real: BTreeMap<String, Vec<Object>>,
    /// Each is the oldest version of its key.
    synthetic: Option<Synthetic<SyntheticObject>>,
}

impl Objects {
    pub(crate) fn synthesize(&mut self, objects: Synthetic<SyntheticObject>) {
        self.synthetic = Some(objects);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.real.is_empty() && self.synthetic.as_ref().is_none_or(|synthetic| synthetic.left() == 0)
    }

    /// The versions of a key; the newest first.
    pub(crate) fn versions(&self, key: &str) -> Vec<Object> {
        let real = self.real.get(key).into_iter().flatten().rev().cloned();
        let synthetic = self.number(key).and_then(|number| self.synthetic.as_ref()?.get(number));
        real.chain(synthetic.map(object)).collect()
    }

    pub(crate) fn push(&mut self, key: &str, object: Object) {
        self.real.entry(key.to_owned()).or_default().push(object);
    }

    /// Removes the version with this id, if there is one.
    pub(crate) fn remove(&mut self, key: &str, version: &str) {
        if let Some(versions) = self.real.get_mut(key) {
            versions.retain(|object| object.version != version);
            if versions.is_empty() {
                self.real.remove(key);
            }
        }
        if version == "null"
            && let Some(number) = self.number(key)
            && let Some(synthetic) = &mut self.synthetic
        {
            synthetic.remove(number);
        }
    }

    /// Every key from this one on, in order, with its versions, the newest first.
    pub(crate) fn from(&self, key: &str) -> impl Iterator<Item = (String, Vec<Object>)> + '_ {
        let mut real = self.real.range::<str, _>((Bound::Included(key), Bound::Unbounded)).peekable();
        let start = self.synthetic.as_ref().map_or(0, |s| s.position(|object| object.key.as_str() < key));
        let synthetic = self.synthetic.iter().flat_map(move |s| s.range(start..s.count()));
        let mut synthetic = synthetic.map(|(_, object)| object).peekable();
        std::iter::from_fn(move || {
            let first = match (real.peek(), synthetic.peek()) {
                (Some((key, _)), Some(made)) => (*key).min(&made.key).clone(),
                (Some((key, _)), None) => (*key).clone(),
                (None, Some(made)) => made.key.clone(),
                (None, None) => return None,
            };
            let mut versions = Vec::new();
            if let Some((_, objects)) = real.next_if(|(key, _)| **key == first) {
                versions.extend(objects.iter().rev().cloned());
            }
            versions.extend(synthetic.next_if(|made| made.key == first).map(object));
            Some((first, versions))
        })
    }

    /// The number of the synthetic object with this key, deleted or not.
    fn number(&self, key: &str) -> Option<u64> {
        let synthetic = self.synthetic.as_ref()?;
        let number = synthetic.position(|object| object.key.as_str() < key);
        synthetic.get(number).filter(|object| object.key == key).map(|_| number)
    }
}

fn object(made: SyntheticObject) -> Object {
    Object {
        version: "null".to_owned(),
        e_tag: made.e_tag,
        body: Body::Repeat(Arc::new(vec![b'x'; 1 << 10]), made.size),
        modified: Duration::ZERO,
        content_type: None,
        content_encoding: None,
        metadata: BTreeMap::new(),
        crc32: None,
        sha256: None,
        is_marker: false,
    }
}
