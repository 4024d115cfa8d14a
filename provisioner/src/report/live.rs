//! Progress lines below the messages, redrawn in place on a terminal.
//!
//! Lines are erased according to the terminal's current width, so that a terminal that was made narrower, and therefore
//! wrapped the lines, keeps no fragments of them. A line never reaches the last column, so it never wraps when it is
//! drawn.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use provisioner_model::text::clean;
use unicode_width::UnicodeWidthStr as _;

use super::table::cut;

/// The interval between redraws.
const TICK: Duration = Duration::from_millis(200);
/// The assumed size of a terminal that does not report it.
const USUAL: (usize, usize) = (80, 24);

/// Returns a line for a width in columns; called at each redraw.
type Draw = Box<dyn Fn(usize) -> String + Send>;

/// The position of a line: parts above, the total below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// One of several parts.
    Part,
    /// The total, on the last line.
    Total,
}

/// Identifies a line from [`Live::add`] to [`Live::remove`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineId(u64);

/// The live lines of a terminal; a hidden instance draws nothing.
#[derive(Clone)]
pub struct Live(Option<Arc<Shared>>);

struct Shared {
    screen: Mutex<Screen>,
    changed: Condvar,
}

#[derive(Default)]
struct Screen {
    lines: Vec<(Place, LineId, Draw)>,
    next: u64,
    /// The lines that are on the terminal now.
    drawn: Vec<String>,
    ticking: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Live").field(&self.0.is_some()).finish()
    }
}

impl Live {
    /// Draws on standard error.
    pub fn on_terminal() -> Self {
        Self(Some(Arc::new(Shared { screen: Mutex::default(), changed: Condvar::new() })))
    }

    /// Draws nothing.
    pub fn hidden() -> Self {
        Self(None)
    }

    /// Columns of the terminal; `None` if hidden.
    pub fn width(&self) -> Option<usize> {
        self.0.as_ref().map(|_| size().0)
    }

    /// Adds a line.
    pub fn add(&self, place: Place, draw: impl Fn(usize) -> String + Send + 'static) -> LineId {
        let Some(shared) = &self.0 else { return LineId(0) };
        let mut screen = shared.lock();
        screen.next += 1;
        let id = LineId(screen.next);
        let at = screen.lines.partition_point(|(other, _, _)| *other <= place);
        screen.lines.insert(at, (place, id, Box::new(draw)));
        if !screen.ticking {
            screen.ticking = true;
            tick(Arc::downgrade(shared));
        }
        screen.redraw();
        id
    }

    /// Replaces the function that draws a line.
    pub fn set(&self, id: LineId, draw: impl Fn(usize) -> String + Send + 'static) {
        let Some(shared) = &self.0 else { return };
        let mut screen = shared.lock();
        if let Some(line) = screen.lines.iter_mut().find(|(_, other, _)| *other == id) {
            line.2 = Box::new(draw);
        }
        screen.redraw();
    }

    /// Removes a line.
    pub fn remove(&self, id: LineId) {
        let Some(shared) = &self.0 else { return };
        let mut screen = shared.lock();
        screen.lines.retain(|(_, other, _)| *other != id);
        screen.redraw();
    }

    /// Removes all lines.
    pub fn clear(&self) {
        let Some(shared) = &self.0 else { return };
        let mut screen = shared.lock();
        screen.lines.clear();
        screen.redraw();
    }

    /// Erases the live lines, calls `print`, and draws the lines again below its output.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        let Some(shared) = &self.0 else { return print() };
        let mut screen = shared.lock();
        screen.erase();
        let result = print();
        screen.redraw();
        result
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.lock().erase();
    }
}

/// Redraws at each tick until all [`Live`] handles are dropped.
fn tick(shared: Weak<Shared>) {
    std::thread::spawn(move || {
        while let Some(shared) = shared.upgrade() {
            let screen = shared.lock();
            let (mut screen, _) = shared.changed.wait_timeout(screen, TICK).unwrap_or_else(PoisonError::into_inner);
            screen.redraw();
        }
    });
}

impl Screen {
    fn redraw(&mut self) {
        if self.lines.is_empty() && self.drawn.is_empty() {
            return;
        }
        let (width, height) = size();
        let lines: Vec<String> = self.lines.iter().map(|(_, _, draw)| draw(width.saturating_sub(1))).collect();
        let lines = fitted(lines, width, height);
        if lines == self.drawn {
            return;
        }
        let mut text = erasing(&self.drawn, width);
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines;
        write(&text);
    }

    fn erase(&mut self) {
        let text = erasing(&std::mem::take(&mut self.drawn), size().0);
        write(&text);
    }
}

/// Errors are ignored: a closed terminal is noticed when data or messages are written.
fn write(text: &str) {
    if !text.is_empty() {
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

/// Columns and rows of the terminal on standard error.
fn size() -> (usize, usize) {
    let err = std::io::stderr();
    let size = if err.is_terminal() { terminal_size::terminal_size_of(&err) } else { None };
    size.map_or(USUAL, |(width, height)| (usize::from(width.0).max(2), usize::from(height.0).max(2)))
}

/// Fits the lines to the terminal: none wraps, and one row is left for the cursor. If there are too many, the last ones
/// are kept, because the total is among them.
fn fitted(mut lines: Vec<String>, width: usize, height: usize) -> Vec<String> {
    let room = height.saturating_sub(1).max(1);
    let hidden = lines.len().saturating_sub(room);
    lines.drain(..hidden);
    if let (Some(first), true) = (lines.first_mut(), hidden > 0) {
        *first = format!("  … and {} more", hidden + 1);
    }
    lines.into_iter().map(|line| cut(&clean(&line), width.saturating_sub(1))).collect()
}

/// The escape sequence that erases drawn lines: cursor up to the first line, then erase to the end of the screen. A
/// terminal that became narrower has wrapped them into more rows.
fn erasing(drawn: &[String], width: usize) -> String {
    let rows: usize = drawn.iter().map(|line| line.width().max(1).div_ceil(width.max(1))).sum();
    if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A\u{1b}[J") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_erased_by_the_rows_that_they_have_now() {
        let drawn = ["x".repeat(39), "y".repeat(10), String::new()];
        assert_eq!(erasing(&drawn, 40), "\r\u{1b}[3A\u{1b}[J");
        assert_eq!(erasing(&drawn, 20), "\r\u{1b}[4A\u{1b}[J", "the first line is broken in two");
        assert_eq!(erasing(&[], 20), "");
    }

    #[test]
    fn no_line_reaches_the_last_column_and_no_screen_overflows() {
        let lines: Vec<String> = (0..9).map(|n| format!("{n} {}", "报告".repeat(20))).collect();
        let fitted = fitted(lines, 20, 5);
        assert_eq!(fitted.len(), 4);
        assert!(fitted.iter().all(|line| line.width() <= 19), "{fitted:?}");
        assert_eq!(fitted[0], "  … and 6 more");
        assert!(fitted[3].starts_with('8'), "the last line is the total");
    }

    #[test]
    fn hidden_lines_are_not_drawn_and_messages_are_printed() {
        let live = Live::hidden();
        let id = live.add(Place::Part, |_| panic!("drawn"));
        live.set(id, |_| panic!("drawn"));
        assert_eq!(live.suspend(|| 7), 7);
        live.remove(id);
        assert_eq!(live.width(), None);
    }
}
