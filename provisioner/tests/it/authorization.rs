//! What IAM authorises calls on: each names its stack, so that a policy which is limited to one stack allows it.

use fake_aws::Call;
use fake_aws::cloudformation::Change;

use crate::deploy::{STACK, Site};

fn of_change_sets(site: &Site) -> Vec<Call> {
    let calls =
        ["Describe", "Execute", "Delete"].map(|verb| site.fake.calls_of(&format!("cloudformation:{verb}ChangeSet")));
    calls.into_iter().flatten().collect()
}

#[test]
fn every_call_about_a_change_set_names_the_stack() {
    let site = Site::with_new_code();
    // The first change set is described and deleted, the second one is described and executed.
    site.fake.state().cloudformation.surprise = Some(Change::new("Remove", "FailedEvents", "AWS::SQS::Queue"));
    site.up().ended(5);
    site.fake.state().cloudformation.surprise = None;
    site.up().ended(0);
    let calls = of_change_sets(&site);
    for verb in ["Describe", "Execute", "Delete"] {
        assert!(calls.iter().any(|call| call.name.contains(verb)), "no {verb}ChangeSet");
    }
    for call in calls {
        let form = call.request.form();
        assert!(form.get("StackName").is_some_and(|stack| stack.contains(STACK)), "{form:?}");
    }
}

#[test]
fn no_command_asks_for_the_stacks_of_others() {
    let site = Site::with_new_code();
    // A status that no version of this program knows: whoever reads it fails.
    site.fake.state().cloudformation.put("other", "FROZEN_SOLID", serde_json::json!(null));
    site.up().ended(0);
    site.run(&["status"]).ended(0);
    site.run(&["down", "--yes"]).ended(0).says("is deleted");
    // CloudFormation API reference, DescribeStacks: without a name it is authorised on all stacks.
    let calls = site.fake.calls_of("cloudformation:DescribeStacks");
    assert!(!calls.is_empty());
    for call in calls {
        assert!(call.request.form().contains_key("StackName"), "{:?}", call.request.form());
    }
    assert_eq!(site.fake.count("cloudformation:ListStacks"), 0);
}
