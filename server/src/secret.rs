//! Tokens: drawn from the system's generator, stored and compared as hashes.

use std::{fs, io, path::Path};

use rand::{TryRng, rngs::SysRng};
use sha2::{Digest, Sha256};
use tabsweep_protocol::LeaseToken;

/// `count` random bytes as hexadecimal digits.
///
/// # Panics
/// When the operating system has no randomness: nothing safe can be done then.
pub fn random_hex(count: usize) -> String {
    let mut bytes = vec![0; count];
    SysRng
        .try_fill_bytes(&mut bytes)
        .expect("the operating system has randomness");
    hex(&bytes)
}

/// A fencing token that was never used before.
pub fn lease_token() -> LeaseToken {
    random_hex(16)
        .parse()
        .expect("32 hexadecimal digits are a lease token")
}

/// SHA-256 as 64 hexadecimal digits. Tokens are random: they need no salt and no slow hash.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The admin token in `file`; a new one is drawn and written where the file is missing.
///
/// # Errors
/// The file can't be read or written, or is empty.
pub fn admin_token(file: &Path) -> io::Result<String> {
    match fs::read_to_string(file) {
        Ok(text) if text.trim().is_empty() => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the file is empty; expected a token on its first line",
        )),
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let token = random_hex(16);
            write_private(file, &token)?;
            Ok(token)
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn write_private(file: &Path, token: &str) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(file, "{token}")
}

#[cfg(not(unix))]
fn write_private(file: &Path, token: &str) -> io::Result<()> {
    fs::write(file, format!("{token}\n"))
}
