//! Who a command works for: a person at a terminal, a script, a browser.

use std::pin::Pin;

use provisioner_model::error::Result;
use provisioner_model::sink::Sink;

use crate::event::Event;

/// The answer to a question, once somebody gives it.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Receives events and answers questions.
pub trait Dialog: Sink<Event> {
    /// Whether somebody is there who can answer a question.
    fn can_ask(&self) -> bool;

    /// Asks a yes-or-no question; any answer but yes is an error. Where nobody can answer, that names
    /// the flag which stands for a yes. An interruption is a no, so that the caller can put things back.
    fn ask<'a>(&'a self, question: &'a str, flag: &'a str) -> Answer<'a>;

    /// Shows a line of text to people; programs that read events do not need it.
    fn remark(&self, text: &str);
}

impl dyn Dialog + '_ {
    /// Emits an event.
    pub fn event(&self, event: impl Into<Event>) {
        self.take(event.into());
    }
}
