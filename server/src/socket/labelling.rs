//! What a worker's socket says and hears about pictures to label.

use std::time::Instant;

use tabsweep_protocol::{
    JobId, LabelLease, LabelProgress, Labelled, LeaseToken, Release, ServerMessage, StopReason,
};

use super::{Conversation, End, Held, HeldWork, trouble};
use crate::{roster::LabelsInHand, store::LeasedChunk};

impl Conversation<'_> {
    pub(super) async fn lease_chunk(&mut self, leased: LeasedChunk) -> Result<(), End> {
        let LeasedChunk { job, chunk, bytes } = leased;
        let Some(token) = chunk.current_lease().map(|lease| lease.token.clone()) else {
            return Ok(());
        };
        let in_hand = LabelsInHand {
            token: token.clone(),
            job: job.id,
            chunk: chunk.number,
            progress: None,
        };
        self.hold_chunk(in_hand, Some(Instant::now()));
        let pictures = u64::from(chunk.pictures);
        let lease = LabelLease {
            token,
            job: job.id,
            job_name: job.definition.name,
            chunk: chunk.number,
            attempt: chunk.attempts,
            numerics: job.definition.numerics,
            model: job.definition.model,
            pictures: chunk.pictures,
            bytes: tabsweep_protocol::pack::bytes(pictures, bytes),
            top: job.definition.top,
            lease_secs: self.app.settings.policy.lease_secs,
            progress_secs: self.pace().progress_secs,
        };
        self.say(ServerMessage::LabelLease(Box::new(lease))).await
    }

    /// Whether the lease is one on a chunk and still this volunteer's; then its deadline moves.
    pub(super) async fn resume_chunk(&mut self, token: LeaseToken) -> Result<bool, End> {
        let lease = self.app.store.chunk_lease(&token).await;
        let Some(lease) = lease.map_err(|error| trouble(&error))? else {
            return Ok(false);
        };
        match self.chunk_heard(&token).await {
            Ok(()) => {}
            Err(error) if error.is_refusal() => return Ok(false),
            Err(error) => return Err(trouble(&error)),
        }
        let in_hand = LabelsInHand {
            token,
            job: lease.job,
            chunk: lease.number,
            progress: None,
        };
        self.hold_chunk(in_hand, None);
        Ok(true)
    }

    fn hold_chunk(&mut self, in_hand: LabelsInHand, saved: Option<Instant>) {
        self.held = Some(Held {
            token: in_hand.token.clone(),
            work: HeldWork::Chunk(in_hand.job),
            saved,
        });
        self.app.roster.labels(&self.place, in_hand);
    }

    async fn chunk_heard(&mut self, token: &LeaseToken) -> Result<(), crate::store::StoreError> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let store = &self.app.store;
        store
            .chunk_heard(token, self.volunteer.id, policy, now)
            .await
    }

    pub(super) async fn label_progressed(&mut self, progress: LabelProgress) -> Result<(), End> {
        let token = progress.lease.clone();
        if self.job_of(&token).is_none() {
            return self.stop(token, StopReason::LeaseLost).await;
        }
        self.app.roster.label_progressed(&self.place, progress);
        if self.was_saved_lately() {
            return Ok(());
        }
        let heard = self.chunk_heard(&token).await;
        self.after(token, heard).await
    }

    pub(super) async fn labelled(&mut self, labelled: Labelled) -> Result<(), End> {
        let Labelled {
            lease,
            answers_sha256,
        } = labelled;
        let (now, volunteer) = (self.app.clock.now(), self.volunteer.id);
        let taken = self
            .app
            .store
            .labelled(&lease, volunteer, &answers_sha256, now)
            .await;
        if taken.is_ok() {
            self.app.labels_wait();
        }
        self.answer_claim(lease, taken).await
    }

    pub(super) async fn chunk_released(&mut self, release: Release) -> Result<(), End> {
        let (now, policy) = (self.app.clock.now(), self.app.settings.policy);
        let Release { lease, reason } = release;
        let released = self
            .app
            .store
            .chunk_released(&lease, self.volunteer.id, policy, reason, now)
            .await;
        if self.holds(&lease) {
            self.let_go();
        }
        match released {
            Ok(()) => self.app.work_may_exist(),
            Err(error) if error.is_refusal() => {}
            Err(error) => return Err(trouble(&error)),
        }
        Ok(())
    }

    /// The job of the lease in hand, if `token` is its token.
    fn job_of(&self, token: &LeaseToken) -> Option<JobId> {
        match self.held.as_ref().filter(|held| held.token == *token)?.work {
            HeldWork::Chunk(job) => Some(job),
            HeldWork::Trial(_) => None,
        }
    }
}
