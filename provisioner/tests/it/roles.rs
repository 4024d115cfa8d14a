//! The two roles: the one that the caller assumes, and CloudFormation's service role.

use std::path::Path;
use std::process::{Command, Stdio};

use fake_aws::{Fake, REGION, ROLE_KEY};

use crate::world::{Ran, recording};

const OWN_KEY: &str = "AKIDEXAMPLE";
const DEPLOYER: &str = "arn:aws:iam::123456789012:role/teams/deployer";
const BUILDER: &str = "arn:aws:iam::123456789012:role/builder";

fn command(folder: &Path, arguments: &[&str], fake: &Fake) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
    command
        .args(arguments)
        .args(["-s", "shop.yaml", "--endpoint-url", &fake.url()])
        .current_dir(folder)
        .env_clear()
        .envs(recording())
        .env("HOME", folder)
        .env("AWS_ACCESS_KEY_ID", OWN_KEY)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .stdin(Stdio::null());
    command
}

fn site(settings: &str) -> (tempfile::TempDir, Fake) {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("name: shop\nregion: {REGION}\ndata: delete\n{settings}");
    std::fs::write(folder.path().join("shop.yaml"), text).unwrap();
    (folder, Fake::start())
}

fn run(folder: &Path, arguments: &[&str], fake: &Fake) -> Ran {
    Ran::of(&command(folder, arguments, fake).output().unwrap())
}

#[test]
fn every_call_uses_the_assumed_role() {
    let (folder, fake) = site("");
    let taken =
        ["down", "--yes", "--role-arn", DEPLOYER, "--external-id", "shared-secret", "--role-session-name", "ci-7"];
    let ran = run(folder.path(), &taken, &fake);
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    let calls = fake.calls();
    let (first, form) = (&calls[0], &calls[0].parameters);
    assert_eq!((first.name.as_str(), first.access_key.as_str()), ("sts:AssumeRole", OWN_KEY));
    assert_eq!(form["RoleArn"], DEPLOYER);
    assert_eq!((form["ExternalId"].as_str(), form["RoleSessionName"].as_str()), ("shared-secret", "ci-7"));
    assert!(calls.len() > 3, "{calls:?}");
    for call in &calls[1..] {
        assert_eq!(call.access_key, ROLE_KEY, "{}", call.name);
    }
}

#[test]
fn the_role_is_read_from_the_environment_and_is_optional() {
    let (folder, fake) = site("");
    let ran = Ran::of(
        &command(folder.path(), &["down", "--yes"], &fake).env("PROVISIONER_ROLE_ARN", DEPLOYER).output().unwrap(),
    );
    assert_eq!((ran.code, fake.count("sts:AssumeRole")), (Some(0), 1), "{ran:#?}");
    run(folder.path(), &["down", "--yes"], &fake);
    assert_eq!(fake.count("sts:AssumeRole"), 1);
}

#[test]
fn a_refused_role_is_reported_with_a_fix() {
    let (folder, fake) = site("");
    let refusal = "User: arn:aws:iam::123456789012:user/tester is not authorized to perform: sts:AssumeRole";
    fake.fail("sts:AssumeRole", (0, 9), (403, "AccessDenied", refusal));
    let ran = run(folder.path(), &["down", "--yes", "--json", "--role-arn", DEPLOYER], &fake);
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    let error: serde_json::Value = serde_json::from_str(ran.out.lines().last().unwrap()).unwrap();
    assert_eq!((&error["code"], &error["causes"][0]), (&"role-refused".into(), &refusal.into()), "{error:#}");
    assert_eq!(error["message"], format!("failed to assume the role {DEPLOYER}"));
    assert!(error["hint"].as_str().unwrap().contains("trust policy"), "{error:#}");
    assert_eq!(fake.calls().len(), 1, "nothing else is called");

    fake.fail("sts:AssumeRole", (0, 9), (400, "ExpiredToken", "The security token included in the request is expired"));
    let (folder, fake) = site("");
    fake.fail("sts:AssumeRole", (0, 9), (400, "ExpiredToken", "The security token included in the request is expired"));
    let ran = run(folder.path(), &["down", "--yes", "--role-arn", DEPLOYER], &fake);
    assert!(ran.err.contains("Renew the credentials"), "{ran:#?}");
}

#[test]
fn a_refused_role_of_the_profile_is_reported_too() {
    let (folder, fake) = site("");
    let config = format!("[profile ci]\nrole_arn = {DEPLOYER}\ncredential_source = Environment\n");
    std::fs::write(folder.path().join("config"), config).unwrap();
    fake.fail("sts:AssumeRole", (0, 9), (403, "AccessDenied", "no"));
    let ran = Ran::of(
        &command(folder.path(), &["down", "--yes", "--profile", "ci"], &fake)
            .env("AWS_ENDPOINT_URL", fake.url())
            .env("AWS_CONFIG_FILE", folder.path().join("config"))
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.err.contains("failed to assume the role of the profile"), "{ran:#?}");
}

#[test]
fn the_profile_option_overrides_the_keys_of_the_environment() {
    let (folder, fake) = site("");
    let keys = "[other]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = s\n";
    std::fs::write(folder.path().join("credentials"), keys).unwrap();
    let credentials = folder.path().join("credentials");
    let with = |arguments: &[&str]| {
        Ran::of(
            &command(folder.path(), arguments, &fake)
                .env("AWS_SHARED_CREDENTIALS_FILE", &credentials)
                .env("AWS_PROFILE", "other")
                .output()
                .unwrap(),
        )
    };
    assert_eq!(with(&["down", "--yes", "--profile", "other"]).code, Some(0));
    assert!(fake.calls().iter().all(|call| call.access_key == "AKIAOTHER"));
    fake.forget_calls();
    assert_eq!(with(&["down", "--yes"]).code, Some(0));
    assert!(fake.calls().iter().all(|call| call.access_key == OWN_KEY));

    let missing = with(&["down", "--yes", "--profile", "missing"]);
    assert_eq!(missing.code, Some(4), "{missing:#?}");
    assert!(missing.err.contains("there is no profile missing"), "{missing:#?}");
    assert!(missing.err.contains("Existing profiles: other"), "{missing:#?}");
}

#[test]
fn a_profile_without_an_sso_session_is_reported_with_the_login_command() {
    let (folder, fake) = site("");
    let session = "sso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n";
    let config = format!(
        "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n[sso-session corp]\n{session}"
    );
    std::fs::write(folder.path().join("config"), config).unwrap();
    let ran = Ran::of(
        &command(folder.path(), &["down", "--yes", "--profile", "sso"], &fake)
            .env("AWS_CONFIG_FILE", folder.path().join("config"))
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.err.contains("aws sso login --profile sso"), "{ran:#?}");
    assert!(fake.calls().is_empty());
}

#[test]
fn cloudformation_gets_its_role_for_creation_and_deletion() {
    for (settings, arguments) in [
        (format!("cloudformationRole: {BUILDER}\n"), vec![]),
        (String::new(), vec!["--cloudformation-role-arn", BUILDER]),
        (format!("cloudformationRole: {DEPLOYER}\n"), vec!["--cloudformation-role-arn", BUILDER]),
    ] {
        let (folder, fake) = site(&settings);
        let mut elf = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0, 1, 0, 0, 0, 0, 16];
        elf.resize(64, 0);
        elf[52] = 64;
        std::fs::write(folder.path().join("bootstrap"), elf).unwrap();
        let with = |first: &[&str]| {
            let all: Vec<&str> = first.iter().copied().chain(arguments.iter().copied()).collect();
            let ran = run(folder.path(), &all, &fake);
            assert_eq!(ran.code, Some(0), "{ran:#?}");
        };
        with(&["up", "--yes", "--no-verify", "--handler", "bootstrap"]);
        with(&["down", "--yes"]);
        for call in ["cloudformation:CreateChangeSet", "cloudformation:DeleteStack"] {
            let roles: Vec<_> =
                fake.calls_of(call).iter().map(|call| call.parameters.get("RoleARN").cloned()).collect();
            assert!(
                !roles.is_empty() && roles.iter().all(|role| role.as_ref().is_some_and(|r| r == BUILDER)),
                "{call}: {roles:?}"
            );
        }
        assert!(fake.calls().iter().all(|call| call.access_key == OWN_KEY), "the caller's credentials changed");
    }
}

#[test]
fn calls_are_recorded_where_the_environment_names_a_file() {
    let (folder, fake) = site("");
    let file = folder.path().join("calls.txt");
    for _ in 0..2 {
        let output =
            command(folder.path(), &["status"], &fake).env("PROVISIONER_RECORD_CALLS", &file).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    let lines = std::fs::read_to_string(&file).unwrap();
    assert_eq!(lines.lines().filter(|line| *line == "STS.GetCallerIdentity").count(), 2, "{lines}");
    assert!(lines.contains("CloudFormation.DescribeStacks\n"), "{lines}");
    let nowhere = folder.path().join("none/calls.txt");
    let output = command(folder.path(), &["status"], &fake).env("PROVISIONER_RECORD_CALLS", nowhere).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn a_service_role_adds_pass_role_to_the_caller_s_policy() {
    let (folder, fake) = site(&format!("cloudformationRole: {BUILDER}\n"));
    let policy = run(folder.path(), &["synth", "--permissions"], &fake).json();
    let statement = policy["Statement"].as_array().unwrap().iter().find(|s| s["Resource"] == BUILDER).unwrap();
    assert_eq!(statement["Action"], "iam:PassRole");
    assert_eq!(statement["Condition"]["StringEquals"]["iam:PassedToService"], "cloudformation.amazonaws.com");
    let (folder, fake) = site("");
    assert!(!run(folder.path(), &["synth", "--permissions"], &fake).out.contains("RoleForCloudFormationOnly"));
}

#[test]
fn an_invalid_role_arn_is_refused_before_any_call() {
    let (folder, fake) = site("");
    for wrong in
        ["deployer", "arn:aws:iam::123456789012:user/u", "arn:aws:iam::12:role/r", "arn:aws:iam::123456789012:role/"]
    {
        let ran = run(folder.path(), &["down", "--yes", "--role-arn", wrong], &fake);
        assert!(ran.code == Some(2) && ran.err.contains("is not a role's ARN"), "{wrong}: {ran:#?}");
    }
    let (folder, fake) = site("cloudformationRole: deployer\n");
    let ran = run(folder.path(), &["down", "--yes"], &fake);
    assert!(ran.code == Some(3) && ran.err.contains("shop.yaml:4"), "{ran:#?}");
    assert!(fake.calls().is_empty());
}
