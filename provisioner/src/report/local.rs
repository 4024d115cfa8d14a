//! How events of `event::local` are told to people.

use super::Style;
use crate::event::local::LocalEvent;

/// The line for an event; `None` where a live line tells it.
pub fn line(event: &LocalEvent, _style: Style) -> Option<String> {
    match *event {}
}
