//! All retained state again, for a broker that may have lost it.
//!
//! A broker that was restarted without its retained messages says nothing of that to a client whose session it has, so
//! this is done after every connection. Telling a state again changes nothing for those who have it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use muster_domain::EventId;
use muster_domain::line::Line;
use muster_store::cases::{self, CaseRow};
use muster_store::events::{self, CARD_COLUMNS};
use muster_store::outbox;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use time::OffsetDateTime;

use super::{image, line};

/// Most open cases that are told again; an event with more has other worries, and each change tells its case anyway.
const CASES_MAX: i64 = 50_000;

/// Puts the card of every published event and the state of every open case into the outbox, in one transaction.
pub(super) async fn tell_all(conn: &mut PgConnection, now: OffsetDateTime) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    // Locked, so that a change of an event that commits meanwhile comes after what is told here, and not before.
    let sql = format!("SELECT {CARD_COLUMNS} FROM events WHERE status = 'published' FOR SHARE");
    for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *tx).await? {
        events::announce(&mut tx, &events::card(&row)?).await?;
    }
    let sql = format!(
        "{} WHERE c.state <> 'closed' ORDER BY c.opened_at LIMIT $1",
        cases::SELECT
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(CASES_MAX)
        .fetch_all(&mut *tx)
        .await?;
    let open: Vec<CaseRow> = rows.iter().map(CaseRow::read).collect::<sqlx::Result<_>>()?;

    let mut lines: BTreeMap<EventId, Line> = BTreeMap::new();
    for event in open.iter().map(|case| case.event) {
        if let Entry::Vacant(place) = lines.entry(event) {
            place.insert(line::load(&mut tx, event, now).await?);
        }
    }
    let mut messages = Vec::with_capacity(open.len());
    let mut told = HashMap::new();
    for case in &open {
        let line = &lines[&case.event];
        let place = line.place(&image::key(case));
        if let Some(place) = place {
            told.insert(case.id, place);
        }
        messages.push(image::message(
            case,
            place,
            place.and_then(|place| line.eta_s(place)),
        )?);
    }
    outbox::append(&mut tx, &messages).await?;
    line::note_told(&mut tx, &told.into_iter().collect::<Vec<_>>()).await?;
    tx.commit().await
}
