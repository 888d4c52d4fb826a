//! Downloads from a mirror of our own: resumed, checked, refused.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response, StatusCode, header},
    routing::get,
};
use flate2::{Compression, write::GzEncoder};

use super::*;

/// A mirror that serves `bytes` for every name, honours ranges, and notes them.
async fn mirror(bytes: Vec<u8>) -> (String, Arc<Mutex<Vec<String>>>) {
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let noted = ranges.clone();
    let serve = move |request: Request<Body>| async move {
        let range = request
            .headers()
            .get(header::RANGE)
            .map(|range| range.to_str().unwrap().to_owned())
            .unwrap_or_default();
        noted.lock().unwrap().push(range.clone());
        let from = range
            .strip_prefix("bytes=")
            .map(|range| range.trim_end_matches('-').parse());
        match from {
            Some(Ok(from)) if from >= bytes.len() => status(StatusCode::RANGE_NOT_SATISFIABLE, &[]),
            Some(Ok(from)) => status(StatusCode::PARTIAL_CONTENT, &bytes[from..]),
            _ => status(StatusCode::OK, &bytes),
        }
    };
    let router = Router::new().route("/{name}", get(serve));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (format!("http://{address}"), ranges)
}

fn status(status: StatusCode, bytes: &[u8]) -> Response<Body> {
    Response::builder()
        .status(status)
        .body(Body::from(bytes.to_vec()))
        .unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join("x.part");
    let (url, ranges) = mirror(b"0123456789".to_vec()).await;
    tokio::fs::write(&part, b"0123").await.unwrap();
    receive(&http_client::client(), &format!("{url}/x"), &part)
        .await
        .unwrap();
    assert_eq!(tokio::fs::read(&part).await.unwrap(), b"0123456789");
    receive(&http_client::client(), &format!("{url}/x"), &part)
        .await
        .unwrap();
    assert_eq!(*ranges.lock().unwrap(), ["bytes=4-", "bytes=10-"]);
}

#[tokio::test]
async fn wrong_bytes_are_not_believed_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (url, _) = mirror(packed(b"not MNIST")).await;
    let error = Mirrors(vec![url])
        .download(folder.path())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("expected SHA-256"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn without_a_mirror_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Mirrors(vec!["http://127.0.0.1:9".to_owned()]);
    let error = nowhere.download(folder.path()).await.unwrap_err();
    assert!(matches!(error, DownloadError::NoMirror { .. }), "{error}");
}

/// Needs the real files; says so where they are missing.
#[tokio::test]
async fn mnist_is_downloaded_from_the_second_mirror() {
    let Ok(source) = std::env::var("TABSWEEP_MNIST_DIR") else {
        eprintln!("SKIPPED: TABSWEEP_MNIST_DIR is not set, no MNIST to serve");
        return;
    };
    let serve = tower_http::services::ServeDir::new(source);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback_service(serve)).await });
    let folder = tempfile::tempdir().unwrap();
    let mirrors = Mirrors(vec!["http://127.0.0.1:9".to_owned(), url]);
    mirrors.download(folder.path()).await.unwrap();
    let data = super::super::read_folder(folder.path(), "mnist").unwrap();
    assert_eq!(
        (data.train().count(), data.test().count()),
        (60_000, 10_000)
    );
}
