//! Interruptions of this process: SIGINT and SIGTERM.
//!
//! Before the first subscription, a signal ends the process as usual. Code that must clean up subscribes for its duration
//! and handles interruptions; an interruption without a subscriber ends the command. So no interruption is lost, and none
//! ends a command during its cleanup.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Once};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The number of interruptions. Static, because signals are delivered to the process.
static COUNT: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));
/// The number of the newest interruption that a subscriber handled.
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// The number of subscribers.
static SUBSCRIBED: AtomicUsize = AtomicUsize::new(0);
static LISTENING: Once = Once::new();

/// A subscription to interruptions, until it is dropped.
#[derive(Debug)]
pub struct InterruptGuard(watch::Receiver<u64>);

/// Subscribes to interruptions. Must be called within the tokio runtime.
pub fn subscribe() -> InterruptGuard {
    LISTENING.call_once(|| {
        tokio::spawn(listen());
    });
    SUBSCRIBED.fetch_add(1, Ordering::SeqCst);
    InterruptGuard(COUNT.subscribe())
}

async fn listen() {
    // If a handler cannot be installed, the signal keeps its default action: it ends the process.
    let (Ok(mut pressed), Ok(mut asked)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) else {
        return;
    };
    loop {
        tokio::select! {
            _ = pressed.recv() => {}
            _ = asked.recv() => {}
        }
        COUNT.send_modify(|count| *count += 1);
    }
}

impl InterruptGuard {
    /// Waits for the next interruption, including one since the last call.
    pub async fn next(&mut self) {
        // The sender is static: it is never dropped.
        if self.0.changed().await.is_ok() {
            HANDLED.fetch_max(*self.0.borrow_and_update(), Ordering::SeqCst);
        }
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        SUBSCRIBED.fetch_sub(1, Ordering::SeqCst);
        if self.0.has_changed().unwrap_or(false) {
            // An interruption was not handled: pass it to the other subscribers or to `unhandled`.
            COUNT.send_modify(|_| ());
        }
    }
}

/// Returns at the next interruption.
pub async fn next() {
    subscribe().next().await;
}

/// Returns after an interruption that no subscriber handled. It must be polled after the subscribers.
pub async fn unhandled() {
    let mut interrupts = COUNT.subscribe();
    while interrupts.changed().await.is_ok() {
        let count = *interrupts.borrow_and_update();
        if SUBSCRIBED.load(Ordering::SeqCst) == 0 && HANDLED.load(Ordering::SeqCst) < count {
            return;
        }
    }
}
