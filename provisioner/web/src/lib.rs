//! The web page of a stack: upload files, and see the record of each.
//!
//! Routes, pages and their values, over two traits: [`pipeline::Pipeline`] is what the page shows and changes, and
//! [`session::Session`] is who may see it. `provisioner web` implements the first with the caller's credentials and uses
//! [`session::LocalSession`]; a hosted version implements both and changes no page. This crate calls no SDK, and depends
//! on no clock of its own but tokio's.
//!
//! Pages are rendered by the server and work without script. One module (`assets/app.js`) adds progress bars, parts that
//! can be paused, and rows that arrive live. Nothing is loaded from elsewhere.

pub mod assets;
mod context;
pub mod feed;
pub mod filter;
mod guard;
pub mod pipeline;
pub mod remedy;
mod respond;
mod routes;
pub mod session;
pub mod transfer;
mod view;

use std::sync::Arc;

use axum::Router;

use context::Context;
use pipeline::Pipeline;
use session::Session;
use transfer::Transfers;

/// The application: every page, ready to be served.
///
/// `transfers` are the uploads under way; [`Transfers::end`] aborts them when the server stops.
pub fn app(pipeline: Arc<dyn Pipeline>, session: Arc<dyn Session>, transfers: Arc<Transfers>) -> Router {
    routes::router(Context { pipeline, session, transfers })
}
