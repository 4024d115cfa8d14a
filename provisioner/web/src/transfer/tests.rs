use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream::{self, StreamExt as _};

use super::*;
use crate::feed::{Feed, Subscription};
use crate::pipeline::{About, Answer, Content, FailedEvents, Health, Redriven, TraceStep};

/// Stores what is uploaded, and counts what is aborted.
#[derive(Default)]
struct Bucket {
    stored: StdMutex<Vec<(String, Vec<u8>)>>,
    aborted: AtomicUsize,
    is_denied: bool,
}

impl Pipeline for Bucket {
    fn about(&self) -> &About {
        unreachable!()
    }
    fn list<'a>(
        &'a self,
        _: &'a provisioner_model::query::Query,
        _: usize,
    ) -> Answer<'a, provisioner_model::search::Page> {
        unreachable!()
    }
    fn documents<'a>(&'a self, _: &'a [String]) -> Answer<'a, Vec<serde_json::Value>> {
        unreachable!()
    }
    fn uploads_of<'a>(&'a self, _: &'a str, _: usize) -> Answer<'a, Vec<provisioner_model::query::Row>> {
        unreachable!()
    }
    fn trace<'a>(&'a self, _: &'a serde_json::Value) -> Answer<'a, Vec<TraceStep>> {
        unreachable!()
    }
    fn download_link<'a>(&'a self, _: &'a serde_json::Value) -> Answer<'a, String> {
        unreachable!()
    }
    fn upload(&self, key: String, mut content: Content) -> Answer<'_, Stored> {
        Box::pin(async move {
            if self.is_denied {
                return Err(Error::new(Exit::Access, "denied", "the bucket denies it"));
            }
            let mut bytes = Vec::new();
            while let Some(chunk) = content.next().await {
                match chunk {
                    Ok(chunk) => bytes.extend(chunk),
                    Err(error) => {
                        self.aborted.fetch_add(1, Ordering::SeqCst);
                        return Err(Error::new(Exit::Failure, "not-uploaded", "aborted").source(error));
                    }
                }
            }
            let size = bytes.len() as u64;
            self.stored.lock().unwrap().push((key.clone(), bytes));
            Ok(Stored { key, size, e_tag: None, version_id: None })
        })
    }
    fn failed_events(&self) -> Answer<'_, FailedEvents> {
        unreachable!()
    }
    fn redrive(&self) -> Answer<'_, Redriven> {
        unreachable!()
    }
    fn health(&self) -> Answer<'_, Health> {
        unreachable!()
    }
    fn now_millis(&self) -> i64 {
        0
    }
    fn subscribe(&self, after: Option<&str>) -> Subscription {
        Feed::new("t").subscribe(after)
    }
}

type Piece = Result<Bytes, std::io::Error>;

fn body(pieces: &[&'static str]) -> impl Stream<Item = Piece> + use<> {
    stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect::<Vec<_>>())
}

fn broken(pieces: &[&'static str]) -> impl Stream<Item = Piece> + use<> {
    body(pieces).chain(stream::iter([Err(std::io::Error::other("reset"))]))
}

fn bucket() -> (Arc<Bucket>, Arc<dyn Pipeline>, Transfers) {
    let bucket = Arc::new(Bucket::default());
    let pipeline: Arc<dyn Pipeline> = Arc::clone(&bucket) as _;
    (bucket, pipeline, Transfers::default())
}

fn stored(bucket: &Bucket) -> Vec<(String, String)> {
    let stored = bucket.stored.lock().unwrap();
    stored.iter().map(|(key, bytes)| (key.clone(), String::from_utf8(bytes.clone()).unwrap())).collect()
}

#[tokio::test]
async fn a_file_is_stored_whole_or_not_at_all() {
    let (bucket, pipeline, transfers) = bucket();
    let done = transfers.whole(&pipeline, "a".into(), 6, body(&["abc", "", "def"])).await.unwrap();
    assert_eq!(done.size, 6);
    assert_eq!(transfers.whole(&pipeline, "empty".into(), 6, body(&[])).await.unwrap().size, 0);

    let error = transfers.whole(&pipeline, "b".into(), 5, body(&["abc", "def"])).await.unwrap_err();
    assert_eq!(error.code, "too-large");
    let error = transfers.whole(&pipeline, "c".into(), 9, broken(&["abc"])).await.unwrap_err();
    assert_eq!(error.code, "broken-off");
    // A request whose connection is lost is dropped.
    let never = body(&["abc"]).chain(stream::pending());
    let dropped =
        tokio::time::timeout(Duration::from_millis(20), transfers.whole(&pipeline, "d".into(), 9, never)).await;
    assert!(dropped.is_err());
    transfers.end().await;
    assert_eq!(bucket.aborted.load(Ordering::SeqCst), 3);
    assert_eq!(stored(&bucket), [("a".into(), "abcdef".into()), ("empty".into(), String::new())]);
}

#[tokio::test]
async fn parts_continue_where_the_last_one_broke_off() {
    let (bucket, pipeline, transfers) = bucket();
    let id = transfers.begin(&pipeline, "k".into(), 9).unwrap();
    assert_eq!(transfers.send(&id, 0, body(&["abc"])).await.unwrap(), Progress::At(3));
    assert_eq!(transfers.send(&id, 3, broken(&["d"])).await.unwrap_err().code, "broken-off");
    assert_eq!(transfers.progress(&id).await.unwrap(), Progress::At(4));
    for wrong in [0, 3, 9] {
        assert_eq!(transfers.send(&id, wrong, body(&["x"])).await.unwrap_err().code, "wrong-offset");
    }
    let Progress::Stored(done) = transfers.send(&id, 4, body(&["ef", "ghi"])).await.unwrap() else {
        panic!("not stored")
    };
    assert_eq!((done.key.as_str(), done.size), ("k", 9));
    // The answer can be lost: it is given again.
    assert_eq!(transfers.progress(&id).await.unwrap(), Progress::Stored(done.clone()));
    assert_eq!(transfers.send(&id, 9, body(&[])).await.unwrap(), Progress::Stored(done));
    assert_eq!(stored(&bucket), [("k".into(), "abcdefghi".into())]);
}

#[tokio::test]
async fn more_than_was_announced_is_no_file() {
    let (bucket, pipeline, transfers) = bucket();
    let id = transfers.begin(&pipeline, "k".into(), 4).unwrap();
    assert_eq!(transfers.send(&id, 0, body(&["abc", "def"])).await.unwrap_err().code, "wrong-size");
    transfers.end().await;
    assert_eq!((stored(&bucket), bucket.aborted.load(Ordering::SeqCst)), (vec![], 1));
}

#[tokio::test]
async fn a_cancelled_transfer_leaves_nothing_and_is_not_known_any_more() {
    let (bucket, pipeline, transfers) = bucket();
    let id = transfers.begin(&pipeline, "k".into(), 9).unwrap();
    transfers.send(&id, 0, body(&["abc"])).await.unwrap();
    transfers.cancel(&id).await.unwrap();
    for error in [
        transfers.cancel(&id).await.unwrap_err(),
        transfers.progress(&id).await.unwrap_err(),
        transfers.send("other", 0, body(&["x"])).await.unwrap_err(),
    ] {
        assert_eq!(error.code, "unknown-upload");
    }
    transfers.end().await;
    assert_eq!((stored(&bucket), bucket.aborted.load(Ordering::SeqCst)), (vec![], 1));
}

#[tokio::test]
async fn what_the_service_says_reaches_who_sends() {
    let bucket: Arc<dyn Pipeline> = Arc::new(Bucket { is_denied: true, ..Bucket::default() });
    let transfers = Transfers::default();
    let id = transfers.begin(&bucket, "k".into(), 3).unwrap();
    let error = transfers.send(&id, 0, body(&["abc"])).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), ("denied", "the bucket denies it"));
    let error = transfers.whole(&bucket, "k".into(), 9, body(&["abc"])).await.unwrap_err();
    assert_eq!(error.code, "denied");
}

#[tokio::test]
async fn the_number_of_open_uploads_is_bounded() {
    let (bucket, pipeline, transfers) = bucket();
    let ids: Vec<String> = (0..MAX_OPEN).map(|n| transfers.begin(&pipeline, n.to_string(), 9).unwrap()).collect();
    assert_eq!(transfers.begin(&pipeline, "more".into(), 9).unwrap_err().code, "too-many-uploads");
    transfers.cancel(&ids[0]).await.unwrap();
    // The aborted upload gives its place back once it is over.
    while transfers.begin(&pipeline, "more".into(), 9).is_err() {
        tokio::task::yield_now().await;
    }
    transfers.end().await;
    assert_eq!(bucket.aborted.load(Ordering::SeqCst), MAX_OPEN as usize + 1);
}

#[tokio::test(start_paused = true)]
async fn a_transfer_that_is_not_used_for_an_hour_is_given_up() {
    let (_bucket, pipeline, transfers) = bucket();
    let id = transfers.begin(&pipeline, "k".into(), 9).unwrap();
    tokio::time::advance(IDLE * 9 / 10).await;
    transfers.send(&id, 0, body(&["abc"])).await.unwrap();
    tokio::time::advance(IDLE * 9 / 10).await;
    transfers.begin(&pipeline, "other".into(), 9).unwrap();
    assert_eq!(transfers.progress(&id).await.unwrap(), Progress::At(3));
    tokio::time::advance(IDLE).await;
    transfers.begin(&pipeline, "third".into(), 9).unwrap();
    assert_eq!(transfers.progress(&id).await.unwrap_err().code, "unknown-upload");
}
