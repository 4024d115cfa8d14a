//! `provisioner web`: serves the web page of a stack on this machine.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use provisioner_engine::event::web::WebEvent;
use provisioner_engine::{connection, interrupt};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_web::session::{LocalSession, redirect_page};
use provisioner_web::transfer::Transfers;
use tempfile::TempPath;
use tokio::net::TcpListener;

use crate::cli::{Global, Web};
use crate::report::Report;
use crate::web::Stack;

/// The port, unless one is given.
const DEFAULT_PORT: u16 = 8_484;

/// Serves the page until interrupted.
pub async fn run(global: &Global, args: &Web, report: &Arc<Report>) -> Result<()> {
    let file = super::stack_file(global, report)?;
    let aws = connection::connect(&global.connection(), &file.spec).await?;
    let stack = Stack::find(aws, file, global.stack.clone(), report.invocation()).await?;
    let listener = listen(args.port).await?;
    let port = listener.local_addr().map_err(|e| io("read the port", e))?.port();
    let redirect = Arc::new(RedirectFile::default());
    let (to, used) = (Arc::clone(report), Arc::clone(&redirect));
    let signed_in = move |url: &str| {
        used.remove();
        to.event(WebEvent::SignedIn { url: url.to_owned() });
    };
    let session =
        LocalSession::new(port, signed_in).map_err(|e| io("make a token", std::io::Error::other(e.to_string())))?;
    let url = session.address();
    let transfers = Arc::new(Transfers::default());
    let app = provisioner_web::app(stack, Arc::new(session), Arc::clone(&transfers));

    let mut interrupts = interrupt::subscribe();
    report.event(WebEvent::Serving { url: url.clone() });
    if args.open && redirect.write(&url).and_then(|file| open(&file)).is_err() {
        report.narrate("No browser could be opened; open the address by hand.");
    }
    let ended = tokio::select! {
        served = axum::serve(listener, app).into_future() => served.map_err(|e| io("serve the page", e)),
        () = interrupts.next() => {
            report.event(WebEvent::Ending);
            tokio::select! {
                () = transfers.end() => {}
                // Another interruption ends it at once.
                () = interrupts.next() => {}
            }
            Ok(())
        }
    };
    redirect.remove();
    ended
}

/// A file that leads the default browser to the page, until a browser has signed in.
///
/// What opens a browser takes the address as an argument, and every user of the machine can read the arguments of a process.
/// It gets the name of this file instead, which only its owner can read.
#[derive(Debug, Default)]
struct RedirectFile(Mutex<Option<TempPath>>);

impl RedirectFile {
    fn write(&self, url: &str) -> std::io::Result<PathBuf> {
        let folder = runtime_folder(std::env::var_os("XDG_RUNTIME_DIR"));
        // Its mode is 0600.
        let mut file = tempfile::Builder::new().prefix("provisioner-").suffix(".html").tempfile_in(folder)?;
        file.write_all(redirect_page(url).as_bytes())?;
        let file = file.into_temp_path();
        let path = file.to_path_buf();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
        Ok(path)
    }

    fn remove(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// The folder of the user's session (XDG Base Directory Specification), else the one for temporary files.
fn runtime_folder(of_session: Option<OsString>) -> PathBuf {
    let of_session = of_session.map(PathBuf::from).filter(|folder| folder.is_absolute() && folder.is_dir());
    of_session.unwrap_or_else(std::env::temp_dir)
}

/// Listens on this machine only.
async fn listen(port: Option<u16>) -> Result<TcpListener> {
    let on = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => on(port).await.map_err(|e| {
            Error::new(Exit::Failure, "port-taken", format!("failed to listen on 127.0.0.1:{port}"))
                .source(e)
                .hint("Choose another one with --port, or leave it out for a free one.")
        }),
        None => match on(DEFAULT_PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => on(0).await.map_err(|e| io("listen on 127.0.0.1", e)),
        },
    }
}

fn io(doing: &str, source: std::io::Error) -> Error {
    Error::new(Exit::Failure, "io", format!("failed to {doing}")).source(source)
}

/// Opens a file in the default browser.
fn open(file: &Path) -> std::io::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let silent = Stdio::null;
    Command::new(program).arg(file).stdin(silent()).stdout(silent()).stderr(silent()).spawn().map(drop)
}
