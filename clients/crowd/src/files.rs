//! File descriptors: each client takes one.

use anyhow::bail;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Those that are not a client's: the runtime, standard streams, HTTP connections.
const OTHERS: u64 = 128;

/// Makes sure that so many clients can be open at once: raises the soft limit as far as needed, at most to the hard one.
///
/// # Errors
/// Says what to do when the hard limit is too low.
pub fn allow(clients: u64) -> anyhow::Result<()> {
    let needed = clients + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(hard) = limit.maximum.filter(|hard| *hard < needed) {
        bail!(
            "{clients} clients need {needed} open files, and the hard limit is {hard}: raise it (`ulimit -Hn {needed}` as \
             root, or LimitNOFILE in the service) or take fewer --participants"
        );
    }
    let raised = Rlimit {
        current: limit.maximum.or(Some(needed)),
        maximum: limit.maximum,
    };
    if let Err(cause) = setrlimit(Resource::Nofile, raised) {
        bail!("cannot raise the limit of open files to {needed}: {cause}. Do it with `ulimit -n {needed}`");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_hard_limit_is_refused_with_what_to_do() {
        allow(1).unwrap();
        if let Some(hard) = getrlimit(Resource::Nofile).maximum {
            let error = allow(hard).unwrap_err().to_string();
            assert!(
                error.contains("ulimit") && error.contains(&hard.to_string()),
                "{error}"
            );
        }
    }
}
