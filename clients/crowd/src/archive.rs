//! Afterwards: everything that was acknowledged is asked back from the API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use muster_domain::ClientId;
use tokio::task::JoinSet;

use crate::api::ArchiveStats;
use crate::setup::Host;
use crate::stage::{Chat, Stage};

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until the archive holds at least `rows` chat messages more than `before`, or the deadline; returns the last
/// counts, so far as any were to be had.
pub async fn catch_up(
    stage: &Stage,
    host: &Host,
    before: ArchiveStats,
    rows: u64,
    deadline: Instant,
) -> ArchiveStats {
    let event = stage.event.id.to_string();
    let mut last = before;
    loop {
        // The database may be away just now; whether it comes back in time, the deadline decides.
        if let Ok(stats) = stage.api.stats(&host.token, &host.agency, &event).await {
            last = stats;
        }
        if last.chat_messages.saturating_sub(before.chat_messages) >= rows || Instant::now() >= deadline {
            return last;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Compares every chat with the archive; chats that lack something are asked for again until the deadline.
///
/// # Errors
/// When the API cannot be asked.
pub async fn compare(stage: &Arc<Stage>, host: &Host, deadline: Instant) -> anyhow::Result<()> {
    let all: Vec<_> = stage
        .joined
        .read()
        .iter()
        .map(|(client, chat)| (client.clone(), Arc::clone(chat)))
        .collect();
    let mut open = all;
    loop {
        let mut tasks = JoinSet::new();
        for (client, chat) in open {
            let (stage, token) = (Arc::clone(stage), host.token.clone());
            tasks.spawn(async move { compare_one(&stage, &token, client, chat).await });
        }
        open = Vec::new();
        while let Some(compared) = tasks.join_next().await {
            let (client, chat, complete) = compared.context("asking the archive ended early")??;
            if !complete {
                open.push((client, chat));
            }
        }
        if open.is_empty() || Instant::now() >= deadline {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn compare_one(
    stage: &Stage,
    token: &str,
    client: ClientId,
    chat: Arc<Chat>,
) -> anyhow::Result<(ClientId, Arc<Chat>, bool)> {
    let most = chat.ledger.lock().tally().sent as usize;
    let event = stage.event.id.to_string();
    // Nobody wrote in this chat before: all that is there is the crowd's. Room for some that nobody sent.
    let ids = stage
        .api
        .chat_message_ids(token, &event, &client, most * 2)
        .await
        .context("reading a chat's history")?;
    let mut ledger = chat.ledger.lock();
    ledger.archived(ids);
    let complete = ledger.archive_complete();
    drop(ledger);
    Ok((client, chat, complete))
}
