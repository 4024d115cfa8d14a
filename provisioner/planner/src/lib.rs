//! Plans the deployment of a stack from the desired and the observed state, and describes the plan before it is applied.
//! Pure: no SDK, no clock, no environment, no files.

pub mod canary;
pub mod code;
pub mod consent;
pub mod down;
pub mod drift;
pub mod effects;
pub mod health;
pub mod history;
pub mod permissions;
pub mod plan;
pub mod preview;
pub mod reconcile;
pub mod record_matching;
pub mod replay;
#[cfg(test)]
mod samples;
pub mod setting;
pub mod state;
pub mod step;
pub mod trace;
pub mod verify;
