//! The program as people run it, against the real emulator.
//!
//! Each test has its own emulator port, data folder and stack files, and stops what it started, also when it fails.

mod deploy;
mod fake;
mod local;
mod package;
mod world;
