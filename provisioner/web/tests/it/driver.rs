//! A real browser: Chromium, driven over `WebDriver`. Where there is none, its tests are skipped with a line that says so,
//! unless `REQUIRE_BROWSER` is set, as in CI.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thirtyfour::prelude::*;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::server::Server;
use crate::stack::Stack;

/// How long a condition may take to come true.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Browsers at the same time: each takes a processor and 200 MB.
static BROWSERS: Semaphore = Semaphore::const_new(2);

/// A browser on the page of a stack.
pub(crate) struct Browser {
    pub(crate) driver: WebDriver,
    pub(crate) server: Server,
    pub(crate) downloads: tempfile::TempDir,
    _process: Child,
    _permit: SemaphorePermit<'static>,
}

/// How the browser is set up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setup {
    pub(crate) without_script: bool,
}

/// Says that a test is skipped, past the capture of its output.
pub(crate) fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    // A failed write to standard error cannot be reported anywhere.
    let _ = writeln!(std::io::stderr(), "skipped {name}: {why}");
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// A browser that is signed in; `None`, with a line that says so, if there is no browser.
pub(crate) async fn browser(stack: &Arc<Stack>, setup: Setup) -> Option<Browser> {
    let Some(program) = program("chromedriver") else {
        assert!(std::env::var_os("REQUIRE_BROWSER").is_none(), "REQUIRE_BROWSER is set, and there is no chromedriver");
        skipped("there is no chromedriver (Debian: apt install chromium chromium-driver)");
        return None;
    };
    let permit = BROWSERS.acquire().await.unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut process = Command::new(program);
    process.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let process = process.spawn().unwrap();
    let downloads = tempfile::tempdir().unwrap();

    let mut capabilities = DesiredCapabilities::chrome();
    for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=en-GB"] {
        capabilities.add_arg(argument).unwrap();
    }
    let mut preferences = json!({ "download.default_directory": downloads.path(), "intl.accept_languages": "en-GB" });
    if setup.without_script {
        preferences["profile.managed_default_content_settings.javascript"] = 2.into();
    }
    capabilities.add_experimental_option("prefs", preferences).unwrap();
    capabilities.set("goog:loggingPrefs", json!({ "browser": "ALL" })).unwrap();
    let server_url = format!("http://127.0.0.1:{port}");
    let began = Instant::now();
    let driver = loop {
        match WebDriver::new(&server_url, capabilities.clone()).await {
            Ok(driver) => break driver,
            // It takes a moment to listen.
            Err(error) => assert!(began.elapsed() < TIMEOUT, "no browser: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let server = Server::of(stack).await;
    let browser = Browser { driver, server, downloads, _process: process, _permit: permit };
    browser.cdp("Emulation.setTimezoneOverride", json!({ "timezoneId": "Europe/Berlin" })).await;
    browser.driver.goto(&browser.server.address).await.unwrap();
    Some(browser)
}

impl Browser {
    /// Opens a path of the page.
    pub(crate) async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.server.base)).await.unwrap();
    }

    pub(crate) async fn cdp(&self, command: &str, parameters: Value) -> Value {
        self.driver.cdp().send_raw(command, parameters).await.unwrap()
    }

    pub(crate) async fn find(&self, selector: &str) -> WebElement {
        self.wait(selector, || async { self.driver.find(By::Css(selector)).await.ok() }).await
    }

    /// Runs a script in the page.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.driver.execute(script, vec![]).await.unwrap().json().clone()
    }

    /// The visible text of the page.
    pub(crate) async fn text(&self) -> String {
        self.driver.find(By::Css("body")).await.unwrap().text().await.unwrap_or_default()
    }

    /// The visible text of the page; `None` between two pages, when there is no body.
    async fn text_if_any(&self) -> Option<String> {
        self.driver.find(By::Css("body")).await.ok()?.text().await.ok()
    }

    /// Waits until the visible text has each part.
    pub(crate) async fn shows(&self, parts: &[&str]) {
        for part in parts {
            self.wait(part, || async { self.text_if_any().await?.contains(part).then_some(()) }).await;
        }
    }

    /// Waits until a script returns true.
    pub(crate) async fn until(&self, script: &str) {
        let script = format!("return ({script}) === true");
        self.wait(&script, || async { (self.script(&script).await == true).then_some(()) }).await;
    }

    /// Waits until a condition outside of the page is true.
    pub(crate) async fn eventually(&self, what: &str, mut condition: impl FnMut() -> bool) {
        self.wait(what, || std::future::ready(condition().then_some(()))).await;
    }

    async fn wait<T, F: Future<Output = Option<T>>>(&self, what: &str, mut condition: impl FnMut() -> F) -> T {
        let began = Instant::now();
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            if began.elapsed() > TIMEOUT {
                let text = self.text_if_any().await.unwrap_or_default();
                panic!(
                    "not within {TIMEOUT:?}: {what}\n--- the page:\n{text}\n--- the console:\n{:?}",
                    self.console().await
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// Presses keys, as a person without a mouse does.
    pub(crate) async fn press(&self, key: Key) {
        self.driver.action_chain().send_keys(key).perform().await.unwrap();
    }

    /// What the browser complained of: errors of scripts, and what the content policy blocked.
    pub(crate) async fn console(&self) -> Vec<String> {
        let log = self.driver.handle().get_log("browser").await.unwrap();
        log.into_iter().map(|line| line.message).collect()
    }

    /// Chooses files, as the file dialog does.
    pub(crate) async fn choose(&self, files: &[PathBuf]) {
        let paths: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        self.find("#choose-files").await.send_keys(paths.join("\n")).await.unwrap();
    }

    /// Ends the browser, and fails if it complained of anything.
    pub(crate) async fn end(self) {
        let complaints = self.console().await;
        self.driver.quit().await.unwrap();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }
}

/// Files of these names and contents in a folder.
pub(crate) fn files(folder: &tempfile::TempDir, files: &[(&str, &[u8])]) -> Vec<PathBuf> {
    let write = |(name, content): &(&str, &[u8])| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    };
    files.iter().map(write).collect()
}
