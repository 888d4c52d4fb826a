//! A worker's socket, as light as the library allows: thousands of them are in one process.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tabsweep_protocol::{SUBPROTOCOL, WorkerMessage, limits::MESSAGE_BYTES};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig,
    },
};

/// What stands for a connection that broke without a word (RFC 6455, section 7.1.5).
pub(crate) const ABNORMAL: u16 = 1006;
/// A server that is being killed accepts connections and then says nothing.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub(crate) struct Socket(Box<WebSocketStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(host: &str) -> Result<Self, tungstenite::Error> {
        let opened = timeout(OPENS_WITHIN, connect(host)).await;
        opened
            .unwrap_or_else(|_| Err(tungstenite::Error::ConnectionClosed))
            .map(Self)
    }

    /// Sends a message; whether the connection took it.
    pub(crate) async fn send(&mut self, message: &WorkerMessage) -> bool {
        self.0
            .send(Message::Text(message.encode().into()))
            .await
            .is_ok()
    }

    /// The next text, or the code with which the connection ended.
    pub(crate) async fn receive(&mut self) -> Result<String, u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(frame))) => {
                    return Err(frame.map_or(ABNORMAL, |frame| frame.code.into()));
                }
                // Pings are answered by the library.
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(ABNORMAL),
            }
        }
    }
}

async fn connect(host: &str) -> Result<Box<WebSocketStream<TcpStream>>, tungstenite::Error> {
    let mut request = format!("ws://{host}/api/work").into_client_request()?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let stream = TcpStream::connect(host).await?;
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(64 * 1024)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(Box::new(socket))
}
