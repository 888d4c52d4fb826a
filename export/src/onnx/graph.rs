//! Puts a model's layers in a row, as nodes of a graph. In the order of inference: normalised pixels,
//! (convolution, pool where there is one, batch-norm where there is one, ReLU) × 2 or 3, hidden layer
//! likewise, output layer, softmax.

use std::slice::Iter;

use tabsweep_trainer::architecture::{Architecture, TensorSpec};
use tabsweep_trainer::images::{PIXEL_DEVIATION, PIXEL_MEAN};
use tabsweep_trainer::kernels::batch_norm::EPSILON;

use super::proto::{
    Attribute, Dimension, DimensionValue, FLOAT, Graph, Node, Tensor, TensorShape, TensorType,
    Type, ValueInfo,
};
use super::{INPUT, LOGITS, PROBABILITIES};

/// A graph that grows node by node.
pub(super) struct GraphBuilder<'a> {
    architecture: &'a Architecture,
    /// Those of the layers to come.
    tensors: Iter<'a, (TensorSpec, Vec<f32>)>,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    /// What the last node gives.
    value: String,
}

impl<'a> GraphBuilder<'a> {
    /// A graph without nodes; `tensors` in the order of the layers.
    pub(super) fn new(
        architecture: &'a Architecture,
        tensors: &'a [(TensorSpec, Vec<f32>)],
    ) -> Self {
        Self {
            architecture,
            tensors: tensors.iter(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            value: INPUT.to_owned(),
        }
    }

    /// The whole model's graph.
    pub(super) fn build(mut self) -> Graph {
        self.normalise_pixels();
        for shape in self.architecture.convolutions() {
            self.convolve(shape.pool);
        }
        self.add("Flatten", "features", &[], Vec::new());
        let layer = self.dense();
        self.normalise_and_rectify(&layer);
        self.dense();
        self.rename_last(LOGITS);
        self.add("Softmax", PROBABILITIES, &[], Vec::new());
        let Self {
            architecture,
            nodes,
            initializers,
            ..
        } = self;
        let classes = [named("n"), fixed(architecture.classes())];
        let pixels = [
            named("n"),
            fixed(1),
            fixed(architecture.height()),
            fixed(architecture.width()),
        ];
        Graph {
            node: nodes,
            name: "digits".to_owned(),
            initializer: initializers,
            input: vec![floats(INPUT, pixels.to_vec())],
            output: vec![
                floats(PROBABILITIES, classes.to_vec()),
                floats(LOGITS, classes.to_vec()),
            ],
        }
    }

    /// The same three operations as in training, so that they round alike.
    fn normalise_pixels(&mut self) {
        let steps = [
            ("Div", "brightest_pixel", 255.0),
            ("Sub", "pixel_mean", PIXEL_MEAN),
            ("Div", "pixel_deviation", PIXEL_DEVIATION),
        ];
        for (operation, name, operand) in steps {
            self.initializers.push(tensor(name, &[], &[operand]));
            let result = format!("{name}.applied");
            self.add(operation, &result, &[name.to_owned()], Vec::new());
        }
    }

    fn convolve(&mut self, has_pool: bool) {
        let parameters = self.take(2);
        let layer = layer_of(&parameters[0]);
        self.add("Conv", &layer, &parameters, Vec::new());
        if has_pool {
            let window = ["kernel_shape", "strides"].map(|name| Attribute::ints(name, &[2, 2]));
            self.add("MaxPool", &format!("{layer}.pool"), &[], window.to_vec());
        }
        self.normalise_and_rectify(&layer);
    }

    /// A fully connected layer; its name.
    fn dense(&mut self) -> String {
        let parameters = self.take(2);
        let layer = layer_of(&parameters[0]);
        let transposed = vec![Attribute::int("transB", 1)];
        self.add("Gemm", &layer, &parameters, transposed);
        layer
    }

    fn normalise_and_rectify(&mut self, layer: &str) {
        if self.architecture.batch_norm() {
            let parameters = self.take(4);
            let norm = layer_of(&parameters[0]);
            let epsilon = vec![Attribute::float("epsilon", EPSILON)];
            self.add("BatchNormalization", &norm, &parameters, epsilon);
        }
        self.add("Relu", &format!("{layer}.relu"), &[], Vec::new());
    }

    /// The names of the next tensors, which the graph then holds.
    fn take(&mut self, count: usize) -> Vec<String> {
        let taken = self.tensors.by_ref().take(count);
        let (names, initializers): (Vec<String>, Vec<Tensor>) = taken
            .map(|(spec, values)| {
                let initializer = tensor(&spec.name, &spec.shape, values);
                (spec.name.clone(), initializer)
            })
            .unzip();
        assert_eq!(names.len(), count, "a layer's tensors stand together");
        self.initializers.extend(initializers);
        names
    }

    /// A node that takes the last one's value and `operands`.
    fn add(
        &mut self,
        operation: &str,
        result: &str,
        operands: &[String],
        attribute: Vec<Attribute>,
    ) {
        let value = std::mem::replace(&mut self.value, result.to_owned());
        let mut input = vec![value];
        input.extend_from_slice(operands);
        self.nodes.push(Node {
            input,
            output: vec![result.to_owned()],
            name: result.to_owned(),
            op_type: operation.to_owned(),
            attribute,
        });
    }

    fn rename_last(&mut self, name: &str) {
        let last = self.nodes.last_mut().expect("a graph has nodes");
        last.output = vec![name.to_owned()];
        name.clone_into(&mut self.value);
    }
}

/// `conv1` of `conv1.weight`.
fn layer_of(parameter: &str) -> String {
    let (layer, _) = parameter.split_once('.').expect("LAYER.PART");
    layer.to_owned()
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> Tensor {
    Tensor {
        dims: shape.iter().map(|&length| whole(length)).collect(),
        data_type: FLOAT,
        name: name.to_owned(),
        raw_data: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    }
}

fn floats(name: &str, dim: Vec<Dimension>) -> ValueInfo {
    let tensor_type = TensorType {
        elem_type: FLOAT,
        shape: Some(TensorShape { dim }),
    };
    ValueInfo {
        name: name.to_owned(),
        r#type: Some(Type {
            tensor_type: Some(tensor_type),
        }),
    }
}

fn named(name: &str) -> Dimension {
    Dimension {
        value: Some(DimensionValue::Named(name.to_owned())),
    }
}

fn fixed(length: usize) -> Dimension {
    Dimension {
        value: Some(DimensionValue::Fixed(whole(length))),
    }
}

fn whole(length: usize) -> i64 {
    i64::try_from(length).expect("a length in memory")
}
