//! What has to be done now and then: free trials whose workers are gone, delete what nobody needs.

use std::time::Duration;

use tabsweep_study::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    app::{App, SharedApp, ended},
    store::{Adopted, StoreError},
};

const EXPIRY_EVERY: Duration = Duration::from_millis(500);
const CLEANING_EVERY: Duration = Duration::from_secs(60);

/// Goes on until the server ends.
pub async fn run(app: SharedApp) {
    let mut shutdown = app.shutdown.subscribe();
    let mut ticks = interval(EXPIRY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut cleaned = Instant::now();
    let mut was_away = false;
    loop {
        tokio::select! {
            () = ended(&mut shutdown) => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = reach_store(&app, was_away).await {
            if !was_away {
                tracing::error!("leases can't be ended: {error}");
            }
            was_away = true;
            continue;
        }
        was_away = false;
        adopt(&app).await;
        expire(&app).await;
        expire_chunks(&app).await;
        finish(&app).await;
        if cleaned.elapsed() >= CLEANING_EVERY {
            clean(&app).await;
            cleaned = Instant::now();
        }
    }
}

/// While the store was away nobody could be heard, so nobody's lease ends right afterwards.
async fn reach_store(app: &App, was_away: bool) -> Result<(), StoreError> {
    if was_away {
        let policy = app.settings.restart_policy();
        app.store.spare_leases(policy, app.clock.now()).await?;
        app.look_for_work();
        app.claim_waits();
        return Ok(());
    }
    app.store.check().await
}

/// Takes over the trials of servers that have died.
pub async fn adopt(app: &App) {
    let adopted = async {
        if !app.store.has_orphans().await? {
            return Ok(Adopted::default());
        }
        let (policy, now) = (app.settings.policy, app.clock.now());
        app.store.adopt_orphans(policy, now).await
    };
    let adopted: Result<Adopted, StoreError> = adopted.await;
    match adopted {
        Ok(Adopted { trials: 0, .. }) => {}
        Ok(Adopted { trials, studies }) => {
            tracing::warn!("another server is gone: {trials} trials are taken over from it");
            for study in studies {
                app.study_changed(study);
            }
            app.claim_waits();
        }
        Err(error) => tracing::error!("trials of other servers can't be taken over: {error}"),
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

/// Frees chunks whose leases have ended.
pub async fn expire_chunks(app: &App) {
    let (policy, now) = (app.settings.policy, app.clock.now());
    match app.store.expire_chunks(policy, now).await {
        Ok(0) => {}
        Ok(_) => app.work_may_exist(),
        Err(error) => tracing::error!("leases on chunks can't be ended: {error}"),
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

/// Deletes uploads that no trial and no chunk needs any more.
pub async fn clean(app: &App) {
    let _nothing_arrives = app.uploads_lock.write().await;
    let keep_millis = i64::from(app.settings.upload_keep_secs) * 1000;
    let before = Timestamp(app.clock.now().0 - keep_millis);
    let unneeded = async {
        let mut unneeded = app.store.take_unneeded_uploads(before).await?;
        unneeded.extend(app.store.take_unneeded_answers(before).await?);
        Ok(unneeded)
    };
    let unneeded: Result<_, StoreError> = unneeded.await;
    let unneeded = match unneeded {
        Ok(unneeded) => unneeded,
        Err(error) => return tracing::error!("old uploads can't be looked up: {error}"),
    };
    let uploads = app.uploads.clone();
    let removed = tokio::task::spawn_blocking(move || {
        for sha256 in unneeded {
            if let Err(error) = uploads.remove(&sha256) {
                tracing::error!("an old upload stays: {error}");
            }
        }
    });
    if let Err(error) = removed.await {
        tracing::error!("old uploads stay: {error}");
    }
}
