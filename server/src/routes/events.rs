//! A study's live feed: not what changed, only that something did, at most twice a second.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Path, State},
    response::{
        Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use tabsweep_protocol::StudyId;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::studies::find;
use crate::{
    app::{SharedApp, ended},
    problem::Problem,
};

const PAUSE: Duration = Duration::from_millis(500);

/// Server-sent events: `changed` whenever the study should be looked at again.
#[utoipa::path(get, path = "/api/studies/{id}/events", operation_id = "study_events", tag = "studies",
    params(("id" = u32, Path, description = "The study's id")),
    responses((status = 200, content_type = "text/event-stream", body = String),
        (status = 404, body = Problem)))]
pub(super) async fn events(
    State(app): State<SharedApp>,
    Path(id): Path<u32>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let study = find(&app, id).await?.id;
    let feed = Feed {
        study,
        changes: app.changes.subscribe(),
        shutdown: app.shutdown.subscribe(),
    };
    let stream = stream::unfold(feed, async |mut feed| {
        feed.next()
            .await
            .then(|| (Ok(Event::default().event("changed").data("{}")), feed))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

struct Feed {
    study: StudyId,
    changes: broadcast::Receiver<StudyId>,
    shutdown: watch::Receiver<bool>,
}

impl Feed {
    /// Waits for the next change; false when the server ends.
    async fn next(&mut self) -> bool {
        loop {
            tokio::select! {
                () = ended(&mut self.shutdown) => return false,
                change = self.changes.recv() => match change {
                    Ok(study) if study != self.study => {}
                    // Missed some: one look catches up with all of them.
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return false,
                },
            }
        }
        tokio::time::sleep(PAUSE).await;
        self.changes = self.changes.resubscribe();
        true
    }
}
