//! The AWS services that this project calls, on 127.0.0.1, for tests: one server, one state, and injected failures.
//!
//! An emulator models successful, immediate operations. This fake models the rest: operations that take many steps,
//! failures of every kind, eventually consistent reads, broken connections, and unknown statuses. It is a model for
//! tests, not an emulator: it does not verify signatures, and it runs no code.
//!
//! ```
//! use fake_aws::{Cut, Fake, Fault, Rule};
//!
//! let fake = Fake::start();
//! fake.state().s3.put("uploads", "a.txt", "content");
//! // The first two reads are throttled, and the third one is reset after three bytes.
//! fake.inject(Rule::on("s3:GetObject", Fault::error(503, "SlowDown", "Please reduce your request rate.")).times(2));
//! fake.inject(Rule::on("s3:GetObject", Fault::BrokenBody(3, Cut::Reset)));
//! // … the program under test runs with `AWS_ENDPOINT_URL` set to `fake.url()` …
//! assert_eq!(fake.count("s3:GetObject"), 0);
//! ```
//!
//! # What is modelled
//! | service | modelled | not modelled |
//! | --- | --- | --- |
//! | S3 | objects, versions and delete markers, ranges, conditions, checksums (CRC-32), multipart uploads, listings with pages, `DeleteObjects`, bucket configurations as they were put, `x-amz-expected-bucket-owner`, 403 for a missing key without `s3:ListBucket`, the header that a bucket namespace demands; millions of synthetic objects | policies and ACLs are kept, not enforced; no notifications; an `ETag` is a serial number, no hash |
//! | DynamoDB | tables, indexes, `PutItem`, `GetItem`, `DeleteItem`, conditions, `Query`, `Scan` with filters, pages and segments, batches, `UpdateTable`, time to live (kept, nothing expires); millions of synthetic items | `UpdateItem`, transactions, streams, capacity |
//! | CloudFormation | stacks through every status, change sets, imports, rollbacks that fail, drift, `DescribeEvents` of failures, `DeploymentConfig` (kept) | templates are not validated; of the resources, only buckets, tables and queues are created |
//! | Lambda | one function a stack, whose code changes with a delay; `Invoke` records the payload | code does not run |
//! | SQS | messages, visibility time-outs by the logical clock, batches | redrive policies, FIFO, waiting (`WaitTimeSeconds` answers at once) |
//! | CloudWatch Logs | log groups, `FilterLogEvents` with pages | filter patterns other than plain terms |
//! | STS, IAM | one user; every role can be assumed; the deployed role can be read | permissions |
//!
//! A call that is not modelled gets `501 NotModelled`, and dropping the [`Fake`] fails the test with its name.
//!
//! # Resources of a stack
//! The physical id of a resource is `physical-` and its logical id. A read by this id returns the properties of the
//! deployed template, with the changes that a test has made out of band (`cloudformation.changed`). Buckets, tables and
//! queues also exist under the names in the template, with their content.
//!
//! # Fault injection
//! [`Fake::inject`] takes a [`Rule`]: the call's name (`service:Action`, `s3:*`, `*`), optionally a condition on the
//! request, how many calls pass first, how many match, and the [`Fault`]. If several rules match a call, the first one
//! applies until it is used up; `after` counts calls that no earlier rule has matched.
//!
//! # Time and consistency
//! Nothing sleeps, except for [`Fault::Delayed`]. Time is logical: [`Fake::advance`] moves it. CloudFormation proceeds
//! with each read of a stack's events. [`Fake::lag`] makes reads eventually consistent: a change becomes visible after
//! a number of reads or after some logical time.

pub mod cloudformation;
pub mod dynamodb;
mod fault;
mod http;
mod iam;
mod journal;
mod lag;
pub mod lambda;
pub mod logs;
mod route;
pub mod s3;
mod server;
pub mod sqs;
mod state;
mod sts;
mod synthetic;
mod xml;

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

pub use fault::{Fault, Gate, Rule};
pub use http::{Body, Cut, Request, Response};
pub use journal::Call;
use journal::Journal;
pub use lag::Visible;
use server::{Server, lock};
pub use state::State;

/// The account of the caller and of all resources.
pub const ACCOUNT: &str = "123456789012";
/// The region of all resources.
pub const REGION: &str = "eu-central-1";
/// The access key of every role that is assumed.
pub const ROLE_KEY: &str = "ASIAROLE";

/// The timeout of [`Fake::wait_for`]. It is generous: it only stops a test that hangs.
const PATIENCE: Duration = Duration::from_mins(1);

/// The services on a free port. Dropping it stops them, also when the test fails.
pub struct Fake {
    server: Server,
    shared: Arc<Shared>,
}

/// The state shared by the server's threads and the test.
#[derive(Default)]
struct Shared {
    journal: Mutex<Journal>,
    /// Notified after each call.
    called: Condvar,
}

impl Fake {
    /// Starts the services without resources.
    ///
    /// # Panics
    /// When no port of 127.0.0.1 is free.
    #[must_use]
    pub fn start() -> Self {
        let shared = Arc::<Shared>::default();
        let serving = Arc::clone(&shared);
        let server = Server::start(move |request| {
            let (delivery, fault) = lock(&serving.journal).deliver(request);
            serving.called.notify_all();
            if let Some(fault) = fault {
                fault.wait();
            }
            delivery
        });
        Self { server: server.expect("a port is free"), shared }
    }

    /// The address, for `AWS_ENDPOINT_URL` or `--endpoint-url`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The state of the services, to read and to change. No call is answered while the guard exists.
    pub fn state(&self) -> StateGuard<'_> {
        StateGuard(lock(&self.shared.journal))
    }

    /// Injects a failure.
    pub fn inject(&self, rule: Rule) {
        lock(&self.shared.journal).rules.push(rule);
    }

    /// Makes a call fail `times` times, after `after` of them have passed: a short form of [`Fake::inject`].
    pub fn fail(&self, call: &str, (after, times): (usize, usize), fault: impl Into<Fault>) {
        self.inject(Rule::on(call, fault).after(after).times(times));
    }

    /// Makes reads eventually consistent from now on: `reads` matches calls as a [`Rule`] does. The reads among them
    /// (`Get…`, `List…`, `Describe…`, `Head…`, `Query`, `Scan`, …) see a change only when it becomes visible.
    pub fn lag(&self, reads: &str, visible: Visible) {
        lock(&self.shared.journal).lags.push(lag::Lag::new(reads, visible));
    }

    /// Moves the logical clock.
    pub fn advance(&self, time: Duration) {
        self.state().clock += time;
    }

    /// Every call so far, oldest first.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.shared.journal).calls.clone()
    }

    /// The names of the calls so far, as `service:Action`, oldest first.
    pub fn call_names(&self) -> Vec<String> {
        lock(&self.shared.journal).calls.iter().map(|call| call.name.clone()).collect()
    }

    /// Every call of this name so far; `s3:*` means all of a service.
    pub fn calls_of(&self, name: &str) -> Vec<Call> {
        let journal = lock(&self.shared.journal);
        journal.calls.iter().filter(|call| fault::names(name, &call.name)).cloned().collect()
    }

    /// The number of calls of this name.
    pub fn count(&self, name: &str) -> usize {
        lock(&self.shared.journal).count(name)
    }

    /// Clears the recorded calls.
    pub fn forget_calls(&self) {
        lock(&self.shared.journal).calls.clear();
    }

    /// Waits until a call has been made this often.
    ///
    /// # Panics
    /// When that does not happen within a minute.
    pub fn wait_for(&self, name: &str, times: usize) {
        let journal = lock(&self.shared.journal);
        let waited = self.shared.called.wait_timeout_while(journal, PATIENCE, |journal| journal.count(name) < times);
        let (journal, end) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(!end.timed_out(), "{name} was not called {times} time(s): {:?}", journal.calls);
    }
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fake").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        let unmodelled = {
            let journal = lock(&self.shared.journal);
            journal.rules.iter().for_each(Rule::release);
            journal.unmodelled.clone()
        };
        assert!(
            unmodelled.is_empty() || std::thread::panicking(),
            "the fake does not model {unmodelled:?}; extend it before a test relies on it"
        );
    }
}

/// The state, locked.
pub struct StateGuard<'a>(MutexGuard<'a, Journal>);

impl std::fmt::Debug for StateGuard<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.state.fmt(f)
    }
}

impl Deref for StateGuard<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0.state
    }
}

impl DerefMut for StateGuard<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0.state
    }
}
