//! Serial ports. The only module that touches `tokio-serial`.

use std::io;
use std::time::Duration;

use hes_model::{LineSettings, Parity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_serial::{ErrorKind, SerialPort, SerialStream};

use crate::{ModemLine, OpenError, RtsMode, SerialPortConfig};

/// How far a divided clock may be off the nominal speed; beyond it the last bit of a character is read as its neighbour.
const SPEED_OFF_PERCENT_MAX: u32 = 3;

/// An open port, ours alone: other programs, and other channels of ours, are kept out by `TIOCEXCL` and `flock`.
#[derive(Debug)]
pub(crate) struct Port {
    stream: SerialStream,
    rts: RtsMode,
}

impl Port {
    /// Opens a port exclusively. Pseudo-terminals work; they have no control lines and no real speed.
    pub(crate) async fn open(config: &SerialPortConfig, line: LineSettings) -> Result<Self, OpenError> {
        let (data_bits, parity) = character(line);
        let builder = tokio_serial::new(&config.path, line.baud())
            .data_bits(data_bits)
            .parity(parity)
            .stop_bits(tokio_serial::StopBits::One)
            .flow_control(tokio_serial::FlowControl::None);
        let stream = SerialStream::open(&builder).map_err(|e| refused(&config.path, line, e))?;
        let mut port = Self { stream, rts: config.rts };
        let set = port.check_speed(line).and_then(|()| port.set_control_lines(config));
        set.map_err(|source| OpenError::PortSettings { path: config.path.clone(), line: describe(line), source })?;
        if config.settle_ms > 0 {
            tokio::time::sleep(Duration::from_millis(config.settle_ms.into())).await;
        }
        // What lies in the port's buffer was said to somebody else.
        port.stream.clear(tokio_serial::ClearBuffer::All).map_err(|e| refused(&config.path, line, e))?;
        Ok(port)
    }

    fn set_control_lines(&mut self, config: &SerialPortConfig) -> io::Result<()> {
        let dtr = match config.dtr {
            ModemLine::Leave => Ok(()),
            ModemLine::On => self.stream.write_data_terminal_ready(true),
            ModemLine::Off => self.stream.write_data_terminal_ready(false),
        };
        dtr.map_err(|e| io::Error::other(format!("its DTR line can't be set: {e}")))?;
        let rts = match config.rts {
            RtsMode::Leave => Ok(()),
            RtsMode::On => self.stream.write_request_to_send(true),
            RtsMode::Off | RtsMode::Transmit => self.stream.write_request_to_send(false),
        };
        rts.map_err(|e| io::Error::other(format!("its RTS line can't be set: {e}")))
    }

    /// Cancel safe.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        self.stream.read_buf(into).await
    }

    /// What has arrived already, without waiting.
    pub(crate) fn try_read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.try_read(into)
    }

    /// Not cancel safe: part of the bytes may be out, and a switched transceiver may stay in the sending direction.
    pub(crate) async fn write_all(&mut self, bytes: &[u8], line: LineSettings) -> io::Result<()> {
        if self.rts != RtsMode::Transmit {
            return self.stream.write_all(bytes).await;
        }
        self.stream.write_request_to_send(true)?;
        let written = self.stream.write_all(bytes).await;
        if written.is_ok() {
            // The kernel takes the bytes at once; the transceiver must stay switched until the last one is on the line.
            tokio::time::sleep(line.duration_of(bytes.len())).await;
        }
        self.stream.write_request_to_send(false)?;
        written
    }

    /// Changes speed and character format while open.
    pub(crate) fn set_line(&mut self, line: LineSettings) -> io::Result<()> {
        let (data_bits, parity) = character(line);
        self.stream.set_baud_rate(line.baud())?;
        self.stream.set_data_bits(data_bits)?;
        self.stream.set_parity(parity)?;
        self.check_speed(line)
    }

    /// Reads the speed back: a port that can't do what it was told takes the nearest speed it can and says nothing.
    fn check_speed(&self, line: LineSettings) -> io::Result<()> {
        let real = self.stream.baud_rate()?;
        if real.abs_diff(line.baud()) > line.baud() * SPEED_OFF_PERCENT_MAX / 100 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("the port runs at {real} baud instead")));
        }
        Ok(())
    }
}

fn character(line: LineSettings) -> (tokio_serial::DataBits, tokio_serial::Parity) {
    let data_bits = if line.data_bits() == 7 { tokio_serial::DataBits::Seven } else { tokio_serial::DataBits::Eight };
    let parity = match line.parity() {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    (data_bits, parity)
}

/// Speed and format as people write them: `2400 8E1`.
pub(crate) fn describe(line: LineSettings) -> String {
    let parity = match line.parity() {
        Parity::None => 'N',
        Parity::Even => 'E',
        Parity::Odd => 'O',
    };
    format!("{} {}{parity}1", line.baud(), line.data_bits())
}

fn refused(path: &str, line: LineSettings, e: tokio_serial::Error) -> OpenError {
    let path = path.to_owned();
    match e.kind {
        ErrorKind::Io(io::ErrorKind::NotFound) => OpenError::NoSuchPort { path },
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => OpenError::PortDenied { path },
        // EBUSY (the port's own exclusive mode) and a lock that somebody holds.
        ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::WouldBlock | io::ErrorKind::ResourceBusy) => {
            OpenError::PortBusy { path }
        }
        _ => OpenError::PortSettings { path, line: describe(line), source: e.into() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::OFlag;
    use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};

    #[tokio::test]
    async fn the_speed_is_what_was_asked_for_and_changes_while_the_port_is_open() {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let config = SerialPortConfig::plain(&ptsname_r(&master).unwrap());
        let mut port = Port::open(&config, LineSettings::DLT645).await.unwrap();
        assert_eq!(port.stream.baud_rate().unwrap(), 2400);
        for baud in LineSettings::BAUDS {
            port.set_line(LineSettings::new(baud, 8, Parity::Even).unwrap()).unwrap();
            assert_eq!(port.stream.baud_rate().unwrap(), baud);
        }
    }
}
