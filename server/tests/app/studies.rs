//! Studies over HTTP.

use serde_json::Value;

use crate::support::{ADMIN_TOKEN, TestServer, http};

async fn create(server: &TestServer, token: &str, text: String) -> (u16, Value) {
    let request = http()
        .post(server.url("/api/studies"))
        .bearer_auth(token)
        .body(text);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn the_operator_creates_a_study() {
    let server = TestServer::empty().await;
    let (status, study) = create(&server, ADMIN_TOKEN, server.study_file()).await;
    assert_eq!(status, 201);
    assert_eq!((&study["id"], &study["name"]), (&1.into(), &"Tiny".into()));
    assert_eq!(study["dataset"], "digits", "not the operator's path");
    assert_eq!(study["counts"]["unsuggested"], 2);
    assert_eq!(study["space"]["learning_rate"]["type"], "float");
    assert_eq!(
        server.get("/api/studies").await.as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn the_studies_that_come_with_the_server_can_be_created() {
    let server = TestServer::empty().await;
    let shipped = [
        include_str!("../../studies/first.toml"),
        include_str!("../../studies/long.toml"),
    ];
    for text in shipped {
        let dataset = format!("{:?}", server.folder.path().join("digits"));
        let text = text.replace("\"mnist\"", &dataset);
        let (status, study) = create(&server, ADMIN_TOKEN, text).await;
        assert_eq!(status, 201, "{study}");
    }
}

#[tokio::test]
async fn nobody_else_does() {
    let server = TestServer::empty().await;
    let (status, problem) = create(&server, "guess", server.study_file()).await;
    assert_eq!((status, &problem["type"]), (401, &"unauthorized".into()));
    let answer = http()
        .post(server.url("/api/studies"))
        .body("")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn errors_in_a_study_file_point_at_the_line() {
    let server = TestServer::empty().await;
    let wrong = server
        .study_file()
        .replace("kernel_size = 3", "kernel_size = 4");
    let (status, problem) = create(&server, ADMIN_TOKEN, wrong).await;
    assert_eq!((status, &problem["line"]), (400, &9.into()));
    assert!(
        problem["detail"].as_str().unwrap().contains("kernel_size"),
        "{problem}"
    );
    for between in [
        "kernel_size = { type = \"int\", low = 3, high = 5 }",
        "kernel_size = { type = \"float\", low = 3.0, high = 5.0 }",
    ] {
        let wrong = server.study_file().replace("kernel_size = 3", between);
        let (status, problem) = create(&server, ADMIN_TOKEN, wrong).await;
        assert_eq!(
            (status, &problem["line"]),
            (400, &9.into()),
            "{between}: {problem}"
        );
    }
    let large = server
        .study_file()
        .replace("conv2_channels = 4", "conv2_channels = 256")
        .replace("hidden_units = 8", "hidden_units = 1024");
    let (status, problem) = create(&server, ADMIN_TOKEN, large).await;
    assert_eq!(
        (status, &problem["type"]),
        (400, &"untrainable".into()),
        "{problem}"
    );
    let nowhere = server.study_file().replace("/digits", "/letters");
    let (status, problem) = create(&server, ADMIN_TOKEN, nowhere).await;
    assert_eq!((status, &problem["type"]), (400, &"no_data_set".into()));
    assert_eq!(
        server.get("/api/studies").await.as_array().unwrap().len(),
        0
    );
}

#[tokio::test]
async fn what_does_not_exist_is_a_problem() {
    let server = TestServer::with_study().await;
    for path in [
        "/api/studies/7",
        "/api/studies/7/leaderboard",
        "/api/studies/7/trials",
        "/api/studies/1/trials/0",
        "/api/nothing",
    ] {
        let answer = http().get(server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(
            answer.json::<Value>().await.unwrap()["type"],
            "not_found",
            "{path}"
        );
    }
    let answer = http()
        .get(server.url("/api/studies/1/trials?state=lost"))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
}

#[tokio::test]
async fn health_names_the_build() {
    let server = TestServer::with_study().await;
    let health = server.get("/api/health").await;
    assert_eq!(
        (&health["status"], &health["build"]),
        (&"ok".into(), &tabsweep_protocol::BUILD.into())
    );
    assert_eq!(health["notices"], Value::Array(vec![]));
}
