//! One question and its answer on an open line.

use std::io;
use std::time::Duration;

use hes_driver::{Counts, Exchanged, Expect, LinkError};
use hes_model::{ReceivedAt, UtcMicros};
use tokio::time::{Instant, timeout_at};

use crate::answer::{Answer, Step};
use crate::{Deadlines, Late, Line};

/// Whether somebody saw the last bytes come.
#[derive(Debug, Clone, Copy)]
enum Looks {
    AtEachPiece,
    /// It is the first look for a while, and before then the rest could not be there.
    Again {
        due: Instant,
    },
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The time was up; the line can be used again.
    #[error("no answer in time")]
    TimedOut {
        /// What was heard.
        heard: Counts,
        /// The last unwanted or broken bytes, at most one frame of them.
        last: Vec<u8>,
    },
    /// The link is down; drop the line.
    #[error("the link is down")]
    Lost(#[from] io::Error),
}

impl From<AskError> for LinkError {
    fn from(e: AskError) -> Self {
        match e {
            AskError::TimedOut { heard, last } => LinkError::TimedOut { heard, last },
            AskError::Lost(cause) => LinkError::Down { cause: cause.to_string() },
        }
    }
}

impl Line {
    /// Sends `request` as it is and offers the frames that come back to `expect` until it says done or a deadline
    /// passes. `longest` are the deadlines without anything learned; they say how long a poisoned line must be drained.
    ///
    /// # Cancel safety
    ///
    /// Dropped in the middle it leaves the line poisoned; the next use must [`settle`](Line::settle) it first. This
    /// method does so itself.
    pub async fn ask(
        &mut self,
        request: &[u8],
        expect: &mut (dyn Expect + Send),
        deadlines: Deadlines,
        longest: Deadlines,
    ) -> Result<Exchanged, AskError> {
        self.settle().await?;
        self.drop_stale()?;
        let sent = self.write_all(request).await?;
        self.expecting(longest.late(sent));

        let mut answer = Answer::new(deadlines, sent);
        let mut heard = Vec::new();
        let mut looks = Looks::AtEachPiece;
        loop {
            heard.clear();
            let step = match timeout_at(answer.deadline(), self.read(&mut heard)).await {
                Ok(read) => {
                    read?;
                    let now = Instant::now();
                    let step = answer.received(now, &heard, expect);
                    self.learn(&mut answer, looks, now);
                    step
                }
                Err(_elapsed) => answer.expired(Instant::now(), expect),
            };
            looks = Looks::AtEachPiece;
            match step {
                Step::Wait => {
                    if let Some(away) = self.tempo.may_look_away(answer.missing(), answer.gap())
                        && self.can_look_away()
                    {
                        let now = Instant::now();
                        self.look_away((now + away.for_now).min(answer.deadline())).await?;
                        looks = Looks::Again { due: now + away.rest };
                    }
                }
                Step::Done { first } => {
                    self.over();
                    let counts = answer.counts();
                    // Garbage tells nothing here: the wake-up bytes that lead an answer are some.
                    if counts.malformed + counts.checksum > 0 {
                        self.strayed();
                    }
                    let received = Instant::now();
                    let received_at = utc_now();
                    // An answer proves that the request was out, whatever the line's speed says.
                    let sent = sent.min(first);
                    return Ok(Exchanged {
                        sent_at: before(received_at, received.saturating_duration_since(sent)),
                        received_at: ReceivedAt(received_at),
                        reply: first.saturating_duration_since(sent),
                        counts,
                    });
                }
                Step::TimedOut => {
                    self.over();
                    let (heard, last) = answer.into_heard();
                    if heard.garbage + heard.malformed + heard.checksum > 0 {
                        self.strayed();
                    }
                    return Err(AskError::TimedOut { heard, last });
                }
            }
        }
    }

    /// Learns from a frame that is whole now how fast its bytes came, if anybody was looking when the last one did.
    fn learn(&mut self, answer: &mut Answer, looks: Looks, now: Instant) {
        let Some((bytes, took)) = answer.take_arrived() else { return };
        match looks {
            Looks::AtEachPiece => self.tempo.arrived(bytes, took),
            Looks::Again { due } if now < due => self.tempo.was_quicker(),
            // We were late ourselves, which says nothing of the line.
            Looks::Again { .. } => {}
        }
    }

    /// Sends a frame that has no answer, made when the line is ready for it (it may tell the time); the moment its last
    /// byte is out. Waits until then. An empty frame is not sent.
    ///
    /// # Cancel safety
    ///
    /// As [`ask`](Line::ask).
    pub async fn tell(&mut self, frame: &mut (dyn FnMut() -> Vec<u8> + Send)) -> Result<UtcMicros, AskError> {
        self.settle().await?;
        let frame = frame();
        if frame.is_empty() {
            return Ok(utc_now());
        }
        let sent = self.write_all(&frame).await?;
        self.expecting(Late::none(sent));
        tokio::time::sleep_until(sent).await;
        self.over();
        Ok(utc_now())
    }
}

fn before(at: UtcMicros, by: Duration) -> UtcMicros {
    UtcMicros(at.0.saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
}

fn utc_now() -> UtcMicros {
    jiff::Timestamp::now().into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hes_driver::Patience;
    use hes_model::LineSettings;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{advance, sleep, timeout};

    use super::*;
    use crate::dial_in::{Presence, Proof};
    use crate::line::Stream;
    use crate::socket::Socket;
    use crate::toy::{Want, frame};
    use crate::{Medium, TransportMetrics};

    /// What a serial server passes on at once, and how long that is on its line.
    const PIECE: usize = 16;
    const PIECE_TIME: Duration = Duration::from_millis(20);
    const PATIENCE: Patience =
        Patience { reply: Duration::from_millis(500), gap: Duration::from_millis(500), answer_bytes: 204 };

    async fn connected() -> (Line, TcpStream) {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (socket, accepted) = tokio::join!(TcpStream::connect(server.local_addr().unwrap()), server.accept());
        let stream = Stream::Tcp(Socket::new(socket.unwrap()));
        let metrics = TransportMetrics::unregistered();
        let line =
            Line::new(stream, Medium::Dial, "test".into(), LineSettings::DLT645, Duration::from_secs(1), metrics);
        let server = accepted.unwrap().0;
        server.set_nodelay(true).unwrap();
        (line, server)
    }

    async fn ask(line: &mut Line) -> Result<Vec<Vec<u8>>, AskError> {
        let longest = line.longest(Duration::ZERO, &PATIENCE);
        let deadlines = longest.holding_back(0).expecting(PIECE_TIME * 2);
        let mut want = Want::answer(7);
        line.ask(&frame(0, b"question"), &mut want, deadlines, longest).await.map(|_| want.taken)
    }

    /// Hears a question and passes an answer on in pieces, each so long after the one before; when the last was out.
    async fn pass_on(server: &mut TcpStream, answer: &[u8], piece_time: Duration) -> Instant {
        hear(server).await;
        for piece in answer.chunks(PIECE) {
            sleep(piece_time).await;
            server.write_all(piece).await.unwrap();
        }
        Instant::now()
    }

    async fn hear(server: &mut TcpStream) {
        let mut question = vec![0; frame(0, b"question").len()];
        server.read_exact(&mut question).await.unwrap();
    }

    /// Reads answers of a tempo until it is known.
    async fn teach(line: &mut Line, server: &mut TcpStream, piece_time: Duration) {
        let answer = frame(7, &[1; 200]);
        for _ in 0..8 {
            let (taken, _) = tokio::join!(ask(line), pass_on(server, &answer, piece_time));
            assert_eq!(taken.unwrap(), [answer.as_slice()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_small_pieces_is_read_in_few_and_known_as_soon_as_it_is_whole() {
        let (mut line, mut server) = connected().await;
        let answer = frame(7, &[1; 200]);
        let pieces = answer.len().div_ceil(PIECE) as u64;
        teach(&mut line, &mut server, PIECE_TIME).await;
        assert_eq!(line.counters().reads(), 8 * pieces, "while nothing is known each piece is looked at");
        for _ in 0..3 {
            let before = line.counters().reads();
            let asked = async { (ask(&mut line).await.unwrap(), Instant::now()) };
            let ((taken, whole), last) = tokio::join!(asked, pass_on(&mut server, &answer, PIECE_TIME));
            assert_eq!(taken, [answer.as_slice()]);
            assert_eq!(whole, last, "nobody looked away when the last piece came");
            let reads = line.counters().reads() - before;
            assert!(reads <= pieces / 2, "{reads} reads of {pieces} pieces");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_quicker_than_any_before_is_the_last_one_known_late() {
        let (mut line, mut server) = connected().await;
        let answer = frame(7, &[1; 200]);
        teach(&mut line, &mut server, PIECE_TIME).await;
        for late_max in [PATIENCE.gap / 2, Duration::ZERO, Duration::ZERO] {
            let asked = async { (ask(&mut line).await.unwrap(), Instant::now()) };
            let ((taken, whole), last) = tokio::join!(asked, pass_on(&mut server, &answer, PIECE_TIME / 20));
            assert_eq!(taken, [answer.as_slice()]);
            assert!(whole - last <= late_max, "{:?} late", whole - last);
        }
    }

    /// Hears a question and answers it with a first piece, upon which somebody looks away, and with all the rest a millisecond
    /// later; then this machine is so busy that it sees nothing of it until `seen` after that.
    async fn answer_unseen(server: &mut TcpStream, answer: &[u8], seen: Duration) {
        hear(server).await;
        sleep(PIECE_TIME).await;
        server.write_all(&answer[..PIECE]).await.unwrap();
        sleep(Duration::from_millis(1)).await;
        server.write_all(&answer[PIECE..]).await.unwrap();
        advance(seen).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_quicker_than_thought_is_known_though_the_look_that_found_it_was_late() {
        let (mut line, mut server) = connected().await;
        let answer = frame(7, &[1; 200]);
        teach(&mut line, &mut server, PIECE_TIME).await;
        let pieces = u32::try_from(answer.len().div_ceil(PIECE)).unwrap();
        let almost_due = PIECE_TIME * (pieces - 1) - Duration::from_millis(10);
        let (taken, ()) = tokio::join!(ask(&mut line), answer_unseen(&mut server, &answer, almost_due));
        assert_eq!(taken.unwrap(), [answer.as_slice()]);
        let before = line.counters().reads();
        let (taken, _) = tokio::join!(ask(&mut line), pass_on(&mut server, &answer, PIECE_TIME));
        assert_eq!(taken.unwrap(), [answer.as_slice()]);
        assert_eq!(line.counters().reads() - before, pieces.into(), "each piece is looked at again");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_here_is_taken_though_somebody_looked_away_until_its_deadline_was_over() {
        let (mut line, mut server) = connected().await;
        let answer = frame(7, &[1; 200]);
        teach(&mut line, &mut server, PIECE_TIME).await;
        let (taken, ()) = tokio::join!(ask(&mut line), answer_unseen(&mut server, &answer, PATIENCE.gap));
        assert_eq!(taken.unwrap(), [answer.as_slice()]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_came_before_the_question_is_no_answer_though_the_runtime_has_not_heard_of_it() {
        let (stale, fresh) = (frame(7, &[2; 200]), frame(7, &[3; 200]));
        for looked_away in [false, true] {
            let (mut line, mut server) = connected().await;
            teach(&mut line, &mut server, PIECE_TIME).await;
            if looked_away {
                let (taken, ()) = tokio::join!(ask(&mut line), answer_unseen(&mut server, &fresh, PATIENCE.gap / 2));
                assert_eq!(taken.unwrap(), [fresh.as_slice()]);
            }
            server.write_all(&stale).await.unwrap();
            let (taken, _) = tokio::join!(ask(&mut line), pass_on(&mut server, &fresh, PIECE_TIME));
            assert_eq!(taken.unwrap(), [fresh.as_slice()]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_question_dropped_while_a_meter_talks_with_pauses_the_next_waits_for_its_silence() {
        let (mut line, mut server) = connected().await;
        let (late, fresh) = (frame(7, &[2; 200]), frame(7, &[3; 200]));
        let cut_off = Duration::from_secs(5);
        assert!(line.longest(Duration::ZERO, &PATIENCE).whole < cut_off);
        let meter = async {
            hear(&mut server).await;
            for byte in &late {
                server.write_all(&[*byte]).await.unwrap();
                sleep(Duration::from_millis(120)).await;
            }
            let questions = server.try_read(&mut [0; 64]).map_err(|e| e.kind());
            assert_eq!(questions, Err(io::ErrorKind::WouldBlock), "nobody talks while the meter does");
            pass_on(&mut server, &fresh, PIECE_TIME).await;
        };
        let reader = async {
            timeout(cut_off, ask(&mut line)).await.expect_err("the answer takes longer");
            ask(&mut line).await
        };
        let (taken, ()) = tokio::join!(reader, meter);
        assert_eq!(taken.unwrap(), [fresh], "what came late belongs to nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_talk_that_never_ends_holds_the_line_no_longer_than_the_pauses_of_an_answer_may_take() {
        let (mut line, mut server) = connected().await;
        let longest = line.longest(Duration::ZERO, &PATIENCE);
        let sent = Instant::now() + line.settings().duration_of(frame(0, b"question").len());
        timeout(PIECE_TIME, ask(&mut line)).await.expect_err("nobody answers");
        let talk = async {
            loop {
                server.write_all(&[0x55]).await.unwrap();
                sleep(PIECE_TIME).await;
            }
        };
        tokio::select! {
            settled = line.settle() => settled.unwrap(),
            () = talk => {}
        }
        let held = sent.elapsed();
        assert!(held >= longest.with_pauses && held <= longest.with_pauses + PIECE_TIME, "{held:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_stops_in_the_middle_is_given_up_though_nobody_looked_when_it_did() {
        let (mut line, mut server) = connected().await;
        let answer = frame(7, &[1; 200]);
        teach(&mut line, &mut server, PIECE_TIME).await;
        let asked = async { (ask(&mut line).await.unwrap_err(), Instant::now()) };
        let ((failed, end), last) = tokio::join!(asked, pass_on(&mut server, &answer[..100], PIECE_TIME));
        let AskError::TimedOut { heard, .. } = failed else { panic!("{failed}") };
        assert_eq!(heard.bytes, 100);
        assert!(end - last <= PATIENCE.gap + PATIENCE.gap / 2, "{:?}", end - last);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_dropped_while_nobody_looked_leaves_a_line_that_is_drained_and_used_again() {
        let (mut line, mut server) = connected().await;
        let (late, fresh) = (frame(7, &[2; 200]), frame(7, &[3; 200]));
        teach(&mut line, &mut server, PIECE_TIME).await;
        let begin = async {
            hear(&mut server).await;
            server.write_all(&late[..PIECE]).await.unwrap();
            sleep(PIECE_TIME).await;
        };
        tokio::select! {
            biased;
            _ = ask(&mut line) => panic!("the answer is not whole yet"),
            () = begin => {}
        }
        assert!(line.is_poisoned());
        server.write_all(&late[PIECE..]).await.unwrap();
        let (taken, _) = tokio::join!(ask(&mut line), pass_on(&mut server, &fresh, PIECE_TIME));
        assert_eq!(taken.unwrap(), [fresh], "what came late belongs to nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_closes_while_nobody_looks_and_a_newer_log_in_end_the_exchange() {
        let answer = frame(7, &[1; 200]);
        for newer_log_in in [false, true] {
            let (line, mut server) = connected().await;
            let presence = Arc::new(Presence::new(Vec::new()));
            let mut line = line.watched_by(Arc::clone(&presence));
            teach(&mut line, &mut server, PIECE_TIME).await;
            let end = async {
                hear(&mut server).await;
                server.write_all(&answer[..PIECE]).await.unwrap();
                sleep(PIECE_TIME).await;
                if newer_log_in {
                    presence.evict()
                } else {
                    server.shutdown().await.unwrap()
                }
                Instant::now()
            };
            let asked = async { (ask(&mut line).await.unwrap_err(), Instant::now()) };
            let ((failed, noticed), at) = tokio::join!(asked, end);
            assert!(matches!(failed, AskError::Lost(_)), "{failed}");
            assert!(noticed - at <= if newer_log_in { Duration::ZERO } else { PATIENCE.gap / 2 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_challenged_link_looks_at_each_piece_so_that_its_sign_of_life_is_seen_at_once() {
        let (line, mut server) = connected().await;
        let presence = Arc::new(Presence::new(Vec::new()));
        let mut line = line.watched_by(Arc::clone(&presence));
        let answer = frame(7, &[1; 200]);
        teach(&mut line, &mut server, PIECE_TIME).await;
        let proof = async {
            sleep(PIECE_TIME * 3 / 2).await;
            presence.prove(PIECE_TIME).await
        };
        let (taken, _, proof) = tokio::join!(ask(&mut line), pass_on(&mut server, &answer, PIECE_TIME), proof);
        assert_eq!(taken.unwrap(), [answer.as_slice()]);
        assert_eq!(proof, Proof::Alive, "a piece came within that time");
    }
}
