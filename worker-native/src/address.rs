//! Where a server is: one address from the volunteer, from which the program makes all others.

use std::{fmt, str::FromStr};

use reqwest::Url;

/// A server's address without a slash at the end, `http://HOST:PORT` or `https://HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(String);

/// A text that is no server's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the address of a server, such as http://192.168.0.10:8080, found `{found}`")]
pub struct AddressError {
    /// The text.
    pub found: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = || AddressError {
            found: text.to_owned(),
        };
        let url = Url::parse(text).map_err(|_| error())?;
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let is_web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some();
        if is_bare && is_web && url.username().is_empty() {
            Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
        } else {
            Err(error())
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl Address {
    /// `ws://…/api/work` or `wss://…/api/work`.
    pub(crate) fn socket(&self) -> String {
        let rest = self
            .0
            .strip_prefix("http")
            .expect("an address begins with http or https");
        format!("ws{rest}/api/work")
    }

    /// The address as the name of a file.
    pub(crate) fn file_name(&self) -> String {
        let (_, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        rest.chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '.' {
                    c
                } else {
                    '-'
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_files_are_named_after_the_address() {
        let plain: Address = "http://127.0.0.1:8080/".parse().unwrap();
        assert_eq!(plain.to_string(), "http://127.0.0.1:8080");
        assert_eq!(plain.socket(), "ws://127.0.0.1:8080/api/work");
        assert_eq!(plain.file_name(), "127.0.0.1-8080");
        let behind_tls: Address = "https://sweep.example.org/lab/".parse().unwrap();
        assert_eq!(behind_tls.socket(), "wss://sweep.example.org/lab/api/work");
        assert_eq!(behind_tls.file_name(), "sweep.example.org-lab");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "localhost",
            "127.0.0.1:8080",
            "ws://a",
            "http://a/?b",
            "http://u@a/",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
