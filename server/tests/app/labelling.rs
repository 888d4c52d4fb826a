//! Labelling jobs: who labels what, whose labels count, and what comes out.

use std::{collections::BTreeMap, io::Cursor};

use image::{GrayImage, ImageFormat};
use serde_json::{Value, json};
use tabsweep_labelling::{Classifier, Labelling};
use tabsweep_protocol::{
    Answer, Answers, LabelLease, Labelled, NoWork, NoWorkReason, ServerMessage, WorkerMessage, pack,
};
use tabsweep_trainer::sha256_hex;

use crate::bundles;
use crate::support::{ADMIN_TOKEN, TestServer, Worker, http, until};

/// A server with verified models and nothing left to train.
async fn with_models() -> TestServer {
    let server = TestServer::with_study().await;
    let mut worker = server.worker("trainer").await;
    for _ in 0..2 {
        let lease = worker.leases().await;
        let trained = server.train(&lease);
        let sha256 = trained.sha256();
        let upload = server.upload(&lease.token, sha256.as_str(), &trained.weights);
        assert_eq!(upload.await, 204);
        worker.claims(trained.claim(&lease.token)).await.unwrap();
        worker.verdict().await.unwrap();
    }
    server
}

/// Digits as PNG files.
fn pictures(server: &TestServer) -> Vec<(String, Vec<u8>)> {
    let images = server.data.train().images();
    let png = |number: usize| {
        let pixels = images.image(number).unwrap().to_vec();
        let picture = GrayImage::from_raw(28, 28, pixels).unwrap();
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
        (format!("digit-{number:02}.png"), bytes.into_inner())
    };
    (0..images.count()).map(png).collect()
}

async fn as_operator(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Uploads pictures and creates a job of them for the best model.
async fn create(server: &TestServer, pictures: &[(String, Vec<u8>)]) -> Value {
    create_for(server, Value::Null, pictures).await
}

async fn create_for(server: &TestServer, model: Value, pictures: &[(String, Vec<u8>)]) -> Value {
    let mut bytes = Vec::new();
    pictures
        .iter()
        .for_each(|(_, picture)| pack::push(&mut bytes, picture));
    let upload = http().post(server.url("/api/pictures")).body(bytes);
    let (status, kept) = as_operator(upload).await;
    assert_eq!(
        (status, kept.as_array().unwrap().len()),
        (200, pictures.len())
    );
    let listed: Vec<_> = pictures
        .iter()
        .map(|(name, picture)| json!({ "name": name, "sha256": sha256_hex(picture) }))
        .chain([json!({ "name": "huge.png", "unreadable": "the file is too large" })])
        .collect();
    let body = json!({ "name": "Digits", "model": model, "top": 3, "pictures": listed });
    let create = http().post(server.url("/api/jobs")).json(&body);
    let (status, job) = as_operator(create).await;
    assert_eq!(status, 201, "{job}");
    job
}

async fn fetch(server: &TestServer, path: &str, lease: &LabelLease) -> Vec<u8> {
    let request = http().get(server.url(path)).bearer_auth(&lease.token);
    let answer = request.send().await.unwrap().error_for_status().unwrap();
    answer.bytes().await.unwrap().to_vec()
}

/// What an honest worker answers.
async fn answers(server: &TestServer, lease: &LabelLease) -> Answers {
    let mut files = Vec::new();
    for file in lease.model.files() {
        files.push(fetch(server, &format!("/api/blobs/{}", file.sha256), lease).await);
    }
    let path = format!("/api/jobs/{}/chunks/{}", lease.job, lease.chunk);
    let pack = fetch(server, &path, lease).await;
    assert_eq!(pack.len() as u64, lease.bytes);
    let mut classifier = Classifier::new(&lease.model, &files).unwrap();
    let (pictures, top) = (lease.pictures as usize, lease.top as usize);
    Labelling::new(pack, pictures, top)
        .unwrap()
        .finish(&mut classifier)
        .unwrap()
}

/// Labels of another class, in a form that an honest worker could write.
fn lie(mut answers: Answers) -> Answers {
    for answer in &mut answers.0 {
        if let Answer::Labels(labels) = answer {
            let class = labels[0].class;
            labels[0].class = labels[1].class;
            labels[1].class = class;
        }
    }
    answers
}

async fn leases(worker: &mut Worker) -> LabelLease {
    match worker.asks().await {
        ServerMessage::LabelLease(lease) => *lease,
        other => panic!("expected pictures, found {other:?}"),
    }
}

async fn submits(
    server: &TestServer,
    worker: &mut Worker,
    lease: &LabelLease,
    answers: &Answers,
) -> Result<(), String> {
    let bytes = answers.encode();
    let sha256 = sha256_hex(&bytes);
    assert_eq!(server.upload(&lease.token, &sha256, &bytes).await, 204);
    let labelled = WorkerMessage::Labelled(Labelled {
        lease: lease.token.clone(),
        answers_sha256: sha256.parse().unwrap(),
    });
    worker.claims(labelled).await
}

async fn verdict(worker: &mut Worker) -> Result<(), String> {
    loop {
        match worker.hears().await {
            ServerMessage::LabelVerdict(verdict) if verdict.verified => return Ok(()),
            ServerMessage::LabelVerdict(verdict) => return Err(verdict.reason.unwrap()),
            ServerMessage::NoWork(_) | ServerMessage::Stop(_) => {}
            other => panic!("expected a verdict, found {other:?}"),
        }
    }
}

/// Labels honestly until there is nothing left for this worker; how many chunks that were.
async fn label_all(server: &TestServer, worker: &mut Worker) -> usize {
    for chunks in 0.. {
        let lease = match worker.asks().await {
            ServerMessage::LabelLease(lease) => lease,
            ServerMessage::NoWork(_) => return chunks,
            other => panic!("expected pictures or nothing, found {other:?}"),
        };
        let answers = answers(server, &lease).await;
        submits(server, worker, &lease, &answers).await.unwrap();
        verdict(worker).await.unwrap();
    }
    unreachable!("there is an end to everything")
}

async fn job(server: &TestServer) -> Value {
    server.get("/api/jobs/1").await
}

/// The class of each picture by its name; -1 where it can't be read.
async fn classes(server: &TestServer) -> BTreeMap<String, i64> {
    let rows = http().get(server.url("/api/jobs/1/labels?limit=1000"));
    let (_, rows) = as_operator(rows).await;
    let rows = rows.as_array().unwrap().iter();
    let class = |row: &Value| {
        let class = row["answer"]["labels"][0]["class"].as_i64();
        (
            row["name"].as_str().unwrap().to_owned(),
            class.unwrap_or(-1),
        )
    };
    rows.map(class).collect()
}

/// What the server's best model says, computed apart from any job.
async fn truth(server: &TestServer, pictures: &[(String, Vec<u8>)]) -> BTreeMap<String, i64> {
    let models = server.get("/api/models").await;
    let sha256 = models[0]["weights_sha256"].as_str().unwrap();
    let weights = http()
        .get(server.url(&format!("/api/blobs/{sha256}")))
        .send()
        .await;
    let weights = weights.unwrap().bytes().await.unwrap();
    let model = json!({
        "kind": "trial", "parameters": models[0]["parameters"], "classes": 10, "height": 28,
        "width": 28, "weights": { "sha256": sha256, "bytes": weights.len() },
    });
    let model = serde_json::from_value(model).unwrap();
    let mut classifier = Classifier::new(&model, &[weights.to_vec()]).unwrap();
    let mut bytes = Vec::new();
    pictures
        .iter()
        .for_each(|(_, picture)| pack::push(&mut bytes, picture));
    let labelling = Labelling::new(bytes, pictures.len(), 3).unwrap();
    let class = |answer: &Answer| match answer {
        Answer::Labels(labels) => i64::from(labels[0].class),
        Answer::Unreadable(_) => -1,
    };
    let answers = labelling.finish(&mut classifier).unwrap().0;
    let names = pictures.iter().map(|(name, _)| name.clone());
    let mut truth: BTreeMap<_, _> = names.zip(answers.iter().map(class)).collect();
    truth.insert("huge.png".to_owned(), -1);
    truth
}

#[tokio::test]
async fn two_volunteers_agree_and_every_picture_is_labelled_once() {
    let server = with_models().await;
    let mut all = pictures(&server);
    all.push(("notes.txt".to_owned(), b"no picture".to_vec()));
    let created = create(&server, &all).await;
    assert_eq!(created["pictures"], 62);
    assert_eq!(created["unreadable"], 1);
    let chunks = created["chunks"].as_u64().unwrap() as usize;
    assert!(chunks >= 3, "{chunks}");

    let mut ada = server.worker("ada").await;
    assert_eq!(label_all(&server, &mut ada).await, chunks);
    // She is new: somebody else has to say the same.
    assert_eq!(job(&server).await["labelled"], 0);
    let mut grace = server.worker("grace").await;
    assert_eq!(label_all(&server, &mut grace).await, chunks);
    let ended = job(&server).await;
    assert_eq!(ended["state"], "finished");
    assert_eq!(
        (&ended["labelled"], &ended["unreadable"]),
        (&json!(60), &json!(2))
    );
    assert_eq!(classes(&server).await, truth(&server, &all).await);

    let text = results(&server, "csv").await;
    assert_eq!(text.lines().count(), 63);
    assert!(text.contains("notes.txt"), "{text}");
    assert!(text.contains(created["model_sha256"].as_str().unwrap()));
    // A digit is called by its number.
    let labels = text.lines().nth(1).unwrap().split(',').collect::<Vec<_>>();
    assert_eq!(labels[3], labels[4], "{text}");
    let results = http().get(server.url("/api/jobs/1/results"));
    assert_eq!(results.send().await.unwrap().status(), 401);
}

async fn results(server: &TestServer, format: &str) -> String {
    let results = http().get(server.url(&format!("/api/jobs/1/results?format={format}")));
    let results = results.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
    results.text().await.unwrap()
}

#[tokio::test]
async fn results_say_what_a_bundle_calls_its_classes() {
    let server = TestServer::empty().await;
    let files = (
        bundles::DESCRIPTION,
        "circle\nsquare, box\ntriangle\n",
        bundles::weights(3),
    );
    let (_, bundle) = bundles::add(&server, ADMIN_TOKEN, files).await;
    let model = json!({ "bundle": bundle["sha256"] });
    let created = create_for(&server, model, &pictures(&server)[..2]).await;
    for name in ["ada", "grace"] {
        label_all(&server, &mut server.worker(name).await).await;
    }
    assert_eq!(job(&server).await["state"], "finished");

    // Its weights are all the same, and so is what it thinks of each class.
    let model = created["model_sha256"].as_str().unwrap();
    let labels = r#"0,circle,0.33333334,1,"square, box",0.33333334,2,triangle,0.33333334"#;
    let csv = results(&server, "csv").await;
    let lines: Vec<_> = csv.lines().collect();
    let ranks = "class_1,name_1,score_1,class_2,name_2,score_2,class_3,name_3,score_3";
    let head = format!("picture,sha256,unreadable,{ranks},job,model_sha256");
    assert_eq!(lines[0], head);
    assert!(
        lines[1].ends_with(&format!(",,{labels},1,{model}")),
        "{}",
        lines[1]
    );
    let unreadable = format!("huge.png,,the file is too large,,,,,,,,,,1,{model}");
    assert_eq!(lines[3], unreadable);

    let jsonl = results(&server, "jsonl").await;
    let line: Value = serde_json::from_str(jsonl.lines().next().unwrap()).unwrap();
    assert_eq!(line["labels"][1]["name"], "square, box");
    let classes = as_operator(http().get(server.url("/api/jobs/1/classes"))).await;
    let expected = json!([
        { "class": 0, "name": "circle", "pictures": 2 },
        { "class": null, "name": null, "pictures": 1 },
    ]);
    assert_eq!(classes, (200, expected));
    let (_, pictures) = as_operator(http().get(server.url("/api/jobs/1/labels"))).await;
    assert_eq!(pictures[0]["answer"]["labels"][2]["name"], "triangle");
}

#[tokio::test]
async fn a_liar_is_found_out_and_its_chunks_are_labelled_again() {
    let server = with_models().await;
    let all = pictures(&server);
    create(&server, &all).await;
    let mut mallory = server.worker("mallory").await;
    let first = leases(&mut mallory).await;
    let honest = answers(&server, &first).await;
    submits(&server, &mut mallory, &first, &honest)
        .await
        .unwrap();
    verdict(&mut mallory).await.unwrap();
    let second = leases(&mut mallory).await;
    let lies = lie(answers(&server, &second).await);
    submits(&server, &mut mallory, &second, &lies)
        .await
        .unwrap();
    let complaint = verdict(&mut mallory).await.unwrap_err();
    assert!(complaint.contains("other labels"), "{complaint}");
    // What she said before counts no more, and she gets nothing more of this job.
    let nothing = ServerMessage::NoWork(NoWork {
        reason: NoWorkReason::AllLeased,
    });
    assert_eq!(mallory.asks().await, nothing);

    let mut ada = server.worker("ada").await;
    let mut grace = server.worker("grace").await;
    label_all(&server, &mut ada).await;
    label_all(&server, &mut grace).await;
    assert_eq!(job(&server).await["state"], "finished");
    assert_eq!(classes(&server).await, truth(&server, &all).await);
}

#[tokio::test]
async fn a_lie_about_a_few_pictures_is_settled_by_the_server() {
    let server = with_models().await;
    let all = pictures(&server);
    create(&server, &all).await;
    let mut mallory = server.worker("mallory").await;
    let lease = leases(&mut mallory).await;
    let right = answers(&server, &lease).await;
    let mut lies = right.clone();
    // One picture only: the server may know it, or not.
    lies.0[5] = lie(Answers(vec![lies.0[5].clone()])).0.remove(0);
    submits(&server, &mut mallory, &lease, &lies).await.unwrap();
    let _ = verdict(&mut mallory).await;
    let mut ada = server.worker("ada").await;
    let mut grace = server.worker("grace").await;
    label_all(&server, &mut ada).await;
    label_all(&server, &mut grace).await;
    until("the job ends", async || {
        job(&server).await["state"] == "finished"
    })
    .await;
    assert_eq!(classes(&server).await, truth(&server, &all).await);
}

#[tokio::test]
async fn a_lost_workers_chunk_is_leased_again_and_its_late_labels_count_while_nobody_has_it() {
    let server = with_models().await;
    create(&server, &pictures(&server)).await;
    let mut lost = server.worker("lost").await;
    let lease = leases(&mut lost).await;
    assert_eq!((lease.chunk.0, lease.attempt), (0, 1));
    server.pass_secs(61).await;
    let answers = answers(&server, &lease).await;
    submits(&server, &mut lost, &lease, &answers).await.unwrap();
    verdict(&mut lost).await.unwrap();

    let mut other = server.worker("other").await;
    let again = leases(&mut other).await;
    assert_eq!((again.chunk.0, again.attempt), (0, 2));
    drop(other);
    until("its lease is left alone", async || {
        server.pass_secs(6).await;
        job(&server).await["running"] == 0
    })
    .await;
    let mut third = server.worker("third").await;
    let third_lease = leases(&mut third).await;
    assert_eq!((third_lease.chunk.0, third_lease.attempt), (0, 3));
    let refused = submits(&server, &mut lost, &lease, &answers)
        .await
        .unwrap_err();
    assert!(refused.contains("can't be claimed"), "{refused}");
}

#[tokio::test]
async fn where_nobody_else_is_there_the_server_confirms() {
    let server = with_models().await;
    let all = pictures(&server);
    create(&server, &all).await;
    let mut alone = server.worker("alone").await;
    label_all(&server, &mut alone).await;
    assert_eq!(job(&server).await["labelled"], 0);
    server.pass_secs(21).await;
    server.app.labels_wait();
    until("the server confirms", async || {
        job(&server).await["state"] == "finished"
    })
    .await;
    assert_eq!(classes(&server).await, truth(&server, &all).await);
}

#[tokio::test]
async fn a_stopped_job_hands_out_nothing_more() {
    let server = with_models().await;
    create(&server, &pictures(&server)).await;
    let mut worker = server.worker("ada").await;
    let lease = leases(&mut worker).await;
    let stop = http()
        .patch(server.url("/api/jobs/1"))
        .json(&json!({ "state": "stopped" }));
    let (status, stopped) = as_operator(stop).await;
    assert_eq!((status, &stopped["state"]), (200, &json!("stopped")));
    assert!(matches!(worker.hears().await, ServerMessage::Stop(stop) if stop.lease == lease.token));
    let nothing = ServerMessage::NoWork(NoWork {
        reason: NoWorkReason::AllFinished,
    });
    assert_eq!(worker.asks().await, nothing);
    let resume = http()
        .patch(server.url("/api/jobs/1"))
        .json(&json!({ "state": "running" }));
    assert_eq!(as_operator(resume).await.0, 409);
}

#[tokio::test]
async fn jobs_that_make_no_sense_are_refused_with_a_reason() {
    let server = TestServer::with_study().await;
    let body = |top: u32, name: &str| json!({ "name": name, "top": top, "pictures": [{ "name": "a", "sha256": "0".repeat(64) }] });
    let post = |body: Value| as_operator(http().post(server.url("/api/jobs")).json(&body));
    let (status, problem) = post(body(5, "Job")).await;
    assert_eq!((status, &problem["type"]), (409, &json!("no_model")));
    let (status, problem) = post(body(0, "Job")).await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("`top` must be from 1")
    );
    assert_eq!(post(body(5, "")).await.0, 400);
    let server = with_models().await;
    let unknown = http().post(server.url("/api/jobs")).json(&body(5, "Job"));
    let (status, problem) = as_operator(unknown).await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("has not been uploaded")
    );
}
