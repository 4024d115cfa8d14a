//! An HTTP client that exposes the state of its connection.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use fake_aws::Fake;
use serde_json::Value;

/// A response, possibly incomplete.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the body has the length that the head gives.
    pub(crate) is_whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The texts of all elements of this name.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let text = self.text();
        text.split(&open).skip(1).map(|rest| rest.split_once(&close).unwrap().0.to_owned()).collect()
    }

    /// The text of the first element of this name; empty if there is none.
    pub(crate) fn element(&self, name: &str) -> String {
        self.elements(name).into_iter().next().unwrap_or_default()
    }
}

/// A request of a service.
pub(crate) struct Call<'a> {
    fake: &'a Fake,
    head: String,
    body: Vec<u8>,
}

impl<'a> Call<'a> {
    /// A request whose first line starts like this: `GET /bucket/key`.
    pub(crate) fn new(fake: &'a Fake, service: &str, line: &str) -> Self {
        let scope = format!("AKID/20261122/eu-central-1/{service}/aws4_request");
        let head = format!("{line} HTTP/1.1\r\nauthorization: AWS4-HMAC-SHA256 Credential={scope}, Signature=0\r\n");
        Self { fake, head, body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it on a new connection and returns the open connection.
    pub(crate) fn start(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.fake.url().trim_start_matches("http://"))?;
        stream.write_all(self.head.as_bytes())?;
        write!(stream, "content-length: {}\r\n\r\n", self.body.len())?;
        stream.write_all(&self.body)?;
        Ok(stream)
    }

    /// Sends it and reads the answer to its end, or the connection's.
    pub(crate) fn try_send(&self) -> io::Result<Answer> {
        read(&mut self.start()?, self.head.starts_with("HEAD"))
    }

    pub(crate) fn send(&self) -> Answer {
        self.try_send().unwrap()
    }
}

/// Reads an answer. An answer without a byte is an error.
pub(crate) fn read(stream: &mut TcpStream, is_head: bool) -> io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let headers: BTreeMap<String, String> = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        return Ok(Answer { status, headers, body: read_chunk(stream)?, is_whole: true });
    }
    let length: usize = headers["content-length"].parse().unwrap();
    let mut body = Vec::new();
    if !is_head {
        stream.take(length as u64).read_to_end(&mut body)?;
    }
    let is_whole = is_head || body.len() == length;
    Ok(Answer { status, headers, body, is_whole })
}

/// The only chunk of a body.
fn read_chunk(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while !all.ends_with(b"\r\n0\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        all.extend(byte);
    }
    let start = all.windows(2).position(|two| two == b"\r\n").unwrap() + 2;
    Ok(all[start..all.len() - b"\r\n0\r\n\r\n".len()].to_vec())
}

/// Whether nothing is received for a short time.
pub(crate) fn is_silent(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(None).unwrap();
    matches!(read, Err(e) if [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&e.kind()))
}

pub(crate) fn s3(fake: &Fake, line: &str) -> Answer {
    Call::new(fake, "s3", line).send()
}

/// A call in a JSON protocol.
pub(crate) fn json(fake: &Fake, service: &str, action: &str, body: &Value) -> Answer {
    Call::new(fake, service, "POST /").with("x-amz-target", &format!("V1.{action}")).body(body.to_string()).send()
}

/// A call in the Query protocol.
pub(crate) fn query(fake: &Fake, service: &str, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let encoded = parameters.iter().map(|(name, value)| {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        format!("&{name}={value}")
    });
    let body = format!("Action={action}") + &encoded.collect::<String>();
    Call::new(fake, service, "POST /").with("content-type", "application/x-www-form-urlencoded").body(body).send()
}
