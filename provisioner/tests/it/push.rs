//! Code updates against the fake: the function is updated before the stack, and the next `up` reconciles both after any
//! failure in between.

use fake_aws::cloudformation::Change;

use crate::deploy::{STACK, Site};

const FUNCTION: &str = "shop-handler";

impl Site {
    /// The S3 key of the function's zip.
    fn function_key(&self) -> String {
        self.fake.state().lambda.functions[FUNCTION].key.clone()
    }

    /// The S3 key of the zip in the stack's parameters.
    fn stack_key(&self) -> String {
        self.fake.state().cloudformation.live(STACK).unwrap().parameters["ArtifactKey"].clone()
    }

    fn calls(&self) -> Vec<String> {
        self.fake.call_names()
    }
}

#[test]
fn new_code_runs_before_the_stack_is_updated_without_drift() {
    let site = Site::with_new_code();
    // The fake updates the function from its stack when the function is read.
    site.run(&["status"]).ended(0);
    site.fake.forget_calls();
    site.fake.state().lambda.looks_until_served = 2;
    let before = site.function_key();
    site.up().ended(0).says("shop-handler runs the new code").says("UPDATE_COMPLETE");
    assert_ne!(site.function_key(), before);
    assert_eq!(site.function_key(), site.stack_key());

    let calls = site.calls();
    let at = |call: &str| calls.iter().position(|c| c == call).unwrap_or_else(|| panic!("no {call} in {calls:?}"));
    assert!(at("s3:PutObject") < at("lambda:UpdateFunctionCode"));
    assert!(at("lambda:UpdateFunctionCode") < at("cloudformation:ExecuteChangeSet"));
    let reads = calls[at("lambda:UpdateFunctionCode")..at("cloudformation:ExecuteChangeSet")]
        .iter()
        .filter(|call| *call == "lambda:GetFunctionConfiguration")
        .count();
    assert!(reads >= 3, "the stack was updated before the function ran the new code: {calls:?}");

    site.fake.forget_calls();
    site.up().ended(0).says("nothing to change");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 0);
}

#[test]
fn without_consent_no_code_is_pushed() {
    let site = Site::with_new_code();
    site.run(&["up", "--handler", "bootstrap"]).ended(5);
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode") + site.fake.count("s3:PutObject"), 0);
}

#[test]
fn code_with_other_changes_is_deployed_by_the_stack_update() {
    let site = Site::with_new_code();
    let path = site.folder.path().join("shop.yaml");
    let file = std::fs::read_to_string(&path).unwrap() + "handler: { memory: 512 MiB }\n";
    std::fs::write(path, file).unwrap();
    site.up().ended(0).says("UPDATE_COMPLETE");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 0);
}

#[test]
fn the_next_up_completes_a_push_without_a_stack_update() {
    let site = Site::with_new_code();
    let message = "User: t is not authorized to perform: cloudformation:ExecuteChangeSet";
    site.fake.fail("cloudformation:ExecuteChangeSet", (0, 1), (403, "AccessDenied", message));
    site.up().ended(4).says("runs the new code").says("cloudformation:ExecuteChangeSet");
    assert_ne!(site.function_key(), site.stack_key());

    site.fake.forget_calls();
    site.up().ended(0).says("UPDATE_COMPLETE");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 0, "the function has the code already");
    assert_eq!(site.function_key(), site.stack_key());
}

#[test]
fn code_that_differs_from_the_stack_is_reconciled() {
    let site = Site::with_new_code();
    site.fake.fail("cloudformation:ExecuteChangeSet", (0, 1), (403, "AccessDenied", "no"));
    site.up().ended(4);
    // Back to the code of the stack: the stack needs no change, but the function does.
    site.build_handler(1);
    site.run(&["up", "--handler", "bootstrap"]).ended(5);
    assert_ne!(site.function_key(), site.stack_key());
    site.up().ended(0).says("runs the new code");
    assert_eq!(site.function_key(), site.stack_key());
    site.up().ended(0).says("nothing to change");
}

#[test]
fn after_a_failed_update_the_running_code_is_reported() {
    for (spared, words) in [(false, "is back at the previous code"), (true, "still runs the new code")] {
        let site = Site::with_new_code();
        {
            let mut state = site.fake.state();
            state.lambda.rollbacks_spare_code = spared;
            state.cloudformation.failing.insert("Handler".into(), "Resource handler returned message: no".into());
        }
        site.up().ended(6).says("UPDATE_ROLLBACK_COMPLETE").says(words);
        site.up().ended(0).says("UPDATE_COMPLETE");
        assert_eq!(site.function_key(), site.stack_key());
    }
}

#[test]
fn code_that_cannot_be_pushed_is_deployed_by_the_stack_update() {
    let site = Site::with_new_code();
    let message = "User: t is not authorized to perform: lambda:UpdateFunctionCode";
    site.fake.fail("lambda:UpdateFunctionCode", (0, 9), (403, "AccessDeniedException", message));
    site.up().ended(0).says("could not be updated directly").says(message).says("UPDATE_COMPLETE");
}

#[test]
fn a_function_that_is_being_changed_is_waited_for() {
    let site = Site::with_new_code();
    let message = "The operation cannot be performed at this time. An update is in progress for resource";
    site.fake.fail("lambda:UpdateFunctionCode", (0, 3), (409, "ResourceConflictException", message));
    site.up().ended(0).says("runs the new code");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 4);
}

#[test]
fn code_that_lambda_refuses_leaves_the_stack_unchanged() {
    let site = Site::with_new_code();
    let message = "Lambda cannot deploy the function. The function or layer might be signed using a signature that the \
                   client is not configured to accept.";
    site.fake.fail("lambda:UpdateFunctionCode", (0, 9), (400, "CodeVerificationFailedException", message));
    site.up().ended(1).says(message).says("the stack was not changed");
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);

    let site = Site::with_new_code();
    site.fake.state().lambda.broken = Some("The image cannot be read");
    site.up().ended(6).says("The image cannot be read").says("The stack was not changed");
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
}

#[test]
fn a_failed_cleanup_does_not_hide_the_first_failure() {
    let denied = (403, "AccessDenied", "User: t is not authorized to perform: cloudformation:DeleteChangeSet");
    let site = Site::with_new_code();
    site.fake.fail("lambda:UpdateFunctionCode", (0, 9), (400, "CodeVerificationFailedException", "not signed"));
    site.fake.fail("cloudformation:DeleteChangeSet", (0, 9), denied);
    site.up().ended(1).says("not signed").says("After that, the command also failed to delete the change set");

    let site = Site::with_new_code();
    site.fake.state().cloudformation.surprise = Some(Change::new("Remove", "FailedEvents", "AWS::SQS::Queue"));
    site.fake.fail("cloudformation:DeleteChangeSet", (0, 9), denied);
    site.up().ended(5).says("remove FailedEvents").says("cloudformation:DeleteChangeSet");

    // The function is read before the push, after it, and after the failed update.
    let site = Site::with_new_code();
    site.fake.state().cloudformation.failing.insert("Handler".into(), "Resource handler returned message: no".into());
    site.fake.fail("lambda:GetFunctionConfiguration", (3, 9), (403, "AccessDeniedException", "denied"));
    site.up().ended(6).says("Resource handler returned message: no").says("denied");
}

#[test]
fn code_that_changed_concurrently_is_not_overwritten() {
    // Settings changed: another revision, the same code.
    let site = Site::with_new_code();
    let message = "The RevisionId provided does not match the latest RevisionId for the Lambda function";
    site.fake.fail("lambda:UpdateFunctionCode", (0, 1), (412, "PreconditionFailedException", message));
    site.up().ended(0).says("runs the new code");
    assert_eq!(site.fake.count("lambda:UpdateFunctionCode"), 2);

    // The code changed between the read of the function and the push.
    let site = Site::with_new_code();
    site.fake.state().lambda.concurrent_key = Some("handler/0123456789abcdef.zip");
    site.up().ended(1).says("Another user or process changed it meanwhile");
    assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
}
