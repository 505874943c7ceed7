//! A master's end of a line: sends request frames and gathers what comes back.

use std::time::Duration;

use hes_dlt645::Dlt645;
use hes_sim::{Endpoint, Fleet, FleetConfig, RunningFleet, StartOptions};
use hes_wire::{Framing, Scan};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Long enough for any answer; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn start(toml: &str) -> RunningFleet {
    Fleet::start(&FleetConfig::parse(toml).unwrap(), &StartOptions::default()).await.unwrap()
}

/// Waits until something has come true.
pub(crate) async fn until(mut come_true: impl FnMut() -> bool) {
    let wait = async {
        while !come_true() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("it comes true");
}

pub(crate) struct Line<T> {
    pub(crate) io: T,
    buffer: Vec<u8>,
}

impl Line<TcpStream> {
    /// Calls the serial server of this channel.
    pub(crate) async fn call(running: &RunningFleet, channel: &str) -> Self {
        let Endpoint::Dial { at } = running.channel(channel).unwrap().endpoint else {
            panic!("{channel} does not listen")
        };
        Self::new(TcpStream::connect(at).await.unwrap())
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Line<T> {
    pub(crate) fn new(io: T) -> Self {
        Self { io, buffer: Vec::new() }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.io.write_all(bytes).await.unwrap();
    }

    /// The next whole frame, whatever stands before it dropped.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        tokio::time::timeout(PATIENCE, self.next_frame()).await.expect("a frame comes")
    }

    pub(crate) async fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request).await;
        self.frame().await
    }

    /// Everything that comes until `sentinel`, a request that is surely answered, is answered too.
    pub(crate) async fn until_answer_to(&mut self, sentinel: &[u8], answer: &[u8]) -> Vec<u8> {
        self.send(sentinel).await;
        let gather = async {
            while !self.buffer.windows(answer.len()).any(|window| window == answer) {
                self.read_more().await;
            }
        };
        tokio::time::timeout(PATIENCE, gather).await.expect("the sentinel is answered");
        let end = self.buffer.len() - answer.len();
        assert_eq!(&self.buffer[end..], answer, "nothing after it");
        self.buffer.drain(..).take(end).collect()
    }

    /// Waits until this many bytes are there.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let gather = async {
            while self.buffer.len() < count {
                self.read_more().await;
            }
        };
        tokio::time::timeout(PATIENCE, gather).await.expect("the bytes come");
        self.buffer.drain(..count).collect()
    }

    async fn next_frame(&mut self) -> Vec<u8> {
        loop {
            match Dlt645.scan(&self.buffer) {
                Scan::Frame(range) => return self.buffer.drain(..range.end).skip(range.start).collect(),
                Scan::Skip(n, _) => drop(self.buffer.drain(..n)),
                Scan::NeedMore => self.read_more().await,
            }
        }
    }

    async fn read_more(&mut self) {
        let mut chunk = [0; 512];
        let n = self.io.read(&mut chunk).await.unwrap();
        assert!(n > 0, "the line was closed");
        self.buffer.extend_from_slice(&chunk[..n]);
    }
}
