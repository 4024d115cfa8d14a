//! A pseudo-terminal with a screen that can be read, and tests of what is drawn there.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::deploy::{STACK, Site};
use fake_aws::{Cut, Fault};

const ROWS: u16 = 60;
/// The timeout for text on the screen.
const LIMIT: Duration = Duration::from_mins(1);

/// A program on a terminal. Dropping it ends the program.
pub(crate) struct Terminal {
    child: Child,
    master: std::fs::File,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

struct Seen {
    screen: vt100::Parser,
    bytes: Vec<u8>,
    ended: bool,
}

/// How a program on a terminal ended.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    /// The screen at the end.
    pub(crate) screen: String,
    /// All bytes that were sent to the terminal.
    pub(crate) bytes: String,
}

fn size(columns: u16) -> Winsize {
    Winsize { ws_row: ROWS, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

impl Terminal {
    pub(crate) fn start(command: Command, columns: u16) -> Self {
        Self::with_stdout(command, columns, None)
    }

    /// The same with standard output in a file.
    pub(crate) fn with_stdout(mut command: Command, columns: u16, stdout: Option<std::fs::File>) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(columns)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let open = || std::fs::File::options().read(true).write(true).open(&name).unwrap();
        command.stdin(open()).stdout(stdout.unwrap_or_else(open)).stderr(open());
        let child = command.spawn().unwrap();
        // The command holds the terminal's slave end open; dropping it makes the end of file visible.
        drop(command);
        let screen = vt100::Parser::new(cells(ROWS), cells(columns), 0);
        let seen = Arc::new((Mutex::new(Seen { screen, bytes: Vec::new(), ended: false }), Condvar::new()));
        let terminal = Self { child, master: master.into(), seen };
        terminal.watch(terminal.master.try_clone().unwrap().into());
        terminal
    }

    fn watch(&self, master: OwnedFd) {
        let seen = Arc::clone(&self.seen);
        std::thread::spawn(move || {
            let mut master = std::fs::File::from(master);
            let mut buffer = [0; 4096];
            loop {
                // EIO when the program has closed the slave end.
                let read = master.read(&mut buffer).unwrap_or(0);
                let mut now = seen.0.lock().unwrap();
                now.screen.process(&buffer[..read]);
                now.bytes.extend_from_slice(&buffer[..read]);
                now.ended = read == 0;
                seen.1.notify_all();
                if now.ended {
                    return;
                }
            }
        });
    }

    /// Waits until the condition holds for the screen.
    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, is: impl Fn(&str) -> bool) {
        let mut seen = self.seen.0.lock().unwrap();
        loop {
            let contents = seen.screen.screen().contents();
            if is(&contents) {
                return;
            }
            assert!(!seen.ended, "ended before {what}:\n{contents}");
            let (next, timed_out) = self.seen.1.wait_timeout(seen, LIMIT).unwrap();
            assert!(!timed_out.timed_out(), "timed out waiting for {what}:\n{contents}");
            seen = next;
        }
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    pub(crate) fn press(&self, keys: &str) {
        (&self.master).write_all(keys.as_bytes()).unwrap();
    }

    /// Sends Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16) {
        tcsetwinsize(&self.master, size(columns)).unwrap();
        self.seen.0.lock().unwrap().screen.screen_mut().set_size(cells(ROWS), cells(columns));
    }

    /// Waits until the program exits.
    pub(crate) fn end(mut self) -> Shown {
        let code = self.child.wait().unwrap().code();
        let mut seen = self.seen.0.lock().unwrap();
        while !seen.ended {
            let (next, timed_out) = self.seen.1.wait_timeout(seen, LIMIT).unwrap();
            assert!(!timed_out.timed_out(), "the program did not exit");
            seen = next;
        }
        Shown {
            code,
            screen: seen.screen.screen().contents(),
            bytes: String::from_utf8_lossy(&seen.bytes).into_owned(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It has already exited, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shown {
    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.screen);
        self
    }

    /// Asserts that the screen contains this text, ignoring line wraps.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        let flat = |text: &str| text.split_whitespace().collect::<String>();
        assert!(flat(&self.screen).contains(&flat(text)), "{text:?} is missing on\n{}", self.screen);
        self
    }

    /// Asserts that no live line, and no fragment of one, is left.
    #[track_caller]
    fn is_clean(&self) -> &Self {
        for line in self.screen.lines() {
            assert!(
                !is_live(line) && !line.contains("[#") && !line.contains("--]"),
                "{line:?} is left on\n{}",
                self.screen
            );
        }
        self
    }
}

/// Whether a row starts with a running clock, as live lines do: `    7s `.
fn is_live(row: &str) -> bool {
    let text = row.trim_start();
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    row.starts_with(' ') && digits > 0 && text[digits..].starts_with("s ")
}

fn live(screen: &str) -> Vec<&str> {
    screen.lines().filter(|line| is_live(line)).collect()
}

const UP: [&str; 4] = ["up", "--yes", "--handler", "bootstrap"];

#[test]
fn live_lines_fit_every_width_and_are_erased() {
    for columns in [80, 40, 20] {
        let site = Site::new();
        site.fake.state().cloudformation.slow = true;
        let up = site.on_terminal(&UP, columns);
        up.wait_until("three resources and the total", |screen| live(screen).len() == 4);
        {
            let seen = up.seen.0.lock().unwrap();
            let screen = seen.screen.screen();
            let rows = screen.rows(0, columns).collect::<Vec<_>>();
            for (at, row) in rows.iter().enumerate().filter(|(_, row)| is_live(row)) {
                assert!(!screen.row_wrapped(u16::try_from(at).unwrap()), "{columns}: {row:?} wraps");
            }
            let lines = live(&screen.contents()).join("\n");
            assert!(lines.contains("bucket"), "{columns}: the description comes first: {lines}");
            assert_eq!(lines.contains("creating"), columns > 20, "{columns}: {lines}");
            assert_eq!(lines.contains("[---"), columns == 80, "a bar only where there is room: {lines}");
            let last = rows.iter().rfind(|row| is_live(row)).unwrap();
            assert!(last.contains("0/11"), "{columns}: the total is the last line: {lines}");
        }
        site.fake.state().cloudformation.slow = false;
        up.end().ended(0).is_clean().says("creation of shop ended: CREATE_COMPLETE").says("created");
    }
}

#[test]
fn live_lines_are_redrawn_after_a_resize() {
    let site = Site::new();
    let up = slow_up(&site);
    up.wait_until("live lines", |screen| live(screen).len() >= 3);
    up.resize(30);
    up.wait_until("the bar disappears in a narrow terminal", |screen| {
        !live(screen).is_empty() && !screen.contains("--]")
    });
    up.resize(120);
    up.wait_until("the bar reappears", |screen| screen.contains("--]"));
    site.fake.state().cloudformation.slow = false;
    up.end().ended(0).is_clean().says("CREATE_COMPLETE");
}

#[test]
fn no_color_means_no_escape_for_colour() {
    let colours = |bytes: &str| {
        // Select Graphic Rendition: ESC [ digits and semicolons m.
        bytes
            .split("\u{1b}[")
            .skip(1)
            .filter(|s| s.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
            .count()
    };
    let site = Site::new();
    let mut plain = site.command(&UP);
    plain.env("TERM", "xterm").env("NO_COLOR", "1");
    let shown = Terminal::start(plain, 80).end();
    shown.ended(0).says("CREATE_COMPLETE");
    assert_eq!(colours(&shown.bytes), 0, "{:?}", shown.bytes);

    let site = Site::new();
    assert!(colours(&site.on_terminal(&UP, 80).end().bytes) > 0, "the terminal output has no colours");
}

#[test]
fn ci_gets_plain_dated_lines_on_a_terminal_too() {
    let site = Site::new();
    let mut command = site.command(&UP);
    command.env("TERM", "xterm").env("CI", "true").env("NO_COLOR", "1");
    let shown = Terminal::start(command, 200).end();
    shown.ended(0);
    assert!(!shown.bytes.contains('\u{1b}'), "{:?}", shown.bytes);
    let dated = |line: &str| line.len() > 20 && &line[4..5] == "-" && &line[10..11] == "T" && &line[19..21] == "Z ";
    for word in ["creating", "created", "started", "ended"] {
        assert!(shown.screen.lines().any(|line| dated(line) && line.contains(word)), "{word} in\n{}", shown.screen);
    }
}

#[test]
fn one_interrupt_detaches_and_prints_the_command_to_reattach() {
    let site = Site::new();
    let up = slow_up(&site);
    up.wait_until("live lines", |screen| live(screen).len() >= 2);
    up.interrupt();
    up.wait_for("asks whether to cancel it");
    // No second interrupt: it detaches after the time limit.
    up.end().ended(130).is_clean().says("continues in AWS").says("To follow it again: provisioner up -s shop");
    assert_eq!(site.status().as_deref(), Some("CREATE_IN_PROGRESS"));
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
    site.fake.state().cloudformation.slow = false;
    site.up().ended(0).says("is already running");
}

/// `up` on a terminal, with an operation that the test steps through.
fn slow_up(site: &Site) -> Terminal {
    site.fake.state().cloudformation.slow = true;
    site.on_terminal(&UP, 100)
}

/// Interrupts twice, so that the cancel question is on the screen.
fn interrupted_twice(up: &Terminal) {
    up.wait_until("live lines", |screen| live(screen).len() >= 2);
    up.interrupt();
    up.wait_for("asks whether to cancel it");
    up.interrupt();
    up.wait_for("[y/N]");
}

#[test]
fn two_interrupts_offer_to_cancel_an_update_and_yes_rolls_it_back() {
    let site = Site::with_new_code();
    let up = slow_up(&site);
    interrupted_twice(&up);
    site.fake.state().cloudformation.slow = false;
    up.press("y\r");
    let shown = up.end();
    shown.ended(130).is_clean().says("rolls back all changes").says("rolled back").says("UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(site.status().as_deref(), Some("UPDATE_ROLLBACK_COMPLETE"));
    assert_eq!(site.fake.count("cloudformation:CancelUpdateStack"), 1);
    site.up().ended(0).says("UPDATE_COMPLETE");
}

#[test]
fn two_interrupts_offer_to_cancel_a_creation_and_yes_deletes_the_stack() {
    let site = Site::new();
    let up = slow_up(&site);
    interrupted_twice(&up);
    site.fake.state().cloudformation.slow = false;
    up.press("y\r");
    up.end().ended(130).is_clean().says("deletes the resources created so far").says("DELETE_COMPLETE");
    assert_eq!(site.status(), None);
    site.up().ended(0).says("CREATE_COMPLETE");
}

#[test]
fn the_offer_to_cancel_can_be_declined() {
    let site = Site::new();
    site.fake.state().cloudformation.slow = true;
    // Another Ctrl-C at the question counts as no.
    for no in ["n\r", "\u{3}"] {
        let up = site.on_terminal(&UP, 100);
        interrupted_twice(&up);
        if no == "\u{3}" {
            up.interrupt();
        } else {
            up.press(no);
        }
        up.end().ended(130).says("To follow it again: provisioner up -s shop");
        assert_eq!(site.status().as_deref(), Some("CREATE_IN_PROGRESS"));
    }
    assert_eq!(site.fake.count("cloudformation:DeleteStack"), 0);
}

#[test]
fn an_operation_that_cannot_be_cancelled_any_more_continues() {
    let site = Site::with_new_code();
    let up = slow_up(&site);
    up.wait_until("live lines", |screen| !live(screen).is_empty());
    up.interrupt();
    up.wait_for("asks whether to cancel it");
    {
        let mut state = site.fake.state();
        let stack = state.cloudformation.stacks.iter_mut().find(|s| s.name == STACK).unwrap();
        stack.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS".into();
    }
    up.interrupt();
    up.wait_for("[y/N]");
    up.press("y\r");
    up.end().ended(130).says("can no longer be cancelled").says("To follow it again");
}

#[test]
fn an_operation_continues_if_cancelling_is_denied() {
    let site = Site::with_new_code();
    let message = "User: t is not authorized to perform: cloudformation:CancelUpdateStack";
    site.fake.fail("cloudformation:CancelUpdateStack", (0, 9), (403, "AccessDenied", message));
    let up = slow_up(&site);
    interrupted_twice(&up);
    up.press("y\r");
    up.end().ended(130).says("it continues").says("cloudformation:CancelUpdateStack").says("To follow it again");
}

#[test]
fn a_deletion_is_detached_without_an_offer_to_cancel() {
    let site = Site::new();
    site.deployed();
    site.fake.state().cloudformation.slow = true;
    let down = site.on_terminal(&["down", "--yes"], 100);
    down.wait_for("deletion of shop");
    down.wait_until("live lines", |screen| !live(screen).is_empty());
    down.interrupt();
    let shown = down.end();
    shown.ended(130).is_clean().says("To follow it again: provisioner down -s shop");
    assert!(!shown.screen.contains("asks whether to cancel"), "{}", shown.screen);
    site.fake.state().cloudformation.slow = false;
    site.run(&["down", "--yes"]).ended(0).says("is already running").says("nothing to delete for shop");
}

#[test]
fn consent_after_a_concurrent_change_plans_again() {
    let site = Site::new();
    let late = site.on_terminal(&["up", "--handler", "bootstrap"], 100);
    late.wait_for("[y/N]");
    site.up().ended(0).says("CREATE_COMPLETE");
    late.press("y\r");
    late.end().ended(0).says("another process changed shop at the same time").says("nothing to change");
    let state = site.fake.state();
    assert_eq!(state.cloudformation.live(STACK).unwrap().times_started("CREATE_IN_PROGRESS"), 1);
}

#[test]
fn declining_the_question_changes_nothing() {
    let site = Site::new();
    let waiting = site.on_terminal(&["up", "--handler", "bootstrap"], 100);
    waiting.wait_for("[y/N]");
    let second = site.on_terminal(&["up", "--handler", "bootstrap"], 100);
    second.wait_for("[y/N]");
    second.interrupt();
    second.end().ended(5).says("nothing was changed");
    assert!(site.fake.state().cloudformation.change_sets.is_empty(), "a question needs no change set");
    assert_eq!(site.status(), None);
    waiting.press("y\r");
    waiting.end().ended(0).says("CREATE_COMPLETE");
}

#[test]
fn a_lost_connection_is_reported_and_retried() {
    let site = Site::new();
    site.fake.fail("cloudformation:DescribeStackEvents", (2, 5), Fault::NoAnswer(Cut::Close));
    let shown = site.on_terminal(&UP, 100).end();
    shown.ended(0).is_clean().says("CloudFormation is not reachable").says("CloudFormation is reachable again");
    shown.says("CREATE_COMPLETE");
}
