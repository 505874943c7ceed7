//! A socket that can be left alone for a while.
//!
//! A serial server passes an answer on in pieces of a few bytes, and each piece wakes the runtime up for a socket that it
//! watches, whether anybody reads or not. So a socket that nobody wants to hear is taken off the watch, and put back on it when
//! somebody waits for what is not there yet.
//!
//! The runtime knows nothing of a socket that it has just begun to watch: a read waits for its next look around, and a deadline
//! that has passed comes before it. So what is there already is taken from the kernel itself.

use std::io::{self, Read};

use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Bytes taken at once from a socket that was left alone: more than a meter's longest frame.
const PIECE: usize = 1024;

/// A connected socket.
#[derive(Debug)]
pub(crate) struct Socket(Watch);

#[derive(Debug)]
enum Watch {
    On(TcpStream),
    Off(std::net::TcpStream),
    /// The runtime could not take it back: whoever sees this has had an error.
    Lost,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Watch::On(stream))
    }

    /// Waits for bytes and appends them to `into`; 0 is the end of the connection.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when it is dropped.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if let Watch::Off(_) = self.0 {
            let mut piece = [0; PIECE];
            match self.try_read(&mut piece) {
                Ok(n) => {
                    into.extend_from_slice(piece.get(..n).unwrap_or_default());
                    return Ok(n);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
        self.watched()?.read_buf(into).await
    }

    /// What has arrived already, without waiting, whether the runtime has heard of it or not.
    pub(crate) fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let socket = match &self.0 {
            Watch::On(stream) => SockRef::from(stream),
            Watch::Off(stream) => SockRef::from(stream),
            Watch::Lost => return Err(io::Error::from(io::ErrorKind::NotConnected)),
        };
        (&*socket).read(into)
    }

    /// The socket, to be waited for; it is watched from now on.
    pub(crate) fn watched(&mut self) -> io::Result<&mut TcpStream> {
        if let Watch::Off(_) = self.0
            && let Watch::Off(stream) = std::mem::replace(&mut self.0, Watch::Lost)
        {
            self.0 = Watch::On(TcpStream::from_std(stream)?);
        }
        match &mut self.0 {
            Watch::On(stream) => Ok(stream),
            Watch::Off(_) | Watch::Lost => Err(io::Error::from(io::ErrorKind::NotConnected)),
        }
    }

    /// Leaves it alone until its next use. Nothing that comes meanwhile is lost, an end of the connection neither.
    pub(crate) fn unwatch(&mut self) -> io::Result<()> {
        if let Watch::On(_) = self.0
            && let Watch::On(stream) = std::mem::replace(&mut self.0, Watch::Lost)
        {
            self.0 = Watch::Off(stream.into_std()?);
        }
        Ok(())
    }
}
