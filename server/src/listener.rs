//! TCP connections that say goodbye: when the server closes one on which bytes are still arriving,
//! the kernel would reset it, and the other side would lose the answer that says why (RFC 9112,
//! section 9.6). So the rest is read and thrown away for a moment.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    time::timeout,
};

/// How long, and how much, a closing connection is listened to.
const GOODBYE: Duration = Duration::from_secs(2);
const GOODBYE_BYTES: u64 = 64 << 20;

/// Accepts connections that close in an orderly way.
#[derive(Debug)]
pub struct Listener(pub TcpListener);

/// The other side's address.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // Axum's own `accept` waits and tries again when the process has too many files open.
        let (stream, peer) = axum::serve::Listener::accept(&mut self.0).await;
        // Messages are small and answers are waited for.
        let _ = stream.set_nodelay(true);
        let stream = Some(stream);
        (Connection { stream }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    /// There until the connection is dropped.
    stream: Option<TcpStream>,
}

impl Connection {
    fn stream(self: Pin<&mut Self>) -> Pin<&mut TcpStream> {
        Pin::new(
            self.get_mut()
                .stream
                .as_mut()
                .expect("the stream is there until the drop"),
        )
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (Some(stream), Ok(runtime)) = (self.stream.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(timeout(GOODBYE, say_goodbye(stream)));
    }
}

async fn say_goodbye(mut stream: TcpStream) -> io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(GOODBYE_BYTES), &mut tokio::io::sink()).await?;
    Ok(())
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream
            .as_ref()
            .is_some_and(AsyncWrite::is_write_vectored)
    }
}
