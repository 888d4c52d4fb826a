//! A WebSocket whose events arrive in a channel, each with the number of the socket it is from.

use std::sync::mpsc::Sender;

use futures_util::{SinkExt, StreamExt};
use tabsweep_protocol::{SUBPROTOCOL, WorkerMessage, limits::MESSAGE_BYTES};
use tabsweep_volunteer::Event;
use tokio::{net::TcpStream, runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::HeaderValue,
        protocol::{WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::lender::Incoming;

/// What stands for a connection that broke without a word (RFC 6455, section 7.1.5).
const ABNORMAL: u16 = 1006;

/// One connection. Dropped, it sends what is left and closes.
#[derive(Debug)]
pub(crate) struct Socket {
    outgoing: mpsc::UnboundedSender<WorkerMessage>,
    task: JoinHandle<()>,
}

impl Socket {
    /// Begins to connect.
    pub(crate) fn open(
        runtime: &Handle,
        url: String,
        number: u32,
        events: &Sender<Incoming>,
    ) -> Self {
        let (outgoing, messages) = mpsc::unbounded_channel();
        let events = events.clone();
        let post = move |event| {
            // The receiver is gone only when the worker has ended; then nobody minds.
            let _ = events.send(Incoming::Socket { number, event });
        };
        let task = runtime.spawn(async move {
            let (code, reason) = match connect(url).await {
                Ok(stream) => {
                    post(Event::Opened);
                    converse(stream, messages, &post).await
                }
                Err(error) => (ABNORMAL, error.to_string()),
            };
            post(Event::Closed { code, reason });
        });
        Self { outgoing, task }
    }

    /// Sends a message; one that can't be sent is followed by the socket's close event.
    pub(crate) fn send(&self, message: WorkerMessage) {
        let _ = self.outgoing.send(message);
    }

    /// Says the last words; what to wait for until they have been said.
    pub(crate) fn close(self) -> JoinHandle<()> {
        self.task
    }
}

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(url: String) -> Result<Stream, tungstenite::Error> {
    let mut request = url.into_client_request()?;
    let protocol = HeaderValue::from_static(SUBPROTOCOL);
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .max_message_size(Some(MESSAGE_BYTES))
        .max_frame_size(Some(MESSAGE_BYTES));
    let (stream, _) = connect_async_with_config(request, Some(config), true).await?;
    Ok(stream)
}

/// Carries messages both ways until one side ends it; the close code, and why.
async fn converse(
    stream: Stream,
    mut messages: mpsc::UnboundedReceiver<WorkerMessage>,
    post: &impl Fn(Event),
) -> (u16, String) {
    let (mut sink, mut stream) = stream.split();
    loop {
        tokio::select! {
            received = stream.next() => match received {
                Some(Ok(Message::Text(text))) => post(Event::Received(text.to_string())),
                Some(Ok(Message::Close(frame))) => {
                    return frame.map_or((u16::from(CloseCode::Status), String::new()), |frame| {
                        (frame.code.into(), frame.reason.to_string())
                    });
                }
                // Pings are answered by the library.
                Some(Ok(_)) => {}
                Some(Err(error)) => return (ABNORMAL, error.to_string()),
                None => return (ABNORMAL, String::new()),
            },
            message = messages.recv() => {
                let Some(message) = message else {
                    let _ = sink.close().await;
                    return (CloseCode::Normal.into(), String::new());
                };
                if let Err(error) = sink.send(Message::Text(message.encode().into())).await {
                    return (ABNORMAL, error.to_string());
                }
            }
        }
    }
}
