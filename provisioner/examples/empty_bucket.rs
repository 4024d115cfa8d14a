//! Measures how fast a bucket is emptied: by the provisioner's code, and by a minimal client with the same parallelism,
//! in alternation, on the local emulator.
//!
//! ```text
//! cargo run --release -p provisioner --example empty_bucket -- http://127.0.0.1:4566 10000 3
//! ```
//!
//! The address of a running emulator (`provisioner local start`), the number of versions, the number of rounds. Each
//! round fills a separate bucket twice and empties it twice. Prints one JSON object: seconds of each round, the
//! medians, their ratio, and the peak memory of this process in KiB.
//!
//! The bare client writes HTTP directly: it has no signatures, checksums, retries or XML parser, which the emulator
//! does not require and AWS does.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use provisioner_aws::storage::{PARALLEL, Storage};
use provisioner_aws::{Aws, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Fewer than a connection's calls after which the emulator's server closes it (Hypercorn, `keep_alive_max_requests`).
const CALLS: usize = 900;
/// Less than the server's idle timeout (`keep_alive_timeout`, five seconds).
const IDLE: Duration = Duration::from_secs(2);
/// Clients that fill the bucket.
const WRITERS: usize = 8;
/// Versions of each key.
const VERSIONS: usize = 2;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, versions, rounds] = arguments.as_slice() else {
        return Err("usage: empty_bucket ENDPOINT VERSIONS ROUNDS".into());
    };
    let (versions, rounds): (usize, usize) = (versions.parse()?, rounds.parse()?);
    let host = endpoint.strip_prefix("http://").ok_or("the endpoint must start with http://")?.to_owned();
    let aws = Aws::connect(&Target {
        region: Some("us-east-1".into()),
        endpoint: Some(endpoint.clone()),
        credentials: Some(("test".into(), "test".into())),
        ..Target::default()
    })
    .await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let bucket = format!("bench-empty-{}-{round}", std::process::id());
        let mut client = Client::connect(&host).await?;
        client.call("PUT", &format!("/{bucket}"), "").await?;
        let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        client.call("PUT", &format!("/{bucket}?versioning"), enable).await?;
        // In alternation, so that neither always runs on the fresher emulator.
        for turn in [round % 2 == 0, round % 2 != 0] {
            fill(&host, &bucket, versions).await?;
            let began = Instant::now();
            let deleted = if turn { empty_ours(&aws, &bucket).await? } else { empty_bare(&host, &bucket).await? };
            let seconds = began.elapsed().as_secs_f64();
            if deleted != versions as u64 {
                return Err(format!("{deleted} of {versions} versions were deleted").into());
            }
            if turn { ours.push(seconds) } else { bare.push(seconds) }
        }
        // The first connection may have been idle for too long by now.
        Client::connect(&host).await?.call("DELETE", &format!("/{bucket}"), "").await?;
    }
    let (ours_median, bare_median) = (median(&ours), median(&bare));
    println!(
        "{}",
        serde_json::json!({
            "versions": versions,
            "parallel": PARALLEL,
            "oursSeconds": ours,
            "bareSeconds": bare,
            "oursMedian": ours_median,
            "bareMedian": bare_median,
            "ratio": ours_median / bare_median,
            "peakMemoryKiB": peak_memory(),
        })
    );
    Ok(())
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The peak resident memory of this process; `None` if the system does not report it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

/// As `provisioner down` does it, including the final listing that proves that the bucket is empty.
async fn empty_ours(aws: &Aws, bucket: &str) -> Outcome<u64> {
    let storage = Storage::new(aws, bucket);
    let mut deleted = 0;
    loop {
        let swept = storage.delete_pass(|_| ()).await?;
        deleted += swept;
        if swept == 0 {
            return Ok(deleted);
        }
    }
}

/// Lists page after page, and deletes each with one of [`PARALLEL`] clients.
async fn empty_bare(host: &str, bucket: &str) -> Outcome<u64> {
    let (pages, queue) = mpsc::channel::<Vec<(String, String)>>(PARALLEL);
    let queue = Arc::new(Mutex::new(queue));
    let mut workers = JoinSet::new();
    for _ in 0..PARALLEL {
        let (queue, mut client) = (Arc::clone(&queue), Client::connect(host).await?);
        let target = format!("/{bucket}?delete");
        workers.spawn(async move {
            let mut deleted = 0;
            loop {
                let next = queue.lock().await.recv().await;
                let Some(page) = next else { return Outcome::Ok(deleted) };
                let mut body = String::from("<Delete><Quiet>true</Quiet>");
                for (key, version) in &page {
                    body.push_str(&format!("<Object><Key>{key}</Key><VersionId>{version}</VersionId></Object>"));
                }
                body.push_str("</Delete>");
                client.call("POST", &target, &body).await?;
                deleted += page.len() as u64;
            }
        });
    }
    let mut client = Client::connect(host).await?;
    let mut markers = String::new();
    loop {
        let answer = client.call("GET", &format!("/{bucket}?versions{markers}"), "").await?;
        let page: Vec<(String, String)> = answer
            .split("<Version>")
            .skip(1)
            .map(|version| (element(version, "Key").to_owned(), element(version, "VersionId").to_owned()))
            .collect();
        if !page.is_empty() {
            pages.send(page).await?;
        }
        if element(&answer, "IsTruncated") != "true" {
            break;
        }
        let (key, version) = (element(&answer, "NextKeyMarker"), element(&answer, "NextVersionIdMarker"));
        markers = format!("&key-marker={key}&version-id-marker={version}");
    }
    drop(pages);
    let mut deleted = 0;
    while let Some(worker) = workers.join_next().await {
        deleted += worker??;
    }
    Ok(deleted)
}

fn element<'a>(text: &'a str, name: &str) -> &'a str {
    let after = text.split_once(&format!("<{name}>")).map_or("", |(_, after)| after);
    after.split_once('<').map_or("", |(value, _)| value)
}

async fn fill(host: &str, bucket: &str, versions: usize) -> Outcome<()> {
    let keys = versions / VERSIONS;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (host, bucket) = (host.to_owned(), bucket.to_owned());
        writers.spawn(async move {
            let mut client = Client::connect(&host).await?;
            for key in (writer..keys).step_by(WRITERS) {
                for _ in 0..VERSIONS {
                    client.call("PUT", &format!("/{bucket}/files/{key:08}.txt"), "x").await?;
                }
            }
            Outcome::Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(())
}

/// One keep-alive connection, reopened before the server closes it.
struct Client {
    stream: TcpStream,
    host: String,
    buffer: Vec<u8>,
    calls: usize,
    used: Instant,
}

impl Client {
    async fn connect(host: &str) -> Outcome<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host: host.to_owned(), buffer: Vec::new(), calls: 0, used: Instant::now() })
    }

    async fn call(&mut self, method: &str, target: &str, body: &str) -> Outcome<String> {
        if self.calls == CALLS || self.used.elapsed() > IDLE {
            *self = Self::connect(&self.host.clone()).await?;
        }
        self.calls += 1;
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=test/20261122/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.write_all(request.as_bytes()).await?;
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
                self.buffer.drain(..end + 4);
                break head;
            }
            self.more().await?;
        };
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |length| length.trim().parse())?;
        while self.buffer.len() < length {
            self.more().await?;
        }
        self.used = Instant::now();
        let answer = String::from_utf8(self.buffer.drain(..length).collect())?;
        if head.starts_with("http/1.1 2") {
            Ok(answer)
        } else {
            Err(format!("{method} {target}: {head}\n{answer}").into())
        }
    }

    async fn more(&mut self) -> Outcome<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            return Err("the emulator closed the connection".into());
        }
        Ok(())
    }
}
