//! The artifact bucket of a stack: whose it is, what stays in it, and that no other code is deployed than the package.

use std::time::Duration;

use fake_aws::s3::Versioning;
use fake_aws::{ACCOUNT, REGION};
use serde_json::{Value, json};

use crate::deploy::{STACK, Site};

/// The bucket that the stacks of an account and region once shared.
const SHARED: &str = "provisioner-artifacts";

impl Site {
    fn artifacts() -> String {
        format!("{STACK}-artifacts-{ACCOUNT}-{REGION}")
    }

    /// A parameter of the deployed stack.
    fn parameter(&self, name: &str) -> String {
        self.fake.state().cloudformation.live(STACK).unwrap().parameters[name].clone()
    }

    /// The keys of the current zips.
    fn zips(&self) -> Vec<String> {
        self.fake.state().s3.buckets[&Self::artifacts()].keys().filter(|key| key.starts_with("handler/")).collect()
    }

    /// The key of the zip that the next `up` deploys.
    fn next_key(&self) -> String {
        let plan = self.run(&["plan", "--json", "--handler", "bootstrap"]);
        format!("handler/{}.zip", plan.ended(10).json()["code"]["to"].as_str().unwrap())
    }
}

#[test]
fn a_stack_deploys_one_version_from_a_bucket_of_its_own() {
    let site = Site::new();
    let plan = site.run(&["plan", "--json", "--handler", "bootstrap"]).ended(10).json();
    assert_eq!(plan["artifacts"], json!({ "name": Site::artifacts() }));
    site.deployed();
    let state = site.fake.state();
    assert!(state.s3.buckets.contains_key(&Site::artifacts()), "{:?}", state.s3.buckets.keys());
    let stack = state.cloudformation.live(STACK).unwrap();
    let (key, version) = (stack.parameters["ArtifactKey"].clone(), stack.parameters["ArtifactVersion"].clone());
    let zip = state.s3.buckets[&Site::artifacts()].object(&key).unwrap();
    assert_eq!(zip.version, version);
    assert!(zip.sha256.is_some(), "S3 did not check the upload");
    assert_eq!(
        stack.template["Resources"]["Handler"]["Properties"]["Code"]["S3ObjectVersion"],
        json!({ "Ref": "ArtifactVersion" })
    );
    drop(state);

    site.build_handler(2);
    site.up().ended(0);
    let pushed: Value = site.fake.calls_of("lambda:UpdateFunctionCode")[0].request.json();
    assert_eq!(pushed["S3ObjectVersion"], site.parameter("ArtifactVersion"));
    assert_eq!(pushed["S3Bucket"], Site::artifacts());
    assert_ne!(site.parameter("ArtifactVersion"), version);
}

#[test]
fn a_zip_that_is_not_the_package_is_never_deployed() {
    let site = Site::with_new_code();
    let key = site.next_key();
    site.fake.forget_calls();
    site.fake.state().s3.put_with_sha256(&Site::artifacts(), &key, b"other code");
    site.up().ended(5).says("is not the handler that was built").says("aws s3 rm s3://shop-artifacts-");
    for call in ["cloudformation:ExecuteChangeSet", "cloudformation:CreateChangeSet", "lambda:UpdateFunctionCode"] {
        assert_eq!(site.fake.count(call), 0, "{call}");
    }
    let ran = site.run(&["up", "--yes", "--json", "--handler", "bootstrap"]);
    assert!(ran.ended(5).out.contains("\"artifact-mismatch\""), "{ran:#?}");
}

#[test]
fn a_zip_without_a_hash_is_covered_by_a_version_with_one() {
    let site = Site::with_new_code();
    let key = site.next_key();
    site.fake.state().s3.put(&Site::artifacts(), &key, "other code");
    site.up().ended(0).says("uploaded the handler");
    let zip = site.fake.state().s3.buckets[&Site::artifacts()].object(&key).unwrap();
    assert_eq!(site.parameter("ArtifactVersion"), zip.version);
    assert!(zip.sha256.is_some());
}

#[test]
fn a_bucket_that_gives_no_versions_yet_is_waited_for() {
    let site = Site::new();
    site.fake.state().s3.unversioned_writes = 2;
    site.up().ended(0);
    assert_eq!(site.zip_uploads(), 3);
    assert_ne!(site.parameter("ArtifactVersion"), "null");
    // Versioning that was suspended out of band is enabled again by the next upload.
    site.fake.state().s3.buckets.get_mut(&Site::artifacts()).unwrap().versioning = Versioning::Suspended;
    site.build_handler(2);
    site.up().ended(0);
    assert_eq!(site.fake.state().s3.buckets[&Site::artifacts()].versioning, Versioning::Enabled);
    assert_ne!(site.parameter("ArtifactVersion"), "null");
}

#[test]
fn the_newest_zips_stay_for_a_rollback_and_older_ones_are_deleted() {
    let site = Site::new();
    let mut deployed = Vec::new();
    for version in 1..=7 {
        site.fake.advance(Duration::from_mins(1));
        site.build_handler(version);
        site.up().ended(0);
        deployed.push(site.parameter("ArtifactKey"));
    }
    let mut newest = deployed.split_off(2);
    newest.sort();
    assert_eq!(site.zips(), newest);
    // The oldest one is deployed again, and a new one after it: it is the previous one now, which stays.
    site.build_handler(3);
    site.up().ended(0);
    let previous = site.parameter("ArtifactKey");
    site.fake.advance(Duration::from_mins(1));
    site.build_handler(8);
    site.up().ended(0);
    let zips = site.zips();
    assert!(zips.contains(&previous) && zips.contains(&site.parameter("ArtifactKey")), "{zips:?}");
    // It leaves with the next deployment.
    site.fake.advance(Duration::from_mins(1));
    site.build_handler(9);
    site.up().ended(0);
    assert!(!site.zips().contains(&previous));
}

#[test]
fn zips_that_cannot_be_deleted_are_reported_and_fail_nothing() {
    let site = Site::new();
    for version in 1..=5 {
        site.build_handler(version);
        site.up().ended(0);
    }
    site.fake.fail("s3:DeleteObject", (0, 9), (403, "AccessDenied", "no"));
    site.build_handler(6);
    site.up().ended(0).says("could not delete old zips");
    assert_eq!(site.zips().len(), 6);
}

#[test]
fn down_deletes_the_bucket_with_all_versions_and_no_other_one() {
    let site = Site::with_new_code();
    site.up().ended(0);
    let key = site.parameter("ArtifactKey");
    site.fake.state().s3.delete(&Site::artifacts(), &key);
    let other = format!("other-artifacts-{ACCOUNT}-{REGION}");
    site.fake.state().s3.put(&other, "handler/0.zip", "zip");
    let down = site.run(&["down", "--yes"]);
    down.ended(0).says("deleted the artifact bucket").says(&format!("bucket {}", Site::artifacts()));
    let state = site.fake.state();
    assert_eq!(state.s3.buckets.keys().collect::<Vec<_>>(), [&other]);
}

#[test]
fn an_artifact_bucket_that_is_left_is_a_leftover() {
    let site = Site::new();
    site.deployed();
    site.fake.fail("s3:DeleteBucket", (0, 99), (403, "AccessDenied", "no"));
    site.run(&["down", "--yes"]).ended(4).says(&format!("delete the bucket {}", Site::artifacts()));
}

#[test]
fn a_stack_that_shared_a_bucket_leaves_it_and_names_it_once() {
    let site = Site::new();
    site.deployed();
    let shared = format!("{SHARED}-{ACCOUNT}-{REGION}");
    let zip = |site: &Site| site.fake.state().s3.buckets[&shared].keys().count();
    let share = |site: &Site| {
        let mut state = site.fake.state();
        let stack = state.cloudformation.stacks.iter_mut().find(|stack| stack.name == STACK).unwrap();
        stack.parameters.insert("ArtifactBucket".to_owned(), shared.clone());
        state.s3.put(&shared, "handler/0.zip", "zip");
        state.s3.buckets.remove(&Site::artifacts());
    };
    share(&site);
    let plan = site.run(&["plan", "--handler", "bootstrap"]);
    plan.ended(10).says("artifact bucket").says(&format!("leave   artifact bucket        {shared}"));
    let plan = site.run(&["plan", "--json", "--handler", "bootstrap"]).ended(10).json();
    assert_eq!(plan["artifacts"], json!({ "name": Site::artifacts(), "insteadOf": shared }));
    site.up().ended(0).says(&format!("the artifact bucket {shared} is left")).says("UPDATE_COMPLETE");
    assert_eq!(site.parameter("ArtifactBucket"), Site::artifacts());
    assert_eq!(zip(&site), 1);
    let again = site.up();
    assert!(!again.ended(0).err.contains(&shared), "{again:#?}");

    // `down` without another `up` leaves it, too.
    share(&site);
    site.run(&["down", "--yes"]).ended(0).says(&format!("the artifact bucket {shared} is left"));
    assert_eq!(zip(&site), 1);
}

#[test]
fn a_bucket_of_another_account_is_explained() {
    let site = Site::new();
    site.fake.state().s3.create_bucket(&Site::artifacts()).owner = "999999999999".into();
    site.up().ended(4).says("access to it is denied").says("namespace: account-regional");
    let site = Site::new();
    let taken = (409, "BucketAlreadyExists", "The requested bucket name is not available.");
    site.fake.fail("s3:CreateBucket", (0, 1), taken);
    site.up().ended(6).says("another account has a bucket of the name").says("namespace: account-regional");
}
