//! What every route has.

use std::sync::Arc;

use crate::pipeline::Pipeline;
use crate::session::Session;
use crate::transfer::Transfers;

/// What every route has.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) pipeline: Arc<dyn Pipeline>,
    pub(crate) session: Arc<dyn Session>,
    pub(crate) transfers: Arc<Transfers>,
}
