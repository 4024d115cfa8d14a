//! `provisioner web`: serves the web page of a stack on this machine.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use provisioner_engine::event::web::WebEvent;
use provisioner_engine::{connection, interrupt};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_web::session::LocalSession;
use provisioner_web::transfer::Transfers;
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
    let to = Arc::clone(report);
    let signed_in = move |url: &str| to.event(WebEvent::SignedIn { url: url.to_owned() });
    let session =
        LocalSession::new(port, signed_in).map_err(|e| io("make a token", std::io::Error::other(e.to_string())))?;
    let url = session.address();
    let transfers = Arc::new(Transfers::default());
    let app = provisioner_web::app(stack, Arc::new(session), Arc::clone(&transfers));

    let mut interrupts = interrupt::subscribe();
    report.event(WebEvent::Serving { url: url.clone() });
    if args.open && open(&url).is_err() {
        report.narrate("No browser could be opened; open the address by hand.");
    }
    tokio::select! {
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
    }
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

/// Opens an address in the default browser.
fn open(url: &str) -> std::io::Result<()> {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let silent = Stdio::null;
    Command::new(program).arg(url).stdin(silent()).stdout(silent()).stderr(silent()).spawn().map(drop)
}
