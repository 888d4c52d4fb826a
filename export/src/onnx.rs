//! Decides which ONNX graph a model is: its layers one by one, with the preparation of pixels in
//! front and a softmax behind, so that whoever runs it needs to know nothing else.

mod graph;
mod proto;

use std::collections::BTreeMap;

use prost::Message;
use tabsweep_trainer::architecture::{Architecture, TensorSpec};

use crate::metadata::{PRODUCER, PRODUCER_VERSION};
use graph::GraphBuilder;
use proto::{Model, OperatorSet, StringEntry};

/// The version of ONNX's operators; from 2021, so that old runtimes know them too.
pub const OPSET: i64 = 17;

/// The version of the format that came with these operators.
const IR_VERSION: i64 = 8;

/// Name of the input: images, float `[n, 1, height, width]`, brightness from 0 to 255.
pub const INPUT: &str = "images";
/// Name of the first output: the probability of each class, float `[n, classes]`.
pub const PROBABILITIES: &str = "probabilities";
/// Name of the second output: the same before the softmax.
pub const LOGITS: &str = "logits";

const DESCRIPTION: &str = "Classifies grey images, white on black. Input: float brightnesses from 0 \
    to 255; the graph normalises them itself.";

/// The bytes of a model's file.
pub(crate) fn encode(
    architecture: &Architecture,
    tensors: &[(TensorSpec, Vec<f32>)],
    metadata: &BTreeMap<&'static str, String>,
) -> Vec<u8> {
    let entry = |(key, value): (&&str, &String)| StringEntry {
        key: (*key).to_owned(),
        value: value.clone(),
    };
    let mut metadata_props: Vec<StringEntry> = metadata.iter().map(entry).collect();
    metadata_props.push(StringEntry {
        key: "views".to_owned(),
        value: "1".to_owned(),
    });
    Model {
        ir_version: IR_VERSION,
        producer_name: PRODUCER.to_owned(),
        producer_version: PRODUCER_VERSION.to_owned(),
        doc_string: DESCRIPTION.to_owned(),
        graph: Some(GraphBuilder::new(architecture, tensors).build()),
        opset_import: vec![OperatorSet {
            domain: String::new(),
            version: OPSET,
        }],
        metadata_props,
    }
    .encode_to_vec()
}
