//! A bounded number of connections: whoever comes later waits at the door, and the program keeps its file
//! descriptors for the logs and the database.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most connections at one time: six a browser and server, and room for a few browsers and a scraper.
pub(crate) const MAX_CONNECTIONS: usize = 256;

/// A listener that hands out so many connections at most.
pub(crate) struct Seats {
    door: TcpListener,
    free: Arc<Semaphore>,
    most: usize,
}

impl Seats {
    /// At most so many connections of this listener.
    pub(crate) fn new(door: TcpListener, most: usize) -> Self {
        Self { door, free: Arc::new(Semaphore::new(most)), most }
    }

    /// Counts the connections that are open, also when the door is closed.
    pub(crate) fn taken(&self) -> impl Fn() -> usize + use<> {
        let (free, most) = (Arc::clone(&self.free), self.most);
        move || most - free.available_permits()
    }
}

impl Listener for Seats {
    type Io = Seated;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Seated, SocketAddr) {
        // The semaphore is never closed; without it the connection would only be uncounted.
        let seat = Arc::clone(&self.free).acquire_owned().await.ok();
        // It waits errors out, as when there are no file descriptors left.
        let (stream, address) = Listener::accept(&mut self.door).await;
        (Seated { stream, _seat: seat }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.door.local_addr()
    }
}

/// A connection on its seat; dropping it frees the seat.
pub(crate) struct Seated {
    stream: TcpStream,
    _seat: Option<OwnedSemaphorePermit>,
}

impl AsyncRead for Seated {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Seated {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_more_connection_waits_until_a_seat_is_free() {
        let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = door.local_addr().unwrap();
        let mut seats = Seats::new(door, 2);
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(TcpStream::connect(address).await.unwrap());
        }
        let first = seats.accept().await;
        let _second = seats.accept().await;
        let waits = tokio::time::timeout(Duration::from_millis(50), seats.accept()).await;
        assert!(waits.is_err(), "there are two seats");
        drop(first);
        let (_third, from) = seats.accept().await;
        assert_eq!(from, clients[2].local_addr().unwrap());
    }
}
