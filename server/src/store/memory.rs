//! What the writer remembers from one change to the next, so as not to ask the database again: the
//! studies and their pasts, the trials in hand, which jobs run, and who is not trusted. True while no other server writes
//! in between, which the writer sees; a change that is given up takes along what it may have told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tabsweep_protocol::{JobId, LeaseToken, Numerics, Sha256, StudyId, VolunteerId};
use tabsweep_study::{Event, Timeline, Trial, TrialState};

use super::{StoredStudy, in_hand::InHand};

/// All studies by their ids.
pub(super) type Studies = Arc<BTreeMap<StudyId, Arc<StoredStudy>>>;

/// Jobs that run, with their weights.
pub(super) type RunningJobs = Arc<[(JobId, f64)]>;

/// Volunteers who get no work.
pub(super) type Distrusted = Arc<BTreeSet<VolunteerId>>;

/// The memory of one writer.
#[derive(Debug, Default)]
pub(super) struct Memory {
    studies: Option<Studies>,
    running_jobs: Option<RunningJobs>,
    distrusted: Option<Distrusted>,
    in_hand: InHand,
    /// Studies of which no trial of that contract waits.
    exhausted: BTreeSet<(StudyId, Numerics)>,
    pasts: BTreeMap<StudyId, Past>,
    /// Studies whose pasts may tell of the change under way.
    touched: BTreeSet<StudyId>,
}

/// A study's past as far as it has been read here.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) timeline: Timeline,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
}

impl Memory {
    /// A change begins: all that is known is true whatever becomes of it.
    pub(super) fn change_begins(&mut self) {
        self.touched.clear();
        self.in_hand.change_begins();
    }

    /// The change was given up.
    pub(super) fn change_undone(&mut self) {
        self.forget_tables();
        self.in_hand.change_undone();
        for study in std::mem::take(&mut self.touched) {
            self.pasts.remove(&study);
        }
    }

    /// Another server has written since: events may have been added, studies changed.
    pub(super) fn others_wrote(&mut self) {
        self.forget_tables();
        self.in_hand = InHand::default();
        for past in self.pasts.values_mut() {
            past.is_whole = false;
        }
    }

    fn forget_tables(&mut self) {
        self.studies = None;
        self.running_jobs = None;
        self.distrusted = None;
        self.exhausted.clear();
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The studies, if they are known.
    pub(super) fn studies(&self) -> Option<Studies> {
        self.studies.clone()
    }

    /// The studies as they have just been read.
    pub(super) fn keep_studies(&mut self, studies: &Studies) {
        self.studies = Some(studies.clone());
    }

    /// A study is about to change.
    pub(super) fn forget_studies(&mut self) {
        self.studies = None;
    }

    /// The jobs that run, if they are known.
    pub(super) fn running_jobs(&self) -> Option<RunningJobs> {
        self.running_jobs.clone()
    }

    /// The jobs that run as they have just been read.
    pub(super) fn keep_running_jobs(&mut self, jobs: &RunningJobs) {
        self.running_jobs = Some(jobs.clone());
    }

    /// A job is about to begin or to change.
    pub(super) fn forget_running_jobs(&mut self) {
        self.running_jobs = None;
    }

    /// Who gets no work, if that is known.
    pub(super) fn distrusted(&self) -> Option<Distrusted> {
        self.distrusted.clone()
    }

    /// Who gets no work as it has just been read.
    pub(super) fn keep_distrusted(&mut self, distrusted: &Distrusted) {
        self.distrusted = Some(distrusted.clone());
    }

    /// Somebody's word is about to be found right or wrong.
    pub(super) fn forget_distrusted(&mut self) {
        self.distrusted = None;
    }

    /// The trial that runs under this lease, if it is known.
    pub(super) fn trial_in_hand(&self, token: &LeaseToken) -> Option<(StudyId, Trial)> {
        let (study, trial) = self.in_hand.trial(token)?;
        Some((study, trial.clone()))
    }

    /// A trial is about to be stored.
    pub(super) fn trial_stored(&mut self, study: StudyId, trial: &Trial) {
        self.in_hand.stored(study, trial);
        if trial.state == TrialState::Waiting {
            self.exhausted.remove(&(study, trial.numerics));
        }
    }

    /// Bytes are about to be noted as uploaded.
    pub(super) fn uploaded(&mut self, token: &LeaseToken, sha256: &Sha256) {
        self.in_hand.uploaded(token, sha256);
    }

    /// Whether the bytes are known to have been uploaded under a lease; if not, they may have been.
    pub(super) fn has_uploaded(&self, token: &LeaseToken, sha256: &Sha256) -> bool {
        self.in_hand.has_uploaded(token, sha256)
    }

    /// Uploads are about to be given up.
    pub(super) fn forget_uploads(&mut self) {
        self.in_hand.forget_uploads();
    }

    /// Whether no trial waits, as far as is known.
    pub(super) fn is_exhausted(&self, study: StudyId, numerics: Numerics) -> bool {
        self.exhausted.contains(&(study, numerics))
    }

    /// No trial waits.
    pub(super) fn exhaust(&mut self, study: StudyId, numerics: Numerics) {
        self.exhausted.insert((study, numerics));
    }

    /// Takes out what is known of a study's past; read on from there, and give it back.
    pub(super) fn take_past(&mut self, study: StudyId) -> Option<Past> {
        self.pasts.remove(&study)
    }

    /// Keeps a study's whole past.
    pub(super) fn keep_timeline(&mut self, study: StudyId, timeline: Timeline) {
        let is_whole = true;
        self.pasts.insert(study, Past { timeline, is_whole });
        self.touched.insert(study);
    }

    /// Folds an event that is about to be stored into its study's past; its number in the study, if
    /// the whole past is known.
    pub(super) fn fold(&mut self, study: StudyId, event: &Event) -> Option<u64> {
        let past = self.pasts.get_mut(&study).filter(|past| past.is_whole)?;
        let number = past.timeline.folded();
        past.timeline.fold(event.clone());
        self.touched.insert(study);
        Some(number)
    }
}
