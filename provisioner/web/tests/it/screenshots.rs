//! Every page at widths from 360 to 1,920 pixels: nothing is wider than the window. With `WEB_SCREENSHOTS=folder`, pictures of
//! the pages are written there (`tools/web-screenshots`).

use std::path::Path;

use serde_json::json;

use crate::driver::{Setup, browser, files};
use crate::stack::{NOW, Stack, failed_event, record};

/// Pages, and the names of their pictures.
fn pages(id: &str, failed: &str) -> Vec<(&'static str, String)> {
    vec![
        ("records", "/records".into()),
        ("record", format!("/records/{id}")),
        ("failed-record", format!("/records/{failed}")),
        ("failed-events", "/failed-events".into()),
        ("health", "/health".into()),
        ("upload", "/".into()),
    ]
}

fn fill(stack: &Stack) -> (String, String) {
    let names = [
        ("in/2026/11/Minutes of the meeting.pdf", 84_213),
        ("in/2026/11/locked.pdf", 1_311),
        ("in/2026/11/Lieferschein 4711.pdf", 231_009),
        ("in/scans/דוח שנתי 2026.pdf", 1_903_322),
        ("in/notes.txt", 4_102),
        ("in/photos/harbour.png", 2_310_551),
        (
            "in/contract-final-final-v7-signed-by-all-parties-and-then-scanned-again-at-300-dpi-with-annexes.docx",
            88_001,
        ),
        ("in/broken.pdf", 5_120),
        ("in/recordings/interview.mp3", 7_340_032),
        ("in/年度报告.pdf", 640_118),
    ];
    let (mut id, mut failed) = (String::new(), String::new());
    for n in 0..60_usize {
        let (key, size) = names[n % names.len()];
        let minutes = i64::try_from(n * n).unwrap() * 7 + 2;
        let mut record = record(key, NOW - minutes * 60_000, size + (n as u64) * 1_013);
        if record["title"].is_string() {
            record["title"] = "Minutes of the meeting".into();
        }
        let record_id = record["documentId"].as_str().unwrap().to_owned();
        match n {
            0 => id = record_id,
            1 => failed = record_id,
            _ => {}
        }
        stack.keep(record);
    }
    (id, failed)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wider_than_the_window() {
    let stack = Stack::new();
    let (id, failed) = fill(&stack);
    let events = ["in/a.pdf", "in/photos/IMG_20261126_120000.heic"].map(failed_event).to_vec();
    *stack.failed_events.lock().unwrap() = provisioner_web::pipeline::FailedEvents { waiting: 2, events };
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    let pictures = std::env::var_os("WEB_SCREENSHOTS");
    // The page of uploads comes last, because what is uploaded there is on the others as well.
    let folder = tempfile::tempdir().unwrap();
    let long = "a-very-long-name-without-any-space-that-would-widen-the-page-if-nothing-cut-it-off.pdf";
    let content = |size: usize| vec![7; size];
    let (scan, letter, photo) = (content(812_400), content(4_301), content(2_310_551));
    let chosen = files(
        &folder,
        &[
            ("Invoice 2026-118.pdf", &scan[..]),
            ("locked.pdf", &letter[..]),
            ("letter.docx", &letter[..]),
            ("harbour.png", &photo[..]),
            (long, &scan[..]),
        ],
    );
    for (width, height) in [(1_920, 1_000), (1_280, 800), (768, 900), (360, 740)] {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        page.cdp("Emulation.setDeviceMetricsOverride", size).await;
        for (name, path) in pages(&id, &failed) {
            page.go(&path).await;
            if name == "upload" {
                page.choose(&chosen).await;
                page.shows(&["4 read, 1 failed"]).await;
            }
            let wide = page.script("return [document.documentElement.scrollWidth, innerWidth]").await;
            assert_eq!(wide[0], wide[1], "{name} at {width} pixels");
            let Some(pictures) = &pictures else { continue };
            for scheme in ["light", "dark"] {
                let features = json!([{ "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
                page.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
                let picture = page.driver.screenshot_as_png().await.unwrap();
                std::fs::write(Path::new(pictures).join(format!("{name}-{width}-{scheme}.png")), picture).unwrap();
            }
        }
    }
    page.driver.quit().await.unwrap();
}
