//! A mail server that follows a script, for answers that no honest one gives.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does after it has heard a command (or, first, after the connection; or the message's end).
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Says this.
    Say(&'static str),
    /// Says nothing for ever.
    Hang,
    /// Closes the connection.
    Drop,
    /// Talks without an end.
    Flood,
}

/// A running server.
pub(super) struct FakeSmtp {
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl FakeSmtp {
    /// What it says unless the script says otherwise, by the beginning of what it heard.
    const USUAL: [(&'static str, &'static str); 7] = [
        ("", "220 fake ready\r\n"),
        ("EHLO", "250-fake\r\n250-auth plain LOGIN\r\n250 8BITMIME\r\n"),
        ("AUTH", "235 welcome\r\n"),
        ("DATA", "354 go on\r\n"),
        (".", "250 queued\r\n"),
        ("QUIT", "221 bye\r\n"),
        ("RSET", "250 forgotten\r\n"),
    ];

    /// Starts a server in the clear. The first entry of the script whose words what was heard begins with decides,
    /// and is used up; `.` is the message's end and the empty one the connection.
    pub(super) async fn start(script: &[(&'static str, Act)]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (kept, script) = (Arc::clone(&heard), script.to_vec());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script.clone(), Arc::clone(&kept)));
            }
        });
        Self { port, heard }
    }

    /// Every line that it heard.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    /// How many of those lines begin with this.
    pub(super) fn count(&self, beginning: &str) -> usize {
        self.heard().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

/// A client that hangs up early is what some tests want to see, so the end of the connection is no failure here.
async fn serve(stream: TcpStream, mut script: Vec<(&'static str, Act)>, heard: Arc<Mutex<Vec<String>>>) {
    let mut line = BufReader::new(stream);
    let mut command = String::new();
    let mut in_message = false;
    loop {
        let is_end = command == ".\r\n";
        if !in_message || is_end {
            in_message = false;
            let fits = |beginning: &str| match beginning {
                "" => command.is_empty(),
                beginning => command.starts_with(beginning),
            };
            let own = script.iter().position(|(beginning, _)| fits(beginning));
            let act = match own {
                Some(place) => script.remove(place).1,
                None => {
                    let usual = FakeSmtp::USUAL.iter().find(|(beginning, _)| fits(beginning));
                    Act::Say(usual.map_or("250 fine\r\n", |(_, words)| words))
                }
            };
            match act {
                Act::Say(words) => {
                    in_message = command.starts_with("DATA") && words.starts_with("354");
                    if line.get_mut().write_all(words.as_bytes()).await.is_err() {
                        return;
                    }
                }
                Act::Hang => std::future::pending().await,
                Act::Drop => return,
                Act::Flood => while line.get_mut().write_all(&[b'2'; 16 * 1024]).await.is_ok() {},
            }
        }
        command.clear();
        match line.read_line(&mut command).await {
            Ok(1..) => heard.lock().unwrap().push(command.trim_end().to_owned()),
            _ => return,
        }
    }
}
