//! The state of all services, and the dispatch of calls.

use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::datetime;

use crate::cloudformation::CloudFormation;
use crate::dynamodb::DynamoDb;
use crate::http::{Request, Response};
use crate::lambda::Lambda;
use crate::logs::Logs;
use crate::s3::S3;
use crate::sqs::Sqs;
use crate::{iam, sts};

/// The start time of the logical clock.
const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// The state of all services. Tests read and change it through [`Fake::state`](crate::Fake::state).
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The logical time since 2026-11-22T12:00:00Z. It moves only when a test moves it.
    pub clock: Duration,
    /// Stacks and change sets.
    pub cloudformation: CloudFormation,
    /// Functions.
    pub lambda: Lambda,
    /// Buckets and objects.
    pub s3: S3,
    /// Tables and items.
    pub dynamodb: DynamoDb,
    /// Queues and messages.
    pub sqs: Sqs,
    /// Log groups and events.
    pub logs: Logs,
}

impl State {
    /// Answers a call; `None` for one that is not modelled.
    pub(crate) fn answer(&mut self, service: &str, action: &str, request: &Request) -> Option<Response> {
        if let Some(response) = self.deployed_resource(service, action, request) {
            return Some(response);
        }
        let now = Now(self.clock);
        match service {
            "sts" => sts::answer(action),
            "iam" => iam::answer(self, action, &request.form()),
            "cloudformation" => {
                let Self { cloudformation, s3, dynamodb, sqs, .. } = self;
                let mut physical = crate::cloudformation::Physical { s3, dynamodb, sqs };
                cloudformation.answer(action, &request.form(), &mut physical)
            }
            "s3" => self.s3.answer(action, request, now),
            "dynamodb" => self.dynamodb.answer(action, &request.json()),
            "sqs" => self.sqs.answer(action, &request.json(), now),
            "logs" => self.logs.answer(action, &request.json()),
            "lambda" => self.lambda.answer(action, request, &self.cloudformation),
            _ => None,
        }
    }
}

/// A time of the logical clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Now(pub(crate) Duration);

impl Now {
    fn date_time(self) -> OffsetDateTime {
        START + self.0
    }

    /// The format of XML and JSON.
    pub(crate) fn rfc3339(self) -> String {
        self.date_time().format(&Rfc3339).unwrap_or_default()
    }

    /// The format of HTTP headers.
    pub(crate) fn http_date(self) -> String {
        self.date_time().format(&Rfc2822).unwrap_or_default().replace("+0000", "GMT")
    }

    /// Milliseconds since the Unix epoch.
    pub(crate) fn unix_millis(self) -> i128 {
        self.date_time().unix_timestamp_nanos() / 1_000_000
    }
}
