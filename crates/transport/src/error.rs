//! Why a link could not be opened, said so that a person knows what to do next.

use std::io;
use std::time::Duration;

/// Why a link could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such device.
    #[error(
        "serial port {path} does not exist; check that the adapter is plugged in and that the channel names its path"
    )]
    NoSuchPort {
        /// Device path.
        path: String,
    },
    /// Somebody else has it.
    #[error(
        "serial port {path} is in use by another program; stop that program or read through the server that holds the port"
    )]
    PortBusy {
        /// Device path.
        path: String,
    },
    /// The operating system does not let us.
    #[error("no permission to open serial port {path}; add the user to the group that owns it (often dialout)")]
    PortDenied {
        /// Device path.
        path: String,
    },
    /// There, and not a serial port, or one that can't be set as asked.
    #[error("{path} can't be used as a serial port at {line}; check path, speed, data bits and parity of the channel")]
    PortSettings {
        /// Device path.
        path: String,
        /// Speed and format that were asked for.
        line: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The name has no address.
    #[error("host {host} has no address; check the channel's host name or the name server")]
    Resolve {
        /// Name as configured.
        host: String,
        /// What the resolver said.
        #[source]
        source: io::Error,
    },
    /// Nobody took the connection.
    #[error("can't connect to {peer}; check that the serial server is on and that host and port are right")]
    Connect {
        /// Host and port.
        peer: String,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// No answer to the connection.
    #[error("{peer} did not take the connection within {after:?}; check power, network and firewall on the way to it")]
    ConnectTimedOut {
        /// Host and port.
        peer: String,
        /// How long we waited.
        after: Duration,
    },
    /// A channel for a module that dials in, and nothing to dial in to.
    #[error("no module can dial in: transport.listener.listen is empty; set an address such as \"0.0.0.0:9645\"")]
    NotListening,
    /// A channel that only the module can open.
    #[error("only the module can open this channel, by dialling in")]
    DialInOnly,
    /// The listener has ended.
    #[error("the listener for modules has stopped")]
    ListenerStopped,
}
