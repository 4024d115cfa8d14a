//! Tests of the pages over a stack in memory: over HTTP (`http`, `attacks`), and in a real browser (`browser`).

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails, also in its helpers")]

mod accessibility;
mod attacks;
mod browser;
mod client;
mod driver;
mod http;
mod live;
mod screenshots;
mod server;
mod stack;
