//! The embedded server: first start, next start, side by side, killed, stopped, taken over.

use std::path::Path;
use std::time::Duration;

use muster_store::embedded::StopMode;
use muster_store::{Database, DatabaseConfig, EmbeddedMode, StoreError};
use sqlx::Row;
use tempfile::tempdir;

const DEADLINE: Duration = Duration::from_secs(20);

async fn open(dir: &Path) -> Database {
    Database::open(DatabaseConfig::embedded(dir))
        .await
        .expect("an embedded database")
}

async fn people(database: &Database) -> i64 {
    sqlx::query("SELECT count(*) AS n FROM agencies")
        .fetch_one(database.pool())
        .await
        .unwrap()
        .get("n")
}

async fn add(database: &Database) {
    sqlx::query("INSERT INTO agencies (id, name) VALUES (gen_random_uuid(), 'A')")
        .execute(database.pool())
        .await
        .expect("a row");
}

/// Waits until `what` holds; fails after [`DEADLINE`].
async fn until<F: Future<Output = bool>>(name: &str, what: impl Fn() -> F) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited
        .await
        .unwrap_or_else(|_| panic!("{name}: not within {DEADLINE:?}"));
}

fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[tokio::test]
async fn what_is_written_is_there_at_the_next_start_and_nothing_runs_between() {
    let dir = tempdir().unwrap();
    let database = open(dir.path()).await;
    add(&database).await;
    let pid = database.embedded().unwrap().pid().expect("a server");
    database.close().await;
    assert!(!runs(pid), "the server outlived the stop");

    let database = open(dir.path()).await;
    assert_eq!(people(&database).await, 1);
    let fsync: String = sqlx::query_scalar("SHOW fsync")
        .fetch_one(database.pool())
        .await
        .unwrap();
    assert_eq!(fsync, "on");
    database.close().await;
}

#[tokio::test]
async fn one_data_directory_has_one_owner_and_two_directories_run_side_by_side() {
    let (one, two) = (tempdir().unwrap(), tempdir().unwrap());
    let (first, second) = tokio::join!(open(one.path()), open(two.path()));
    let again = Database::open(DatabaseConfig::embedded(one.path())).await;
    match again {
        Err(error @ StoreError::InUse { .. }) => {
            let text = error.to_string();
            assert!(
                text.contains(&std::process::id().to_string()) && text.contains("--data-dir"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    add(&first).await;
    assert_eq!((people(&first).await, people(&second).await), (1, 0));
    first.close().await;
    second.close().await;
}

#[tokio::test]
async fn a_server_that_is_killed_comes_back_with_its_data() {
    let dir = tempdir().unwrap();
    let database = open(dir.path()).await;
    add(&database).await;
    let server = database.embedded().unwrap();
    let pid = server.pid().unwrap();
    signal(pid, rustix::process::Signal::KILL);
    until("another server", || async {
        server.pid().is_some_and(|now| now != pid) && database.is_ready().await
    })
    .await;
    assert_eq!((people(&database).await, server.starts()), (1, 2));
    database.close().await;
}

#[tokio::test]
async fn a_stopped_server_stays_stopped_until_it_is_started() {
    let dir = tempdir().unwrap();
    let database = open(dir.path()).await;
    add(&database).await;
    let server = database.embedded().unwrap();
    for mode in [StopMode::Immediate, StopMode::Fast] {
        server.stop(mode, DEADLINE).await;
        assert_eq!(server.pid(), None);
        assert!(!database.is_ready().await);
        server.start().await.expect("a start");
        until("answers", || database.is_ready()).await;
    }
    assert_eq!(people(&database).await, 1);
    database.close().await;
}

#[tokio::test]
async fn a_frozen_server_does_not_hold_up_the_stop() {
    let dir = tempdir().unwrap();
    let database = open(dir.path()).await;
    let pid = database.embedded().unwrap().pid().unwrap();
    signal(pid, rustix::process::Signal::STOP);
    database
        .embedded()
        .unwrap()
        .shutdown(Duration::from_secs(2))
        .await;
    assert!(!runs(pid));
}

#[tokio::test]
async fn a_stale_lock_file_of_a_killed_machine_does_not_block_the_start() {
    let dir = tempdir().unwrap();
    open(dir.path()).await.close().await;
    // The number of a process that is no server: this one.
    let stale = dir.path().join("postgres/cluster/postmaster.pid");
    std::fs::write(stale, format!("{}\n/x\n0\n5432\n\n\n", std::process::id())).unwrap();
    open(dir.path()).await.close().await;
}

#[tokio::test]
async fn an_interrupted_initdb_is_begun_anew() {
    let dir = tempdir().unwrap();
    let half = dir.path().join("postgres/cluster.making/base");
    std::fs::create_dir_all(&half).unwrap();
    open(dir.path()).await.close().await;
    assert!(!half.exists());
}

#[tokio::test]
async fn who_shares_a_cluster_takes_it_over_when_its_supervisor_ends() {
    let dir = tempdir().unwrap();
    let shared = || DatabaseConfig {
        mode: EmbeddedMode::Share,
        ..DatabaseConfig::embedded(dir.path())
    };
    let first = Database::open(shared()).await.unwrap();
    let second = Database::open(shared()).await.unwrap();
    assert!(first.embedded().unwrap().pid().is_some());
    assert_eq!(second.embedded().unwrap().pid(), None, "it uses the other's");
    add(&second).await;
    first.close().await;
    until("taken over", || async {
        second.embedded().unwrap().pid().is_some() && second.is_ready().await
    })
    .await;
    assert_eq!(people(&second).await, 1);
    second.close().await;
}

#[tokio::test]
async fn a_data_directory_with_a_long_path_works() {
    let dir = tempdir().unwrap();
    let long = dir.path().join("d".repeat(110));
    let database = open(&long).await;
    assert!(database.is_ready().await);
    database.close().await;
}

#[tokio::test]
async fn a_cluster_that_cannot_start_is_an_error_with_the_servers_own_words() {
    let dir = tempdir().unwrap();
    open(dir.path()).await.close().await;
    std::fs::remove_file(dir.path().join("postgres/cluster/global/pg_control")).unwrap();
    let error = Database::open(DatabaseConfig::embedded(dir.path()))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("pg_control"), "{error}");
}

#[tokio::test]
async fn a_refused_row_is_not_found_in_the_servers_log() {
    let dir = tempdir().unwrap();
    let database = open(dir.path()).await;
    let secret = "canary-7f3a";
    let refused = sqlx::query(
        "INSERT INTO people (id, email, name, password_hash) VALUES (gen_random_uuid(), $1, '', $1)",
    )
    .bind(secret)
    .execute(database.pool())
    .await
    .unwrap_err();
    let said = muster_store::describe(&refused);
    assert!(
        said.contains("people_name_check") && !said.contains(secret),
        "{said}"
    );
    database.close().await;
    let log = std::fs::read_to_string(dir.path().join("postgres/server.log")).unwrap();
    assert!(
        log.contains("people_name_check") && !log.contains(secret),
        "{log}"
    );
}

/// The directory for [`owns_a_server_until_it_is_killed`].
const CHILD_DIR: &str = "MUSTER_TEST_CHILD_DIR";

#[tokio::test]
#[ignore = "the other process of the test below, which starts it"]
async fn owns_a_server_until_it_is_killed() {
    let database = open(Path::new(&std::env::var_os(CHILD_DIR).expect("a directory"))).await;
    add(&database).await;
    let pid = database.embedded().unwrap().pid().unwrap();
    std::fs::write(
        Path::new(&std::env::var_os(CHILD_DIR).unwrap()).join("pid"),
        pid.to_string(),
    )
    .unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_server_ends_with_its_killed_owner_and_the_next_start_has_its_data() {
    let dir = tempdir().unwrap();
    let mut owner = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "embedded::owns_a_server_until_it_is_killed",
            "--ignored",
        ])
        .env(CHILD_DIR, dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let file = dir.path().join("pid");
    until("a server", || async {
        std::fs::read_to_string(&file).is_ok_and(|pid| !pid.is_empty())
    })
    .await;
    let server: u32 = std::fs::read_to_string(&file).unwrap().parse().unwrap();
    owner.kill().unwrap();
    owner.wait().unwrap();
    // At once: the server of the killed owner may still be on its way out.
    let database = open(dir.path()).await;
    assert!(!runs(server));
    assert_eq!(people(&database).await, 1);
    database.close().await;
}
