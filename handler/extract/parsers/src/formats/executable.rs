//! Programs: the processor that they are made for.

use handler_contract::Metadata;

use crate::input::Input;
use crate::input::View;
use crate::report::{Abort, Report};

/// A Mach-O file that is made for more processors than this is none.
const MOST_PROCESSORS: u32 = 16;

/// Reads a program as it arrives.
pub(super) fn read(input: &mut Input, report: &mut Report) -> Result<(), Abort> {
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

/// A program for several processors. Java's classes start alike, with a version where the number of processors would
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

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(head: &[u8]) -> Option<String> {
        let mut metadata = Metadata::default();
        describe(head, &mut metadata);
        metadata.machine
    }

    #[test]
    fn processors_by_their_numbers() {
        let elf = |class: u8, order: u8, machine: [u8; 2]| {
            [&[0x7f, b'E', b'L', b'F', class, order, 1], &[0; 9][..], &[2, 0], &machine[..]].concat()
        };
        let pe = |machine: [u8; 2]| [&b"MZ"[..], &[0; 58], &64_u32.to_le_bytes(), b"PE\0\0", &machine].concat();
        let rows: Vec<(Vec<u8>, Option<&str>)> = vec![
            (elf(2, 1, [62, 0]), Some("x86-64")),
            (elf(2, 1, [183, 0]), Some("AArch64")),
            (elf(2, 2, [0, 22]), Some("S/390")),
            (elf(1, 1, [0x34, 0x12]), Some("0x1234")),
            (pe([0x64, 0x86]), Some("x86-64")),
            (pe([0x4c, 0x01]), Some("x86")),
            ([&b"MZ"[..], &[0; 62]].concat(), None),
            (b"\xcf\xfa\xed\xfe\x0c\0\0\x01".to_vec(), Some("AArch64")),
            (b"\xfe\xed\xfa\xce\0\0\0\x12".to_vec(), Some("PowerPC")),
            (
                [&b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07"[..], &[0; 16], b"\x01\0\0\x0c", &[0; 16]].concat(),
                Some("x86-64, AArch64"),
            ),
            (b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07".to_vec(), None),
            (b"\xca\xfe\xba\xbe\0\0\0\x41".to_vec(), Some("Java virtual machine")),
            (b"\0asm\x01\0\0\0".to_vec(), Some("WebAssembly")),
            (b"#!/bin/sh".to_vec(), None),
        ];
        for (head, expected) in rows {
            assert_eq!(machine(&head).as_deref(), expected, "{}", head.escape_ascii());
            for len in 0..head.len() {
                machine(&head[..len]);
            }
        }
    }
}
