//! A parser that does what the name of the file says.

use std::hint::black_box;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::process::Command;

use handler_contract::{ErrorCode, FileTypes};
use handler_parsers::{Abort, Input, Report};
use rustix::process::{Resource, Rlimit};

/// Ends the file well and moves the position of the temporary file.
pub(crate) const MOVES_POSITION: &str = "moves the position";
/// Ends the file well without a look at it.
pub(crate) const READS_NOTHING: &str = "reads nothing";
/// Ends the file well, and then says what the next child would say.
pub(crate) const ANSWERS_FOR_THE_NEXT: &str = "answers for the next";
/// Reports a title of 5,000 characters and then crashes.
pub(crate) const CRASHES_WITH_LONG_METADATA: &str = "crashes with long metadata";
/// Ends the file well and then crashes.
pub(crate) const CRASHES_LATE: &str = "crashes late";

/// Each with the outcome of its file.
pub(crate) const ALL: &[(&str, ErrorCode)] = &[
    ("segmentation fault", ErrorCode::Crashed),
    ("abort", ErrorCode::Crashed),
    ("panic", ErrorCode::Crashed),
    ("exit", ErrorCode::Crashed),
    ("nonsense", ErrorCode::Crashed),
    ("take time", ErrorCode::CpuLimit),
    ("take memory", ErrorCode::MemoryLimit),
    ("recurse", ErrorCode::StackLimit),
    ("flood", ErrorCode::OutputLimit),
    ("silent", ErrorCode::TimeLimit),
    ("open a file", ErrorCode::SandboxViolation),
    ("open a socket", ErrorCode::SandboxViolation),
    ("start a program", ErrorCode::SandboxViolation),
    ("start a thread", ErrorCode::SandboxViolation),
    // What the template may do and a child may not.
    ("fork", ErrorCode::SandboxViolation),
    ("fork a sibling", ErrorCode::SandboxViolation),
    ("receive a message", ErrorCode::SandboxViolation),
    ("duplicate a descriptor", ErrorCode::SandboxViolation),
    ("raise a limit", ErrorCode::SandboxViolation),
    ("add a filter", ErrorCode::SandboxViolation),
    ("set a property", ErrorCode::SandboxViolation),
    ("signal the template", ErrorCode::SandboxViolation),
    ("signal a thread of another process", ErrorCode::SandboxViolation),
    ("read another process", ErrorCode::SandboxViolation),
];

fn recurse(depth: u64) -> u64 {
    black_box(if depth == u64::MAX { 0 } else { recurse(depth + 1) + 1 })
}

/// Calls the system directly, where the standard library has checks or threads of its own in between.
#[expect(unsafe_code, reason = "a system call has no safe interface; each of these is one that ends the process")]
fn call(number: libc::c_long, arguments: [u64; 5]) {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: no pointer is passed but null, and no memory is shared.
    black_box(unsafe { libc::syscall(number, first, second, third, fourth, fifth) });
}

#[expect(unsafe_code, reason = "writing to an address that is not mapped is what this is about")]
fn segmentation_fault() {
    // SAFETY: none; the process ends here.
    unsafe { std::ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
}

#[expect(unsafe_code, reason = "the descriptors are owned by the parser's input, which does not give them away")]
fn move_positions() {
    for number in 3..16 {
        // SAFETY: a number that is not open is refused by the system.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = rustix::fs::seek(descriptor, rustix::fs::SeekFrom::Start(77));
    }
}

fn say(line: &str) {
    // The parent may have stopped to read.
    let _ = std::io::stdout().write_all(line.as_bytes());
}

/// Does what the name says; a name that says nothing is read as usual.
pub(crate) fn parse(name: &str, allowed: &FileTypes, input: &mut Input, report: &mut Report) -> Result<(), Abort> {
    match name {
        "segmentation fault" => segmentation_fault(),
        "abort" => std::process::abort(),
        "panic" => panic!("secret content"),
        "exit" => std::process::exit(0),
        "nonsense" => say("Segmentation fault\n"),
        "take time" => while black_box(true) {},
        "take memory" => drop(black_box(vec![1_u8; 1 << 30])),
        "recurse" => drop(black_box(recurse(0))),
        "flood" => loop {
            say("{\"metadata\":{\"title\":\"again\"}}\n");
        },
        "silent" => loop {
            std::thread::park();
        },
        "open a file" => drop(std::fs::File::open("/etc/passwd")),
        "open a socket" => drop(std::net::UdpSocket::bind("127.0.0.1:0")),
        "start a program" => drop(Command::new("true").status()),
        "start a thread" => drop(std::thread::Builder::new().spawn(|| ())),
        "fork" => call(libc::SYS_clone, [libc::SIGCHLD.cast_unsigned().into(), 0, 0, 0, 0]),
        "fork a sibling" => {
            call(libc::SYS_clone, [(libc::CLONE_PARENT | libc::SIGCHLD).cast_unsigned().into(), 0, 0, 0, 0]);
        }
        "receive a message" => call(libc::SYS_recvmsg, [0; 5]),
        "duplicate a descriptor" => call(libc::SYS_dup3, [1, 9, 0, 0, 0]),
        "raise a limit" => {
            let more = Rlimit { current: Some(9), maximum: Some(9) };
            let _ = rustix::process::setrlimit(Resource::Nofile, more);
        }
        "add a filter" => call(libc::SYS_seccomp, [1, 0, 0, 0, 0]),
        "set a property" => drop(rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::Dumpable)),
        // To its group, and to the first process: no call before it, such as one for an id, may be what ends the process.
        "signal the template" => call(libc::SYS_kill, [0; 5]),
        "signal a thread of another process" => call(libc::SYS_tgkill, [1, 1, 0, 0, 0]),
        "read another process" => call(libc::SYS_process_vm_readv, [0; 5]),
        MOVES_POSITION => {
            move_positions();
            return Ok(());
        }
        READS_NOTHING => return Ok(()),
        ANSWERS_FOR_THE_NEXT => {
            say("{\"end\":null}\n{\"metadata\":{\"wordCount\":99}}\n{\"end\":null}\n");
            let _ = std::io::stderr().write_all(b"{\"type\":\"text/forged\"}\n");
            std::process::exit(0);
        }
        CRASHES_WITH_LONG_METADATA => {
            report.metadata.title = Some("t".repeat(5000));
            report.checkpoint()?;
            std::process::abort();
        }
        CRASHES_LATE => {
            say("{\"end\":null}\n");
            std::process::abort();
        }
        _ => {}
    }
    handler_parsers::extract(name, allowed, input, report)
}
