//! How large and how frequent messages may be. Both sides set them; nobody relies on a library's
//! defaults.

/// Longest WebSocket message and frame that either side accepts, in bytes.
pub const MESSAGE_BYTES: usize = 16 * 1024;

/// Messages a worker may send per second, averaged over [`BURST_MESSAGES`].
pub const MESSAGES_PER_SEC: f64 = 20.0;

/// Messages a worker may send at once after a quiet time.
pub const BURST_MESSAGES: f64 = 60.0;

/// Largest checkpoint or weights file that the server takes, in bytes.
pub const UPLOAD_BYTES: usize = 64 * 1024 * 1024;

/// Longest nickname, in characters.
pub const NICKNAME_CHARS: usize = 40;

/// WebSocket close codes (RFC 6455, section 7.4; 4000–4999 are private use).
pub mod close {
    /// A message that is not valid JSON of this protocol.
    pub const MALFORMED: u16 = 1007;
    /// Too many messages, or a message in the wrong place.
    pub const POLICY: u16 = 1008;
    /// A frame or message over [`super::MESSAGE_BYTES`].
    pub const TOO_BIG: u16 = 1009;
    /// The server is shutting down; come back.
    pub const RESTARTING: u16 = 1012;
    /// The worker speaks another protocol or runs another build: reload.
    pub const OUTDATED: u16 = 4001;
    /// The volunteer's token is not known here: register again.
    pub const UNKNOWN_VOLUNTEER: u16 = 4002;
    /// The same worker has connected again; this socket is the older one.
    pub const REPLACED: u16 = 4003;
}
