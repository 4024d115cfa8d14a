//! Interruptions of this process: Ctrl-C, and a polite kill.
//!
//! Until somebody attends, a signal ends the process as it always does. Who works on something that must be left in good
//! order attends meanwhile and takes what comes; what comes when nobody attends any more ends the command. So no
//! interruption is lost, and none ends a command in the middle of leaving.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{LazyLock, Once};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How many interruptions there were. Signals belong to the process, and so does this.
static COUNT: LazyLock<watch::Sender<u64>> = LazyLock::new(|| watch::Sender::new(0));
/// The newest that somebody took.
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// How many are subscribed.
static SUBSCRIBED: AtomicUsize = AtomicUsize::new(0);
static LISTENING: Once = Once::new();

/// Takes the interruptions that come while it lives.
#[derive(Debug)]
pub struct InterruptGuard(watch::Receiver<u64>);

/// Attends from now on. Must be called within the runtime.
pub fn subscribe() -> InterruptGuard {
    LISTENING.call_once(|| {
        tokio::spawn(listen());
    });
    SUBSCRIBED.fetch_add(1, Ordering::SeqCst);
    InterruptGuard(COUNT.subscribe())
}

async fn listen() {
    // A signal that cannot be listened for keeps its usual effect: it ends the process.
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
    /// The next interruption; also one that came since the last call.
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
            // One came that was not taken: whoever attends next, or nobody, decides.
            COUNT.send_modify(|_| ());
        }
    }
}

/// Returns at the next interruption.
pub async fn next() {
    subscribe().next().await;
}

/// Returns when an interruption came that nobody took. It must be polled after the subscribers.
pub async fn unhandled() {
    let mut interrupts = COUNT.subscribe();
    while interrupts.changed().await.is_ok() {
        let count = *interrupts.borrow_and_update();
        if SUBSCRIBED.load(Ordering::SeqCst) == 0 && HANDLED.load(Ordering::SeqCst) < count {
            return;
        }
    }
}
