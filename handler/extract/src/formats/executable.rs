//! Programs: the processor that they are made for.

use handler_contract::Metadata;

use super::view::View;
use crate::child::{Input, Report, Stop};

/// A Mach-O file that is made for more processors than this is none.
const MOST_PROCESSORS: u32 = 16;

/// Reads a program as it arrives.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Stop> {
    describe(input.head(), &mut report.metadata);
    input.stream(|_| ())
}

fn describe(head: &[u8], metadata: &mut Metadata) {
    metadata.machine = match head {
        [0x7f, b'E', b'L', b'F', ..] => elf(head),
        [b'M', b'Z', ..] => portable_executable(head),
        [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..] => mach(View::little_endian(head), 4),
        [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..] => mach(View::big_endian(head), 4),
        [0xca, 0xfe, 0xba, 0xbe, ..] => universal(head),
        [0, b'a', b's', b'm', ..] => Some("WebAssembly".to_owned()),
        _ => None,
    };
}

/// The numbers of the System V ABI and its processor supplements.
fn elf(head: &[u8]) -> Option<String> {
    let view = if head.get(5)? == &2 { View::big_endian(head) } else { View::little_endian(head) };
    Some(named(
        view.u16(18)?,
        &[
            (2, "SPARC"),
            (3, "x86"),
            (4, "68000"),
            (8, "MIPS"),
            (15, "PA-RISC"),
            (20, "PowerPC"),
            (21, "PowerPC 64"),
            (22, "S/390"),
            (40, "ARM"),
            (42, "SuperH"),
            (43, "SPARC V9"),
            (50, "Itanium"),
            (62, "x86-64"),
            (83, "AVR"),
            (164, "Hexagon"),
            (183, "AArch64"),
            (243, "RISC-V"),
            (247, "BPF"),
            (258, "LoongArch"),
        ],
    ))
}

/// The numbers of Microsoft's PE format.
fn portable_executable(head: &[u8]) -> Option<String> {
    let view = View::little_endian(head);
    let at = u64::from(view.u32(0x3c)?);
    if !view.has(at, b"PE\0\0") {
        return None;
    }
    Some(named(
        view.u16(at + 4)?,
        &[
            (0x014c, "x86"),
            (0x0166, "MIPS"),
            (0x01c0, "ARM"),
            (0x01c2, "ARM"),
            (0x01c4, "ARM"),
            (0x01f0, "PowerPC"),
            (0x0200, "Itanium"),
            (0x0ebc, "EFI byte code"),
            (0x5032, "RISC-V"),
            (0x5064, "RISC-V"),
            (0x6264, "LoongArch"),
            (0x8664, "x86-64"),
            (0xaa64, "AArch64"),
        ],
    ))
}

fn named(number: u16, names: &[(u16, &str)]) -> String {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("0x{number:04x}"), |(_, name)| (*name).to_owned())
}

/// The numbers of Apple's `mach/machine.h`.
fn mach(view: View, at: u64) -> Option<String> {
    let number = view.u32(at)?;
    let name = match number {
        7 => "x86",
        0x0100_0007 => "x86-64",
        12 => "ARM",
        0x0100_000c | 0x0200_000c => "AArch64",
        18 => "PowerPC",
        0x0100_0012 => "PowerPC 64",
        number => return Some(format!("0x{number:08x}")),
    };
    Some(name.to_owned())
}

/// A program for several processors. Java's classes begin alike, with a version where the number of processors would
/// be, which is never as small.
fn universal(head: &[u8]) -> Option<String> {
    let view = View::big_endian(head);
    let count = view.u32(4)?;
    if count >= MOST_PROCESSORS {
        return Some("Java virtual machine".to_owned());
    }
    let names: Option<Vec<_>> = (0..u64::from(count)).map(|index| mach(view, 8 + 20 * index)).collect();
    names.filter(|names| !names.is_empty()).map(|names| names.join(", "))
}
