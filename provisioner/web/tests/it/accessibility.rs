//! axe-core finds no violation on any page, light and dark, wide and narrow. axe-core comes from npm, with a fixed hash; where
//! there is no npm, the test is skipped with a line that says so.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::driver::{Browser, Setup, browser, files, skipped};
use crate::stack::{NOW, Stack, failed_event, record};

const AXE: &str = "axe-core@4.14.1";
const AXE_SHA256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// The script, downloaded once for each target folder.
fn axe() -> Option<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("axe-core");
    let script: PathBuf = folder.join("node_modules/axe-core/axe.min.js");
    if !script.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        let options =
            ["install", "--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"];
        let installed = Command::new("npm").args(options).arg(&folder).arg(AXE).output();
        if !installed.is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("REQUIRE_BROWSER").is_none(),
                "REQUIRE_BROWSER is set, and npm cannot fetch {AXE}"
            );
            skipped(&format!("npm is missing or cannot fetch {AXE}"));
            return None;
        }
    }
    let text = std::fs::read_to_string(script).unwrap();
    assert_eq!(hex::encode(Sha256::digest(&text)), AXE_SHA256, "this is not the reviewed release of {AXE}");
    Some(text)
}

/// What axe-core finds wrong with the page as it is.
async fn violations(page: &Browser, axe: &str) -> Vec<String> {
    page.script(axe).await;
    let run = "const done = arguments[arguments.length - 1];
        axe.run(document, { resultTypes: ['violations'] }).then((result) => done(result.violations.map((violation) =>
            `${violation.id}: ${violation.help}: ${violation.nodes.map((node) => node.html + ' ' + node.failureSummary).join(' | ')}`)));";
    let found = page.driver.execute_async(run, vec![]).await.unwrap();
    found.convert::<Vec<String>>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_has_a_violation() {
    let Some(axe) = axe() else { return };
    let stack = Stack::new();
    let id = stack.add("in/report.pdf", 3);
    let failed = stack.add("in/locked.pdf", 2);
    for n in 0..60 {
        stack.keep(record(&format!("in/sub/{n}.txt"), NOW - n * 1_000, 5));
    }
    *stack.failed_events.lock().unwrap() =
        provisioner_web::pipeline::FailedEvents { waiting: 3, events: vec![failed_event("in/a.pdf")] };
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    let mut all = Vec::new();
    for (width, scheme) in [(1_280, "light"), (1_280, "dark"), (360, "light"), (360, "dark")] {
        let size = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        page.cdp("Emulation.setDeviceMetricsOverride", size).await;
        let features: Value = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        page.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        for path in [
            "/",
            "/records",
            "/records?status=failed&since=2026-11-01&name=zzz",
            "/records?type=pdf&since=x",
            &format!("/records/{id}"),
            &format!("/records/{failed}"),
            "/failed-events",
            "/failed-events/redrive",
            "/health",
            "/nothing",
        ] {
            page.go(path).await;
            all.extend(violations(&page, &axe).await.into_iter().map(|v| format!("{path} at {width}, {scheme}: {v}")));
        }
    }
    // Uploads in each of their states.
    page.go("/").await;
    let folder = tempfile::tempdir().unwrap();
    let large: Vec<u8> = vec![0; 9 << 20];
    stack.denies_uploads.store(true, std::sync::atomic::Ordering::SeqCst);
    page.choose(&files(&folder, &[("denied.txt", b"x")])).await;
    page.shows(&["Not sent"]).await;
    stack.denies_uploads.store(false, std::sync::atomic::Ordering::SeqCst);
    page.choose(&files(&folder, &[("good.pdf", b"x"), ("locked.txt", b"x")])).await;
    page.shows(&["1 read, 1 failed"]).await;
    *stack.slowness.lock().unwrap() = std::time::Duration::from_millis(50);
    page.choose(&files(&folder, &[("large.bin", &large)])).await;
    page.shows(&["Sending"]).await;
    all.extend(violations(&page, &axe).await.into_iter().map(|v| format!("uploads: {v}")));
    assert!(all.is_empty(), "{all:#?}");
    // A page with a defect is found.
    page.script("document.documentElement.removeAttribute('lang')").await;
    let found = violations(&page, &axe).await;
    assert!(found.iter().any(|violation| violation.starts_with("html-has-lang")), "{found:?}");
    page.driver.quit().await.unwrap();
}
