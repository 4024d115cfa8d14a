//! Does what was decided with a stack, its code, its files and records, and emits events while it does.
//!
//! What stands here knows neither a command line nor how anything looks: whoever calls it is a [`dialog::Dialog`], which
//! hears the events and can be asked. The clock, randomness, signals and files come in here and go down as values.

pub mod apply;
pub mod clock;
pub mod connection;
pub mod dialog;
pub mod down;
pub mod event;
pub mod gather;
pub mod handler;
pub mod interrupt;
pub mod logs;
pub mod observe;
pub mod put;
pub mod records;
pub mod redrive;
pub mod stack_file;
pub mod status;
pub mod up;
pub mod verify;
pub mod watch;
