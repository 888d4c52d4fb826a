//! Giving the browser's event loop its turn, and the time.

use js_sys::Promise;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;
use web_sys::{MessageChannel, WorkerGlobalScope};

/// The global scope of the Web Worker that this runs in.
///
/// # Panics
/// Outside a Web Worker.
pub(crate) fn scope() -> WorkerGlobalScope {
    js_sys::global()
        .dyn_into()
        .expect("this runs in a Web Worker")
}

/// Milliseconds since the Web Worker started; never goes back.
pub(crate) fn now_millis() -> f64 {
    scope()
        .performance()
        .map_or(0.0, |performance| performance.now())
}

/// A way round the event loop. A message to oneself comes back after everything that was waiting;
/// timers would add the 4 ms that browsers put between nested ones.
pub(crate) struct Turn {
    channel: MessageChannel,
}

impl Turn {
    pub(crate) fn new() -> Result<Self, JsValue> {
        Ok(Self {
            channel: MessageChannel::new()?,
        })
    }

    /// Waits until the event loop has dealt with what was waiting.
    pub(crate) async fn take(&self) {
        let promise = Promise::new(&mut |resolve, _| {
            self.channel.port1().set_onmessage(Some(&resolve));
            // Only unclonable values can't be posted.
            let _ = self.channel.port2().post_message(&JsValue::NULL);
        });
        let _ = JsFuture::from(promise).await;
    }
}

/// Rings after a while.
pub(crate) struct Alarm {
    ring: Closure<dyn FnMut()>,
}

impl Alarm {
    pub(crate) fn new(ring: impl FnMut() + 'static) -> Self {
        Self {
            ring: Closure::new(ring),
        }
    }

    /// Rings once more, after so many milliseconds.
    pub(crate) fn set(&self, millis: f64) {
        // Where it can't be set, the next tick of the worker's clock will do.
        let _ = scope().set_timeout_with_callback_and_timeout_and_arguments_0(
            self.ring.as_ref().unchecked_ref(),
            millis.ceil() as i32,
        );
    }
}
