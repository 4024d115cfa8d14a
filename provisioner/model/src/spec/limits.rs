//! The limits of the child process that reads a file, and the required storage.

use handler_contract::Limits;

use super::StackSpec;
use crate::units::Size;

const MIB: u64 = 1 << 20;
/// The free and the maximum size (Lambda quotas, "/tmp directory storage"). Bytes.
const EPHEMERAL_STORAGE: (u64, u64) = (512 * MIB, 10_240 * MIB);
/// The part of the temporary storage that is not used for spooled files. Bytes.
const STORAGE_RESERVE: u64 = 128 * MIB;

/// The function's temporary storage: what is free, or as much more as the largest accepted file needs that must be there
/// as a whole.
pub fn ephemeral_storage(spec: &StackSpec) -> Size {
    let (least, most) = EPHEMERAL_STORAGE;
    if spec.files.kept_whole().is_none() {
        return Size(least);
    }
    let wanted = spec.files.max_size.0.div_ceil(MIB).saturating_mul(MIB).saturating_add(STORAGE_RESERVE);
    Size(wanted.clamp(least, most))
}

/// The limits of the child process that reads one file.
///
/// Memory and processor time are the spec's. Time by the clock is three quarters of the function's timeout: the last
/// quarter is for the record, including one that reports the timeout. Temporary storage is the function's, less a
/// reserve.
pub fn child_limits(spec: &StackSpec) -> Limits {
    let seconds = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Limits {
        memory: spec.handler.child_memory.0,
        cpu_seconds: seconds(spec.handler.child_cpu.0),
        wall_seconds: seconds(spec.handler.timeout.0 * 3 / 4),
        spool: ephemeral_storage(spec).0 - STORAGE_RESERVE,
    }
}
