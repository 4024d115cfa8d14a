//! What every service here has: an address, a list of faults to come, and a memory of its requests.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::http::{Request, Response, Server, Watched};

/// What a service holds and answers.
pub trait Service: Default + Send + 'static {
    /// What may happen to one request instead of, or to, its right answer.
    type Fault: Send;

    /// Answers a request, with the fault that is due if there is one.
    fn answer(&mut self, request: &Request, fault: Option<Self::Fault>) -> Response;
}

/// A service on a free port of this machine. It stops when it is dropped.
#[derive(Debug)]
pub struct Fake<S: Service> {
    server: Server,
    state: Arc<Watched<State<S>>>,
}

struct State<S: Service> {
    service: S,
    faults: VecDeque<S::Fault>,
    requests: Vec<Request>,
}

impl<S: Service> std::fmt::Debug for State<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("requests", &self.requests.len()).finish_non_exhaustive()
    }
}

impl<S: Service> Fake<S> {
    /// Starts the service.
    pub fn start() -> io::Result<Self> {
        let state = State { service: S::default(), faults: VecDeque::new(), requests: Vec::new() };
        let state = Arc::new(Watched::new(state));
        let server = Server::start({
            let state = Arc::clone(&state);
            move |request| {
                state.change(|State { service, faults, requests }| {
                    requests.push(request.clone());
                    service.answer(request, faults.pop_front())
                })
            }
        })?;
        Ok(Self { server, state })
    }

    /// What belongs into the service's `AWS_ENDPOINT_URL_…`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Lets these happen to the next requests, one to each.
    pub fn fail(&self, faults: impl IntoIterator<Item = S::Fault>) {
        self.state.change(|state| state.faults.extend(faults));
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state.change(|state| state.requests.clone())
    }

    /// Waits until there were `count` requests.
    ///
    /// # Panics
    /// When there are not within 30 seconds.
    pub fn wait_for_requests(&self, count: usize) {
        let limit = Duration::from_secs(30);
        self.state.wait(limit, |state| (state.requests.len() >= count).then_some(())).expect("the requests come");
    }

    /// Looks at what the service holds, or changes it.
    pub(crate) fn with<R>(&self, change: impl FnOnce(&mut S) -> R) -> R {
        self.state.change(|state| change(&mut state.service))
    }
}
