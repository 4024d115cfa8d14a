//! Services that accept a call and never answer.

use std::time::Duration;

use fake_aws::{Cut, Fake, Fault, Gate, REGION, Rule, Visible};
use provisioner::report::Report;
use provisioner_aws::limits::TimeLimits;
use provisioner_aws::uploads::{Cause, Uploads};
use provisioner_aws::{Aws, Target};
use provisioner_engine::apply::{Applier, RunId};
use provisioner_engine::down::DownOptions;
use provisioner_model::call_error::Kind;
use provisioner_model::error::Exit;
use provisioner_model::names::Names;
use provisioner_model::status::Operation;
use provisioner_planner::state::Desired;
use tokio::sync::watch;

use crate::deploy::{STACK, Site};

pub(crate) const SHORT: Duration = Duration::from_millis(200);
/// Far above every limit of these tests, and far below the real ones.
const END: Duration = Duration::from_secs(20);
const BUCKET: &str = "uploads";

/// Limits of which none is met, so that a test shortens the one that it is about.
pub(crate) fn long() -> TimeLimits {
    let long = Duration::from_mins(10);
    TimeLimits {
        connect: long,
        attempt: long,
        call: long,
        stall: long,
        complete: long,
        attempts: 8,
        change_set: long,
        leftovers: long,
    }
}

pub(crate) async fn connect(fake: &Fake, limits: TimeLimits) -> provisioner_model::error::Result<Aws> {
    let target = Target {
        region: Some(REGION.to_owned()),
        endpoint: Some(fake.url()),
        credentials: Some(("AKID".to_owned(), "secret".to_owned())),
        limits,
        ..Target::default()
    };
    tokio::time::timeout(END, Aws::connect(&target)).await.expect("the limit ends the call")
}

fn uploads(aws: &Aws) -> Uploads {
    let (stop, stopped) = watch::channel(false);
    // The test ends before the sender is of use.
    std::mem::forget(stop);
    Uploads::new(aws, BUCKET, 1, stopped, std::sync::Arc::new(|_| {}))
}

#[tokio::test]
async fn a_first_call_without_an_answer_ends_at_each_limit() {
    for limits in [
        TimeLimits { attempt: SHORT, ..long() },
        TimeLimits { call: SHORT, ..long() },
        TimeLimits { stall: SHORT, ..long() },
    ] {
        let fake = Fake::start();
        fake.inject(Rule::on("*", Fault::NoAnswer(Cut::Stall)).always());
        let error = connect(&fake, limits).await.unwrap_err();
        assert_eq!((error.code, error.exit as u8), ("unreachable", 4), "{limits:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_answer_that_stops_in_the_middle_ends_at_the_limit_of_an_attempt() {
    let fake = Fake::start();
    let aws = connect(&fake, TimeLimits { attempt: SHORT, call: SHORT * 20, ..long() }).await.unwrap();
    fake.inject(Rule::on("cloudformation:*", Fault::BrokenBody(3, Cut::Stall)).always());
    let stacks = provisioner_aws::stacks::Stacks::new(&aws);
    let failed = tokio::time::timeout(END, stacks.describe("shop")).await.expect("the limit ends the call");
    assert_eq!(failed.unwrap_err().kind, Kind::Unreachable);
    assert!(fake.count("cloudformation:DescribeStacks") > 1, "each attempt has a limit");
}

#[tokio::test]
async fn a_body_is_limited_by_its_progress_and_not_by_its_duration() {
    // The limits of other calls do not matter to a body whose answer takes longer.
    let fake = Fake::start();
    let aws = connect(&fake, TimeLimits { attempt: SHORT, call: SHORT, ..long() }).await.unwrap();
    fake.state().s3.put(BUCKET, "other", "");
    fake.inject(Rule::on("s3:PutObject", Fault::Delayed(SHORT * 3)));
    let put = uploads(&aws).stream(&b"content"[..], "a.txt".into(), "text/plain".into());
    assert!(tokio::time::timeout(END, put).await.expect("it ends").is_ok());
    assert_eq!(fake.count("s3:PutObject"), 1, "nothing was sent twice");

    let fake = Fake::start();
    fake.state().s3.put(BUCKET, "other", "");
    let aws = connect(&fake, TimeLimits { stall: SHORT, call: SHORT * 20, ..long() }).await.unwrap();
    fake.inject(Rule::on("s3:*", Fault::NoAnswer(Cut::Stall)).always());
    let bucket = provisioner_aws::storage::Storage::new(&aws, BUCKET);
    let failed = tokio::time::timeout(END, bucket.presence()).await.expect("the limit ends the call");
    assert_eq!(failed.unwrap_err().kind, Kind::Unreachable);
}

#[tokio::test]
async fn completing_an_upload_may_take_longer_than_other_calls() {
    let fake = Fake::start();
    fake.state().s3.put(BUCKET, "other", "");
    let limits = TimeLimits { attempt: SHORT, call: SHORT * 20, stall: SHORT, complete: END, ..long() };
    let aws = connect(&fake, limits).await.unwrap();
    fake.inject(Rule::on("s3:CompleteMultipartUpload", Fault::Delayed(SHORT * 3)));
    let content = vec![7; 9 << 20];
    let put = uploads(&aws).stream(content.as_slice(), "big.bin".into(), "text/plain".into());
    let stored = tokio::time::timeout(END, put).await.expect("it ends");
    assert!(stored.is_ok(), "{stored:?}");
    assert_eq!(fake.count("s3:CompleteMultipartUpload"), 1);

    let fake = Fake::start();
    fake.state().s3.put(BUCKET, "other", "");
    let aws = connect(&fake, TimeLimits { complete: SHORT, ..long() }).await.unwrap();
    let gate = Gate::new();
    fake.inject(Rule::on("s3:CompleteMultipartUpload", Fault::Held(gate)).always());
    let put = uploads(&aws).stream(content.as_slice(), "big.bin".into(), "text/plain".into());
    // The service has completed it, although its answer did not arrive.
    let stored = tokio::time::timeout(END, put).await.expect("the limit ends the call").unwrap();
    assert_eq!(stored.size, content.len() as u64);
}

#[tokio::test]
async fn a_lost_answer_is_resolved_by_a_look_into_the_bucket() {
    const CALLS: [(usize, &str); 2] = [(10, "s3:PutObject"), (9 << 20, "s3:CompleteMultipartUpload")];
    for (size, call) in CALLS {
        for (fault, others_answer, expected) in [
            // The call is made, and its answer lost.
            (Fault::LostAnswer(Cut::Reset), true, "stored"),
            // The call is never made.
            (Fault::NoAnswer(Cut::Reset), true, "not stored"),
            // Nothing else is answered either.
            (Fault::LostAnswer(Cut::Reset), false, "unknown"),
        ] {
            let fake = Fake::start();
            fake.state().s3.put(BUCKET, "other", "");
            let aws = connect(&fake, TimeLimits { attempts: 1, ..long() }).await.unwrap();
            fake.inject(Rule::on(call, fault));
            if !others_answer {
                for look in ["s3:HeadObject", "s3:ListParts"] {
                    fake.inject(Rule::on(look, Fault::NoAnswer(Cut::Reset)).always());
                }
            }
            let content = vec![7; size];
            let put = uploads(&aws).stream(content.as_slice(), "a.bin".into(), "text/plain".into()).await;
            let found = match &put {
                Ok(_) => "stored",
                Err(not) if matches!(not.cause, Cause::Unknown(_)) => "unknown",
                Err(not) => {
                    assert!(matches!(not.cause, Cause::Service(_)) && not.left_open.is_none(), "{call}: {not:?}");
                    "not stored"
                }
            };
            assert_eq!(found, expected, "{call}: {put:?}");
            let mut state = fake.state();
            assert_eq!(state.s3.has(BUCKET, "a.bin"), expected != "not stored", "{call}");
            assert!(state.s3.create_bucket(BUCKET).uploads.is_empty(), "{call}: parts are left");
        }
    }
}

#[tokio::test]
async fn an_object_of_another_content_is_not_taken_for_a_lost_upload() {
    let fake = Fake::start();
    fake.state().s3.put(BUCKET, "a.bin", "before");
    let aws = connect(&fake, TimeLimits { attempts: 1, ..long() }).await.unwrap();
    fake.inject(Rule::on("s3:PutObject", Fault::NoAnswer(Cut::Reset)));
    let put = uploads(&aws).stream(&b"behind"[..], "a.bin".into(), "text/plain".into()).await;
    assert!(matches!(put.unwrap_err().cause, Cause::Service(_)));
}

#[test]
fn a_change_set_that_is_never_computed_is_given_up_and_deleted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fake = Fake::start();
        fake.state().cloudformation.change_set_looks = u32::MAX;
        let aws = connect(&fake, TimeLimits { change_set: SHORT, ..long() }).await.unwrap();
        let spec = crate::specs::named("shop");
        let names = Names::new(&spec, &aws.account, &aws.region);
        let place = provisioner_engine::observe::place(&aws, &names);
        let template = serde_json::json!({"Resources": {}});
        let desired = Desired::new(place, names, template, &spec, "handler.zip".to_owned(), None);
        let report = Report::silent();
        let applier = Applier::new(&aws, &report, RunId("1".to_owned()));
        let proposed = applier.propose(&desired, Operation::Create);
        let error = tokio::time::timeout(END, proposed).await.expect("the limit ends the wait").unwrap_err();
        assert_eq!(error.code, "change-set-pending");
        assert_eq!(fake.count("cloudformation:DeleteChangeSet"), 1);
    });
}

/// A deployed stack whose queue is reported this often after its deletion, taken down.
async fn take_down(reports: usize, limits: TimeLimits) -> provisioner_model::error::Result<()> {
    let site = Site::new();
    site.deployed();
    site.fake.lag("sqs:GetQueueUrl", Visible::AfterReads(reports));
    let aws = connect(&site.fake, limits).await.unwrap();
    let spec = format!("name: {STACK}\nregion: {REGION}\ndata: delete\n");
    let spec = provisioner_model::spec::parse(&spec, std::path::Path::new("shop.yaml")).unwrap();
    let options = DownOptions { confirmed: true, delete_data: false };
    Box::pin(provisioner_engine::down::take_down(&aws, &spec, options, &Report::silent())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn down_looks_for_leftovers_until_they_are_gone_or_the_limit() {
    take_down(3, long()).await.unwrap();
    let error = take_down(usize::MAX, TimeLimits { leftovers: SHORT, ..long() }).await.unwrap_err();
    assert_eq!((error.code, error.exit), ("leftovers", Exit::Leftovers));
    assert!(error.message.contains("queue shop-failed-events"), "{}", error.message);
}

#[test]
fn limits_are_those_of_the_documentation() {
    let seconds = |limit: Duration| limit.as_secs();
    let TimeLimits { attempt, stall, complete, leftovers, .. } = TimeLimits::default();
    assert_eq!((seconds(attempt), seconds(stall), seconds(complete), seconds(leftovers)), (30, 30, 300, 90));
}
