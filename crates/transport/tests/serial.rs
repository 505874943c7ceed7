//! Serial ports, on real pseudo-terminals.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

mod frames;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::thread::JoinHandle;
use std::time::Duration;

use frames::{ENERGY, PATIENCE, Want, answer, fast, frame, question};
use hes_driver::{Exchange, LinkError};
use hes_model::{Endpoint, LineSettings, Parity};
use hes_transport::{
    DirectLink, Line, ModemLine, OpenError, RtsMode, SerialConfig, SerialPortConfig, Transport, TransportConfig,
    TransportMetrics,
};
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

/// A bus whose far end a thread plays.
struct Bus {
    path: String,
    /// Keeps the terminal alive while nobody has it open.
    held: File,
    far_end: JoinHandle<()>,
}

impl Bus {
    /// `meter` is told each batch of bytes and says what to answer.
    fn with(mut meter: impl FnMut(&[u8]) -> Vec<u8> + Send + 'static) -> Self {
        let (path, held, mut master) = terminal();
        let far_end = std::thread::spawn(move || {
            let mut buffer = [0; 512];
            // Ends with an error when the last opener of the near end is gone.
            while let Ok(n) = master.read(&mut buffer) {
                master.write_all(&meter(&buffer[..n])).unwrap();
            }
        });
        Self { path, held, far_end }
    }

    fn silent() -> Self {
        Self::with(|_| Vec::new())
    }

    async fn open(&self, line: LineSettings) -> Result<Line, OpenError> {
        transport().open(&Endpoint::Serial { path: self.path.clone() }, line).await
    }

    /// Ends the far end, after everything that opened the near end is gone.
    fn end(self) {
        drop(self.held);
        self.far_end.join().unwrap();
    }
}

fn terminal() -> (String, File, PtyMaster) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname_r(&master).unwrap();
    let held = OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits()).open(&path).unwrap();
    (path, held, master)
}

fn transport() -> Transport {
    Transport::new(TransportConfig::default(), TransportMetrics::unregistered())
}

#[tokio::test]
async fn an_answer_is_found_behind_echo_noise_and_another_meters_answer() {
    let bus = Bus::with(|request| {
        let other = answer(2, ENERGY, &[0x99; 4]);
        [request, &[0x00, 0x68, 0x55], &other, &[0xFE, 0xFE], &answer(1, ENERGY, &[0x12, 0x34, 0x56, 0x78])].concat()
    });
    let line = bus.open(fast()).await.unwrap();
    let counters = line.counters();
    let mut link = DirectLink::new(line, Duration::ZERO);
    let mut want = Want::new(1, ENERGY);
    let exchanged = link.exchange(&question(1, ENERGY), &mut want, PATIENCE).await.unwrap();
    assert_eq!(want.got, Some(answer(1, ENERGY, &[0x12, 0x34, 0x56, 0x78])));
    assert_eq!((exchanged.counts.echo, exchanged.counts.wrong_address), (1, 1));
    assert!(exchanged.counts.garbage + exchanged.counts.malformed > 0);
    assert!(exchanged.received_at.0 >= exchanged.sent_at);
    assert_eq!(counters.sent(), question(1, ENERGY).len() as u64);
    assert_eq!(counters.received(), exchanged.counts.bytes as u64);
    link.close().await;
    bus.end();
}

#[tokio::test]
async fn a_silent_meter_costs_the_longest_answer_time_and_the_port_stays_usable() {
    let mut asked = 0;
    let bus = Bus::with(move |_| {
        asked += 1;
        if asked == 1 { Vec::new() } else { answer(1, ENERGY, &[1]) }
    });
    let mut link = DirectLink::new(bus.open(fast()).await.unwrap(), Duration::ZERO);
    let begun = std::time::Instant::now();
    let silence = link.exchange(&question(1, ENERGY), &mut Want::new(1, ENERGY), PATIENCE).await;
    assert!(matches!(silence, Err(LinkError::TimedOut { heard, .. }) if heard.bytes == 0), "{silence:?}");
    assert!(begun.elapsed() >= PATIENCE.reply);
    link.exchange(&question(1, ENERGY), &mut Want::new(1, ENERGY), PATIENCE).await.unwrap();
    link.close().await;
    bus.end();
}

#[tokio::test]
async fn a_broadcast_is_made_when_the_line_is_ready_and_is_out_when_it_returns() {
    let (heard, hears) = std::sync::mpsc::channel();
    let bus = Bus::with(move |bytes| {
        heard.send(bytes.to_vec()).unwrap();
        Vec::new()
    });
    let slow = LineSettings::new(2400, 8, Parity::Even).unwrap();
    let mut link = DirectLink::new(bus.open(slow).await.unwrap(), Duration::ZERO);
    let broadcast = frame(1, 0x08, &[0, 0, 12, 1, 1, 24]);
    let begun = std::time::Instant::now();
    link.send(&mut || broadcast.clone()).await.unwrap();
    assert!(begun.elapsed() >= slow.duration_of(broadcast.len()));
    let mut out = Vec::new();
    while out.len() < broadcast.len() {
        out.extend(hears.recv_timeout(Duration::from_secs(5)).unwrap());
    }
    assert_eq!(out, broadcast);
    link.close().await;
    bus.end();
}

#[tokio::test]
async fn a_port_has_one_user_and_the_second_is_told_what_to_do() {
    let bus = Bus::silent();
    let line = bus.open(fast()).await.unwrap();
    let second = bus.open(fast()).await.unwrap_err();
    assert!(matches!(&second, OpenError::PortBusy { path } if *path == bus.path), "{second:?}");
    assert!(second.to_string().contains("in use by another program"));
    line.close().await;
    bus.open(fast()).await.expect("free again").close().await;
    bus.end();
}

#[tokio::test]
async fn a_path_that_is_no_port_is_named_with_what_to_check() {
    let open = async |path: &str| transport().open(&Endpoint::Serial { path: path.into() }, fast()).await.unwrap_err();
    let missing = open("/dev/no-such-port").await;
    assert!(matches!(missing, OpenError::NoSuchPort { .. }), "{missing:?}");
    assert!(missing.to_string().contains("/dev/no-such-port does not exist"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let not_a_port = open(file.path().to_str().unwrap()).await;
    assert!(matches!(not_a_port, OpenError::PortSettings { .. }), "{not_a_port:?}");
    assert!(not_a_port.to_string().contains("115200 8E1"));
}

#[tokio::test]
async fn control_lines_that_a_port_does_not_have_are_named_before_anything_is_sent() {
    let bus = Bus::silent();
    let head = SerialPortConfig { path: bus.path.clone(), dtr: ModemLine::On, rts: RtsMode::Transmit, settle_ms: 0 };
    let config = TransportConfig { serial: SerialConfig { port: vec![head] }, ..TransportConfig::default() };
    let transport = Transport::new(config, TransportMetrics::unregistered());
    let refused = transport.open(&Endpoint::Serial { path: bus.path.clone() }, fast()).await.unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.starts_with("its DTR line can't be set"), "{cause}");
    bus.end();
}

#[tokio::test]
async fn a_port_that_is_pulled_out_is_down() {
    let (path, held, master) = terminal();
    let line = transport().open(&Endpoint::Serial { path }, fast()).await.unwrap();
    drop((held, master));
    let mut link = DirectLink::new(line, Duration::ZERO);
    let gone = link.exchange(&question(1, ENERGY), &mut Want::new(1, ENERGY), PATIENCE).await;
    assert!(matches!(gone, Err(LinkError::Down { .. })), "{gone:?}");
}
