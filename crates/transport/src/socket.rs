//! A socket that can be left alone for a while.
//!
//! A serial server passes an answer on in pieces of a few bytes, and each piece wakes the runtime up for a socket that it
//! watches, whether anybody reads or not. So a socket that nobody wants to hear is taken off the watch, and put back on it by
//! its next use.

use std::io;

use tokio::net::TcpStream;

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

    /// The socket, to be used; it is watched from now on.
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
