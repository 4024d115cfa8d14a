//! The application on a port of this machine, for a browser. Its connections can be cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use provisioner_web::pipeline::Pipeline;
use provisioner_web::session::LocalSession;
use provisioner_web::transfer::Transfers;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::stack::Stack;

/// A server, which ends with its test.
pub(crate) struct Server {
    tasks: Vec<JoinHandle<()>>,
    cut: broadcast::Sender<()>,
    is_cut: Arc<AtomicBool>,
    ended: Arc<AtomicU64>,
    /// Signs a browser in.
    pub(crate) address: String,
    /// The address of the page, without a path.
    pub(crate) base: String,
}

impl Server {
    pub(crate) async fn of(stack: &Arc<Stack>) -> Self {
        let (inner, outer) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let target = inner.local_addr().unwrap();
        let port = outer.local_addr().unwrap().port();
        let session = LocalSession::new(port, |_| {}).unwrap();
        let address = session.address();
        let pipeline: Arc<dyn Pipeline> = Arc::clone(stack) as _;
        let app = provisioner_web::app(pipeline, Arc::new(session), Arc::new(Transfers::default()));
        let serving = tokio::spawn(async move { axum::serve(inner, app).await.unwrap() });
        let (cut, _) = broadcast::channel(1);
        let is_cut = Arc::new(AtomicBool::new(false));
        let (cuts, refuses) = (cut.clone(), Arc::clone(&is_cut));
        let ended = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&ended);
        let forwarding = tokio::spawn(async move {
            loop {
                let (mut from, _) = outer.accept().await.unwrap();
                if refuses.load(Ordering::SeqCst) {
                    continue;
                }
                let mut cut = cuts.subscribe();
                let counted = Arc::clone(&counted);
                tokio::spawn(async move {
                    let mut to = TcpStream::connect(target).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
                        _ = cut.recv() => {}
                    }
                    counted.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        let base = format!("http://127.0.0.1:{port}");
        Self { tasks: vec![serving, forwarding], cut, is_cut, ended, address, base }
    }

    /// Cuts all connections, and accepts no new one until [`Server::restore`].
    pub(crate) fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        let _ = self.cut.send(());
    }

    /// Connections that have ended.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn restore(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
