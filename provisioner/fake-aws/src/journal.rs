//! The recorded calls, and the handling of each from request to response.

use std::collections::BTreeMap;

use crate::fault::{Fault, Rule, names};
use crate::http::{Delivery, Ending, Request, Response};
use crate::lag::Lag;
use crate::state::State;
use crate::{route, xml};

/// Bytes of a body that are kept of a call, so that a million objects do not stay in memory twice. The parameters of the
/// Query protocol are kept whole.
const KEPT_BODY: usize = 16 << 10;

/// A call that was made.
#[derive(Debug, Clone)]
pub struct Call {
    /// `service:Action`, such as `s3:GetObject`.
    pub name: String,
    /// The id of the access key that signed it.
    pub access_key: String,
    /// The parameters of the Query protocol (CloudFormation, IAM, STS).
    pub parameters: BTreeMap<String, String>,
    /// The request, with at most the first 16 KiB of its body.
    pub request: Request,
}

/// The complete state of a [`Fake`](crate::Fake).
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) state: State,
    pub(crate) calls: Vec<Call>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) lags: Vec<Lag>,
    /// Names of calls that are not modelled.
    pub(crate) unmodelled: Vec<String>,
}

impl Journal {
    pub(crate) fn count(&self, name: &str) -> usize {
        self.calls.iter().filter(|call| names(name, &call.name)).count()
    }

    /// Records a call and returns the response, and the fault that delays it.
    pub(crate) fn deliver(&mut self, request: Request) -> (Delivery, Option<Fault>) {
        let service = route::service(&request);
        let action = route::action(service, &request);
        let name = format!("{service}:{action}");
        let fault = self.rules.iter_mut().find_map(|rule| rule.meet(&name, &request));
        let delivery = match &fault {
            Some(fault) => fault.deliver(service, || self.answer(service, &action, &name, &request)),
            None => Delivery {
                response: self.answer(service, &action, &name, &request),
                ending: Ending::Whole,
                chunked: false,
            },
        };
        let (access_key, parameters) = (route::access_key(&request), request.form());
        let mut request = request;
        request.body.truncate(KEPT_BODY);
        request.body.shrink_to_fit();
        self.calls.push(Call { name, access_key, parameters, request });
        (delivery, fault)
    }

    fn answer(&mut self, service: &'static str, action: &str, name: &str, request: &Request) -> Response {
        let mut stale = None;
        if route::is_read(action) {
            let clock = self.state.clock;
            let past = self.lags.iter_mut().find_map(|lag| lag.seen_by(name, clock));
            stale = past.and_then(|state| state.answer(service, action, request));
        } else {
            self.lags.iter_mut().for_each(|lag| lag.remember(&self.state));
        }
        // A stale read also affects the current state: an operation proceeds with each read.
        let Some(present) = self.state.answer(service, action, request) else {
            self.unmodelled.push(name.to_owned());
            return xml::error(service, 501, "NotModelled", &format!("the fake does not model {name}"));
        };
        stale.unwrap_or(present).with("x-amzn-requestid", "r").with("x-amz-request-id", "r")
    }
}
