//! Pretrained models over HTTP.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use tabsweep_trainer::{
    Hyperparameters,
    architecture::Architecture,
    sha256_hex,
    tensor_file::{Entry, serialize},
};

use crate::support::{ADMIN_TOKEN, TestServer, http};

/// A bundle of a network that says the same of every picture.
pub const DESCRIPTION: &str = r#"name = "Three shapes"
architecture = { type = "lenet", setting = { conv1_channels = 2, conv2_channels = 4, kernel_size = 3, hidden_units = 8 } }
input = { width = 12, height = 12, channels = 1 }
resize = { fit = "squash", filter = "area" }
provenance = { source = "drawn by a test", licence = "CC0-1.0" }
"#;
pub const LABELS: &str = "circle\nsquare\ntriangle\n";

/// Weights of the network that the description names, all the same.
pub fn weights(classes: usize) -> Vec<u8> {
    let setting =
        json!({"conv1_channels": 2, "conv2_channels": 4, "kernel_size": 3, "hidden_units": 8});
    let hyperparameters = Hyperparameters::from_json(setting.as_object().unwrap()).unwrap();
    let architecture = Architecture::new(&hyperparameters, classes, 12, 12).unwrap();
    let entry = |spec: &tabsweep_trainer::architecture::TensorSpec| {
        let count = spec.shape.iter().product();
        Entry::floats(&spec.name, &spec.shape, &vec![0.25; count])
    };
    serialize(&architecture.tensors().iter().map(entry).collect::<Vec<_>>())
}

pub async fn add(
    server: &TestServer,
    token: &str,
    (description, labels, weights): (&str, &str, Vec<u8>),
) -> (u16, Value) {
    let request = http().post(server.url("/api/bundles")).bearer_auth(token);
    let contents = json!({
        "model.toml": description,
        "labels.txt": labels,
        "weights.safetensors": BASE64_STANDARD.encode(weights),
    });
    let answer = request.json(&contents).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_bundle_is_added_listed_and_served_by_hash() {
    let server = TestServer::empty().await;
    let (status, bundle) = add(&server, ADMIN_TOKEN, (DESCRIPTION, LABELS, weights(3))).await;
    assert_eq!(status, 201, "{bundle}");
    assert_eq!(bundle["name"], "Three shapes");
    assert_eq!(
        (&bundle["classes"], &bundle["width"]),
        (&3.into(), &12.into())
    );
    assert_eq!(bundle["licence"], "CC0-1.0");
    assert_eq!(bundle["weights_sha256"], sha256_hex(&weights(3)));

    // Once more, later: nothing changes.
    server.app.clock.advance_secs(9);
    let again = add(&server, ADMIN_TOKEN, (DESCRIPTION, LABELS, weights(3))).await;
    assert_eq!(again, (201, bundle.clone()));
    assert_eq!(server.get("/api/bundles").await, json!([bundle]));

    for (field, bytes) in [
        ("description_sha256", DESCRIPTION.as_bytes()),
        ("labels_sha256", LABELS.as_bytes()),
        ("weights_sha256", &weights(3)),
    ] {
        let sha256 = bundle[field].as_str().unwrap();
        let url = server.url(&format!("/api/blobs/{sha256}"));
        let answer = http().get(url).send().await.unwrap();
        let cache = answer.headers()["cache-control"].to_str().unwrap();
        assert!(cache.contains("immutable"));
        assert_eq!(answer.bytes().await.unwrap(), bytes, "{field}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_bundle_is_said_and_nothing_is_kept() {
    let server = TestServer::empty().await;
    let cases = [
        (("name = 7", LABELS, weights(3)), "model.toml, line 1"),
        (
            (DESCRIPTION, "circle\n\n", weights(3)),
            "labels.txt, line 2",
        ),
        ((DESCRIPTION, LABELS, weights(4)), "expected [3, 8]"),
        (
            (DESCRIPTION, LABELS, b"PK".to_vec()),
            "not a safetensors file",
        ),
    ];
    for (files, expected) in cases {
        let (status, problem) = add(&server, ADMIN_TOKEN, files).await;
        assert_eq!((status, &problem["type"]), (400, &"bad_bundle".into()));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{detail}");
    }
    assert_eq!(server.get("/api/bundles").await, json!([]));
}

#[tokio::test]
async fn nobody_else_adds_one() {
    let server = TestServer::empty().await;
    let (status, problem) = add(&server, "guess", (DESCRIPTION, LABELS, weights(3))).await;
    assert_eq!((status, &problem["type"]), (401, &"unauthorized".into()));
}

async fn remove(server: &TestServer, sha256: &Value, token: &str) -> (u16, Value) {
    let url = server.url(&format!("/api/bundles/{}", sha256.as_str().unwrap()));
    let answer = http().delete(url).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A job of one picture that can't be uploaded would end at once: this one is of one that is there.
async fn create_job(server: &TestServer, bundle: &Value) -> (u16, Value) {
    let mut pack = Vec::new();
    tabsweep_protocol::pack::push(&mut pack, b"a picture");
    let upload = http().post(server.url("/api/pictures")).body(pack);
    let kept = upload.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    assert_eq!(kept.status(), 200);
    let pictures = json!([{ "name": "one.png", "sha256": sha256_hex(b"a picture") }]);
    let body = json!({ "name": "Shapes", "model": { "bundle": bundle }, "pictures": pictures });
    let create = http().post(server.url("/api/jobs")).json(&body);
    let answer = create.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Whether a file of a bundle is still kept, whoever may have it.
fn is_kept(server: &TestServer, bundle: &Value, file: &str) -> bool {
    let sha256 = bundle[file].as_str().unwrap().parse().unwrap();
    let blobs = &server.app.data;
    assert!(blobs.contains(&sha256) || blobs.get_packed(&sha256).unwrap().is_none());
    blobs.contains(&sha256)
}

#[tokio::test]
async fn a_bundle_goes_with_the_files_that_nothing_else_needs_but_not_while_a_job_has_it() {
    let server = TestServer::empty().await;
    let other_name = DESCRIPTION.replace("Three shapes", "Shapes once more");
    let (_, first) = add(&server, ADMIN_TOKEN, (DESCRIPTION, LABELS, weights(3))).await;
    let (_, second) = add(&server, ADMIN_TOKEN, (&other_name, LABELS, weights(3))).await;
    assert_eq!(remove(&server, &first["sha256"], "guess").await.0, 401);

    assert_eq!(create_job(&server, &first["sha256"]).await.0, 201);
    let (status, problem) = remove(&server, &first["sha256"], ADMIN_TOKEN).await;
    assert_eq!((status, &problem["type"]), (409, &json!("in_use")));
    let expected =
        "Three shapes is the model of job 1, Shapes, which has not ended; stop the job first";
    assert_eq!(problem["detail"], expected);
    assert_eq!(
        server.get("/api/bundles").await.as_array().unwrap().len(),
        2
    );

    let stop = http()
        .patch(server.url("/api/jobs/1"))
        .bearer_auth(ADMIN_TOKEN);
    let stop = stop.json(&json!({ "state": "stopped" })).send().await;
    assert_eq!(stop.unwrap().status(), 200);
    let removed = remove(&server, &first["sha256"], ADMIN_TOKEN).await;
    assert_eq!(removed, (200, first.clone()));
    assert_eq!(server.get("/api/bundles").await, json!([second]));
    assert!(!is_kept(&server, &first, "description_sha256"));
    assert!(
        is_kept(&server, &first, "weights_sha256"),
        "the other's too"
    );
    assert_eq!(create_job(&server, &first["sha256"]).await.0, 409);

    let removed = remove(&server, &second["sha256"], ADMIN_TOKEN).await;
    assert_eq!(removed.0, 200);
    assert!(!is_kept(&server, &second, "weights_sha256"));
    assert!(
        is_kept(&server, &second, "labels_sha256"),
        "job 1 names classes"
    );
    let labels = format!("/api/blobs/{}", second["labels_sha256"].as_str().unwrap());
    assert_eq!(server.get(&labels).await["status"], 404);
    let gone = remove(&server, &second["sha256"], ADMIN_TOKEN).await;
    assert_eq!((gone.0, &gone.1["type"]), (404, &json!("not_found")));

    // It can be added again, whole.
    let again = add(&server, ADMIN_TOKEN, (DESCRIPTION, LABELS, weights(3))).await;
    assert_eq!(again.0, 201);
    assert!(is_kept(&server, &first, "weights_sha256"));
}
