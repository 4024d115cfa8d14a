//! Functions that this crate links itself, because glibc would bind them to a newer version than Lambda has.
//!
//! glibc 2.35 gave `hypotf` a new symbol version, and a program that is linked on a newer system asks for exactly that.
//! The runtime `provided.al2023` has glibc 2.34 and would refuse to start it. The library that reads fonts is the one
//! that calls it.

/// `hypotf` of the C library (C11, 7.12.7.3): the square root of `x² + y²` without undue overflow.
#[expect(unsafe_code, reason = "the symbol takes the place of the C library's, with the same signature and meaning")]
#[unsafe(no_mangle)]
extern "C" fn hypotf(x: f32, y: f32) -> f32 {
    if x.is_infinite() || y.is_infinite() {
        return f32::INFINITY;
    }
    // No square of an f32 overflows an f64, nor vanishes in it.
    let (x, y) = (f64::from(x), f64::from(y));
    #[expect(clippy::cast_possible_truncation, reason = "rounding to an f32 is the function's last step")]
    let root = (x * x + y * y).sqrt() as f32;
    root
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_the_c_library_s_function() {
        for (x, y, expected) in [
            (3.0, 4.0, 5.0),
            (-3.0, 0.0, 3.0),
            (f32::MAX, f32::MAX, f32::INFINITY),
            (f32::MIN_POSITIVE, 0.0, f32::MIN_POSITIVE),
            (1e30, 1e30, 1.414_213_5e30),
            (f32::NEG_INFINITY, f32::NAN, f32::INFINITY),
        ] {
            assert_eq!(f32::hypot(x, y).to_bits(), f32::to_bits(expected), "{x} {y}");
        }
        assert!(f32::hypot(f32::NAN, 1.0).is_nan());
    }
}
