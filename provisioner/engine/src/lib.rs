//! Does what was decided with a stack, its code, its files and records, and emits events while it does.
//!
//! This crate knows neither the command line nor how anything is printed: the caller passes a [`dialog::Dialog`], which
//! receives the events and answers questions. The clock, randomness, signals and files enter here and are passed on as
//! values.

pub mod apply;
pub mod clock;
pub mod connection;
pub mod dialog;
pub mod down;
pub mod event;
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
pub mod upload_list;
pub mod verify;
pub mod watch;
