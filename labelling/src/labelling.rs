//! A chunk of pictures at work: decodes them one by one, classifies them some at a time, and ends with
//! an answer for each.

use std::ops::Range;

use tabsweep_protocol::{Answer, Answers, PackError, pack};
use tabsweep_vision::ClassifyError;
use thiserror::Error;

use crate::Classifier;

/// Why pictures can't be labelled here.
#[derive(Debug, Error)]
pub enum LabellingError {
    /// What arrived is no pack of pictures.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// It has another number of pictures.
    #[error("expected {expected} pictures, found {found}")]
    Count {
        /// What was announced.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// The model failed where it should not.
    #[error(transparent)]
    Model(#[from] ClassifyError),
}

/// Pictures that are being labelled.
#[derive(Debug)]
pub struct Labelling {
    pack: Vec<u8>,
    /// Where each picture lies in the pack.
    pictures: Vec<Range<usize>>,
    top: usize,
    /// Pictures decoded.
    decoded: usize,
    /// Decoded pictures that wait to be classified together.
    waiting: Vec<usize>,
    inputs: Vec<u8>,
    answers: Vec<Option<Answer>>,
    labelled: usize,
}

impl Labelling {
    /// The `expected` pictures in `pack`, each to get its `top` likeliest labels.
    ///
    /// # Errors
    /// They are not as many, or the pack is damaged.
    pub fn new(pack: Vec<u8>, expected: usize, top: usize) -> Result<Self, LabellingError> {
        let start = pack.as_ptr() as usize;
        let range = |picture: &[u8]| {
            let from = picture.as_ptr() as usize - start;
            from..from + picture.len()
        };
        let pictures: Vec<_> = pack::split(&pack)?.into_iter().map(range).collect();
        let found = pictures.len();
        if found != expected {
            return Err(LabellingError::Count { expected, found });
        }
        Ok(Self {
            pack,
            pictures,
            top,
            decoded: 0,
            waiting: Vec::new(),
            inputs: Vec::new(),
            answers: vec![None; found],
            labelled: 0,
        })
    }

    /// Pictures that have their answer.
    pub fn labelled(&self) -> usize {
        self.labelled
    }

    /// Whether all pictures have their answer.
    pub fn is_done(&self) -> bool {
        self.labelled == self.pictures.len()
    }

    /// One unit of work by the job's model: a picture is decoded, or some are classified.
    ///
    /// # Errors
    /// The model failed where it should not.
    pub fn advance(&mut self, classifier: &mut Classifier) -> Result<(), LabellingError> {
        let is_full = self.waiting.len() == classifier.batch();
        if is_full || self.decoded == self.pictures.len() {
            return self.classify(classifier);
        }
        let picture = self.decoded;
        self.decoded += 1;
        match classifier.input(&self.pack[self.pictures[picture].clone()]) {
            Ok(input) => {
                self.inputs.extend(input);
                self.waiting.push(picture);
            }
            Err(error) => self.answer(picture, Answer::Unreadable(error.to_string())),
        }
        Ok(())
    }

    fn classify(&mut self, classifier: &mut Classifier) -> Result<(), LabellingError> {
        let waiting = std::mem::take(&mut self.waiting);
        let labels = classifier.labels(&self.inputs, waiting.len(), self.top)?;
        self.inputs.clear();
        for (picture, labels) in waiting.into_iter().zip(labels) {
            self.answer(picture, Answer::Labels(labels));
        }
        Ok(())
    }

    fn answer(&mut self, picture: usize, answer: Answer) {
        self.answers[picture] = Some(answer);
        self.labelled += 1;
    }

    /// Labels everything at once.
    ///
    /// # Errors
    /// The model failed where it should not.
    pub fn finish(mut self, classifier: &mut Classifier) -> Result<Answers, LabellingError> {
        while !self.is_done() {
            self.advance(classifier)?;
        }
        Ok(self.answers())
    }

    /// The answers, once all pictures have theirs; of those that have one before that.
    pub fn answers(&self) -> Answers {
        Answers(self.answers.iter().flatten().cloned().collect())
    }
}
