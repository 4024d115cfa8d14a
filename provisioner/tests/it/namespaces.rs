//! `bucket.namespace`: the names of buckets, and what S3 and CloudFormation must be told with them.

use fake_aws::{ACCOUNT, REGION};
use serde_json::json;

use crate::deploy::{STACK, Site, TEN_BYTES};

const REGIONAL: &str = "bucket:\n  namespace: account-regional\n";
const GLOBAL: &str = "bucket:\n  namespace: global\n";

impl Site {
    /// A site with these lines in its stack file, where S3 refuses a reserved name without its namespace.
    fn with_lines(data: &str, lines: &str) -> Self {
        let site = Self::with(data);
        site.fake.state().s3.demands_namespace_header = true;
        site.write_lines(data, lines);
        site
    }

    fn write_lines(&self, data: &str, lines: &str) {
        let text = format!("name: {STACK}\nregion: {REGION}\ndata: {data}\n{lines}");
        std::fs::write(self.folder.path().join("shop.yaml"), text).unwrap();
    }
}

#[test]
fn names_go_with_their_namespace_also_after_a_down_that_keeps_data() {
    for (lines, end, namespace) in
        [("", "", json!(null)), (GLOBAL, "", json!(null)), (REGIONAL, "-an", json!("account-regional"))]
    {
        let site = Site::with_lines("keep", lines);
        site.up().ended(0);
        let name = |part: &str| format!("{STACK}-{part}-{ACCOUNT}-{REGION}{end}");
        let made: Vec<String> = site.fake.state().s3.buckets.keys().cloned().collect();
        assert_eq!(made, [name("artifacts"), name("uploads")]);
        let header =
            site.fake.calls_of("s3:CreateBucket")[0].request.header("x-amz-bucket-namespace").map(String::from);
        assert_eq!(json!(header), namespace, "{lines}");
        let template = site.fake.state().cloudformation.live(STACK).unwrap().template.clone();
        assert_eq!(template["Resources"]["Bucket"]["Properties"]["BucketNamespace"], namespace, "{lines}");

        site.fake.state().s3.put(&name("uploads"), "a.txt", TEN_BYTES);
        site.run(&["down", "--yes"]).ended(0).says("kept");
        site.up().ended(0).says("importing bucket");
        let state = site.fake.state();
        assert!(state.s3.has(&name("uploads"), "a.txt"), "{lines}");
        let imported = &state.cloudformation.imported[0]["Resources"]["Bucket"]["Properties"];
        assert_eq!(imported["BucketName"], name("uploads"), "{lines}");
        assert_eq!(imported["BucketNamespace"], namespace, "{lines}");
        drop(state);
        site.run(&["plan", "--handler", "bootstrap"]).ended(0);
    }
}

#[test]
fn another_namespace_is_another_bucket_and_is_refused() {
    for (deployed, file, hint) in [
        ("", REGIONAL, "namespace: global"),
        (GLOBAL, REGIONAL, "namespace: global"),
        (REGIONAL, "", "namespace: account-regional"),
    ] {
        for data in ["keep", "delete"] {
            let site = Site::with_lines(data, deployed);
            site.deployed();
            site.write_lines(data, file);
            site.run(&["plan", "--handler", "bootstrap"]).ended(5).says("contains files or records").says(hint);
            let up = site.run(&["up", "--yes", "--allow", "replace,delete", "--handler", "bootstrap"]);
            up.ended(5).says(hint);
            assert_eq!(site.fake.count("cloudformation:ExecuteChangeSet"), 0);
            // Neither bucket was made.
            assert_eq!(site.fake.count("s3:CreateBucket"), 0);
        }
        // With the namespace that is deployed, nothing changes.
        let site = Site::with_lines("delete", deployed);
        site.deployed();
        site.write_lines("delete", if hint.ends_with("global") { GLOBAL } else { REGIONAL });
        site.up().ended(0).says("nothing to change");
    }
}

#[test]
fn a_name_that_is_too_long_for_its_namespace_is_refused_before_any_call() {
    let name = "x".repeat(24);
    for (region, most) in [("ap-northeast-1", 22), ("us-gov-west-1", 23), ("eu-central-1", 24)] {
        for in_file in [true, false] {
            let site = Site::new();
            let region_line = if in_file { format!("region: {region}\n") } else { String::new() };
            let text = format!("name: {name}\n{region_line}data: delete\n{REGIONAL}");
            std::fs::write(site.folder.path().join("shop.yaml"), text).unwrap();
            let mut command = site.command(&["plan", "--handler", "bootstrap"]);
            let ran = crate::world::Ran::of(&command.env("AWS_REGION", region).output().unwrap());
            if most == 24 {
                ran.ended(10);
                continue;
            }
            ran.ended(3).says("too long").says(&format!("at most {most} characters")).says("namespace: global");
            assert_eq!(site.fake.count("cloudformation:DescribeStacks"), 0);
        }
    }
}
