//! Puts a gzip and a Brotli version beside each file that compresses well, so that the server sends
//! the smallest one without spending time on it. Does not know what the files are for.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use indicatif::{ParallelProgressIterator, ProgressBar};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use walkdir::WalkDir;

/// Images and fonts are compressed already.
const COMPRESSIBLE: [&str; 6] = ["css", "html", "js", "json", "svg", "wasm"];
const BROTLI_QUALITY: i32 = 11;
/// log₂ of the window in bytes: the largest that browsers accept.
const BROTLI_WINDOW_LOG2: i32 = 24;

/// A file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{} can't be compressed: {source}", file.display())]
pub struct CompressionError {
    file: PathBuf,
    source: io::Error,
}

/// Writes `NAME.gz` and `NAME.br` beside every compressible file in and below the folder.
///
/// # Errors
/// When a file can't be read or written.
pub fn compress_folder(folder: &Path) -> Result<(), CompressionError> {
    let files = compressible_files(folder)?;
    let bar = ProgressBar::new(files.len() as u64);
    files.par_iter().progress_with(bar).try_for_each(|file| {
        compress(file).map_err(|source| CompressionError {
            file: file.clone(),
            source,
        })
    })
}

fn compressible_files(folder: &Path) -> Result<Vec<PathBuf>, CompressionError> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.map_err(|error| CompressionError {
            file: folder.to_owned(),
            source: error.into(),
        })?;
        if entry.file_type().is_file() && is_compressible(entry.path()) {
            files.push(entry.into_path());
        }
    }
    Ok(files)
}

fn is_compressible(file: &Path) -> bool {
    let extension = file.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| COMPRESSIBLE.contains(&extension))
}

fn compress(file: &Path) -> io::Result<()> {
    let content = fs::read(file)?;
    fs::write(with_suffix(file, ".gz"), gzip(&content)?)?;
    fs::write(with_suffix(file, ".br"), brotli(&content)?)
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}

fn brotli(mut content: &[u8]) -> io::Result<Vec<u8>> {
    let parameters = BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW_LOG2,
        size_hint: content.len(),
        ..BrotliEncoderParams::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut content, &mut compressed, &parameters)?;
    Ok(compressed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn both_versions_hold_the_same_content() {
        let folder = tempfile::tempdir().unwrap();
        let text = "let digit = 7;\n".repeat(500);
        fs::create_dir(folder.path().join("assets")).unwrap();
        let file = folder.path().join("assets/app.js");
        fs::write(&file, &text).unwrap();
        compress_folder(folder.path()).unwrap();

        let gzipped = fs::read(with_suffix(&file, ".gz")).unwrap();
        let mut unpacked = String::new();
        let mut decoder = flate2::read::GzDecoder::new(gzipped.as_slice());
        decoder.read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);

        let packed = fs::read(with_suffix(&file, ".br")).unwrap();
        let mut unpacked = Vec::new();
        brotli::BrotliDecompress(&mut packed.as_slice(), &mut unpacked).unwrap();
        assert_eq!(unpacked, text.as_bytes());
        assert!(packed.len() < text.len() / 10 && gzipped.len() < text.len() / 10);
    }

    #[test]
    fn what_is_compressed_already_is_left_alone() {
        for name in ["a.js", "b/c.wasm", "index.html", "plot.svg"] {
            assert!(is_compressible(Path::new(name)), "{name}");
        }
        for name in ["a.png", "a.js.gz", "a.js.br", "a.woff2", "LICENSE"] {
            assert!(!is_compressible(Path::new(name)), "{name}");
        }
    }
}
