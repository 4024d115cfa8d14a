//! The template's side: prepare once all that does not depend on a file, and fork a child for each one.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use handler_contract::FileTypes;
use handler_parsers::Input;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::fork::{self, Fork};
use super::reading::{Parser, Ready, failed_to, warm_up};
use super::sandbox::{self, Confinement};
use crate::limits;
use crate::protocol::{ChildConfig, FORK_REQUEST, ForkReply, MAX_DESCRIPTORS, TemplateConfig};

/// The longest packet of the parent: the types that are allowed. Bytes.
const MAX_PACKET: usize = 64 << 10;

type Descriptors = [Option<OwnedFd>; MAX_DESCRIPTORS];

/// What every child inherits.
struct Prepared {
    allowed: FileTypes,
    /// The pipe that it reads from, beside the input that does.
    stdin: File,
    input: Input,
    confinement: Confinement,
}

/// Serves the parent as a template until that has no further requests, and then returns `None`. Returns in each child
/// too, which is ready for its file.
pub(super) fn serve(parse: Parser) -> Result<Option<Ready>, String> {
    let served = match prepare(parse) {
        Ok(None) => return Ok(None),
        Ok(Some(prepared)) => fork_children(prepared),
        Err(error) => Err(error),
    };
    match served {
        Ok(Served::Child(ready)) => ready.map(Some),
        Ok(Served::Parent) => Ok(None),
        Err(error) => {
            // Without an answer the parent still sees the end of this process.
            let _ = reply(&ForkReply::encode_reason(&error));
            Ok(None)
        }
    }
}

/// In which process [`fork_children`] has returned.
enum Served {
    Child(Result<Ready, String>),
    Parent,
}

fn prepare(parse: Parser) -> Result<Option<Prepared>, String> {
    let mut packet = vec![0; MAX_PACKET];
    let (length, descriptors) = receive(&mut packet)?;
    if length == 0 {
        return Ok(None);
    }
    let TemplateConfig { child: ChildConfig { allowed, limits }, spool_error } =
        serde_json::from_slice(&packet[..length]).map_err(|error| failed_to("parse its configuration", &error))?;
    drop(packet);
    limits::set(&limits).map_err(|error| failed_to("limit itself", &error))?;

    let mut descriptors = descriptors.into_iter().flatten();
    let mut next = || descriptors.next().ok_or_else(|| "the parser's template has no input or output".to_owned());
    let (stdin, stdout, stderr) = (File::from(next()?), next()?, next()?);
    rustix::stdio::dup2_stdout(stdout)
        .and_then(|()| rustix::stdio::dup2_stderr(stderr))
        .map_err(|error| failed_to("take over its output", &error))?;
    warm_up(parse);
    free_memory();
    // The memory that it reads to is not touched before there is a child.
    let mut input = Input::new(stdin.try_clone().map_err(|error| failed_to("take over its input", &error))?);
    let no_spool = || io::Error::from_raw_os_error(spool_error.unwrap_or(libc::EBADF));
    input.set_spool(descriptors.next().map(File::from).ok_or_else(no_spool), limits.spool);
    let confinement = sandbox::enter_template().map_err(|error| failed_to("enter its sandbox", &error))?;
    Ok(Some(Prepared { allowed, stdin, input, confinement }))
}

/// Gives the memory back that the warm-up has used. What the children take instead is new, so that they have neither to
/// copy nor to clear it.
fn free_memory() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the function of the C library has no safe interface")]
    // SAFETY: it gives back free memory only. Its result says whether there was any.
    let _ = unsafe { libc::malloc_trim(0) };
}

fn fork_children(prepared: Prepared) -> Result<Served, String> {
    loop {
        let mut request = [0; FORK_REQUEST.len()];
        let length = rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut request))
            .map_err(|error| failed_to("receive a request", &error))?;
        if length == 0 {
            return Ok(Served::Parent);
        }
        match fork::fork_sibling().map_err(|error| failed_to("start a child", &error))? {
            Fork::Child => return Ok(Served::Child(become_child(prepared))),
            Fork::Parent(id) => reply(&ForkReply::encode_id(id))?,
        }
    }
}

/// What a child does before it waits for its file: it gives up what the template may do and it may not.
fn become_child(prepared: Prepared) -> Result<Ready, String> {
    let Prepared { allowed, stdin, input, confinement } = prepared;
    // In place of the socket to the parent, which only the template may use.
    rustix::stdio::dup2_stdin(stdin).map_err(|error| failed_to("take over its input", &error))?;
    limits::forbid_processes().map_err(|error| failed_to("limit itself", &error))?;
    let sandbox = confinement.confine_child().map_err(|error| failed_to("enter its sandbox", &error))?;
    Ok(Ready { input, allowed, sandbox })
}

/// Waits for a packet with file descriptors. Its length is zero when the parent has none.
fn receive(packet: &mut [u8]) -> Result<(usize, Descriptors), String> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(io::stdin(), &mut [IoSliceMut::new(packet)], &mut control, RecvFlags::CMSG_CLOEXEC)
        .map_err(|error| failed_to("receive a request", &error))?;
    let mut descriptors = Descriptors::default();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            descriptors.iter_mut().zip(received).for_each(|(place, descriptor)| *place = Some(descriptor));
        }
    }
    Ok((received.bytes, descriptors))
}

/// The socket is this process's standard input.
fn reply(packet: &[u8]) -> Result<(), String> {
    rustix::io::write(io::stdin(), packet).map(drop).map_err(|error| failed_to("reply", &error))
}
