//! What is printed: nothing of others reaches the terminal raw, and commands work where they are typed.

use fake_aws::{Fault, Rule};
use serde_json::json;

use crate::deploy::{Site, TEN_BYTES};
use crate::redrive::{failed, site_with};
use crate::rollback::artifacts;
use crate::world::Ran;

/// A sequence that this program never prints itself.
const ESCAPE: &str = "\u{1b}[35;45m";
const CLEANED: &str = "\u{fffd}[35;45m";
/// Reverses the direction of what follows. XML, in which some services answer, can have no escape character.
const REVERSE: char = '\u{202e}';

/// Replaces a string in a JSON document of the artifact bucket.
fn change_document(site: &Site, prefix: &str, field: &str) {
    let mut state = site.fake.state();
    let bucket = state.s3.buckets.get(&artifacts()).unwrap();
    let key = bucket.keys().find(|key| key.starts_with(prefix)).unwrap();
    let body = bucket.object(&key).unwrap().body.to_vec();
    let mut document: serde_json::Value = serde_json::from_slice(&body).unwrap();
    document[field] = json!(format!("{ESCAPE}{}", document[field].as_str().unwrap()));
    state.s3.put(&artifacts(), &key, document.to_string().into_bytes());
}

#[test]
fn nothing_of_others_reaches_the_terminal_raw() {
    type Run = fn(&Site) -> Ran;
    let rows: [(&str, Run); 5] = [
        ("a remark with a service's message", |site| {
            let fault = Fault::error(403, "AccessDenied", format!("no {REVERSE}"));
            let is_history = |request: &fake_aws::Request| request.path.contains("/history/");
            site.fake.inject(Rule::on("s3:PutObject", fault).when(is_history).always());
            site.build_handler(2);
            site.up()
        }),
        ("a warning with a service's message", |site| {
            let fault = Fault::error(400, "AccessDenied", format!("no {ESCAPE}"));
            site.fake.inject(Rule::on("sqs:ChangeMessageVisibilityBatch", fault).always());
            site.run(&["redrive", "--list"])
        }),
        ("the reason of a failed resource", |site| {
            site.build_handler(2);
            site.fake.state().cloudformation.failing.insert("Handler".into(), format!("no {REVERSE}"));
            site.up()
        }),
        ("a document of the history", |site| {
            site.build_handler(2);
            site.up().ended(0);
            change_document(site, "history/", "at");
            site.run(&["rollback", "--yes"])
        }),
        ("the result of the last reconcile", |site| {
            site.run(&["reconcile"]);
            change_document(site, "state/reconcile", "started");
            site.run(&["status"])
        }),
    ];
    for (what, run) in rows {
        let site = site_with(&["a.txt"]);
        let ran = run(&site);
        let printed = format!("{}{}", ran.out, ran.err);
        assert!(!printed.contains(['\u{1b}', REVERSE]), "{what}: {printed:?}");
        assert!(printed.contains('\u{fffd}'), "{what} was not printed: {printed}");
    }
}

#[test]
fn a_question_does_not_control_the_terminal() {
    let site = site_with(&[]);
    let key = format!("in/{ESCAPE}a.txt");
    site.fake.state().s3.put(&Site::bucket(), &key, TEN_BYTES);
    let terminal = site.on_terminal(&["forget", &key], 80);
    terminal.wait_for("[y/N]");
    terminal.press("n\n");
    let shown = terminal.end();
    shown.ended(5);
    assert!(shown.bytes.contains(CLEANED) && !shown.bytes.contains(ESCAPE), "{}", shown.bytes);
}

#[test]
fn commands_in_json_documents_work_where_they_are_typed() {
    let site = site_with(&[]);
    site.fake.state().sqs.send("shop-failed-events", &failed("in/a.txt", "failed to read the object"));
    for arguments in
        [&["status", "--json"][..], &["trace", "in/a.txt", "--json"], &["forget", "in/a.txt", "--yes", "--json"]]
    {
        let ran = site.run(arguments);
        ran.says("provisioner redrive -s shop.yaml");
        assert!(!ran.out.contains("-s shop\"") && !ran.out.contains("-s shop "), "{ran:#?}");
    }
}
