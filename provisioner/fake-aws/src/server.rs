//! A server on a free port of 127.0.0.1: a thread a connection, keep-alive. Dropping it closes every connection,
//! including stalled ones.

use std::collections::HashMap;
use std::io::{self, BufReader};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::http::{Delivery, Request, read_request, send};

type Handler = dyn Fn(Request) -> Delivery + Send + Sync;

/// A running server.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Connections {
    stopping: AtomicBool,
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(Request) -> Delivery + Send + Sync + 'static) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Connections::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let accepting = Arc::clone(&connections);
        let acceptor = std::thread::spawn(move || accept(&listener, &accepting, &handler));
        Ok(Self { address, connections, acceptor: Some(acceptor) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.connections.stopping.store(true, Ordering::SeqCst);
        // The acceptor blocks until a connection arrives; this one wakes it.
        drop(TcpStream::connect(self.address));
        if let Some(acceptor) = self.acceptor.take() {
            drop(acceptor.join());
        }
        for stream in lock(&self.connections.open).values() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn accept(listener: &TcpListener, connections: &Arc<Connections>, handler: &Arc<Handler>) {
    for (number, stream) in (0..).zip(listener.incoming()) {
        if connections.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if let Ok(copy) = stream.try_clone() {
            lock(&connections.open).insert(number, copy);
        }
        let (connections, handler) = (Arc::clone(connections), Arc::clone(handler));
        std::thread::spawn(move || {
            // Client and server may both close a connection, so errors are expected.
            drop(serve(stream, &*handler));
            // The last copy of the socket: a reset happens when it is dropped.
            lock(&connections.open).remove(&number);
        });
    }
}

fn serve(mut stream: TcpStream, handler: &Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        let is_head = request.method == "HEAD";
        let delivery = handler(request);
        if !send(&delivery, is_head, &mut stream, &mut reader)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Takes a lock, also after a thread that held it has panicked: the failed test has already reported the reason.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
