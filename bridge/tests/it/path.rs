//! The main job: asking, waiting, being claimed, talking, closing.

use muster_domain::payload::{Case, CaseState, Done, HelpKind, Priority, QueueState};
use muster_store::testing::database;

use crate::support::{Client, bridge, broker, chat, count, event, member, ready, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_asking_for_help_to_being_helped() {
    let (database, broker) = (database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (agency, event) = event(&database).await;
    let (ann, bob) = (
        member(&database, agency, "Ann", "operator").await,
        member(&database, agency, "Bob", "operator").await,
    );
    sqlx::query("INSERT INTO participants (event_id, client, name) VALUES ($1, 'p1', 'Ada')")
        .bind(event.0)
        .execute(database.pool())
        .await
        .unwrap();
    let bridge = bridge(address, &database);
    ready(&bridge).await;

    let mine = |me: &str| {
        vec![
            format!("ev/{event}/case/{me}"),
            format!("ev/{event}/queue/help/state"),
        ]
    };
    let p1 = Client::new(address, "p1", &mine("p1")).await;
    let p2 = Client::new(address, "p2", &mine("p2")).await;
    let desk = |me| {
        vec![
            format!("ev/{event}/case/+"),
            format!("ev/{event}/done/{me}"),
            format!("ev/{event}/chat/p1/+"),
        ]
    };
    let op1 = Client::new(address, ann.as_str(), &desk(&ann)).await;
    let op2 = Client::new(address, bob.as_str(), &desk(&bob)).await;

    // Asking: queued, with a place.
    p1.ask(event, "p1", HelpKind::Urgent, "My friend fainted").await;
    let first = p1.case(event, "p1", |_| true).await;
    assert_eq!(
        (first.state, first.revision, first.name.as_deref()),
        (CaseState::Queued, 1, Some("Ada"))
    );
    assert_eq!(
        (first.place.unwrap().ahead, first.text.as_str()),
        (0, "My friend fainted")
    );
    p2.ask(
        event,
        "p2",
        HelpKind::Service,
        "Where is the lost property office?",
    )
    .await;
    assert_eq!(p2.case(event, "p2", |_| true).await.place.unwrap().ahead, 1);
    let state = format!("ev/{event}/queue/help/state");
    p2.get(&state, |state: &QueueState| state.waiting == 2 && state.gone == 0)
        .await;

    // A life in danger goes first; the other is told that it has moved back.
    p2.ask(event, "p2", HelpKind::Life, "").await;
    let raised = p2.case(event, "p2", |case| case.priority == Priority::Life).await;
    assert_eq!((raised.place.unwrap().ahead, raised.revision), (0, 2));
    p1.case(event, "p1", |case| {
        case.place.is_some_and(|place| place.ahead == 1)
    })
    .await;

    // Two claim at once; one has it.
    let (one, two) = tokio::join!(
        op1.command(event, &ann, "claim", first.id),
        op2.command(event, &bob, "claim", first.id)
    );
    let codes = [one.code.as_str(), two.code.as_str()];
    assert!(
        matches!(codes, ["done", "already_claimed"] | ["already_claimed", "done"]),
        "{codes:?}"
    );
    let ((winner, op, name), (loser, other)) = if one.ok {
        ((&ann, &op1, "Ann"), (&bob, &op2))
    } else {
        ((&bob, &op2, "Bob"), (&ann, &op1))
    };
    let claimed = p1
        .case(event, "p1", |case| case.state == CaseState::Claimed)
        .await;
    let card = claimed.operator.unwrap();
    assert_eq!(
        (&card.client, card.name.as_str(), claimed.place),
        (winner, name, None)
    );
    p2.get(&state, |state: &QueueState| {
        state.waiting == 1 && state.open == 1 && state.gone == 1
    })
    .await;

    // Talking, both ways; each message is stored once.
    let (hello, answer) = (chat("Hello"), chat("I am on my way"));
    p1.publish(format!("ev/{event}/chat/p1/p1"), &hello).await;
    op.publish(format!("ev/{event}/chat/p1/{winner}"), &answer).await;
    let stored: Vec<(String, String)> = until("two chat messages", || async {
        let rows = sqlx::query_as("SELECT sender, text FROM chat_messages ORDER BY seq");
        let rows: Vec<_> = rows.fetch_all(database.pool()).await.unwrap();
        (rows.len() == 2).then_some(rows)
    })
    .await;
    assert_eq!(
        stored,
        [
            ("p1".into(), "Hello".into()),
            (winner.to_string(), "I am on my way".into())
        ]
    );

    // A position, kept and seen.
    let position = r#"{"_type":"location","lat":52.5,"lon":13.4,"tst":1795000000,"acc":8}"#;
    let place = format!("ev/{event}/loc/participants/p1");
    p1.send(place.clone(), true, position).await;
    until("a position", || async {
        (count(&database, "SELECT count(*) FROM locations_now").await == 1).then_some(())
    })
    .await;

    // Closing: only who has it, and the position is cleared.
    assert_eq!(
        other.command(event, loser, "close", first.id).await.code,
        "not_yours"
    );
    assert!(op.command(event, winner, "close", first.id).await.ok);
    let closed: Case = p1.case(event, "p1", |case| case.state == CaseState::Closed).await;
    assert_eq!((closed.reason.as_deref(), closed.revision), (Some("resolved"), 3));
    assert_eq!(
        op.command(event, winner, "close", first.id).await.code,
        "not_open"
    );
    until("nothing on its way", || async {
        (count(&database, "SELECT count(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let late = Client::new(address, "late", &[format!("ev/{event}/#")]).await;
    let late_case: Case = late.case(event, "p1", |_| true).await;
    assert_eq!(late_case, closed, "retained for who comes later");
    assert!(
        !late.all().iter().any(|(topic, _)| *topic == place),
        "a position outlived its case"
    );

    // Withdrawing; and asking anew opens another case.
    p2.ask(event, "p2", HelpKind::Withdraw, "").await;
    assert_eq!(
        p2.case(event, "p2", |case| case.state == CaseState::Closed)
            .await
            .reason
            .as_deref(),
        Some("withdrawn")
    );
    p2.get(&state, |state: &QueueState| state.waiting == 0 && state.gone == 2)
        .await;
    p2.ask(event, "p2", HelpKind::Service, "again").await;
    let again = p2.case(event, "p2", |case| case.id != raised.id).await;
    assert_eq!((again.state, again.revision), (CaseState::Queued, 1));

    assert_eq!(
        count(&database, "SELECT count(*) FROM audit WHERE action LIKE 'case.%'").await,
        2
    );
    assert_eq!(count(&database, "SELECT count(*) FROM dead_letters").await, 0);
    bridge.stop(std::time::Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_case_goes_back_to_its_old_place_and_an_organizer_may_close_any() {
    let (database, broker) = (database().await, broker().await);
    let address = broker.tcp_addresses()[0];
    let (agency, event) = event(&database).await;
    let ann = member(&database, agency, "Ann", "operator").await;
    let olga = member(&database, agency, "Olga", "organizer").await;
    let bridge = bridge(address, &database);
    ready(&bridge).await;
    let all = |me| vec![format!("ev/{event}/case/+"), format!("ev/{event}/done/{me}")];
    let op = Client::new(address, ann.as_str(), &all(&ann)).await;
    let organizer = Client::new(address, olga.as_str(), &all(&olga)).await;

    for me in ["p1", "p2"] {
        op.ask(event, me, HelpKind::Service, "x").await;
    }
    let first = op.case(event, "p1", |_| true).await;
    let second = op.case(event, "p2", |_| true).await;
    assert!(op.command(event, &ann, "claim", first.id).await.ok);
    assert!(op.command(event, &ann, "release", first.id).await.ok);
    let back = op.case(event, "p1", |case| case.revision == 3).await;
    assert_eq!(
        (back.state, back.place.unwrap().ahead, back.operator),
        (CaseState::Queued, 0, None)
    );
    // The second had moved up and moves back again.
    op.case(event, "p2", |case| {
        case.place
            .is_some_and(|place| (place.ahead, place.gone) == (1, 1))
    })
    .await;

    assert_eq!(
        op.command(event, &ann, "close", second.id).await.code,
        "not_yours"
    );
    assert!(organizer.command(event, &olga, "close", second.id).await.ok);
    op.case(event, "p2", |case| case.state == CaseState::Closed).await;

    let unknown: Done = op
        .command(event, &ann, "claim", muster_domain::CaseId::new())
        .await;
    assert_eq!(unknown.code, "unknown_case");
    assert_eq!(
        op.command(event, &ann, "dance", first.id).await.code,
        "bad_command"
    );
    let (_, elsewhere) = crate::support::event(&database).await;
    let other = Client::new(address, "other", &[format!("ev/{elsewhere}/done/other")]).await;
    let stranger = muster_domain::ClientId::new("other").unwrap();
    assert_eq!(
        other.command(elsewhere, &stranger, "claim", first.id).await.code,
        "unknown_case",
        "another event's"
    );
    bridge.stop(std::time::Duration::from_secs(5)).await;
}
