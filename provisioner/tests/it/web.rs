//! `web --open`: the opener of the browser gets a file that only its owner can read, and no token.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::deploy::Site;

/// Writes its arguments to a file beside itself.
const OPENER: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$0.new\" && mv \"$0.new\" \"$0.arguments\"\n";

/// A running server, with an opener that opens nothing. Dropping it kills it.
struct Web {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    opener: PathBuf,
    runtime: PathBuf,
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Web {
    fn start(site: &Site) -> Self {
        let folder = site.handler().parent().unwrap().to_owned();
        let (programs, runtime) = (folder.join("programs"), folder.join("runtime"));
        std::fs::create_dir(&programs).unwrap();
        std::fs::create_dir(&runtime).unwrap();
        let opener = programs.join(if cfg!(target_os = "macos") { "open" } else { "xdg-open" });
        std::fs::write(&opener, OPENER).unwrap();
        std::fs::set_permissions(&opener, PermissionsExt::from_mode(0o700)).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
        let mut command = site.command(&["web", "--open", "--port", "0", "--json"]);
        command.env("PATH", path).env("XDG_RUNTIME_DIR", &runtime).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, opener, runtime }
    }

    /// Reads until an event is printed, and returns its address.
    #[track_caller]
    fn address(&mut self, event: &str) -> String {
        for line in self.lines.by_ref() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if line["event"] == event {
                return line["url"].as_str().unwrap().to_owned();
            }
        }
        panic!("the server ended without {event}");
    }

    /// The arguments of the opener.
    fn opened(&self) -> String {
        let arguments = self.opener.with_extension("arguments");
        until("the opener is called", || arguments.exists());
        std::fs::read_to_string(arguments).unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(&self.runtime).unwrap().count()
    }

    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is() {
        assert!(started.elapsed() < Duration::from_mins(1), "not within a minute: {what}");
        std::thread::yield_now();
    }
}

/// The first line of the answer.
fn get(url: &str) -> String {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    write!(connection, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_opener_gets_a_file_of_its_owner_and_no_token() {
    let site = Site::new();
    site.deployed();
    let mut web = Web::start(&site);
    let url = web.address("web-serving");
    let token = url.split_once("token=").unwrap().1;
    let arguments = web.opened();
    assert!(!arguments.contains(token) && !arguments.contains("http"), "{arguments}");

    let file = Path::new(arguments.trim_end());
    assert_eq!(file.parent(), Some(web.runtime.as_path()));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let page = std::fs::read_to_string(file).unwrap();
    assert!(page.contains(&format!("content=\"0;url={url}\"")), "{page}");

    // It stays until its address was used.
    let wrong = url.replace(token, "0");
    assert!(get(&wrong).contains(" 401 "));
    assert!(file.exists());
    assert!(get(&url).contains(" 303 "));
    web.address("web-signed-in");
    assert_eq!(web.files(), 0);
    web.interrupt();
    assert!(web.child.wait().unwrap().success());
}

#[test]
fn the_file_is_removed_when_the_server_ends() {
    let site = Site::new();
    site.deployed();
    let web = &mut Web::start(&site);
    web.opened();
    assert_eq!(web.files(), 1);
    web.interrupt();
    assert!(web.child.wait().unwrap().success());
    assert_eq!(web.files(), 0);
}
