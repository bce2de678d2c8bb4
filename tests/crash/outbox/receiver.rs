//! A receiver that behaves as its table row says, writes down what it was told, and can kill whoever tells it at
//! the moment that a round wants.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// The longest request that is looked at, in bytes.
const REQUEST_MAX: usize = 64 * 1024;
/// The largest body that a receiver with narrow doors takes: a body without findings.
const NARROW: usize = 1_500;
/// How long a client may take for its request.
const CLIENT: Duration = Duration::from_secs(20);

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Conduct {
    /// Takes everything.
    Takes,
    /// Refuses each message once: 429 with `Retry-After: 1`.
    TooMany,
    /// Takes each message, says half of a 200, and resets the connection; the second time it answers.
    Resets,
    /// Says 202 to everything, and loses all of it.
    LosesAfter202,
    /// Refuses whatever is large: 413.
    TooLarge,
    /// Takes the first message and never answers.
    Hangs,
}

/// The moment at which the receiver kills the process that tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trap {
    /// As soon as it connects: whatever it sends is not read.
    Connected,
    /// When its request was taken, before any answer.
    Taken,
    /// When its request was answered.
    Answered,
}

/// A request as the receiver remembers it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// `webhook-id`.
    pub(super) id: String,
    /// Whether it says that it may be a repeat.
    pub(super) marked: bool,
    /// `incident.opened` and so on.
    pub(super) kind: String,
    /// The ids of the incident's findings.
    pub(super) findings: BTreeSet<String>,
    /// What became of it here.
    pub(super) fate: Fate,
    /// Whether the sender could know what became of it.
    pub(super) answer: Answer,
    /// Who sent it.
    pub(super) life: Life,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// The receiver has the message.
    Taken,
    /// It said 202 and then lost the message.
    Lost,
    /// It said that it does not take it.
    Refused,
}

/// What the sender can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// It was answered in full and lived on.
    Clear,
    /// It was not, or was killed at that moment.
    Open,
}

/// Which process sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// The one that was killed.
    First,
    /// The one after it.
    Second,
}

/// A running receiver.
#[derive(Debug)]
pub(super) struct FakeReceiver {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    conduct: Conduct,
    trap: Mutex<Option<Armed>>,
    requests: Mutex<Vec<Request>>,
    life: Mutex<Life>,
    /// Connections of senders that wait for an answer for ever.
    held: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

/// A trap and what it does; it closes once.
struct Armed(Trap, Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Conduct {
    pub(super) const ALL: [Self; 6] =
        [Self::Takes, Self::TooMany, Self::Resets, Self::LosesAfter202, Self::TooLarge, Self::Hangs];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Takes => "200",
            Self::TooMany => "429 + Retry-After, each once",
            Self::Resets => "half a 200, then reset, each once",
            Self::LosesAfter202 => "202, and loses all of it",
            Self::TooLarge => "413 for all that is large",
            Self::Hangs => "takes it and hangs, once",
        }
    }

    /// How long a round with it takes, in no unit.
    pub(super) const fn patience(self) -> u32 {
        match self {
            Self::Takes | Self::LosesAfter202 | Self::TooLarge => 1,
            Self::TooMany => 2,
            Self::Resets => 10,
            Self::Hangs => 15,
        }
    }
}

impl FakeReceiver {
    pub(super) fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            conduct,
            trap: Mutex::default(),
            requests: Mutex::default(),
            life: Mutex::new(Life::First),
            held: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if shared.over.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.serve(stream));
            }
        });
        Self { address, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Lets `close` happen at that moment, once.
    pub(super) fn set(&self, trap: Trap, close: impl FnOnce() + Send + 'static) {
        *self.state.trap.lock().unwrap() = Some(Armed(trap, Box::new(close)));
    }

    /// Whether the trap waits no more.
    pub(super) fn has_closed(&self) -> bool {
        self.state.trap.lock().unwrap().is_none()
    }

    /// What comes from now on is sent by this process.
    pub(super) fn begin_life(&self, life: Life) {
        *self.state.life.lock().unwrap() = life;
    }

    /// What was told so far.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl Drop for FakeReceiver {
    fn drop(&mut self) {
        self.state.held.lock().unwrap().clear();
        self.state.over.store(true, Ordering::SeqCst);
        // One more connection lets the listening thread see it.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn close(&self, moment: Trap) -> Answer {
        let mut trap = self.trap.lock().unwrap();
        match trap.take() {
            Some(Armed(wanted, close)) if wanted == moment => {
                close();
                Answer::Open
            }
            other => {
                *trap = other;
                Answer::Clear
            }
        }
    }

    fn serve(&self, mut stream: TcpStream) {
        if self.close(Trap::Connected) == Answer::Open {
            return;
        }
        stream.set_read_timeout(Some(CLIENT)).unwrap();
        let Some((mut request, length, taken)) = read(&mut stream) else { return };
        let seen =
            |request: &Request| self.requests.lock().unwrap().iter().any(|other| other.id == request.id);
        let misbehaves = match self.conduct {
            Conduct::Takes => false,
            Conduct::TooMany | Conduct::Resets => !seen(&request),
            Conduct::LosesAfter202 => true,
            Conduct::TooLarge => taken > NARROW,
            Conduct::Hangs => self.requests.lock().unwrap().is_empty(),
        };
        let (status, headers) = match (misbehaves, self.conduct) {
            (true, Conduct::TooMany) => (429, "Retry-After: 1\r\n"),
            (true, Conduct::TooLarge) => (413, ""),
            (true, Conduct::LosesAfter202) => (202, ""),
            _ => (200, ""),
        };
        request.life = *self.life.lock().unwrap();
        request.fate = match status {
            200 => Fate::Taken,
            202 => Fate::Lost,
            _ => Fate::Refused,
        };
        // What was taken is written down before anybody can die of it.
        let place = {
            let mut requests = self.requests.lock().unwrap();
            requests.push(request);
            requests.len() - 1
        };
        let mark = |answer: Answer| {
            if answer == Answer::Open {
                self.requests.lock().unwrap()[place].answer = answer;
            }
        };
        if self.close(Trap::Taken) == Answer::Open {
            return mark(Answer::Open);
        }
        if misbehaves && self.conduct == Conduct::Hangs {
            mark(Answer::Open);
            mark(self.close(Trap::Answered));
            self.held.lock().unwrap().push(stream);
            return;
        }
        if misbehaves && self.conduct == Conduct::Resets {
            mark(Answer::Open);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            mark(self.close(Trap::Answered));
            // What was sent has only been peeked at: to close now makes the kernel send a reset, not an end.
            return;
        }
        // Read for good, so that the answer is followed by an orderly end.
        let _ = stream.read_exact(&mut vec![0; length]);
        let said = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n{headers}\r\n");
        let _ = stream.write_all(said.as_bytes());
        mark(self.close(Trap::Answered));
    }
}

/// A whole request with its length and that of its body, left unread in the connection.
fn read(stream: &mut TcpStream) -> Option<(Request, usize, usize)> {
    let mut bytes = vec![0; REQUEST_MAX];
    let mut known = 0;
    loop {
        let length = stream.peek(&mut bytes).ok()?;
        if length == 0 {
            return None;
        }
        if length == known {
            // More is on its way; a look costs nothing.
            std::thread::yield_now();
            continue;
        }
        known = length;
        let read = &bytes[..length];
        let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (found, value) = line.split_once(':')?;
                found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        let body = &read[end + 4..];
        let wanted: usize = header("content-length")?.parse().ok()?;
        if body.len() < wanted {
            continue;
        }
        let told: Value = serde_json::from_slice(&body[..wanted]).ok()?;
        let ids = told["data"]["incident"]["findings"].as_array().cloned().unwrap_or_default();
        let request = Request {
            id: header("webhook-id")?,
            marked: told["data"]["possible_repeat"] == true,
            kind: told["type"].as_str()?.to_owned(),
            findings: ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
            fate: Fate::Refused,
            answer: Answer::Clear,
            life: Life::First,
        };
        return Some((request, end + 4 + wanted, wanted));
    }
}
