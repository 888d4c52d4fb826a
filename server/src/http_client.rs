//! How the program asks other servers: mirrors of data sets, and a tabsweep server.

use reqwest::{Client, ClientBuilder};

/// Chooses who encrypts; before that no client can be made.
pub(crate) fn install_provider() {
    // `ring` builds in seconds where reqwest's own choice takes minutes. An error means that a
    // provider has been set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client to set up further.
pub(crate) fn builder() -> ClientBuilder {
    install_provider();
    Client::builder()
}

/// A client without anything special.
///
/// # Panics
/// When the system has no certificates to trust at all.
pub(crate) fn client() -> Client {
    builder()
        .build()
        .expect("a client without options can be built")
}
