//! From the flags to the report.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use parking_lot::{Mutex, RwLock};
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::{Api, ArchiveStats};
use crate::args::{CrowdArgs, Pace, Plan};
use crate::client::{ClientConfig, Endpoint};
use crate::ledger::Ledger;
use crate::progress::Progress;
use crate::report::{Ending, Report, Times};
use crate::setup::{self, Host};
use crate::stage::{Chat, Stage};
use crate::stats::Stats;
use crate::{archive, files, operator, participant};

/// Between two looks at how far the crowd is.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// From the last claim to the first message of the open loop, so that every participant knows the time before it comes.
const GO_IN: Duration = Duration::from_millis(500);
/// How long messages on their way may take when the crowd is stopped early.
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// How long leaving may take.
const LEAVE_TIME: Duration = Duration::from_secs(5);

type Crowd = JoinSet<anyhow::Result<()>>;

/// Runs a crowd to its end, shows how it goes on standard error and the result on standard output. Ctrl-C ends it early
/// with what it has.
///
/// # Errors
/// What kept it from beginning: a flag, a server that is not there, a refusal by the API, too few file descriptors. What
/// goes wrong later is told in the [`Report`].
pub async fn run(args: CrowdArgs) -> anyhow::Result<Report> {
    let plan = args.plan()?;
    files::allow(
        u64::from(plan.participants) + u64::from(plan.operators) + u64::from(args.http_concurrency),
    )?;
    let mut progress = Progress::new();
    let interrupted = CancellationToken::new();
    let listener = tokio::spawn({
        let interrupted = interrupted.clone();
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                interrupted.cancel();
            }
        }
    });
    let running = async {
        let (stage, host, tokens) = tokio::select! {
            ready = prepare(&args, plan, &mut progress) => ready?,
            () = interrupted.cancelled() => anyhow::bail!("interrupted before the crowd came"),
        };
        live(&stage, &host, tokens, &interrupted, &mut progress).await
    };
    let report = running.await;
    listener.abort();
    progress.end();
    let report = report?;
    let text = match args.json {
        true => serde_json::to_string(&report)?,
        false => report.to_string(),
    };
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write the report to standard output")?;
    Ok(report)
}

/// Everything before the first participant comes.
async fn prepare(
    args: &CrowdArgs,
    plan: Plan,
    progress: &mut Progress,
) -> anyhow::Result<(Arc<Stage>, Host, Vec<crate::api::MqttToken>)> {
    let api = Arc::new(Api::new(&plan.url, args.http_concurrency)?);
    let host = setup::host(&api, args).await?;
    let endpoint = Arc::new(Endpoint::resolve(&plan.mqtt_url).await?);
    progress.say(&format!(
        "event {} ({}), {} operators are set up ...",
        host.event.name, host.event.join_code, plan.operators
    ));
    let tokens = setup::operators(&api, &host, plan.operators).await?;
    let client = ClientConfig {
        inflight_max: args.inflight,
        reconnect_limit: args.reconnect_limit,
        ..ClientConfig::new(Arc::clone(&endpoint), "")
    };
    let chats = (0..plan.participants)
        .map(|index| {
            Arc::new(Chat {
                index,
                ledger: Mutex::new(Ledger::default()),
            })
        })
        .collect();
    let stage = Arc::new(Stage {
        api,
        client,
        event: host.event.clone(),
        stats: Stats::default(),
        chats,
        joined: RwLock::new(HashMap::new()),
        halt: CancellationToken::new(),
        end: CancellationToken::new(),
        go: watch::Sender::new(None),
        failures: Mutex::new(Vec::new()),
        plan,
    });
    Ok((stage, host, tokens))
}

async fn live(
    stage: &Arc<Stage>,
    host: &Host,
    tokens: Vec<crate::api::MqttToken>,
    interrupted: &CancellationToken,
    progress: &mut Progress,
) -> anyhow::Result<Report> {
    let event = stage.event.id.to_string();
    let before = stage
        .api
        .stats(&host.token, &host.agency, &event)
        .await
        .context("asking for the event's counts")?;
    let (started, cpu_before) = (Instant::now(), cpu());
    let mut operators = Crowd::new();
    for token in tokens {
        operators.spawn(operator::run(Arc::clone(stage), token));
    }
    let mut participants = Crowd::new();
    for chat in &stage.chats {
        let share = f64::from(chat.index) / f64::from(stage.plan.participants);
        let arrival = started + stage.plan.ramp.mul_f64(share);
        participants.spawn(participant::run(Arc::clone(stage), Arc::clone(chat), arrival));
    }
    let ending = watch_over(stage, &mut participants, &mut operators, interrupted, progress).await;
    leave(stage, participants, operators, progress).await;
    let elapsed_s = started.elapsed().as_secs_f64();
    let cpu_s = cpu() - cpu_before;

    let since = Instant::now();
    let deadline = since + stage.plan.archive_timeout;
    progress.say("asking the archive for every message ...");
    let rows = stage.tally().acked;
    let asked = async {
        let after = archive::catch_up(stage, host, before, rows, deadline).await;
        archive::compare(stage, host, deadline).await.map(|()| after)
    };
    let after = tokio::select! {
        after = asked => after,
        // The first Ctrl-C ended the crowd; the next one ends the waiting.
        Ok(()) = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted while asking the archive")),
    };
    let archive_s = since.elapsed().as_secs_f64();
    if let Err(error) = &after {
        stage.fail(format!("{error:#}"));
    }
    Ok(report(
        stage,
        before,
        after.ok(),
        ending,
        elapsed_s,
        archive_s,
        cpu_s,
    ))
}

/// Looks after the crowd until it is done or has to stop.
async fn watch_over(
    stage: &Arc<Stage>,
    participants: &mut Crowd,
    operators: &mut Crowd,
    interrupted: &CancellationToken,
    progress: &mut Progress,
) -> Ending {
    let deadline = Instant::now() + stage.plan.timeout;
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            ended = participants.join_next() => match ended {
                None => return Ending::Everybody,
                Some(ended) => {
                    if let Some(error) = failure(ended) {
                        stage.stats.chats_failed.add();
                        stage.fail(format!("a participant: {error}"));
                    }
                }
            },
            Some(ended) = operators.join_next() => {
                if let Some(error) = failure(ended) {
                    stage.fail(format!("an operator: {error}"));
                }
                if operators.is_empty() {
                    return Ending::NoOperators;
                }
            }
            () = interrupted.cancelled() => return Ending::Interrupted,
            _ = looks.tick() => {
                progress.show(stage);
                if Instant::now() >= deadline {
                    return Ending::Timeout;
                }
                open_the_loop(stage);
            }
        }
    }
}

fn failure(ended: Result<anyhow::Result<()>, tokio::task::JoinError>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(error) => Some(error.to_string()),
    }
}

/// Begins the open loop once everybody who is still there has an operator.
fn open_the_loop(stage: &Stage) {
    let stats = &stage.stats;
    let settled = stats.claimed.get() + stats.chats_failed.get();
    let ready = matches!(stage.plan.pace, Pace::Every(_)) && settled >= u64::from(stage.plan.participants);
    if ready && stage.go.borrow().is_none() {
        stage.go.send_replace(Some(Instant::now() + GO_IN));
    }
}

/// Lets what is on its way arrive, then sends everybody home.
async fn leave(stage: &Arc<Stage>, mut participants: Crowd, mut operators: Crowd, progress: &mut Progress) {
    stage.halt.cancel();
    let drained = Instant::now() + DRAIN_TIME;
    while !stage.is_settled() && Instant::now() < drained {
        progress.show(stage);
        tokio::time::sleep(LOOK_EVERY).await;
    }
    stage.end.cancel();
    let home = async {
        while let Some(ended) = participants.join_next().await {
            if let Some(error) = failure(ended) {
                stage.fail(format!("a participant: {error}"));
            }
        }
        while let Some(ended) = operators.join_next().await {
            if let Some(error) = failure(ended) {
                stage.fail(format!("an operator: {error}"));
            }
        }
    };
    // Who has not left by then is dropped, socket and all.
    let _ = tokio::time::timeout(LEAVE_TIME, home).await;
}

fn report(
    stage: &Stage,
    before: ArchiveStats,
    after: Option<ArchiveStats>,
    ending: Ending,
    elapsed_s: f64,
    archive_s: f64,
    cpu_s: f64,
) -> Report {
    let (plan, stats) = (&stage.plan, &stage.stats);
    Report {
        url: plan.url.clone(),
        event: stage.event.id.to_string(),
        join_code: stage.event.join_code.clone(),
        participants: plan.participants,
        operators: plan.operators,
        messages_each: plan.messages,
        rate: match plan.pace {
            Pace::Answered => None,
            Pace::Every(period) => Some(1.0 / period.as_secs_f64()),
        },
        elapsed_s,
        ending,
        chats_done: stats.chats_done.get(),
        messages: stage.tally(),
        archive_asked: after.is_some(),
        archive_s,
        dead_letters: after
            .unwrap_or(before)
            .dead_letters
            .saturating_sub(before.dead_letters),
        not_sent: stats.not_sent.get(),
        pushed_back: stats.pushed_back.get(),
        asked: stats.asked.get(),
        opened: stats.opened.get(),
        claimed: stats.claimed.get(),
        races_lost: stats.races_lost.get(),
        closed: stats.closed.get(),
        locations: stats.locations_acked.get(),
        locations_stored: after.unwrap_or(before).locations.saturating_sub(before.locations),
        reconnects: stats.reconnects.get(),
        cpu_s,
        times: Times::from(stats),
        failures: stage.failures.lock().clone(),
        reasons: Vec::new(),
    }
    .judge(plan.timeout)
}

/// Processor time of this process so far, in seconds.
fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
