//! What the terminal shows: a bar for each worker, or lines where nobody looks at a terminal.

use std::{io::IsTerminal, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tabsweep_volunteer::{Activity, Idle, Labelling, Training, WorkerStatus};

/// Where it is shown.
#[derive(Clone, Debug)]
pub(crate) enum Display {
    /// A terminal, on standard error.
    Bars(MultiProgress),
    /// The log.
    Lines,
}

impl Display {
    /// Bars where standard error is a terminal.
    pub(crate) fn found() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Bars(MultiProgress::new())
        } else {
            Self::Lines
        }
    }

    /// One line about all workers.
    pub(crate) fn say(&self, text: &str) {
        match self {
            // An error means that the terminal is gone, and with it whoever would read this.
            Self::Bars(bars) => drop(bars.println(text)),
            Self::Lines => tracing::info!("{text}"),
        }
    }

    /// The place of the worker with this number.
    pub(crate) fn line(&self, number: usize) -> Line {
        let name = format!("worker {number}");
        let bar = match self {
            Self::Bars(bars) => Some(bars.add(bar(&name))),
            Self::Lines => None,
        };
        Line {
            display: self.clone(),
            name,
            bar,
            said: None,
        }
    }
}

fn bar(name: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:20} {wide_msg}")
        .expect("the template is well-formed");
    let bar = ProgressBar::new(0)
        .with_style(style)
        .with_prefix(name.to_owned());
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// A worker's place.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    display: Display,
    name: String,
    bar: Option<ProgressBar>,
    /// What the log was told last.
    said: Option<String>,
}

impl Line {
    /// Shows what the worker does.
    pub(crate) fn show(&mut self, status: &WorkerStatus) {
        if let Some(bar) = &self.bar {
            let (done, all) = progress(status);
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(moment(status));
            return;
        }
        let milestone = milestone(status);
        if self.said.as_ref() != Some(&milestone) {
            self.say(&milestone);
            self.said = Some(milestone);
        }
    }

    /// One line about this worker.
    pub(crate) fn say(&self, text: &str) {
        self.display.say(&format!("{}: {text}", self.name));
    }

    /// The worker has ended.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is done of the work in hand, and how much there is.
fn progress(status: &WorkerStatus) -> (u64, u64) {
    match &status.activity {
        Activity::Idle { .. } => (0, 0),
        Activity::Preparing(training)
        | Activity::Training(training)
        | Activity::Claiming(training) => (training.step, training.steps),
        Activity::Labelling(labelling) => (labelling.labelled.into(), labelling.pictures.into()),
    }
}

/// All that can be said now; changes with every step.
fn moment(status: &WorkerStatus) -> String {
    let verified = status.counts.verified;
    match &status.activity {
        Activity::Training(training) => {
            let speed = training.images_per_sec;
            format!(
                "{}, {speed:.0} images/s, {verified} trials verified",
                place(training)
            )
        }
        _ => format!("{}, {verified} trials verified", milestone(status)),
    }
}

/// What is worth a line in a log; changes a few times in a trial.
fn milestone(status: &WorkerStatus) -> String {
    match &status.activity {
        Activity::Idle { why } => idle(*why).to_owned(),
        Activity::Preparing(training) => format!("{}: fetching what it needs", name(training)),
        Activity::Training(training) => place(training),
        Activity::Claiming(training) => format!("{}: handing in", name(training)),
        Activity::Labelling(labelling) => pictures(labelling),
    }
}

fn pictures(labelling: &Labelling) -> String {
    let Labelling {
        job_name, chunk, ..
    } = labelling;
    format!(
        "{job_name}, chunk {chunk}: labelling {} pictures",
        labelling.pictures
    )
}

fn name(training: &Training) -> String {
    let Training {
        study_name, trial, ..
    } = training;
    match training.attempt {
        1 => format!("{study_name}, trial {trial}"),
        attempt => format!("{study_name}, trial {trial}, attempt {attempt}"),
    }
}

fn place(training: &Training) -> String {
    let name = name(training);
    if training.steps_per_epoch == 0 {
        return name;
    }
    let epochs = training.steps / training.steps_per_epoch;
    let epoch = (training.step / training.steps_per_epoch + 1).min(epochs);
    let score = training.validation_score.map_or_else(String::new, |score| {
        format!(", {:.2} % right after the last epoch", score * 100.0)
    });
    format!("{name}: epoch {epoch} of {epochs}{score}")
}

fn idle(why: Idle) -> &'static str {
    match why {
        Idle::Connecting => "connecting to the server",
        Idle::Asking => "asking for work",
        Idle::NoStudy => "waiting: the server has no study yet",
        Idle::AllFinished => "waiting: all trials have ended",
        Idle::Paused => "waiting: the operator holds the studies",
        Idle::AllLeased => "waiting: what is left is with other workers",
        Idle::NotTrusted => "no work: this volunteer's claims did not match",
        Idle::ServerTrouble => "waiting: the server has trouble",
        Idle::Failed => "waiting: the last trial could not be trained here",
        Idle::Stopped => "stopped",
        Idle::Outdated => "stopped: the server runs another build",
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::{StudyId, TrialNumber};
    use tabsweep_volunteer::{Connection, Counts};

    use super::*;

    fn status(step: u64) -> WorkerStatus {
        WorkerStatus {
            connection: Connection::Open,
            activity: Activity::Training(Training {
                study: StudyId(1),
                study_name: "LeNet".to_owned(),
                trial: TrialNumber(4),
                attempt: 2,
                parameters: Default::default(),
                step,
                steps: 20,
                steps_per_epoch: 10,
                loss: None,
                images_per_sec: 512.4,
                validation_score: (step >= 10).then_some(0.9911),
            }),
            counts: Counts::default(),
        }
    }

    #[test]
    fn the_log_tells_epochs_and_the_bar_tells_more() {
        assert_eq!(
            milestone(&status(9)),
            "LeNet, trial 4, attempt 2: epoch 1 of 2"
        );
        assert_eq!(
            milestone(&status(20)),
            "LeNet, trial 4, attempt 2: epoch 2 of 2, 99.11 % right after the last epoch"
        );
        assert!(moment(&status(3)).ends_with("epoch 1 of 2, 512 images/s, 0 trials verified"));
    }
}
