//! Numbers of variable length, as xz and RAR 5 write them.

use crate::input::View;

/// A number of seven bits a byte, the first the least significant; the upper bit says that there are more.
pub(super) fn variable(view: View, at: &mut u64) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = view.u8(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
