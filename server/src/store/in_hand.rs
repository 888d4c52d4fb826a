//! The trials that workers have in hand, as this server stored them last: what a lease's token changes
//! is looked up here, and not in the database.

use std::collections::{BTreeMap, BTreeSet};

use tabsweep_protocol::{LeaseToken, Sha256, StudyId, TrialNumber};
use tabsweep_study::Trial;

type Name = (StudyId, TrialNumber);

/// Trials that run, each under the token of its lease.
#[derive(Debug, Default)]
pub(super) struct InHand {
    trials: BTreeMap<LeaseToken, Held>,
    tokens: BTreeMap<Name, LeaseToken>,
    /// Those that the change under way has stored.
    touched: BTreeSet<Name>,
}

#[derive(Debug)]
struct Held {
    study: StudyId,
    trial: Trial,
    uploads: BTreeSet<Sha256>,
}

impl InHand {
    /// A change begins: all that is known is true whatever becomes of it.
    pub(super) fn change_begins(&mut self) {
        self.touched.clear();
    }

    /// The change was given up.
    pub(super) fn change_undone(&mut self) {
        for name in std::mem::take(&mut self.touched) {
            self.forget(name);
        }
    }

    /// The trial with this lease, if it runs and is known.
    pub(super) fn trial(&self, token: &LeaseToken) -> Option<(StudyId, &Trial)> {
        let held = self.trials.get(token)?;
        Some((held.study, &held.trial))
    }

    /// A trial is being stored.
    pub(super) fn stored(&mut self, study: StudyId, trial: &Trial) {
        let name = (study, trial.number);
        self.touched.insert(name);
        let Some(lease) = trial.current_lease() else {
            return self.forget(name);
        };
        if let Some(held) = self.trials.get_mut(&lease.token) {
            held.trial = trial.clone();
            return;
        }
        self.forget(name);
        let held = Held {
            study,
            trial: trial.clone(),
            uploads: BTreeSet::new(),
        };
        self.trials.insert(lease.token.clone(), held);
        self.tokens.insert(name, lease.token.clone());
    }

    /// Bytes are being noted as uploaded under a lease.
    pub(super) fn uploaded(&mut self, token: &LeaseToken, sha256: &Sha256) {
        if let Some(held) = self.trials.get_mut(token) {
            held.uploads.insert(sha256.clone());
        }
    }

    /// Whether the bytes are known to have been uploaded under a lease; if not, they may have been.
    pub(super) fn has_uploaded(&self, token: &LeaseToken, sha256: &Sha256) -> bool {
        let held = self.trials.get(token);
        held.is_some_and(|held| held.uploads.contains(sha256))
    }

    /// Uploads are being given up.
    pub(super) fn forget_uploads(&mut self) {
        for held in self.trials.values_mut() {
            held.uploads.clear();
        }
    }

    fn forget(&mut self, name: Name) {
        if let Some(token) = self.tokens.remove(&name) {
            self.trials.remove(&token);
        }
    }
}

#[cfg(test)]
mod tests {
    use tabsweep_protocol::{Numerics, Parameters, Seed, VolunteerId};
    use tabsweep_study::{Grant, LeasePolicy, Timestamp};

    use super::*;

    const STUDY: StudyId = StudyId(1);

    fn leased(token: &str) -> (LeaseToken, Trial) {
        let token: LeaseToken = token.repeat(32).parse().unwrap();
        let grant = Grant {
            token: token.clone(),
            volunteer: VolunteerId(1),
            worker: "00000000000000aa".parse().unwrap(),
        };
        let trial = Trial::new(TrialNumber(3), Parameters::new(), Seed(1), Numerics(1));
        let policy = LeasePolicy::default();
        (token, trial.lease(grant, policy, Timestamp(0)).unwrap())
    }

    #[test]
    fn a_trial_is_known_by_its_last_lease_alone() {
        let mut in_hand = InHand::default();
        let (first, trial) = leased("a");
        in_hand.stored(STUDY, &trial);
        assert_eq!(in_hand.trial(&first), Some((STUDY, &trial)));
        let (second, trial) = leased("b");
        in_hand.stored(STUDY, &trial);
        assert_eq!(in_hand.trial(&first), None);
        assert_eq!(in_hand.trial(&second), Some((STUDY, &trial)));
        in_hand.stored(STUDY, &trial.released(&second).unwrap());
        assert_eq!(in_hand.trial(&second), None);
    }

    #[test]
    fn what_a_change_stored_is_unknown_once_it_is_given_up() {
        let mut in_hand = InHand::default();
        let (token, trial) = leased("a");
        in_hand.stored(STUDY, &trial);
        in_hand.change_begins();
        in_hand.change_undone();
        assert!(in_hand.trial(&token).is_some());
        in_hand.change_begins();
        in_hand.stored(STUDY, &trial);
        in_hand.change_undone();
        assert!(in_hand.trial(&token).is_none());
    }

    #[test]
    fn uploads_are_those_of_the_lease() {
        let mut in_hand = InHand::default();
        let (token, trial) = leased("a");
        let bytes: Sha256 = "0".repeat(64).parse().unwrap();
        in_hand.uploaded(&token, &bytes);
        assert!(!in_hand.has_uploaded(&token, &bytes));
        in_hand.stored(STUDY, &trial);
        in_hand.uploaded(&token, &bytes);
        in_hand.stored(STUDY, &trial);
        assert!(in_hand.has_uploaded(&token, &bytes));
        in_hand.forget_uploads();
        assert!(!in_hand.has_uploaded(&token, &bytes));
    }
}
