//! Executes commands on a stack, its code, files and records, and emits events.
//!
//! This crate depends neither on the command line nor on the output format: the caller passes a [`dialog::Dialog`], which
//! receives events and answers questions. It reads the clock, randomness, signals and files, and passes them on as values.

pub mod apply;
pub mod clock;
pub mod connection;
pub mod diagnose;
pub mod dialog;
pub mod down;
pub mod event;
pub mod export;
pub mod failed_events;
pub mod forget;
pub mod handler;
pub mod history;
pub mod interrupt;
pub mod logs;
pub mod observe;
pub mod put;
pub mod ready;
pub mod reconcile;
pub mod records;
pub mod redrive;
pub mod replay;
pub mod reprocess;
mod resend;
pub mod rollback;
pub mod sandbox;
pub mod show;
pub mod stack_file;
pub mod status;
pub mod subject;
pub mod trace;
pub mod up;
pub mod upload_list;
pub mod verify;
pub mod watch;
