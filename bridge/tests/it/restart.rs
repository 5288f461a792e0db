//! The broker comes back without its memory: retained state is told again, and nothing falls into the gap.

use std::time::Duration;

use muster_domain::payload::{CaseState, EventCard, HelpKind, QueueState};
use muster_store::testing::database;

use crate::support::{Client, bridge, broker, broker_at, event, ready};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_its_memory_is_told_all_retained_state_again() {
    let (database, first) = (database().await, broker().await);
    let address = first.tcp_addresses()[0];
    let (_, event) = event(&database).await;
    sqlx::query("UPDATE events SET status = 'published'")
        .execute(database.pool())
        .await
        .unwrap();
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let p1 = Client::new(address, "p1", &[format!("ev/{event}/case/p1")]).await;
    p1.ask(event, "p1", HelpKind::Urgent, "My friend fainted").await;
    let before = p1.case(event, "p1", |_| true).await;
    drop(p1);
    first.shutdown(Duration::from_secs(5)).await;
    drop(first);

    let _second = broker_at(address).await;
    // Somebody is quicker than the bridge: what is acknowledged now must not be lost.
    let p2 = Client::new(address, "p2", &[format!("ev/{event}/case/p2")]).await;
    p2.ask(event, "p2", HelpKind::Service, "Where is the exit?").await;

    let filters = ["case/+", "info", "queue/help/state"].map(|rest| format!("ev/{event}/{rest}"));
    let console = Client::new(address, "console", &filters).await;
    let again = console.case(event, "p1", |_| true).await;
    assert_eq!((again.id, again.state), (before.id, CaseState::Queued));
    assert_eq!(again.place.map(|place| place.ahead), Some(0));
    let second = console.case(event, "p2", |_| true).await;
    assert_eq!(second.state, CaseState::Queued);
    let card: EventCard = console.get(&format!("ev/{event}/info"), |_| true).await;
    assert_eq!(card.id, event);
    let state: QueueState = console
        .get(&format!("ev/{event}/queue/help/state"), |s: &QueueState| {
            s.waiting == 2
        })
        .await;
    assert_eq!(state.open, 0);
    bridge.stop(Duration::from_secs(10)).await;
}
