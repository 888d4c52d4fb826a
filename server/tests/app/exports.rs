//! Files for other tools, over HTTP and by the command line.

use std::fs;

use serde_json::{Value, json};
use tabsweep_server::client::{ClientError, ExportFormat, ExportedTrial, Output, Server};

use crate::support::{TestServer, http};

/// Stands for the built page.
const TEMPLATE: &str = "<html><!--model--></html>";

/// A server with a verified trial 0 and a trial 1 that somebody works on.
async fn with_model() -> TestServer {
    let server = TestServer::with_study().await;
    let folder = server.folder.path().join("pages/export");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("model.html.template"), TEMPLATE).unwrap();
    let mut worker = server.worker("ada").await;
    let lease = worker.leases().await;
    let trained = server.train(&lease);
    let sha256 = trained.sha256();
    server
        .upload(&lease.token, sha256.as_str(), &trained.weights)
        .await;
    worker.claims(trained.claim(&lease.token)).await.unwrap();
    worker.verdict().await.unwrap();
    worker.leases().await;
    server
}

async fn get(server: &TestServer, path: &str) -> reqwest::Response {
    http().get(server.url(path)).send().await.unwrap()
}

fn model(file: &str) -> String {
    format!("/api/studies/1/trials/0/model.{file}")
}

#[tokio::test]
async fn a_verified_trial_is_exported_in_every_form() {
    let server = with_model().await;
    for (file, media_type) in [
        ("safetensors", "application/octet-stream"),
        ("onnx", "application/octet-stream"),
        ("html", "text/html; charset=utf-8"),
    ] {
        let answer = get(&server, &model(file)).await;
        assert_eq!(answer.status(), 200, "{file}");
        let headers = answer.headers().clone();
        assert_eq!(headers["content-type"], media_type);
        let named = format!("attachment; filename=\"tiny-trial-0.{file}\"");
        assert_eq!(headers["content-disposition"], named.as_str());
        let bytes = answer.bytes().await.unwrap();
        let again = get(&server, &model(file)).await.bytes().await.unwrap();
        assert_eq!(bytes, again, "the same trial gives the same bytes");
    }
}

#[tokio::test]
async fn a_models_file_says_where_it_comes_from() {
    let server = with_model().await;
    let bytes = get(&server, &model("safetensors")).await.bytes().await;
    let bytes = bytes.unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    let header: Value = serde_json::from_slice(&bytes[8..8 + length as usize]).unwrap();
    let metadata = &header["__metadata__"];
    let trial = server.get("/api/studies/1/trials/0").await;
    assert_eq!(metadata["study"], "Tiny");
    assert_eq!(metadata["weights_sha256"], trial["weights_sha256"]);
    assert_eq!(metadata["seed"], trial["seed"]);
    let setting: Value = serde_json::from_str(metadata["setting"].as_str().unwrap()).unwrap();
    assert_eq!(
        setting["learning_rate"],
        trial["parameters"]["learning_rate"]
    );
    assert_eq!(
        setting["batch_norm"], true,
        "what was left out is there too"
    );
    assert_eq!(header["conv1.weight"]["shape"], json!([2, 1, 3, 3]));
}

#[tokio::test]
async fn what_is_not_verified_has_no_model() {
    let server = with_model().await;
    for (path, status, kind) in [
        ("/api/studies/1/trials/1/model.onnx", 409, "not_verified"),
        ("/api/studies/1/trials/7/model.onnx", 404, "not_found"),
        ("/api/studies/7/trials/0/model.html", 404, "not_found"),
        ("/api/studies/7/export/trials.csv", 404, "not_found"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.json::<Value>().await.unwrap()["type"], kind);
    }
}

#[tokio::test]
async fn a_studys_trials_are_exported_with_their_history() {
    let server = with_model().await;
    let text = get(&server, "/api/studies/1/export/trials.jsonl")
        .await
        .text();
    let text = text.await.unwrap();
    let trials: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(trials.len(), 2);
    assert_eq!(
        (&trials[0]["state"], &trials[1]["state"]),
        (&"verified".into(), &"running".into())
    );
    assert_eq!(trials[0]["volunteer"], "ada");
    assert_eq!(trials[1]["ended_millis"], Value::Null);
    let answer = get(&server, "/api/studies/1/export/trials.csv").await;
    let named = "attachment; filename=\"tiny.csv\"";
    assert_eq!(answer.headers()["content-disposition"], named);
    let table = answer.text().await.unwrap();
    assert!(
        table.starts_with("number,state,params_batch_size,"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 3);
    let journal = get(&server, "/api/studies/1/export/optuna.log")
        .await
        .text();
    let journal = journal.await.unwrap();
    assert_eq!(journal.matches("\"op_code\":4").count(), 2);
    let folder = server.folder.path().to_str().unwrap();
    assert!(!journal.contains(folder), "the operator's path stays here");
}

#[tokio::test]
async fn the_command_line_saves_the_best_model_and_the_trials() {
    let server = with_model().await;
    let client = Server {
        url: server.url(""),
    };
    let file = |name: &str| server.folder.path().join(name);
    let export = async |format, trial, name: &str| {
        let output = Some(Output::File(file(name)));
        client.export(1, format, trial, output).await
    };
    export(ExportFormat::Onnx, ExportedTrial::Best, "best.onnx")
        .await
        .unwrap();
    let exported = get(&server, &model("onnx")).await.bytes().await.unwrap();
    assert_eq!(fs::read(file("best.onnx")).unwrap(), exported);
    export(ExportFormat::Csv, ExportedTrial::Best, "trials.csv")
        .await
        .unwrap();
    assert!(
        fs::read_to_string(file("trials.csv"))
            .unwrap()
            .starts_with("number,")
    );
    let refused = export(ExportFormat::Html, ExportedTrial::Number(1), "one.html").await;
    assert!(
        matches!(refused, Err(ClientError::Refused { detail }) if detail.contains("is running"))
    );
    assert!(!file("one.html").exists());
}

#[tokio::test]
async fn a_study_without_a_model_says_so() {
    let server = TestServer::with_study().await;
    let client = Server {
        url: server.url(""),
    };
    let export = client.export(1, ExportFormat::Onnx, ExportedTrial::Best, None);
    let error = export.await.unwrap_err();
    assert_eq!(error.to_string(), "study 1 has no verified trial yet");
}
