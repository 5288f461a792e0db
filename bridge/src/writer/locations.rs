//! Storing positions: the track, and the newest of each client.

use sqlx::PgConnection;

use crate::incoming::NewLocation;

/// Stores positions in their order; those that are there already change nothing, and a late one never moves "now"
/// backwards. Returns how many were new.
pub(super) async fn store(conn: &mut PgConnection, locations: &[NewLocation]) -> sqlx::Result<u64> {
    if locations.is_empty() {
        return Ok(0);
    }
    // Metres, km/h and degrees to a centimetre and better: half of the bytes.
    let single = |value: Option<f64>| value.map(|value| value as f32);
    let done = sqlx::query(
        "WITH new AS (
             SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[],
                                  $6::float8[], $7::float8[], $8::float4[], $9::float4[], $10::float4[],
                                  $11::float4[], $12::float4[])
                    AS l (event_id, client, grp, at, received_at, lat, lon, acc_m, alt_m, vel_kmh, cog_deg, batt_pct)
         ), newest AS (
             INSERT INTO locations_now AS n (event_id, client, grp, at, lat, lon, acc_m)
             SELECT DISTINCT ON (event_id, client) event_id, client, grp, at, lat, lon, acc_m
             FROM new ORDER BY event_id, client, at DESC
             ON CONFLICT (event_id, client) DO UPDATE
             SET grp = excluded.grp, at = excluded.at, lat = excluded.lat, lon = excluded.lon, acc_m = excluded.acc_m
             WHERE n.at < excluded.at
         )
         INSERT INTO locations (event_id, client, grp, at, received_at, lat, lon, acc_m, alt_m, vel_kmh, cog_deg,
                                batt_pct)
         SELECT event_id, client, grp, at, received_at, lat, lon, acc_m, alt_m, vel_kmh, cog_deg, batt_pct FROM new
         ON CONFLICT (event_id, client, at) DO NOTHING",
    )
    .bind(locations.iter().map(|l| l.event.0).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.client.as_str()).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.group.as_str()).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.at).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.received_at).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.position.lat).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| l.position.lon).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| single(l.position.acc)).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| single(l.position.alt)).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| single(l.position.vel)).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| single(l.position.cog)).collect::<Vec<_>>())
    .bind(locations.iter().map(|l| single(l.position.batt)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
