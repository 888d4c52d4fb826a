//! Several servers on one PostgreSQL.

use std::{collections::BTreeSet, time::Duration};

use tabsweep_protocol::{Stop, StopReason, TrialNumber};
use tabsweep_server::store::{ClaimKind, NextLease, Notice, Store};

use crate::support::{NOW, POLICY, Place, ask, claim, cluster, later, lease, with_study};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_take_over_from_one_that_has_died_and_from_no_other() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    let place = Place::Postgres(cluster.fresh_database().unwrap());
    let (first, second) = (place.open().await, place.open().await);
    let presence = first.listen().await.unwrap().unwrap();
    let _second = second.listen().await.unwrap().unwrap();
    let (study, ada) = with_study(&first, 3, "").await;
    let (running, _) = lease(&first, ada).await;
    let (claimed, _) = lease(&first, ada).await;
    claim(&first, &claimed, ada, 7).await;
    assert!(!second.has_orphans().await.unwrap());
    assert_eq!(second.adopt_orphans(POLICY, NOW).await.unwrap().trials, 0);
    assert_eq!(
        second.next_claim(ClaimKind::Scored, &[]).await.unwrap(),
        None
    );
    assert!(
        second
            .expire_leases(POLICY, later(11))
            .await
            .unwrap()
            .is_empty()
    );
    drop(presence);
    until_orphaned(&second).await;
    let adopted = second.adopt_orphans(POLICY, NOW).await.unwrap();
    assert_eq!(adopted.trials, 2);
    assert!(!second.has_orphans().await.unwrap());
    let (_, claim) = second
        .next_claim(ClaimKind::Scored, &[])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claim.number, TrialNumber(1));
    // The worker came back to the other server within the grace.
    second.heard(&running, ada, POLICY, later(5)).await.unwrap();
    assert!(
        second
            .expire_leases(POLICY, later(11))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        second.expire_leases(POLICY, later(66)).await.unwrap(),
        [study]
    );
}

/// A closed connection takes PostgreSQL a moment to notice.
async fn until_orphaned(store: &Store) {
    for _ in 0..500 {
        if store.has_orphans().await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the other server never died");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_hear_each_other_and_not_themselves() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    let place = Place::Postgres(cluster.fresh_database().unwrap());
    let (first, second) = (place.open().await, place.open().await);
    let mut heard_by_first = first.listen().await.unwrap().unwrap();
    let mut heard_by_second = second.listen().await.unwrap().unwrap();
    let notice = |store: &Store, study| Notice {
        server: store.server(),
        studies: BTreeSet::from([tabsweep_protocol::StudyId(study)]),
        work: true,
        stops: vec![Stop {
            lease: tabsweep_server::secret::lease_token(),
            reason: StopReason::Cancelled,
        }],
    };
    let (from_first, from_second) = (notice(&first, 1), notice(&second, 2));
    first.tell(&from_first).await.unwrap();
    second.tell(&from_second).await.unwrap();
    assert_eq!(heard_by_first.hear().await.unwrap(), Some(from_second));
    assert_eq!(heard_by_second.hear().await.unwrap(), Some(from_first));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_lease_at_once_lease_each_trial_once_and_number_events_without_gaps() {
    let Some((_folder, cluster)) = cluster() else {
        return;
    };
    let place = Place::Postgres(cluster.fresh_database().unwrap());
    let stores = [place.open().await, place.open().await, place.open().await];
    let (study, ada) = with_study(&stores[0], 60, "").await;
    let asking = (0..66).map(|number: usize| {
        let store = stores[number % 3].clone();
        tokio::spawn(async move { ask(&store, ada, NOW).await })
    });
    let mut trials = BTreeSet::new();
    for next in asking.collect::<Vec<_>>() {
        if let NextLease::Trial(leased) = next.await.unwrap() {
            assert!(
                trials.insert(leased.trial.number),
                "{:?} twice",
                leased.trial.number
            );
        }
    }
    assert_eq!(trials.len(), 60);
    let events = stores[1].events(study).await.unwrap();
    let numbers: Vec<_> = events.iter().map(|event| event.number.0).collect();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
}
