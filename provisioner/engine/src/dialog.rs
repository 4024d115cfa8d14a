//! The interface between a command and its user: a terminal, a script, or another front end.

use std::pin::Pin;

use provisioner_model::error::Result;
use provisioner_model::sink::Sink;

use crate::event::Event;

/// The answer to a question, as a future.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Receives events and answers questions.
pub trait Dialog: Sink<Event> {
    /// Whether a user can answer questions.
    fn can_ask(&self) -> bool;

    /// Asks for confirmation; any answer other than yes is an error. If no user can answer, the error names the flag that
    /// confirms. An interruption counts as no, so that the caller can clean up.
    fn ask<'a>(&'a self, question: &'a str, flag: &'a str) -> Answer<'a>;

    /// Shows a line of text to the user. It is not an event.
    fn remark(&self, text: &str);
}

impl dyn Dialog + '_ {
    /// Emits an event.
    pub fn event(&self, event: impl Into<Event>) {
        self.take(event.into());
    }
}
