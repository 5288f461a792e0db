//! A demo for an empty database: agency, organizer, operator and a published event, through the routes' own functions.

use muster_domain::{AgencyId, EventId, Role};
use muster_store::sqlx;
use rand::distr::{Alphanumeric, SampleString};
use time::{Duration, OffsetDateTime};

use crate::routes::{Draft, NewEvent, NewPerson, changes};
use crate::{ApiError, ApiState};

/// Join code of the demo event.
pub const JOIN_CODE: &str = "FEST-42";
const ORGANIZER_EMAIL: &str = "organizer@demo.example";
const OPERATOR_EMAIL: &str = "operator@demo.example";
/// Characters of a generated password: 95 bits.
const PASSWORD_LENGTH: usize = 16;
/// Names the advisory lock under which the demo is made ("muster" in ASCII).
const LOCK: i64 = 0x6d75_7374_6572;

/// What was made. The passwords are stored nowhere but as hashes: whoever gets this shows them once.
#[derive(Clone)]
pub struct DemoCredentials {
    /// The demo agency.
    pub agency: AgencyId,
    /// The demo event, published.
    pub event: EventId,
    /// What participants type to join: [`JOIN_CODE`].
    pub join_code: &'static str,
    /// The organizer's login.
    pub organizer_email: &'static str,
    /// Generated.
    pub organizer_password: String,
    /// The operator's login.
    pub operator_email: &'static str,
    /// Generated.
    pub operator_password: String,
}

impl std::fmt::Debug for DemoCredentials {
    /// Without the passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DemoCredentials")
            .field("agency", &self.agency)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// Fills a database in which nobody has an account; of two starts at once, one does. `None` when there was somebody.
///
/// # Errors
/// The database refuses or is away.
pub async fn ensure_demo(state: &ApiState) -> Result<Option<DemoCredentials>, ApiError> {
    if !is_empty(&mut *state.pool().acquire().await?).await? {
        return Ok(None);
    }
    let (organizer_password, operator_password) = (generate_password(), generate_password());
    let organizer = person(state, ORGANIZER_EMAIL, "Olivia Organizer", &organizer_password).await?;
    let operator = person(state, OPERATOR_EMAIL, "Omar Operator", &operator_password).await?;
    let now = OffsetDateTime::now_utc();
    let draft = Draft::try_from(NewEvent {
        name: "Muster Demo Festival".into(),
        venue: Some("Tempelhofer Feld, Berlin".into()),
        lat: Some(52.4736),
        lon: Some(13.4017),
        starts_at: now,
        ends_at: now + Duration::days(30),
        join_code: Some(JOIN_CODE.into()),
        emergency_number: None,
    })?;

    let mut tx = state.begin().await?;
    // Held until the transaction ends; asked again under it, because the other start may have been quicker.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(LOCK)
        .execute(&mut *tx)
        .await?;
    if !is_empty(&mut tx).await? {
        return Ok(None);
    }
    let organizer = changes::create_person(&mut tx, &organizer, None).await?;
    let agency = changes::create_agency(&mut tx, "Demo Agency", organizer).await?;
    let operator = changes::create_person(&mut tx, &operator, Some(organizer)).await?;
    changes::add_member(&mut tx, agency, operator, Role::Operator, organizer).await?;
    let event = changes::create_event(&mut tx, agency, &draft, organizer)
        .await?
        .id;
    changes::publish_event(&mut tx, agency, event, organizer).await?;
    tx.commit().await?;
    Ok(Some(DemoCredentials {
        agency,
        event,
        join_code: JOIN_CODE,
        organizer_email: ORGANIZER_EMAIL,
        organizer_password,
        operator_email: OPERATOR_EMAIL,
        operator_password,
    }))
}

async fn is_empty(conn: &mut sqlx::PgConnection) -> Result<bool, ApiError> {
    Ok(sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM people)")
        .fetch_one(conn)
        .await?)
}

async fn person(state: &ApiState, email: &str, name: &str, password: &str) -> Result<NewPerson, ApiError> {
    let password_hash = state.passwords().hash(password).await?;
    Ok(NewPerson {
        email: email.into(),
        name: name.into(),
        password_hash,
    })
}

fn generate_password() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH)
}
