//! What has to be done now and then: free trials whose workers are gone, delete what nobody needs.

use std::time::Duration;

use tabsweep_study::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::app::{App, SharedApp, ended};

const EXPIRY_EVERY: Duration = Duration::from_millis(500);
const CLEANING_EVERY: Duration = Duration::from_secs(60);

/// Goes on until the server ends.
pub async fn run(app: SharedApp) {
    let mut shutdown = app.shutdown.subscribe();
    let mut ticks = interval(EXPIRY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cleaned = Instant::now();
    loop {
        tokio::select! {
            () = ended(&mut shutdown) => return,
            _ = ticks.tick() => {}
        }
        expire(&app).await;
        finish(&app).await;
        if cleaned.elapsed() >= CLEANING_EVERY {
            clean(&app).await;
            cleaned = Instant::now();
        }
    }
}

/// Frees trials whose leases have ended.
pub async fn expire(app: &App) {
    match app
        .store
        .expire_leases(app.settings.policy, app.clock.now())
        .await
    {
        Ok(studies) if studies.is_empty() => {}
        Ok(studies) => {
            for study in studies {
                app.study_changed(study);
            }
            app.work_may_exist();
        }
        Err(error) => tracing::error!("leases can't be ended: {error}"),
    }
}

/// Ends studies whose time is over.
pub async fn finish(app: &App) {
    match app.store.finish_studies(app.clock.now()).await {
        Ok(studies) => {
            for study in &studies {
                app.study_changed(*study);
            }
            if !studies.is_empty() {
                app.work_may_exist();
            }
        }
        Err(error) => tracing::error!("studies can't be ended: {error}"),
    }
}

/// Deletes uploads that no trial needs any more.
pub async fn clean(app: &App) {
    let _nothing_arrives = app.uploads_lock.write().await;
    let keep_millis = i64::from(app.settings.upload_keep_secs) * 1000;
    let before = Timestamp(app.clock.now().0 - keep_millis);
    let unneeded = match app.store.take_unneeded_uploads(before).await {
        Ok(unneeded) => unneeded,
        Err(error) => return tracing::error!("old uploads can't be looked up: {error}"),
    };
    for sha256 in unneeded {
        if let Err(error) = app.uploads.remove(&sha256) {
            tracing::error!("an old upload stays: {error}");
        }
    }
}
