//! The database goes away and comes back.

use std::time::Duration;

use tabsweep_cluster::Stop;
use tabsweep_server::store::{NextLease, Store};

use crate::support::{NOW, NUMERICS, POLICY, Place, claim, cluster, grant, lease, with_study};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_says_that_its_database_is_away_and_goes_on_when_it_is_back() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    let place = Place::Postgres(cluster.fresh_database().unwrap());
    let store = place.open().await;
    let (study, ada) = with_study(&store, 1000, "").await;
    for how in [Stop::Fast, Stop::Immediate] {
        let (token, leased) = lease(&store, ada).await;
        claim(&store, &token, ada, leased.trial.number.0 + 10).await;
        cluster.stop(how).unwrap();
        let written = store.heard(&token, ada, POLICY, NOW).await.unwrap_err();
        assert!(written.is_unavailable(), "{written:?}");
        let read = store.studies().await.unwrap_err();
        assert!(read.is_unavailable(), "{read:?}");
        cluster.start_again().unwrap();
        until_back(&store).await;
        let trial = store
            .trial(study, leased.trial.number)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(trial.state.name(), "checking");
    }
    let next = store
        .lease_next(&grant(ada), POLICY, NUMERICS, NOW)
        .await
        .unwrap();
    assert!(matches!(next, NextLease::Trial(leased) if leased.trial.number.0 == 2));
}

async fn until_back(store: &Store) {
    for _ in 0..500 {
        if store.check().await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the store never came back");
}
