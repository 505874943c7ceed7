//! A bus as a serial port of this machine: a pseudo-terminal whose far side the head-end opens.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{self, OptionalActions};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::session::Port;

/// Our side of a pseudo-terminal.
#[derive(Debug)]
pub(crate) struct Pty {
    master: AsyncFd<File>,
    far_side: FarSide,
}

/// The head-end's side, kept open by us, so that the head-end may close and open it as it does with a real port.
#[derive(Debug, Clone)]
pub(crate) struct FarSide(Arc<OwnedFd>);

/// The path of the far side, under a name that stays the same from run to run. The link goes when this is dropped.
#[derive(Debug)]
pub(crate) struct PortName {
    link: Option<PathBuf>,
    path: PathBuf,
}

/// How often a port that somebody had to himself is given free again.
const RELEASE_EVERY: Duration = Duration::from_millis(500);

impl Pty {
    /// Opens a pseudo-terminal. With `names`, its far side is linked to there as `name`.
    pub(crate) fn open(name: &str, names: Option<&Path>) -> io::Result<(Self, PortName)> {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let path = PathBuf::from(OsString::from_vec(rustix::pty::ptsname(&master, Vec::new())?.into_bytes()));
        let far_side = rustix::fs::open(&path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        // Raw from the start: echo before the head-end has set up its side would be taken for a bus's.
        let mut settings = termios::tcgetattr(&far_side)?;
        settings.make_raw();
        termios::tcsetattr(&far_side, OptionalActions::Now, &settings)?;
        let flags = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;
        let name = PortName::new(path, name, names)?;
        Ok((Self { master: register(File::from(master))?, far_side: FarSide(Arc::new(far_side)) }, name))
    }

    pub(crate) fn far_side(&self) -> FarSide {
        self.far_side.clone()
    }
}

impl FarSide {
    /// Undoes the exclusive mode that a head-end sets when it opens a port. A real port forgets it when it is closed;
    /// this one is never quite closed, and nobody but root could open it again.
    pub(crate) async fn keep_free(&self) {
        let mut tick = tokio::time::interval(RELEASE_EVERY);
        loop {
            tick.tick().await;
            if let Err(error) = termios::ioctl_tiocnxcl(&*self.0) {
                tracing::debug!(%error, "a port stays exclusive");
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe, for types that may give up their descriptor; a file never does"
)]
fn register(master: File) -> io::Result<AsyncFd<File>> {
    AsyncFd::new(master)
}

impl PortName {
    fn new(far_side: PathBuf, name: &str, names: Option<&Path>) -> io::Result<Self> {
        let Some(folder) = names else { return Ok(Self { link: None, path: far_side }) };
        std::fs::create_dir_all(folder)?;
        // Absolute, as the archive that names it is read from elsewhere.
        let link = std::path::absolute(folder)?.join(name);
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
        termios::tcgetattr(&*self.far_side.0).ok().map(|settings| settings.output_speed())
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
