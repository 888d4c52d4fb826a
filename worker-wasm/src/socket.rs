//! A WebSocket whose events arrive in a channel, each with the number of the socket it is from.

use futures_channel::mpsc::UnboundedSender;
use tabsweep_protocol::{SUBPROTOCOL, WorkerMessage};
use tabsweep_volunteer::Event;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{CloseEvent, MessageEvent, WebSocket};

use crate::lender::Incoming;

/// One connection, closed when dropped.
pub(crate) struct Socket {
    socket: WebSocket,
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl Socket {
    /// Begins to connect.
    pub(crate) fn open(
        url: &str,
        number: u32,
        events: &UnboundedSender<Incoming>,
    ) -> Result<Self, JsValue> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL)?;
        let sender = events.clone();
        // The receiver is gone only when the worker ends; then nobody minds.
        let post = move |event| drop(sender.unbounded_send(Incoming::Socket { number, event }));
        let on_open = Closure::new({
            let post = post.clone();
            move || post(Event::Opened)
        });
        let on_message = Closure::new({
            let post = post.clone();
            move |message: MessageEvent| {
                let text = message.data().as_string().unwrap_or_default();
                post(Event::Received(text));
            }
        });
        let on_close = Closure::new(move |close: CloseEvent| {
            post(Event::Closed {
                code: close.code(),
                reason: close.reason(),
            });
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Ok(Self {
            socket,
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        })
    }

    /// Sends a message; one that can't be sent is followed by the socket's close event.
    pub(crate) fn send(&self, message: &WorkerMessage) {
        let _ = self.socket.send_with_str(&message.encode());
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}
