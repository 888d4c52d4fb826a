//! Decides the life of a trial's training: steps, a score after each epoch, an end. It does not know
//! the time: the caller asks for units of work, and stops asking when its slice is used up.

use thiserror::Error;

use crate::architecture::{Architecture, ArchitectureError, initial_values};
use crate::batches::EpochOrder;
use crate::checkpoint::{self, Checkpoint, CheckpointError, Fingerprint, State};
use crate::evaluation;
use crate::hyperparameters::Hyperparameters;
use crate::images::{ImageSet, TrainingData};
use crate::kernels::width::Width;
use crate::lenet::LeNet;
use crate::network::Randomness;
use crate::optimizer::Optimizer;
use crate::philox::Philox;
use crate::schedule::Schedule;
use crate::tensor_file::serialize;

/// Why a training can't begin or go on.
#[derive(Debug, Error)]
pub enum TrainingError {
    /// The setting has no model for the data.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// The loss or a weight is no longer finite. This is a result of the trial: its setting does not
    /// train. Asking again gives the same answer.
    #[error("diverged at step {step} with a loss of {loss}")]
    Diverged {
        /// The step that could not be done, from 1.
        step: u64,
        /// The mean loss of its batch.
        loss: f32,
    },
    /// Candle failed where it should not.
    #[error("tensor operation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// What one unit of work led to, in order of life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Progress {
    /// One optimiser step was done.
    Step {
        /// Steps done so far, from 1.
        step: u64,
        /// The epoch it belongs to, from 1.
        epoch: usize,
        /// The mean loss of its batch, before the step.
        loss: f32,
    },
    /// Some validation images were scored.
    Evaluating {
        /// The epoch scored, from 1.
        epoch: usize,
        /// Validation images scored so far.
        done: usize,
        /// Validation images there are.
        of: usize,
    },
    /// An epoch was trained and scored; the last one too.
    Epoch(EpochFigures),
    /// Nothing is left to do: the last epoch's figures again, as often as one asks.
    Finished(EpochFigures),
}

/// What came of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochFigures {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps done so far.
    pub step: u64,
    /// Validation images put in their class.
    pub validation_correct: usize,
    /// Validation images there are.
    pub validation_count: usize,
    /// Mean over the epoch's images of the loss they were trained with.
    pub mean_loss: f64,
}

/// A validation image that was put in another class than its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Its position among the validation images.
    pub index: usize,
    /// The class it belongs to.
    pub label: u8,
    /// The class it was put in.
    pub guess: u8,
}

/// Mistakes kept of each scoring: enough to be looked at.
const MOST_MISTAKES: usize = 12;

#[derive(Clone, Copy, Debug)]
enum Phase {
    Stepping,
    Evaluating { done: usize, correct: usize },
    Finished(EpochFigures),
    Diverged { loss: f32 },
}

/// A trial's training between two units of work.
#[derive(Debug)]
pub struct Training {
    hyperparameters: Hyperparameters,
    data: TrainingData,
    philox: Philox,
    fingerprint: Fingerprint,
    model: LeNet,
    optimizer: Optimizer,
    schedule: Schedule,
    order: EpochOrder,
    step: u64,
    loss_sum: f64,
    phase: Phase,
    /// The first ones of the scoring under way, or of the last.
    mistakes: Vec<Mistake>,
}

impl Training {
    /// A training at its start.
    ///
    /// # Errors
    /// [`TrainingError::Architecture`] if the setting has no model for images of this size.
    pub fn new(
        hyperparameters: Hyperparameters,
        seed: u64,
        data: TrainingData,
    ) -> Result<Self, TrainingError> {
        Self::with_width(hyperparameters, seed, data, Width::widest())
    }

    /// As [`Training::new`], computed with vectors of `width`: faster or slower, to the same bits.
    ///
    /// # Errors
    /// As [`Training::new`].
    pub fn with_width(
        hyperparameters: Hyperparameters,
        seed: u64,
        data: TrainingData,
        width: Width,
    ) -> Result<Self, TrainingError> {
        let architecture = architecture(&hyperparameters, &data)?;
        let philox = Philox::new(seed);
        let model = LeNet::new(architecture, width, |spec| {
            Ok::<_, TrainingError>(initial_values(spec, &philox))
        })?;
        let count = model.parameters().elem_count();
        let optimizer = Optimizer::fresh(&hyperparameters, width, count);
        let state = State {
            step: 0,
            loss_sum: 0.0,
            moments: optimizer.moments().clone(),
        };
        Ok(Self::at(state, hyperparameters, seed, data, (model, width)))
    }

    /// A training as it was when [`Training::checkpoint`] wrote `checkpoint`.
    ///
    /// At the end of an epoch the epoch is scored, whether or not it had been before.
    ///
    /// # Errors
    /// If the bytes are not a checkpoint of exactly this setting, seed and data.
    pub fn resume(
        hyperparameters: Hyperparameters,
        seed: u64,
        data: TrainingData,
        checkpoint: &[u8],
    ) -> Result<Self, CheckpointError> {
        Self::resume_with_width(hyperparameters, seed, data, checkpoint, Width::widest())
    }

    /// As [`Training::resume`], computed with vectors of `width`: faster or slower, to the same bits.
    ///
    /// # Errors
    /// As [`Training::resume`].
    pub fn resume_with_width(
        hyperparameters: Hyperparameters,
        seed: u64,
        data: TrainingData,
        checkpoint: &[u8],
        width: Width,
    ) -> Result<Self, CheckpointError> {
        let architecture = architecture(&hyperparameters, &data)?;
        let fingerprint = Fingerprint::new(&hyperparameters, seed, &data);
        let checkpoint = Checkpoint::parse(checkpoint, fingerprint)?;
        let total_steps = total_steps(&hyperparameters, &data);
        let state = checkpoint.state(&architecture.tensors(), &hyperparameters, total_steps)?;
        let model = LeNet::new(architecture, width, |spec| checkpoint.values(spec))?;
        Ok(Self::at(state, hyperparameters, seed, data, (model, width)))
    }

    fn at(
        state: State,
        hyperparameters: Hyperparameters,
        seed: u64,
        data: TrainingData,
        (model, width): (LeNet, Width),
    ) -> Self {
        let philox = Philox::new(seed);
        let total_steps = total_steps(&hyperparameters, &data);
        let per_epoch = total_steps / hyperparameters.epochs as u64;
        let ends_epoch = state.step > 0 && state.step.is_multiple_of(per_epoch);
        let epoch = (state.step.min(total_steps - 1) / per_epoch) as usize;
        Self {
            fingerprint: Fingerprint::new(&hyperparameters, seed, &data),
            optimizer: Optimizer::new(&hyperparameters, width, state.moments),
            schedule: Schedule::new(
                hyperparameters.schedule,
                hyperparameters.learning_rate,
                total_steps,
            ),
            order: EpochOrder::new(&philox, epoch, data.training().len()),
            step: state.step,
            loss_sum: state.loss_sum,
            phase: if ends_epoch {
                Phase::Evaluating {
                    done: 0,
                    correct: 0,
                }
            } else {
                Phase::Stepping
            },
            mistakes: Vec::new(),
            hyperparameters,
            data,
            philox,
            model,
        }
    }

    /// Does one unit of work: an optimiser step, or the scoring of up to 200 validation images.
    ///
    /// # Errors
    /// [`TrainingError::Diverged`] when the loss, a weight or a moment is not finite.
    pub fn advance(&mut self) -> Result<Progress, TrainingError> {
        match self.phase {
            Phase::Stepping => self.take_step(),
            Phase::Evaluating { done, correct } => self.evaluate(done, correct),
            Phase::Finished(figures) => Ok(Progress::Finished(figures)),
            Phase::Diverged { loss } => Err(self.diverged(loss)),
        }
    }

    fn take_step(&mut self) -> Result<Progress, TrainingError> {
        let epoch = self.epochs_done();
        if self.order.epoch() != epoch {
            self.order = EpochOrder::new(&self.philox, epoch, self.data.training().len());
        }
        if self.step.is_multiple_of(self.steps_per_epoch()) {
            self.loss_sum = 0.0;
        }
        let (loss, count) = self.optimise()?;
        self.step += 1;
        self.loss_sum += f64::from(loss) * count as f64;
        if self.step.is_multiple_of(self.steps_per_epoch()) {
            self.phase = Phase::Evaluating {
                done: 0,
                correct: 0,
            };
        }
        Ok(Progress::Step {
            step: self.step,
            epoch: epoch + 1,
            loss,
        })
    }

    /// One step along the gradient; gives the loss before it and the number of images.
    fn optimise(&mut self) -> Result<(f32, usize), TrainingError> {
        let Hyperparameters {
            batch_size,
            label_smoothing,
            ..
        } = self.hyperparameters;
        let randomness = Randomness {
            philox: self.philox,
            step: self.step,
        };
        let start = (self.step % self.steps_per_epoch()) as usize * batch_size;
        let batch = self.order.batch(start, batch_size);
        let training = self.data.training();
        let fill =
            |images: &mut [f32]| batch.show(&self.philox, training, &self.hyperparameters, images);
        let labels = batch.labels(training);
        let loss = self
            .model
            .loss(fill, &labels, label_smoothing, randomness)?;
        let value = loss.to_scalar::<f32>()?;
        if !value.is_finite() {
            return Err(self.diverged(value));
        }
        loss.backward()?;
        let learning_rate = self.schedule.learning_rate(self.step);
        let (parameters, step) = (self.model.parameters(), self.step + 1);
        let optimizer = &mut self.optimizer;
        let is_finite = self.model.with_gradient(|gradient| {
            optimizer.update(parameters, gradient, learning_rate, step)
        })?;
        if is_finite && self.model.has_finite_statistics() {
            Ok((value, labels.len()))
        } else {
            Err(self.diverged(value))
        }
    }

    /// The step that was being done has failed, for good.
    fn diverged(&mut self, loss: f32) -> TrainingError {
        self.phase = Phase::Diverged { loss };
        TrainingError::Diverged {
            step: self.step + 1,
            loss,
        }
    }

    fn evaluate(&mut self, done: usize, correct: usize) -> Result<Progress, TrainingError> {
        let validation = self.data.validation();
        let of = validation.len();
        let end = of.min(done + evaluation::chunk(&self.model));
        let guesses = evaluation::guesses(&self.model, validation.images(done..end), end - done)?;
        let labels = &validation.labels()[done..end];
        let wrong = (done..).zip(labels.iter().zip(&guesses));
        let wrong = wrong.filter(|(_, (label, guess))| label != guess);
        let mistakes: Vec<_> = wrong.map(mistake).collect();
        let correct = correct + labels.len() - mistakes.len();
        self.keep_mistakes(done == 0, mistakes);
        if end == of {
            return Ok(self.end_epoch(correct));
        }
        self.phase = Phase::Evaluating { done: end, correct };
        Ok(Progress::Evaluating {
            epoch: self.epochs_done(),
            done: end,
            of,
        })
    }

    fn keep_mistakes(&mut self, begins: bool, found: Vec<Mistake>) {
        if begins {
            self.mistakes.clear();
        }
        let room = MOST_MISTAKES - self.mistakes.len();
        self.mistakes.extend(found.into_iter().take(room));
    }

    fn end_epoch(&mut self, validation_correct: usize) -> Progress {
        let figures = EpochFigures {
            epoch: self.epochs_done(),
            step: self.step,
            validation_correct,
            validation_count: self.data.validation().len(),
            mean_loss: self.loss_sum / self.data.training().len() as f64,
        };
        self.phase = if self.step == self.total_steps() {
            Phase::Finished(figures)
        } else {
            Phase::Stepping
        };
        Progress::Epoch(figures)
    }

    /// What the last scoring found wrong, or the one under way has so far: the first twelve.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The images that scores are counted on.
    #[must_use]
    pub fn validation(&self) -> &ImageSet {
        self.data.validation()
    }

    /// Steps done so far.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps of the whole training.
    #[must_use]
    pub fn total_steps(&self) -> u64 {
        total_steps(&self.hyperparameters, &self.data)
    }

    /// Steps of an epoch, the last of which may have a smaller batch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.total_steps() / self.hyperparameters.epochs as u64
    }

    /// Images trained with so far, counted in every epoch anew.
    #[must_use]
    pub fn images_seen(&self) -> u64 {
        let images = self.data.training().len() as u64;
        let in_epoch = self.step % self.steps_per_epoch();
        self.epochs_done() as u64 * images + in_epoch * self.hyperparameters.batch_size as u64
    }

    /// Multiplications with a weight in one image's forward pass.
    #[must_use]
    pub fn multiply_adds_per_image(&self) -> u64 {
        self.model.architecture().multiply_adds_per_image()
    }

    fn epochs_done(&self) -> usize {
        (self.step / self.steps_per_epoch()) as usize
    }

    /// All that [`Training::resume`] needs, as safetensors bytes: weights, running statistics,
    /// moments, step, running loss and a fingerprint of setting, seed and data. The same training at
    /// the same step gives the same bytes.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<u8> {
        let state = State {
            step: self.step,
            loss_sum: self.loss_sum,
            moments: self.optimizer.moments().clone(),
        };
        checkpoint::write(&self.model, &state, self.fingerprint, &self.hyperparameters)
            .expect("the model's tensors are single precision on the CPU")
    }

    /// The weights as safetensors bytes, running statistics included: what [`crate::Model`] loads.
    #[must_use]
    pub fn weights(&self) -> Vec<u8> {
        let tensors = self.model.tensors();
        let tensors = tensors.expect("the model's tensors are single precision on the CPU");
        serialize(&checkpoint::weight_entries(&tensors))
    }
}

fn mistake((index, (&label, &guess)): (usize, (&u8, &u8))) -> Mistake {
    Mistake {
        index,
        label,
        guess,
    }
}

fn architecture(
    hyperparameters: &Hyperparameters,
    data: &TrainingData,
) -> Result<Architecture, ArchitectureError> {
    Architecture::new(hyperparameters, data.classes(), data.height(), data.width())
}

fn total_steps(hyperparameters: &Hyperparameters, data: &TrainingData) -> u64 {
    let per_epoch = data.training().len().div_ceil(hyperparameters.batch_size);
    per_epoch as u64 * hyperparameters.epochs as u64
}
