//! Whoever a command works for.

use std::pin::Pin;

use provisioner_model::error::Result;
use provisioner_model::sink::Sink;

use crate::event::Event;

/// The answer to a question, once somebody gives it.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>>;

/// Hears what happens, and may be asked.
pub trait Dialog: Sink<Event> {
    /// Whether somebody is there who can answer a question.
    fn can_ask(&self) -> bool;

    /// Asks a yes-or-no question; everything but a yes is the failure to continue with. Where nobody can answer, that names
    /// the flag which stands for a yes. An interruption is a no, so that the caller can put things back.
    fn ask<'a>(&'a self, question: &'a str, flag: &'a str) -> Answer<'a>;

    /// Says something to people that programs have no use for.
    fn remark(&self, text: &str);
}

impl dyn Dialog + '_ {
    /// Emits an event.
    pub fn event(&self, event: impl Into<Event>) {
        self.take(event.into());
    }
}
