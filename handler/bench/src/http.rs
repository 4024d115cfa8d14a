//! A small HTTP/1.1 server: a thread a connection, keep-alive, bodies with a length. It can also break its answers.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use serde_json::Value;

/// A request, read to its end.
#[derive(Debug, Clone)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// Headers, names in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What a body is made of.
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Arc<Vec<u8>>),
    /// These bytes over and over, up to this total.
    Repeat(Arc<Vec<u8>>, u64),
}

impl Body {
    /// Bytes in all.
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

    fn write(&self, stream: &mut TcpStream, mut count: u64) -> io::Result<()> {
        let (Self::Bytes(piece) | Self::Repeat(piece, _)) = self;
        while count > 0 {
            let part = usize::try_from(count).unwrap_or(usize::MAX).min(piece.len());
            stream.write_all(&piece[..part])?;
            count -= part as u64;
        }
        Ok(())
    }
}

/// How the sending of an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// As it should.
    #[default]
    Whole,
    /// The connection is closed without an answer.
    Lost,
    /// The connection is closed after this number of bytes of the body.
    Closed(u64),
    /// The connection is reset after this number of bytes of the body.
    Reset(u64),
    /// Nothing more comes after this number of bytes of the body, and the connection stays.
    Hangs(u64),
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Headers beside the length.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// How its sending ends.
    pub ending: Ending,
    /// Whether it is sent as one chunk, without its length. Such an answer is always whole.
    pub chunked: bool,
}

impl Response {
    /// A whole answer.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(Arc::new(body.into())),
            ending: Ending::Whole,
            chunked: false,
        }
    }

    /// The same answer with a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A time as the value of a header like `Date`, in whole seconds.
pub(crate) fn http_date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = i64::try_from(seconds).ok().map(DateTime::from_secs);
    date.and_then(|date| date.fmt(DateTimeFormat::HttpDate).ok()).unwrap_or_default()
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A running server. It stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    stopping: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server on a free port.
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { stopping: AtomicBool::new(false), connections: Mutex::default() });
        let handler: Arc<Handler> = Arc::new(handler);
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                for (number, stream) in (0..).zip(listener.incoming()) {
                    if shared.stopping.load(Ordering::SeqCst) {
                        break;
                    }
                    let Ok(stream) = stream else { continue };
                    if let Ok(copy) = stream.try_clone() {
                        lock(&shared.connections).insert(number, copy);
                    }
                    let (handler, shared) = (Arc::clone(&handler), Arc::clone(&shared));
                    std::thread::spawn(move || {
                        // A connection ends by its client or by the server's end; neither is anybody's business.
                        drop(serve(stream, &*handler));
                        // The last copy of the socket: a reset happens when it closes.
                        lock(&shared.connections).remove(&number);
                    });
                }
            }
        });
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the acceptor. Where it has gone already, nobody is there to be woken.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        for connection in lock(&self.shared.connections).values() {
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

fn serve(stream: TcpStream, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    while let Some(request) = read_request(&mut reader)? {
        let response = handler(&request);
        if response.ending != Ending::Lost {
            write_response(&mut writer, &response)?;
        }
        match response.ending {
            Ending::Whole => {}
            Ending::Lost | Ending::Closed(_) => return writer.shutdown(Shutdown::Both),
            Ending::Reset(_) => {
                rustix::net::sockopt::set_socket_linger(&writer, Some(Duration::ZERO))?;
                return Ok(());
            }
            // The client ends it, or the server does.
            Ending::Hangs(_) => {
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest)?;
                return Ok(());
            }
        }
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers.get("content-length").and_then(|length| length.parse().ok()) {
        reader.take(length).read_to_end(&mut body)?;
    } else if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        read_chunks(reader, &mut body)?;
    }
    Ok(Some(Request { method, path, headers, body }))
}

fn read_chunks(reader: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        reader.take(length).read_to_end(body)?;
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(());
        }
    }
}

fn write_response(writer: &mut TcpStream, response: &Response) -> io::Result<()> {
    let mut head = Vec::new();
    write!(head, "HTTP/1.1 {} \r\n", response.status)?;
    for (name, value) in &response.headers {
        write!(head, "{name}: {value}\r\n")?;
    }
    if response.chunked {
        write!(head, "transfer-encoding: chunked\r\n\r\n{:x}\r\n", response.body.len())?;
        writer.write_all(&head)?;
        response.body.write(writer, response.body.len())?;
        return writer.write_all(b"\r\n0\r\n\r\n");
    }
    write!(head, "content-length: {}\r\n\r\n", response.body.len())?;
    let count = match response.ending {
        Ending::Whole => response.body.len(),
        Ending::Lost => 0,
        Ending::Closed(count) | Ending::Reset(count) | Ending::Hangs(count) => count.min(response.body.len()),
    };
    let small = matches!(&response.body, Body::Bytes(bytes) if bytes.len() <= 64 << 10);
    if let (Body::Bytes(bytes), true) = (&response.body, small) {
        // One packet, as a real server sends it.
        head.extend_from_slice(&bytes[..usize::try_from(count).unwrap_or(0)]);
        return writer.write_all(&head);
    }
    writer.write_all(&head)?;
    response.body.write(writer, count)
}

/// A value that threads change and wait for.
#[derive(Debug, Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    /// A value that nobody waits for yet.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: Condvar::new() }
    }

    /// Changes the value and wakes who waits for it.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let result = change(&mut lock(&self.value));
        self.changed.notify_all();
        result
    }

    /// Waits until the value gives something; `None` when it does not in time.
    pub fn wait<R>(&self, limit: Duration, mut look: impl FnMut(&mut T) -> Option<R>) -> Option<R> {
        let mut found = None;
        let waiting = |value: &mut T| {
            found = look(value);
            found.is_none()
        };
        drop(self.changed.wait_timeout_while(lock(&self.value), limit, waiting));
        found
    }
}

/// Takes a lock, also after a thread that held it has panicked: a test that failed has already said why.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_has_no_fraction_of_a_second() {
        // The example of RFC 9110, "Date/Time Formats".
        let time = UNIX_EPOCH + Duration::from_millis(784_111_777_500);
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
