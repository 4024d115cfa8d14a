//! `terminationProtection` and `permissionsBoundary` of the stack file, against the fake.

use fake_aws::REGION;

use crate::deploy::{STACK, Site};

impl Site {
    /// Writes a stack file with these additional lines.
    fn set(&self, more: &str) {
        let file = format!("name: {STACK}\nregion: {REGION}\ndata: delete\n{more}");
        std::fs::write(self.folder.path().join("shop.yaml"), file).unwrap();
    }

    fn is_protected(&self) -> bool {
        self.fake.state().cloudformation.live(STACK).unwrap().protected
    }
}

#[test]
fn termination_protection_follows_the_stack_file_and_down_names_the_way_out() {
    let site = Site::new();
    site.set("terminationProtection: true\n");
    site.up().ended(0).says("is protected from termination");
    assert!(site.is_protected());
    site.run(&["down", "--yes"])
        .ended(5)
        .says("`terminationProtection: false` in the stack file, then provisioner up -s shop.yaml");
    // Without the key it stays as it is.
    site.set("");
    site.up().ended(0);
    assert!(site.is_protected());

    site.set("terminationProtection: false\n");
    site.run(&["up", "--handler", "bootstrap"]).ended(5).says("No longer protect the stack shop");
    assert!(site.is_protected(), "without confirmation");
    site.up().ended(0).says("is no longer protected");
    let calls = site.fake.count("cloudformation:UpdateTerminationProtection");
    site.up().ended(0);
    assert_eq!(site.fake.count("cloudformation:UpdateTerminationProtection"), calls);
    site.run(&["down", "--yes"]).ended(0);
}

#[test]
fn a_boundary_is_planned_in_the_words_of_the_stack_file_and_its_removal_broadens() {
    const BOUNDARY: &str = "permissionsBoundary: arn:aws:iam::123456789012:policy/b\n";
    let site = Site::new();
    site.deployed();
    site.set(BOUNDARY);
    let plan = site.run(&["plan", "--handler", "bootstrap"]);
    plan.ended(10).says("permissionsBoundary").says("none → arn:aws:iam::123456789012:policy/b");
    site.up().ended(0);
    // What the stack file sets is no drift.
    let status = site.run(&["status"]);
    assert!(!status.out.contains("PermissionsBoundary"), "{status:#?}");
    site.set("");
    site.up().ended(5).says("what the boundary").says("--allow broaden");
    site.run(&["up", "--yes", "--handler", "bootstrap", "--allow", "broaden"]).ended(0);
}

#[test]
fn settings_are_planned_without_a_handler() {
    let site = Site::new();
    site.deployed();
    site.set("handler: {memory: 1 GiB}\n");
    let plan = site.run(&["plan"]);
    plan.ended(10).says("leaves the deployed code as it is").says("256 MiB → 1 GiB").says("1 to change");
    assert!(!plan.out.contains("code  "), "{plan:#?}");
    // Without a stack there is nothing to leave.
    Site::new().run(&["plan"]).ended(2).says("there is no handler to deploy");
}

#[test]
fn a_markdown_plan_has_the_words_of_the_stack_file() {
    let site = Site::new();
    site.deployed();
    site.set("handler: {memory: 1 GiB}\nfiles: {allowedTypes: ['text/*']}\n");
    let plan = site.run(&["plan", "--handler", "bootstrap", "--format", "markdown"]);
    plan.ended(10).says("`handler.memory`: `256 MiB → 1 GiB`").says("`files.allowedTypes`: `[*/*] → [text/*]`");
    assert!(!plan.out.contains("MemorySize") && !plan.out.contains("ALLOWED_TYPES"), "{plan:#?}");
}
