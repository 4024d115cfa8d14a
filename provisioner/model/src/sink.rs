//! Where events go. Whoever works emits them and knows no more of who listens: a terminal, a log, a browser, a test.

/// Takes the events of one kind, in the order in which they happen.
pub trait Sink<E>: Send + Sync {
    /// Takes an event. Must neither block for long nor fail: what is told does not steer the work.
    fn take(&self, event: E);
}

impl<E> dyn Sink<E> + '_ {
    /// Emits an event, also one of a kind that this sink's kind includes.
    pub fn event(&self, event: impl Into<E>) {
        self.take(event.into());
    }
}
