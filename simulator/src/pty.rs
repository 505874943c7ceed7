//! A bus as a serial port of this machine: a pseudo-terminal whose far side the head-end opens.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::termios::{self, SetArg};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::session::Port;

/// Our side of a pseudo-terminal.
#[derive(Debug)]
pub(crate) struct Pty {
    master: AsyncFd<File>,
    /// Kept open, so that a head-end may close and open its side as it does with a real port.
    _far_side: OwnedFd,
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for types that may give up their descriptor; a file never does"
)]
fn register(master: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(master)
}

/// The path of the far side, under a name that stays the same from run to run. The link goes when this is dropped.
#[derive(Debug)]
pub(crate) struct PortName {
    link: Option<PathBuf>,
    path: PathBuf,
}

impl Pty {
    /// Opens a pseudo-terminal. With `names`, its far side is linked to there as `name`.
    pub(crate) fn open(name: &str, names: Option<&Path>) -> io::Result<(Self, PortName)> {
        let pair = nix::pty::openpty(None, None)?;
        // Raw from the start: echo before the head-end has set up its side would be taken for a bus's.
        let mut settings = termios::tcgetattr(&pair.slave)?;
        termios::cfmakeraw(&mut settings);
        termios::tcsetattr(&pair.slave, SetArg::TCSANOW, &settings)?;
        let flags = OFlag::from_bits_retain(fcntl(&pair.master, FcntlArg::F_GETFL)?);
        fcntl(&pair.master, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        let far_side = nix::unistd::ttyname(&pair.slave)?;
        let name = PortName::new(far_side, name, names)?;
        Ok((Self { master: register(File::from(pair.master))?, _far_side: pair.slave }, name))
    }
}

impl PortName {
    fn new(far_side: PathBuf, name: &str, names: Option<&Path>) -> io::Result<Self> {
        let Some(folder) = names else { return Ok(Self { link: None, path: far_side }) };
        std::fs::create_dir_all(folder)?;
        let link = folder.join(name);
        // A link left by a run that was killed; anything else under this name is not ours to remove.
        if link.is_symlink() {
            std::fs::remove_file(&link)?;
        }
        std::os::unix::fs::symlink(&far_side, &link)?;
        Ok(Self { path: link.clone(), link: Some(link) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PortName {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            // Gone already is as good.
            drop(std::fs::remove_file(link));
        }
    }
}

impl Port for Pty {
    /// Both sides of a pseudo-terminal share one set of settings, so what the head-end set can be read here.
    fn baud(&self) -> Option<u32> {
        use termios::BaudRate::{
            B0, B50, B75, B110, B134, B150, B200, B300, B600, B1200, B1800, B2400, B4800, B9600, B19200, B38400,
            B57600, B115200,
        };
        let settings = termios::tcgetattr(self.master.as_fd()).ok()?;
        Some(match termios::cfgetospeed(&settings) {
            B0 => 0,
            B50 => 50,
            B75 => 75,
            B110 => 110,
            B134 => 134,
            B150 => 150,
            B200 => 200,
            B300 => 300,
            B600 => 600,
            B1200 => 1200,
            B1800 => 1800,
            B2400 => 2400,
            B4800 => 4800,
            B9600 => 9600,
            B19200 => 19_200,
            B38400 => 38_400,
            B57600 => 57_600,
            B115200 => 115_200,
            _ => return None,
        })
    }
}

impl AsyncRead for Pty {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.master.poll_read_ready(cx))?;
            let unfilled = buf.initialize_unfilled();
            match guard.try_io(|master| master.get_ref().read(unfilled)) {
                Ok(Ok(n)) => {
                    buf.advance(n);
                    return Poll::Ready(Ok(()));
                }
                Ok(Err(error)) => return Poll::Ready(Err(error)),
                Err(_would_block) => {}
            }
        }
    }
}

impl AsyncWrite for Pty {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.master.poll_write_ready(cx))?;
            match guard.try_io(|master| master.get_ref().write(buf)) {
                Ok(result) => return Poll::Ready(result),
                Err(_would_block) => {}
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
