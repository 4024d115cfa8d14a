//! A receiver of events, independent of the output: a terminal, a log, or a test.

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
