//! How events of `event::files` are told to people.

use super::Style;
use crate::event::files::FilesEvent;

/// The line for an event; `None` where a live line tells it.
pub fn line(event: &FilesEvent, _style: Style) -> Option<String> {
    match *event {}
}
