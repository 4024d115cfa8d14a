//! The page in a real browser.

use std::sync::atomic::Ordering;
use std::time::Duration;

use provisioner_web::session::redirect_page;
use serde_json::json;
use thirtyfour::prelude::*;

use crate::driver::{Setup, browser, files};
use crate::server::Server;
use crate::stack::{NOW, Settings, Stack, failed_event, record};

const MIB: usize = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn files_go_from_the_dialog_to_their_records() {
    let stack = Stack::with(&Settings { max_size: 100_000, ..Settings::default() });
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    page.shows(&["No files yet", "Up to 100000 B a file", "Live"]).await;
    stack.holds.store(true, Ordering::SeqCst);
    let folder = tempfile::tempdir().unwrap();
    let chosen = files(
        &folder,
        &[
            ("report.pdf", b"abc"),
            ("locked.pdf", b"abcd"),
            ("large.bin", &vec![0; 100_001]),
            ("<img src=x onerror=alert(1)>.txt", b"x"),
            ("דוח שנתי 2026.txt", b"xy"),
        ],
    );
    page.choose(&chosen).await;
    page.shows(&["Waiting for its record", "Larger than 100000 B", "5 files: 1 not sent, 4 being read"]).await;
    stack.release();
    page.shows(&[
        "Needs a password. Remove the password",
        "PDF · 4,461 words · 12 pages",
        "3 read, 1 failed, 1 not sent",
    ])
    .await;
    // The list below has them too, and nothing was markup.
    page.until("document.querySelectorAll('#rows tr').length === 4").await;
    page.shows(&["<img src=x onerror=alert(1)>.txt", "דוח שנתי 2026.txt"]).await;
    page.until("document.querySelectorAll('main img').length === 0").await;
    // What happened is said to screen readers.
    page.until("document.querySelector('#announce').textContent.length > 0").await;
    page.find("#clear").await.click().await.unwrap();
    page.until("document.querySelector('#queue').hidden").await;
    page.driver.find(By::LinkText("report.pdf")).await.unwrap().click().await.unwrap();
    page.shows(&["Minutes <b>of</b> the meeting", "What happened"]).await;
    page.until("[...document.querySelectorAll('dt')].find((dt) => dt.textContent === 'Pages').nextElementSibling.textContent === '12'").await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_upload_shows_true_progress_pauses_resumes_and_is_cancelled() {
    let stack = Stack::new();
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    *stack.slowness.lock().unwrap() = Duration::from_millis(20);
    let folder = tempfile::tempdir().unwrap();
    let chosen = files(&folder, &[("movie.mp4", &vec![7; 24 * MIB]), ("second.mp4", &vec![8; 24 * MIB])]);
    page.choose(&chosen[..1]).await;
    let value = "document.querySelector('.upload progress').value";
    page.until(&format!("{value} > 0.02 && {value} < 0.95")).await;
    page.press(Key::Tab).await;
    let ended = page.server.ended();
    page.find("[data-do=pause]").await.click().await.unwrap();
    page.shows(&["Paused"]).await;
    page.until("document.activeElement.dataset.do === 'resume'").await;
    // The browser breaks the request of the part off, and sends nothing more.
    let before = page.script(&format!("return {value}")).await;
    page.eventually("the part is broken off", || page.server.ended() > ended).await;
    assert_eq!(page.script(&format!("return {value}")).await, before);
    assert_eq!(stack.stored.lock().unwrap().len(), 0);
    *stack.slowness.lock().unwrap() = Duration::ZERO;
    // The focus is on the button that resumes.
    page.press(Key::Enter).await;
    page.shows(&["Success"]).await;
    assert_eq!(*stack.stored.lock().unwrap(), [("movie.mp4".to_owned(), 24 * MIB as u64)]);

    *stack.slowness.lock().unwrap() = Duration::from_millis(20);
    page.choose(&chosen[1..]).await;
    page.until("[...document.querySelectorAll('.upload progress')].some((bar) => !bar.hidden && bar.value > 0.02)")
        .await;
    page.find(".upload[data-state=sending] [data-do=cancel]").await.click().await.unwrap();
    page.shows(&["Cancelled"]).await;
    page.eventually("the upload is aborted", || stack.aborted.load(Ordering::SeqCst) > 0).await;
    *stack.slowness.lock().unwrap() = Duration::ZERO;
    page.find("[data-do=retry]:not([hidden])").await.click().await.unwrap();
    page.until("document.querySelectorAll('.upload[data-state=success]').length === 2").await;
    assert_eq!(stack.stored.lock().unwrap().len(), 2);
    page.driver.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_stopped_before_its_first_request_is_not_sent() {
    let stack = Stack::new();
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    // Until it is released, no file can be read.
    page.script(
        "const read = Blob.prototype.arrayBuffer;
         const released = new Promise((release) => { window.release = release; });
         Blob.prototype.arrayBuffer = function () { return released.then(() => read.call(this)); };",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let chosen = files(&folder, &[("cancelled.txt", b"abc"), ("movie.mp4", &vec![7; 9 * MIB]), ("last.txt", b"abcd")]);
    page.choose(&chosen).await;
    page.shows(&["3 files: 3 being sent"]).await;
    page.find("[aria-label='Cancel cancelled.txt']").await.click().await.unwrap();
    page.find("[aria-label='Pause movie.mp4']").await.click().await.unwrap();
    page.find("[aria-label='Resume movie.mp4']").await.click().await.unwrap();
    page.shows(&["3 files: 1 being sent, 1 waiting"]).await;
    page.script("window.release()").await;
    page.shows(&["3 files: 2 read"]).await;
    assert_eq!(page.find(".upload .badge").await.text().await.unwrap(), "Cancelled");
    let mut stored = stack.stored.lock().unwrap().clone();
    stored.sort();
    assert_eq!(stored, [("last.txt".to_owned(), 4), ("movie.mp4".to_owned(), 9 * MIB as u64)]);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_leads_to_the_page_signs_the_browser_in() {
    let stack = Stack::new();
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    let other = Server::of(&stack).await;
    let folder = tempfile::tempdir().unwrap();
    let leading = files(&folder, &[("to-the-page.html", redirect_page(&other.address).as_bytes())]);
    page.driver.goto(format!("file://{}", leading[0].display())).await.unwrap();
    page.shows(&["No files yet"]).await;
    page.until(&format!("location.href === '{}/'", other.base)).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_survives_a_lost_connection_and_says_what_the_service_refuses() {
    let stack = Stack::new();
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    *stack.slowness.lock().unwrap() = Duration::from_millis(10);
    let folder = tempfile::tempdir().unwrap();
    let chosen = files(&folder, &[("movie.mp4", &vec![7; 20 * MIB]), ("a.txt", b"abc")]);
    page.choose(&chosen[..1]).await;
    page.until("document.querySelector('.upload progress').value > 0.1").await;
    page.server.cut();
    page.shows(&["Reconnecting…"]).await;
    page.server.restore();
    *stack.slowness.lock().unwrap() = Duration::ZERO;
    page.shows(&["Success", "Live"]).await;
    assert_eq!(*stack.stored.lock().unwrap(), [("movie.mp4".to_owned(), 20 * MIB as u64)]);

    stack.denies_uploads.store(true, Ordering::SeqCst);
    page.choose(&chosen[1..]).await;
    page.shows(&["Not sent", "the bucket denies the upload. Ask the operator."]).await;
    stack.denies_uploads.store(false, Ordering::SeqCst);
    // Without an event the index is asked.
    stack.is_silent.store(true, Ordering::SeqCst);
    page.find("[data-do=retry]:not([hidden])").await.click().await.unwrap();
    page.shows(&["Text · 1,205 words"]).await;
    page.driver.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_folders_of_two_thousand_files_do_not_freeze_the_page() {
    let stack = Stack::with(&Settings { prefix: "in/", ..Settings::default() });
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    let folder = tempfile::tempdir().unwrap();
    for n in 0..2_000 {
        let sub = folder.path().join(format!("scans/{}", n % 7));
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(sub.join(format!("{n:04}.txt")), n.to_string()).unwrap();
    }
    // The longest time for which the page did not react.
    page.script(
        "window.longest = 0; let last = performance.now();
         setInterval(() => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; }, 10);",
    )
    .await;
    let scans = folder.path().join("scans");
    for kind in ["dragEnter", "dragOver", "drop"] {
        let data = json!({ "items": [], "files": [scans], "dragOperationsMask": 1 });
        page.cdp("Input.dispatchDragEvent", json!({ "type": kind, "x": 400, "y": 200, "data": data })).await;
    }
    for read in [100, 500, 1_000, 1_500, 2_000] {
        page.until(&format!("Number(document.querySelector('#overall-text').textContent.match(/([0-9,]+) read/)?.[1].replace(',', '')) >= {read}")).await;
    }
    page.shows(&["2,000 files: 2,000 read"]).await;
    page.shows(&["Show 200 of 1,800 more"]).await;
    let longest = page.script("return window.longest").await.as_f64().unwrap();
    // Other tests take the processor too; a page that freezes does not react for much longer.
    assert!(longest < 3_000.0, "the page did not react for {longest} ms");
    let stored = stack.stored.lock().unwrap().clone();
    assert_eq!(stored.len(), 2_000);
    assert!(stored.iter().any(|(key, _)| key == "in/scans/3/0003.txt"), "{:?}", &stored[..3]);
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_arrive_live_and_a_lost_connection_is_shown_and_restored() {
    let stack = Stack::new();
    stack.add("old.txt", 10);
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    page.go("/records?status=failed").await;
    page.shows(&["No record matches", "Live"]).await;
    stack.arrive(record("in/new.txt", NOW, 1));
    stack.arrive(record("in/locked.pdf", NOW + 1, 2));
    page.shows(&["locked.pdf", "Needs a password"]).await;
    assert!(!page.text().await.contains("new.txt"), "it does not match the filter");
    page.server.cut();
    page.shows(&["Reconnecting…"]).await;
    stack.arrive(record("in/broken.pdf", NOW + 2, 3));
    page.server.restore();
    page.shows(&["broken.pdf", "Live"]).await;
    page.until("document.querySelector('#rows tr .file').textContent === 'broken.pdf'").await;
    stack.feed.publish(provisioner_web::feed::Happening::Source(Err("The log cannot be read: AccessDenied".into())));
    page.shows(&["Not live"]).await;
    page.driver.quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_filtered_paged_opened_and_exported() {
    let stack = Stack::new();
    for n in 0..60 {
        stack.add(&format!("in/report-{n:02}.pdf"), n);
    }
    stack.add("in/other.txt", 100);
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    page.go("/records").await;
    // Times are the reader's: 12:00 UTC is 13:00 in Berlin.
    page.until("document.querySelector('#rows time').textContent.match(/13:00|01:00 PM/) !== null").await;
    page.find("#f-name").await.send_keys("report" + Key::Enter).await.unwrap();
    page.until("location.search === '?name=report' && document.querySelectorAll('#rows tr').length === 50").await;
    page.find("[rel=next]").await.click().await.unwrap();
    page.until("document.querySelectorAll('#rows tr').length === 10 && location.search.includes('name=report')").await;
    page.find("[rel=prev]").await.click().await.unwrap();
    page.until("document.querySelectorAll('#rows tr').length === 50").await;
    page.driver.find(By::LinkText("CSV")).await.unwrap().click().await.unwrap();
    let csv = page.downloads.path().join("intake-records-2026-11-26.csv");
    page.eventually("the file is downloaded", || csv.exists()).await;
    assert_eq!(std::fs::read_to_string(csv).unwrap().lines().count(), 61);

    // A moment is typed in the reader's zone, and is in the address in UTC.
    page.go("/records?since=2026-11-26+11%3A30").await;
    page.until("document.querySelector('#f-since').value === '2026-11-26T12:30'").await;
    page.shows(&["From"]).await;
    assert!(!page.text().await.contains("(UTC)"));
    page.driver.find(By::Css("#filters [type=submit]")).await.unwrap().click().await.unwrap();
    page.until("location.search === '?since=2026-11-26T11%3A30%3A00Z'").await;
    page.until("document.querySelectorAll('#rows tr').length === 31").await;
    page.driver.find(By::PartialLinkText("report-07.pdf")).await.unwrap().click().await.unwrap();
    page.shows(&["report-07.pdf", "Pages", "SHA-256", "Other uploads of this name"]).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_reached_with_the_keyboard_alone() {
    let stack = Stack::new();
    let id = stack.add("in/report.pdf", 1);
    *stack.failed_events.lock().unwrap() =
        provisioner_web::pipeline::FailedEvents { waiting: 1, events: vec![failed_event("in/a.pdf")] };
    let Some(page) = browser(&stack, Setup::default()).await else { return };
    let tab_to = async |what: &str| {
        for _ in 0..40 {
            page.press(Key::Tab).await;
            let at =
                page.script("const e = document.activeElement; return e.id || e.textContent.trim() || e.tagName").await;
            let visible = page
                .script("const e = document.activeElement; return getComputedStyle(e.closest('tr') ?? (e.matches('.picker') ? e.previousElementSibling : e)).outlineStyle")
                .await;
            assert_ne!(visible, "none", "the focus is not visible on {at}");
            if at == what {
                return;
            }
        }
        panic!("{what} was not reached");
    };
    page.find("main").await;
    tab_to("Skip to content").await;
    page.press(Key::Enter).await;
    page.until("document.activeElement.id === 'main'").await;
    tab_to("choose-files").await;
    tab_to("choose-folder").await;
    tab_to("All records").await;
    page.press(Key::Enter).await;
    page.until("location.pathname === '/records'").await;
    tab_to("Failed").await;
    tab_to("f-name").await;
    tab_to("in/report.pdf").await;
    page.press(Key::Enter).await;
    page.until(&format!("location.pathname === '/records/{id}'")).await;
    tab_to("Failed events").await;
    page.press(Key::Enter).await;
    page.shows(&["S3 denied the read"]).await;
    tab_to("Process again…").await;
    page.press(Key::Enter).await;
    page.shows(&["Process 1 failed event again?"]).await;
    tab_to("Process again").await;
    page.press(Key::Enter).await;
    page.shows(&["1 event processed again"]).await;
    page.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_files_are_uploaded_and_their_records_found() {
    let stack = Stack::new();
    let Some(page) = browser(&stack, Setup { without_script: true }).await else { return };
    page.shows(&["Choose files to upload", "Any type"]).await;
    assert!(!page.text().await.contains("Drop files"), "what needs a script is not shown");
    let folder = tempfile::tempdir().unwrap();
    page.choose(&files(&folder, &[("report.pdf", b"abc"), ("locked.pdf", b"abcd")])).await;
    page.find("#upload [type=submit]").await.click().await.unwrap();
    page.shows(&["2 of 2 files uploaded", "Show its record"]).await;
    page.driver.find(By::LinkText("Show its record")).await.unwrap().click().await.unwrap();
    page.shows(&["report.pdf", "4,461", "UTC"]).await;
    page.go("/records").await;
    page.driver.find(By::LinkText("Failed")).await.unwrap().click().await.unwrap();
    page.shows(&["locked.pdf", "Needs a password"]).await;
    assert!(!page.text().await.contains("report.pdf"));
    page.go("/health").await;
    page.shows(&["healthy"]).await;
    assert!(!page.text().await.contains("Looking at every part"), "the waiting half is hidden once the rest is there");
    page.end().await;
}
