//! Where events go: a terminal, a log, a browser or a test. Whoever emits them does not know which.

/// Takes the events of one kind, in the order in which they happen.
pub trait Sink<E>: Send + Sync {
    /// Takes an event. Must not block for long: the work waits meanwhile.
    fn take(&self, event: E);
}

impl<E> dyn Sink<E> + '_ {
    /// Emits an event, also one of a kind that this sink's kind includes.
    pub fn event(&self, event: impl Into<E>) {
        self.take(event.into());
    }
}
