//! What the writer remembers from one change to the next, so as not to ask the database again: the
//! studies, and their pasts. True while no other server writes in between, which the writer sees; a
//! change that is given up takes along what it may have told.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tabsweep_protocol::StudyId;
use tabsweep_study::{Event, Timeline};

use super::StoredStudy;

/// All studies by their ids.
pub(super) type Studies = Arc<BTreeMap<StudyId, Arc<StoredStudy>>>;

/// The memory of one writer.
#[derive(Debug, Default)]
pub(super) struct Memory {
    studies: Option<Studies>,
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
    }

    /// The change was given up.
    pub(super) fn change_undone(&mut self) {
        self.studies = None;
        for study in std::mem::take(&mut self.touched) {
            self.pasts.remove(&study);
        }
    }

    /// Another server has written since: events may have been added, studies changed.
    pub(super) fn others_wrote(&mut self) {
        self.studies = None;
        for past in self.pasts.values_mut() {
            past.is_whole = false;
        }
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
