//! Passwords: argon2id, on a bounded number of threads.
//!
//! **Invariant:** an account that does not exist costs a login as much time as one that does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use rand::distr::{Alphanumeric, SampleString};
use tokio::sync::Semaphore;

use crate::ApiError;

/// Hashes and checks passwords with the algorithm's own defaults (argon2id, 19 MiB, 2 passes: OWASP's first choice).
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
    /// The hash of nobody's password, to be checked where there is no account.
    decoy: String,
}

impl Passwords {
    pub fn new(at_once: usize, waiting_max: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: AtomicUsize::new(0),
            waiting_max,
            decoy: hash(&Alphanumeric.sample_string(&mut rand::rng(), 16))
                .expect("the system gives randomness"),
        }
    }

    /// Hashes a password: a PHC string with a salt of its own.
    pub async fn hash(&self, password: &str) -> Result<String, ApiError> {
        let password = password.to_owned();
        self.in_turn(move || hash(&password)).await?
    }

    /// Whether `password` belongs to `hash`; without a hash, does the same work and says no.
    pub async fn matches(&self, password: &str, hash: Option<&str>) -> Result<bool, ApiError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or(&self.decoy).to_owned();
        let password = password.to_owned();
        let matches = self
            .in_turn(move || {
                let hash =
                    PasswordHash::new(&hash).map_err(|_| ApiError::Internal("a stored hash is damaged"))?;
                Ok::<_, ApiError>(
                    Argon2::default()
                        .verify_password(password.as_bytes(), &hash)
                        .is_ok(),
                )
            })
            .await??;
        Ok(matches && known)
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let waiting = Waiting::enter(self)?;
        // A place in the queue is given back even when the client goes away.
        let turn = Arc::clone(&self.turns)
            .acquire_owned()
            .await
            .map_err(|_| ApiError::Internal("the hashing threads are gone"))?;
        drop(waiting);
        // The permit goes with the work: a client that goes away leaves the work running, and it must still count.
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        })
        .await
        .map_err(|_| ApiError::Internal("hashing panicked"))
    }
}

fn hash(password: &str) -> Result<String, ApiError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|_| ApiError::Internal("a password cannot be hashed"))
}

/// One who waits for a turn; dropped when the turn comes or the request ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(passwords: &'a Passwords) -> Result<Self, ApiError> {
        let this = Self(&passwords.waiting);
        if this.0.fetch_add(1, Ordering::Relaxed) >= passwords.waiting_max {
            metrics::counter!("muster_http_hashing_refused_total").increment(1);
            return Err(ApiError::Busy);
        }
        Ok(this)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_salted_argon2id_and_knows_its_password_only() {
        let passwords = Passwords::new(2, 8);
        let one = passwords.hash("correct horse").await.unwrap();
        let two = passwords.hash("correct horse").await.unwrap();
        assert!(one.starts_with("$argon2id$v=19$") && one != two, "{one}");
        assert!(passwords.matches("correct horse", Some(&one)).await.unwrap());
        assert!(!passwords.matches("correct horsf", Some(&one)).await.unwrap());
        assert!(!passwords.matches("correct horse", None).await.unwrap());
    }

    #[tokio::test]
    async fn past_the_bound_the_next_one_is_told_to_come_back() {
        let passwords = Passwords::new(1, 1);
        let turn = passwords.turns.acquire().await.unwrap();
        let first = passwords.hash("the first waits");
        tokio::pin!(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(matches!(passwords.hash("the second").await, Err(ApiError::Busy)));
        drop(turn);
        assert!(first.await.is_ok());
        assert!(passwords.hash("there is room again").await.is_ok());
    }
}
