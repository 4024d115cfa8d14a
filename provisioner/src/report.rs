//! The only module that prints. Data goes to standard output, progress and messages to standard error.
//!
//! On a terminal, messages may be coloured and progress lines are redrawn in place; elsewhere the output is plain
//! lines. With `--json`, data is JSON on standard output, and events are JSON lines there too. Colour is never the only
//! carrier of a meaning.
//!
//! A closed standard output does not stop a command: an operation in AWS must still reach a consistent state. A command
//! that prints without end checks [`Report::stdout_open`].

mod answer;
pub mod deploy;
pub mod files;
pub mod forget;
pub mod live;
pub mod local;
pub mod markdown;
pub mod meter;
pub mod plan;
pub mod reconcile;
pub mod record_list;
pub mod redrive;
pub mod show;
pub mod status;
mod style;
pub mod table;
pub mod trace;
pub mod uploads;
pub mod verify;
pub mod watch;
pub mod web;
pub mod wrap;

use std::io::{IsTerminal as _, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use provisioner_engine::dialog::{Answer, Dialog};
use provisioner_engine::event::deploy::DeployEvent;
use provisioner_engine::event::files::FilesEvent;
use provisioner_engine::event::reconcile::ReconcileEvent;
use provisioner_engine::event::verify::{Verified, VerifyEvent};
use provisioner_engine::event::watch::WatchEvent;
use provisioner_engine::event::{Event, Line};
use provisioner_engine::{clock, interrupt};
use provisioner_model::error::{Error, Exit, Result};
use provisioner_model::log_lines::{Entry, Line as LogLine};
use provisioner_model::sink::Sink;
use provisioner_model::text::{clean, clean_lines};
use provisioner_planner::reconcile::Finding;
use serde::Serialize;
use serde_json::Value;

use crate::cli::{ColorChoice, Global};
use crate::invocation::Invocation;
use live::Live;

pub use style::Style;

/// The code of an error that is the user's answer to a question.
const DECLINED: &str = "declined";

/// Writes data and messages.
pub struct Report {
    json: bool,
    /// Colours and width of messages, on standard error.
    pub style: Style,
    /// Colours and width of data, on standard output.
    pub data_style: Style,
    /// Whether plans have CloudFormation's types and properties.
    pub verbose: bool,
    /// What printed commands repeat.
    invocation: Mutex<Invocation>,
    /// The live progress lines; hidden if they are not allowed.
    pub live: Live,
    can_ask: bool,
    progress: Mutex<deploy::Progress>,
    /// Findings of `reconcile` so far.
    findings: AtomicU64,
    /// Columns of the names of uploaded files.
    name_width: Mutex<usize>,
    /// The current time, for lines in a log.
    clock: fn() -> String,
    out: Mutex<Stream>,
    err: Mutex<Stream>,
}

/// A standard stream and its first write error.
struct Stream {
    to: Box<dyn Write + Send>,
    broken: Option<std::io::Error>,
}

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Report").field("json", &self.json).field("style", &self.style).finish_non_exhaustive()
    }
}

impl Report {
    /// A report to this process's standard streams.
    pub fn to_terminal(global: &Global) -> Self {
        let (out, err) = (std::io::stdout(), std::io::stderr());
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let ci = set("CI");
        let colour = |terminal: bool| match global.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !set("NO_COLOR") && !dumb,
        };
        let width = |size: Option<(terminal_size::Width, terminal_size::Height)>| {
            size.map_or(usize::MAX, |(width, _)| usize::from(width.0).max(20))
        };
        let live = err.is_terminal() && !dumb && !ci && !global.json;
        let style = Style {
            colour: colour(err.is_terminal()),
            live,
            width: width(terminal_size::terminal_size_of(&err).filter(|_| err.is_terminal())),
        };
        let data_style = Style {
            colour: colour(out.is_terminal()),
            live,
            width: width(terminal_size::terminal_size_of(&out).filter(|_| out.is_terminal())),
        };
        Self {
            json: global.json,
            style,
            data_style,
            verbose: global.verbose,
            invocation: Mutex::new(global.invocation()),
            live: if live { Live::on_terminal() } else { Live::hidden() },
            can_ask: err.is_terminal() && std::io::stdin().is_terminal() && !ci,
            progress: Mutex::default(),
            findings: AtomicU64::new(0),
            name_width: Mutex::default(),
            clock: this_second,
            out: Stream::to(out),
            err: Stream::to(err),
        }
    }

    /// A report that discards all output.
    pub fn silent() -> Self {
        Self {
            json: false,
            style: Style { colour: false, live: false, width: usize::MAX },
            data_style: Style { colour: false, live: false, width: usize::MAX },
            verbose: false,
            invocation: Mutex::default(),
            live: Live::hidden(),
            can_ask: false,
            progress: Mutex::default(),
            findings: AtomicU64::new(0),
            name_width: Mutex::default(),
            clock: this_second,
            out: Stream::to(std::io::sink()),
            err: Stream::to(std::io::sink()),
        }
    }

    /// Whether `--json` was given.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Sets the stack that printed commands name, and the name in its file.
    pub fn set_stack(&self, given: &str, name: &str) {
        let mut invocation = locked(&self.invocation);
        given.clone_into(&mut invocation.stack);
        invocation.name = Some(name.to_owned());
    }

    /// Sets the files whose records are going to be printed, so that their lines align.
    pub fn set_files(&self, names: impl Iterator<Item = String>) {
        *locked(&self.name_width) = uploads::name_width(names, self.data_style.width);
    }

    /// Sets the handler that printed commands repeat.
    pub fn set_handler(&self, handler: Option<&std::path::Path>) {
        locked(&self.invocation).handler = handler.map(|path| path.display().to_string());
    }

    /// What printed commands repeat.
    pub fn invocation(&self) -> Invocation {
        locked(&self.invocation).clone()
    }

    /// The text with the commands in it completed.
    pub fn completed(&self, text: &str) -> String {
        locked(&self.invocation).complete(text).into_owned()
    }

    /// A screen of data: commands completed, lines broken at words where it goes to a terminal.
    pub fn screen(&self, text: &str) -> String {
        wrap::wrap(&self.completed(text), self.data_style.width)
    }

    /// Reports an event: a JSON line, or a message. A record and a log line are data.
    pub fn event(&self, event: impl Into<Event>) {
        let event = event.into();
        if self.json {
            self.json_line(&Line::new(&event));
            return;
        }
        let line = match &event {
            Event::Deploy(event) => self.deployed(event),
            Event::Files(FilesEvent::Record { file, key, record, .. }) => {
                let name_width = *locked(&self.name_width);
                self.text(&uploads::record_line(uploads::shown(file, key), record, name_width, self.data_style));
                None
            }
            Event::Files(event) => uploads::line(event, self.style),
            Event::Local(event) => local::line(event, self.style),
            Event::Redrive(event) => Some(redrive::line(event, self.style)),
            Event::Reconcile(ReconcileEvent::Finding(finding)) => {
                self.finding(finding);
                None
            }
            Event::Reconcile(event) => {
                self.findings.store(0, Ordering::Relaxed);
                reconcile::line(event, self.style)
            }
            Event::Replay(event) => reconcile::replayed(event, self.style),
            Event::Verify(event) => Some(verify::line(event, self.style)),
            Event::Watch(WatchEvent::Log { time, message }) => {
                let entry = Entry { time: *time, message: message.clone(), stream: String::new(), id: None };
                if !matches!(entry.line(), LogLine::Noise | LogLine::Report(_)) {
                    self.log(&entry);
                }
                None
            }
            Event::Watch(event) => watch::line(event, self.style),
            Event::Web(event) => Some(web::line(event, self.style)),
        };
        if let Some(line) = line {
            self.narrate(&line);
        }
    }

    /// Prints the first findings as data, and says once that there are more.
    fn finding(&self, finding: &Finding) {
        let printed = self.findings.fetch_add(1, Ordering::Relaxed);
        match printed.cmp(&reconcile::MOST_FINDINGS) {
            std::cmp::Ordering::Less => self.text(&reconcile::finding(finding, self.data_style)),
            std::cmp::Ordering::Equal => self.narrate("More findings follow, which only --json prints."),
            std::cmp::Ordering::Greater => {}
        }
    }

    fn deployed(&self, event: &DeployEvent) -> Option<String> {
        let mut progress = self.progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let shown = progress.show(event, &self.live);
        if let DeployEvent::Ready { outputs, .. } = event {
            self.live.suspend(|| write_line(&self.out, &deploy::outputs(outputs, self.data_style)));
        }
        // The terminal may have been resized.
        let style = Style { width: self.message_width(), ..self.style };
        let line = match event {
            DeployEvent::Planned { plan } => plan::text(plan, style, self.verbose),
            event => deploy::line(event, style).filter(|_| shown)?,
        };
        let dated = !style.live && deploy::is_dated(event);
        Some(if dated { format!("{} {line}", (self.clock)()) } else { line })
    }

    /// Prints a message of one or more lines above the live lines.
    pub fn narrate(&self, text: &str) {
        if !self.json {
            let text = wrap::wrap(&self.completed(text), self.message_width());
            self.live.suspend(|| write_line(&self.err, &text));
        }
    }

    /// Prints a text without style, which may contain text of others: their control characters are replaced.
    pub fn remark(&self, text: &str) {
        self.narrate(&clean_lines(text));
    }

    /// Prints a warning, which may contain text of others.
    pub fn warn(&self, text: &str) {
        self.narrate(&format!("{} {}", self.style.warn("warning:"), clean_lines(text)));
    }

    /// Columns for messages. The terminal may have been resized.
    fn message_width(&self) -> usize {
        self.live.width().unwrap_or(self.style.width)
    }

    /// A document as one line of JSON, with the commands in it completed. Only these fields contain commands; others may
    /// contain file names.
    fn line<T: Serialize>(&self, document: &T) -> String {
        const FIELDS: [&str; 4] = ["hint", "next", "back", "release"];
        let line = serde_json::to_string(document).unwrap_or_default();
        if !line.contains("provisioner ") {
            return line;
        }
        let mut value = serde_json::to_value(document).unwrap_or_default();
        for field in FIELDS {
            match value.get_mut(field) {
                Some(Value::String(text)) => *text = self.completed(text),
                Some(Value::Array(items)) => {
                    for item in items {
                        if let Value::String(text) = item {
                            *text = self.completed(text);
                        }
                    }
                }
                _ => {}
            }
        }
        value.to_string()
    }

    /// Prints data: a document with `--json`, else the text that `human` returns.
    pub fn data<T: Serialize>(&self, document: &T, human: impl FnOnce() -> String) {
        if self.json {
            self.live.suspend(|| write_line(&self.out, &serde_json::to_string_pretty(document).unwrap_or_default()));
        } else {
            self.text(&human());
        }
    }

    /// Prints a JSON document as data, whether `--json` was given or not.
    pub fn document<T: Serialize>(&self, document: &T) {
        self.text(&serde_json::to_string_pretty(document).unwrap_or_default());
    }

    /// Prints the result of a verification as data.
    pub fn verified(&self, verified: Verified) {
        if self.json {
            self.event(VerifyEvent::Verified(verified));
        } else {
            self.text(&verify::verified(&verified, self.data_style));
        }
    }

    /// Prints a log entry as data: with `--json` as one line of JSON, else formatted.
    pub fn log(&self, entry: &Entry) {
        if self.json {
            self.text(&entry.to_json().to_string());
        } else {
            self.text(&files::log_line(entry, self.data_style));
        }
    }

    /// Whether standard output can still be written to.
    pub fn stdout_open(&self) -> bool {
        locked(&self.out).broken.is_none()
    }

    /// Fails if data could not be written completely. A closed pipe is not a failure: `provisioner records | head`
    /// closes it on purpose.
    pub fn finish(&self) -> Result<()> {
        match locked(&self.out).broken.take() {
            Some(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::new(Exit::Failure, "output", "failed to write to standard output").source(error))
            }
            _ => Ok(()),
        }
    }

    /// Prints data that has one form only, such as a template.
    pub fn text(&self, text: &str) {
        self.live.suspend(|| write_line(&self.out, text.trim_end_matches('\n')));
    }

    fn json_line<T: Serialize>(&self, value: &T) {
        self.live.suspend(|| write_line(&self.out, &self.line(value)));
    }

    /// Prints the error that ends the command.
    pub fn error(&self, error: &Error) {
        self.live.clear();
        if self.json && !error.already_reported {
            self.json_line(&Line::new(&serde_json::json!({
                "event": "error",
                "code": error.code,
                "message": error.message,
                "causes": error.causes(),
                "hint": error.hint,
                "exitCode": error.exit as u8,
            })));
        }
        // Messages may contain file names.
        let mut text = if error.code == DECLINED {
            // The user's own answer is no error.
            clean_lines(&error.message)
        } else {
            format!("{} {}", self.style.bad("error:"), clean_lines(&error.message))
        };
        for cause in error.causes() {
            text.push_str(&format!("\n  {} {}", self.style.dim("because:"), clean_lines(&cause)));
        }
        if let Some(hint) = &error.hint {
            for line in self.completed(hint).lines() {
                text.push_str(&format!("\n  {} {}", self.style.warn("→"), clean(line)));
            }
        }
        let text = wrap::wrap(&text, self.message_width());
        self.live.suspend(|| write_line(&self.err, &text));
    }

    /// Whether a question can be asked: standard input and standard error are a terminal, and `--json` is not given.
    pub fn can_ask(&self) -> bool {
        self.can_ask && !self.json
    }

    /// Prints a yes-or-no question. Without a terminal it fails, with a hint that names the flag to give.
    fn put_question(&self, question: &str, flag: &str) -> Result<()> {
        if !self.can_ask() {
            return Err(refused(format!("confirmation required, and there is no terminal to ask on: {question}"))
                .hint(format!("Run the command on a terminal, or give {flag}.")));
        }
        // A question may name a file.
        self.live.suspend(|| write_text(&self.err, &format!("{} [y/N] ", clean_lines(question))));
        Ok(())
    }

    /// Asks a yes-or-no question. An interrupt counts as no, so that the caller can clean up.
    pub async fn ask(&self, question: &str, flag: &str) -> Result<()> {
        // Subscribe before the question is visible, so that an interrupt from then on is an answer.
        let mut interrupts = interrupt::subscribe();
        self.put_question(question, flag)?;
        tokio::select! {
            line = answer::STDIN.next() => judge(&line.unwrap_or_default()),
            () = interrupts.next() => {
                self.narrate("");
                judge("")
            }
        }
    }
}

impl<E: Into<Event>> Sink<E> for Report {
    fn take(&self, event: E) {
        self.event(event);
    }
}

impl Dialog for Report {
    fn can_ask(&self) -> bool {
        self.can_ask()
    }

    fn ask<'a>(&'a self, question: &'a str, flag: &'a str) -> Answer<'a> {
        Box::pin(self.ask(question, flag))
    }

    fn remark(&self, text: &str) {
        Self::remark(self, text);
    }
}

/// Prints a usage error as a line of JSON, for a program that reads standard output.
pub fn usage_error(text: &str) {
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let hint = text.lines().skip(1).filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n");
    let error = serde_json::json!({
        "event": "error", "code": "usage", "message": message, "causes": [], "hint": hint, "exitCode": Exit::Usage as u8,
    });
    let line = serde_json::to_string(&Line::new(&error)).unwrap_or_default();
    // A closed standard output changes nothing: the same text follows on standard error.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints what to type instead, below a usage error.
pub fn usage_hint(hint: &str) {
    let _ = writeln!(std::io::stderr(), "\n{hint}");
}

fn this_second() -> String {
    let seconds = clock::now_millis() / 1_000;
    handler_contract::Timestamp::from_unix_millis(seconds * 1_000)
        .map(|time| format!("{}Z", &time.as_str()[..19]))
        .unwrap_or_default()
}

fn refused(message: String) -> Error {
    Error::new(Exit::Refused, "not-confirmed", message)
}

/// Interprets the answer to a yes-or-no question; anything but `y` or `yes` is a refusal.
pub fn judge(answer: &str) -> Result<()> {
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Error::new(Exit::Refused, DECLINED, "not confirmed; nothing was changed")),
    }
}

impl Stream {
    fn to(stream: impl Write + Send + 'static) -> Mutex<Self> {
        Mutex::new(Self { to: Box::new(stream), broken: None })
    }
}

fn locked<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn write_line(to: &Mutex<Stream>, text: &str) {
    write_text(to, &format!("{text}\n"));
}

fn write_text(to: &Mutex<Stream>, text: &str) {
    let mut stream = locked(to);
    if stream.broken.is_none() {
        stream.broken = stream.to.write_all(text.as_bytes()).and_then(|()| stream.to.flush()).err();
    }
}
