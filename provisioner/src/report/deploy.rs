//! How events of `event::deploy` are told to people.

use super::Style;
use crate::event::deploy::DeployEvent;

/// The line for an event; `None` where a live line tells it.
pub fn line(event: &DeployEvent, _style: Style) -> Option<String> {
    match *event {}
}
