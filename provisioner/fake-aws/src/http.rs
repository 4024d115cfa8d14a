//! HTTP/1.1: complete requests, and responses that can be cut off.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Headers of a request. More than any SDK sends.
const MAX_HEADERS: usize = 64;
/// Bodies up to this size go out in one write with their head, as a real server sends them. Bytes.
const ONE_WRITE: u64 = 64 << 10;

/// A complete request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// The path as sent, percent-encoded, without the query.
    pub path: String,
    /// The query as sent, without the question mark.
    pub query: String,
    /// Headers; the names are in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The parameters of a body in the Query protocol; none for any other body, such as a zip that looks like one.
    pub fn form(&self) -> BTreeMap<String, String> {
        if self.header("content-type").is_some_and(|kind| kind.contains("x-www-form-urlencoded")) {
            form_urlencoded::parse(&self.body).into_owned().collect()
        } else {
            BTreeMap::new()
        }
    }

    /// The value of a query parameter; empty for one without a value, such as `?uploads`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The segment of the decoded path with this number; the first one is 0.
    pub fn segment(&self, number: usize) -> String {
        let segment = self.path.trim_start_matches('/').split('/').nth(number).unwrap_or_default();
        percent_decode_str(segment).decode_utf8_lossy().into_owned()
    }
}

/// The content of an answer or of an object.
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Arc<Vec<u8>>),
    /// These bytes repeated, up to this many bytes in total: large content that needs no memory.
    Repeat(Arc<Vec<u8>>, u64),
}

impl Body {
    /// The number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Repeat(_, length) => *length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes. Of a [`Body::Repeat`] this needs the memory that the variant saves.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Repeat(piece, length) => {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                piece.iter().copied().cycle().take(length).collect()
            }
        }
    }

    /// Writes the first bytes, at most this many.
    fn write(&self, writer: &mut impl Write, count: u64) -> io::Result<()> {
        let (Self::Bytes(piece) | Self::Repeat(piece, _)) = self;
        let mut left = count.min(self.len());
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            writer.write_all(&piece[..part])?;
            left -= part as u64;
        }
        Ok(())
    }
}

impl<T: Into<Vec<u8>>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::Bytes(Arc::new(bytes.into()))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers except the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
}

impl Response {
    /// A response without additional headers.
    pub fn new(status: u16, body: impl Into<Body>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same answer with one header more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// How a connection ends instead of carrying the rest of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is closed (FIN).
    Close,
    /// It is reset (RST).
    Reset,
    /// Nothing more comes, and it stays open until the client or the [`Fake`](crate::Fake) ends it.
    Stall,
}

/// How the sending of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    #[default]
    Whole,
    /// Not a byte is sent.
    Before(Cut),
    /// The head and at most this many bytes of the body are sent. The head has the length of the complete body.
    Within(u64, Cut),
}

/// What is sent, and how.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) response: Response,
    pub(crate) ending: Ending,
    /// Sent as one chunk without its length. Such an answer is always whole.
    pub(crate) chunked: bool,
}

/// Reads the next request; `None` at the end of the connection.
pub(crate) fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', &mut head)? == 0 {
            return Ok(None);
        }
    }
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(&head).map_err(io::Error::other)?;
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    if request.header("expect").is_some_and(|expected| expected.eq_ignore_ascii_case("100-continue")) {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    if request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        request.body = read_chunks(reader)?;
    } else if let Some(length) = request.header("content-length").and_then(|length| length.parse().ok()) {
        let mut body = Vec::new();
        if reader.take(length).read_to_end(&mut body)? as u64 != length {
            return Ok(None);
        }
        request.body = body;
    }
    Ok(Some(request))
}

/// Decodes a chunked body: of HTTP, or S3's `aws-chunked`, whose chunk sizes may be followed by a signature and whose
/// last chunk by trailers.
pub(crate) fn read_chunks(reader: &mut impl io::BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        if size == 0 {
            break;
        }
        reader.take(size).read_to_end(&mut body)?;
        reader.read_line(&mut line)?;
    }
    loop {
        let mut trailer = String::new();
        if reader.read_line(&mut trailer)? == 0 || trailer.trim().is_empty() {
            return Ok(body);
        }
    }
}

/// Sends a response as the delivery specifies. Returns whether the connection can be reused.
pub(crate) fn send(
    delivery: &Delivery,
    is_head: bool,
    stream: &mut TcpStream,
    reader: &mut BufReader<TcpStream>,
) -> io::Result<bool> {
    let Delivery { response, ending, chunked } = delivery;
    let cut = match ending {
        Ending::Whole => {
            write_response(stream, response, u64::MAX, *chunked, is_head)?;
            return Ok(true);
        }
        Ending::Before(cut) => *cut,
        Ending::Within(count, cut) => {
            write_response(stream, response, *count, false, is_head)?;
            *cut
        }
    };
    match cut {
        Cut::Close => stream.shutdown(Shutdown::Both)?,
        // The reset happens when the last copy of the socket is dropped.
        Cut::Reset => rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO))?,
        Cut::Stall => {
            let mut ignored = Vec::new();
            reader.read_to_end(&mut ignored)?;
        }
    }
    Ok(false)
}

fn write_response(
    stream: &mut TcpStream,
    response: &Response,
    count: u64,
    chunked: bool,
    is_head: bool,
) -> io::Result<()> {
    let mut out = Vec::new();
    write!(out, "HTTP/1.1 {} \r\n", response.status)?;
    for (name, value) in &response.headers {
        write!(out, "{name}: {value}\r\n")?;
    }
    let length = response.body.len();
    let count = if is_head { 0 } else { count.min(length) };
    if chunked {
        write!(out, "transfer-encoding: chunked\r\n\r\n{length:x}\r\n")?;
    } else {
        write!(out, "content-length: {length}\r\n\r\n")?;
    }
    if count <= ONE_WRITE {
        response.body.write(&mut out, count)?;
        stream.write_all(&out)?;
    } else {
        stream.write_all(&out)?;
        response.body.write(stream, count)?;
    }
    if chunked { stream.write_all(b"\r\n0\r\n\r\n") } else { Ok(()) }
}
