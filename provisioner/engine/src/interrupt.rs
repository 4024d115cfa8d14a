//! Interruptions of this process: SIGINT (Ctrl-C), SIGTERM, and SIGHUP (the terminal was closed).
//!
//! Before the first subscription, a signal ends the process as usual. Each interruption has exactly one owner: the newest
//! subscription, unless an older one is exclusive. Without a subscription it ends the command. So no interruption is lost,
//! none is handled twice, and none ends a command during its cleanup.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The subscriptions of this process. Static, because signals are delivered to the process.
static OWNERS: LazyLock<Arc<Owners>> = LazyLock::new(Arc::default);
static LISTENING: Once = Once::new();

/// A subscription to interruptions, until it is dropped.
#[derive(Debug)]
pub struct InterruptGuard {
    owners: Arc<Owners>,
    id: u64,
    changed: watch::Receiver<()>,
}

/// Subscribes to interruptions until a newer subscription exists, and again after that. Handlers of the signals are
/// installed when this returns. Must be called within the tokio runtime.
pub fn subscribe() -> InterruptGuard {
    listen();
    OWNERS.subscribe(false)
}

/// Subscribes to all interruptions: newer subscriptions, such as that of an operation which this caller completes, get
/// none while this one lives.
pub fn subscribe_exclusive() -> InterruptGuard {
    listen();
    OWNERS.subscribe(true)
}

fn listen() {
    LISTENING.call_once(|| {
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            // If a handler cannot be installed, the signal keeps its default action: it ends the process.
            if !is_ignored(kind)
                && let Ok(signal) = signal(kind)
            {
                tokio::spawn(deliver(signal));
            }
        }
    });
}

async fn deliver(mut signal: Signal) {
    while signal.recv().await.is_some() {
        OWNERS.deliver(1);
    }
}

/// Whether the process was started with this signal ignored, as `nohup` does with SIGHUP. It stays ignored then.
fn is_ignored(kind: SignalKind) -> bool {
    #[expect(unsafe_code, reason = "the standard library has no call that reads the action of a signal")]
    // SAFETY: a null pointer for the new action only reads the present one into `action`, which is plain data that zeroes
    // are valid for.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(kind.as_raw_value(), std::ptr::null(), &raw mut action) == 0
            && action.sa_sigaction == libc::SIG_IGN
    }
}

impl InterruptGuard {
    /// Waits for the next interruption that this subscription owns, including one since the last call.
    pub async fn next(&mut self) {
        while !self.owners.take(self.id) {
            // The sender lives as long as the guard.
            if self.changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl InterruptGuard {
    /// Ends the subscription before the guard is dropped: other subscriptions own further interruptions.
    pub fn release(&mut self) {
        self.owners.unsubscribe(self.id);
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        self.release();
    }
}

/// Returns at the next interruption.
pub async fn next() {
    subscribe().next().await;
}

/// Returns after an interruption that has no owner. It must be polled after the subscribers.
pub async fn unhandled() {
    OWNERS.unowned().await;
}

/// The subscriptions, oldest first, and what each of them has not handled yet.
#[derive(Debug)]
struct Owners {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    owners: Vec<Owner>,
    /// Interruptions without an owner.
    unowned: u64,
}

#[derive(Debug)]
struct Owner {
    id: u64,
    exclusive: bool,
    /// Interruptions that it has not handled.
    pending: u64,
}

impl Default for Owners {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Owners {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(self: &Arc<Self>, exclusive: bool) -> InterruptGuard {
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        state.owners.push(Owner { id, exclusive, pending: 0 });
        drop(state);
        InterruptGuard { owners: Arc::clone(self), id, changed: self.changed.subscribe() }
    }

    fn deliver(&self, interruptions: u64) {
        let mut state = self.state();
        let exclusive = state.owners.iter().rposition(|owner| owner.exclusive);
        let owner = exclusive.or_else(|| state.owners.len().checked_sub(1));
        match owner.and_then(|index| state.owners.get_mut(index)) {
            Some(owner) => owner.pending += interruptions,
            None => state.unowned += interruptions,
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Takes one interruption of an owner.
    fn take(&self, id: u64) -> bool {
        let mut state = self.state();
        let owner = state.owners.iter_mut().find(|owner| owner.id == id && owner.pending > 0);
        owner.map(|owner| owner.pending -= 1).is_some()
    }

    /// Removes an owner; what it has not handled passes to the next one.
    fn unsubscribe(&self, id: u64) {
        let mut state = self.state();
        let Some(index) = state.owners.iter().position(|owner| owner.id == id) else { return };
        let pending = state.owners.remove(index).pending;
        drop(state);
        if pending > 0 {
            self.deliver(pending);
        }
    }

    async fn unowned(&self) {
        let mut changed = self.changed.subscribe();
        while self.state().unowned == 0 {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Whether a future is ready now.
    fn ready(future: impl Future<Output = ()>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        std::pin::pin!(future).as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn the_newest_subscription_owns_an_interruption_and_no_other() {
        let owners = Arc::<Owners>::default();
        let mut outer = owners.subscribe(false);
        let mut inner = owners.subscribe(false);
        owners.deliver(1);
        assert!(!ready(outer.next()) && ready(inner.next()) && !ready(inner.next()));
        drop(inner);
        owners.deliver(1);
        assert!(ready(outer.next()) && !ready(owners.unowned()));
    }

    #[test]
    fn an_exclusive_subscription_keeps_interruptions_from_newer_ones_until_it_is_dropped() {
        let owners = Arc::<Owners>::default();
        let mut watch = owners.subscribe(true);
        let mut operation = owners.subscribe(false);
        owners.deliver(1);
        assert!(ready(watch.next()) && !ready(operation.next()));
        drop(watch);
        owners.deliver(1);
        assert!(ready(operation.next()));
    }

    #[test]
    fn an_interruption_that_was_not_handled_passes_on() {
        let owners = Arc::<Owners>::default();
        let mut outer = owners.subscribe(false);
        let inner = owners.subscribe(false);
        owners.deliver(1);
        drop(inner);
        assert!(ready(outer.next()));
        owners.deliver(1);
        assert!(!ready(owners.unowned()));
        drop(outer);
        assert!(ready(owners.unowned()));
    }

    #[tokio::test]
    async fn handlers_are_installed_when_a_subscription_is_returned() {
        let mut guard = subscribe();
        // Without a handler, this would end the test's process.
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            #[expect(unsafe_code, reason = "the standard library sends no signals")]
            // SAFETY: a handler of the signal is installed.
            unsafe {
                assert_eq!(libc::raise(signal), 0);
            }
            guard.next().await;
        }
    }
}
