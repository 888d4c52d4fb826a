//! Every example in `docs/PROTOCOL.md` is a message, and every kind of message has an example.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;

use serde_json::Value;
use tabsweep_protocol::{ServerMessage, WorkerMessage};

const DOCUMENT: &str = include_str!("../../docs/PROTOCOL.md");

/// The examples of one speaker.
fn examples(speaker: &str) -> Vec<&'static str> {
    let fence = format!("```json {speaker}\n");
    DOCUMENT
        .match_indices(&fence)
        .map(|(at, _)| {
            DOCUMENT[at + fence.len()..]
                .split("```")
                .next()
                .unwrap()
                .trim()
        })
        .collect()
}

fn kinds(examples: &[&str]) -> BTreeSet<String> {
    let kind = |text: &&str| {
        let json: Value = serde_json::from_str(text).unwrap();
        json["type"].as_str().unwrap().to_owned()
    };
    examples.iter().map(kind).collect()
}

fn assert_same(example: &str, encoded: &str) {
    let (example, encoded): (Value, Value) = (
        serde_json::from_str(example).unwrap(),
        serde_json::from_str(encoded).unwrap(),
    );
    assert_eq!(example, encoded);
}

#[test]
fn workers_examples_are_messages() {
    let examples = examples("worker");
    for example in &examples {
        let message = WorkerMessage::decode(example).unwrap_or_else(|e| panic!("{example}: {e}"));
        assert_same(example, &message.encode());
    }
    let expected = [
        "checkpoint",
        "claim",
        "epoch",
        "hello",
        "label_progress",
        "labelled",
        "progress",
        "ready",
        "release",
    ];
    assert_eq!(kinds(&examples), expected.map(String::from).into());
}

#[test]
fn servers_examples_are_messages() {
    let examples = examples("server");
    for example in &examples {
        let message = ServerMessage::decode(example).unwrap_or_else(|e| panic!("{example}: {e}"));
        assert_same(example, &message.encode());
    }
    let expected = [
        "claim_answer",
        "label_lease",
        "label_verdict",
        "lease",
        "no_work",
        "stop",
        "verdict",
        "welcome",
    ];
    assert_eq!(kinds(&examples), expected.map(String::from).into());
}
