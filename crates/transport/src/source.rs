//! Where a channel's lines come from.

use std::sync::Arc;

use hes_model::{ChannelConfig, Endpoint, LineSettings};

use crate::dial;
use crate::dial_in::{DialIn, DialInPort};
use crate::line::Stream;
use crate::serial::{Port, describe};
use crate::socket::Socket;
use crate::{Line, Medium, OpenError, TransportConfig, TransportMetrics};

/// Opens field links.
#[derive(Debug, Clone)]
pub struct Transport {
    config: Arc<TransportConfig>,
    metrics: TransportMetrics,
}

impl Transport {
    /// With these settings, counting into `metrics`.
    pub fn new(config: TransportConfig, metrics: TransportMetrics) -> Self {
        Self { config: Arc::new(config), metrics }
    }

    /// Its settings.
    pub fn config(&self) -> &TransportConfig {
        &self.config
    }

    /// Opens a serial port or dials out.
    ///
    /// # Cancel safety
    ///
    /// May be dropped; the port or socket is closed again.
    pub async fn open(&self, endpoint: &Endpoint, line: LineSettings) -> Result<Line, OpenError> {
        let (medium, opened) = match endpoint {
            Endpoint::Serial { path } => {
                let port = Port::open(&self.config.serial.of(path), line).await;
                (Medium::Serial, port.map(|port| (Stream::Serial(port), format!("{path} at {}", describe(line)))))
            }
            Endpoint::Dial { host, port } => {
                let socket = dial::connect(host, *port, &self.config.dial).await;
                (Medium::Dial, socket.map(|socket| (Stream::Tcp(Socket::new(socket)), format!("{host}:{port}"))))
            }
            Endpoint::DialIn(_) => return Err(OpenError::DialInOnly),
        };
        match opened {
            Ok((stream, peer)) => {
                Ok(Line::new(stream, medium, peer, line, self.config.dial.write_timeout(), self.metrics.clone()))
            }
            Err(e) => {
                self.metrics.open_failed(medium);
                Err(e)
            }
        }
    }

    /// Where the lines of `channel` come from. `dial_in` is the listener's side, if there is a listener.
    ///
    /// # Errors
    ///
    /// When the channel's module is to dial in and there is nothing to dial in to.
    pub fn source(&self, channel: &ChannelConfig, dial_in: Option<&DialIn>) -> Result<LinkSource, OpenError> {
        match &channel.endpoint {
            Endpoint::DialIn(_) => {
                let dial_in = dial_in.ok_or(OpenError::NotListening)?;
                Ok(LinkSource(Source::DialIn(dial_in.attach(channel))))
            }
            endpoint => Ok(LinkSource(Source::Outgoing {
                transport: self.clone(),
                endpoint: endpoint.clone(),
                line: channel.line,
            })),
        }
    }
}

/// Where one channel's lines come from, one after the other.
#[derive(Debug)]
pub struct LinkSource(Source);

#[derive(Debug)]
enum Source {
    Outgoing { transport: Transport, endpoint: Endpoint, line: LineSettings },
    DialIn(DialInPort),
}

impl LinkSource {
    /// Opens the next line. For a module that dials in: waits until it does.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and called again.
    pub async fn open(&mut self) -> Result<Line, OpenError> {
        match &mut self.0 {
            Source::Outgoing { transport, endpoint, line } => transport.open(endpoint, *line).await,
            Source::DialIn(port) => port.accept().await,
        }
    }

    /// Whether a line comes when its module dials in, not when we want one.
    pub fn is_dial_in(&self) -> bool {
        matches!(self.0, Source::DialIn(_))
    }
}
