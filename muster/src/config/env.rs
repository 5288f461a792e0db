//! Overrides from the environment: `MUSTER_HTTP_LISTEN` for `[http] listen`, and so on for every key.

use anyhow::{anyhow, bail};

use super::Config;

/// Variables of this prefix that are no configuration keys, and who reads them.
const OTHERS: [&str; 7] = [
    "MUSTER_CONFIG",       // which file
    "MUSTER_POSTGRES_BIN", // where PostgreSQL's programs are
    "MUSTER_CHROMIUM",     // which browser the tests drive
    "MUSTER_TARGET_DIR",   // where the Makefile builds
    "MUSTER_URL",          // which Muster the crowd visits
    "MUSTER_PASSWORD",     // as whom it logs in
    "MUSTER_BIN",          // which binary the scripts drive
];

/// Lays the variables over a configuration.
///
/// # Errors
/// Names a variable that is no key, or whose value is of the wrong kind.
pub fn apply(config: Config, vars: impl Iterator<Item = (String, String)>) -> anyhow::Result<Config> {
    let mut table = toml::Table::try_from(&config)?;
    let mut overridden = Vec::new();
    for (name, value) in vars {
        if name == "DATABASE_URL" {
            set(&mut table, "database", "url", &value);
            overridden.push(name);
            continue;
        }
        if !name.starts_with("MUSTER_") || name.starts_with("MUSTER_TEST_") || OTHERS.contains(&name.as_str())
        {
            continue;
        }
        let Some((section, key)) = key_of(&table, &name) else {
            bail!(
                "the environment variable {name} names no configuration key; names are MUSTER_SECTION_KEY, such as \
                 MUSTER_HTTP_LISTEN (see config/muster.toml)"
            );
        };
        set(&mut table, &section, &key, &value);
        // One at a time, so that the error names the variable that is wrong.
        toml::Value::Table(table.clone())
            .try_into::<Config>()
            .map_err(|error| anyhow!("the environment variable {name} is refused: {}", error.message()))?;
        overridden.push(name);
    }
    if overridden.is_empty() {
        Ok(config)
    } else {
        Ok(toml::Value::Table(table).try_into()?)
    }
}

/// Which section and key a variable names.
fn key_of(table: &toml::Table, variable: &str) -> Option<(String, String)> {
    table.iter().find_map(|(section, keys)| {
        keys.as_table()?
            .keys()
            .find(|key| format!("MUSTER_{section}_{key}").to_uppercase() == variable)
            .map(|key| (section.clone(), key.clone()))
    })
}

/// Sets a key; the text is read as the kind that the key has.
fn set(table: &mut toml::Table, section: &str, key: &str, text: &str) {
    let Some(slot) = table.get_mut(section).and_then(|s| s.get_mut(key)) else {
        return;
    };
    *slot = match slot {
        toml::Value::Integer(_) => text
            .parse()
            .map_or_else(|_| toml::Value::String(text.to_owned()), toml::Value::Integer),
        toml::Value::Array(_) => toml::Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|s| !s.is_empty())
                .map(|s| toml::Value::String(s.to_owned()))
                .collect(),
        ),
        _ => toml::Value::String(text.to_owned()),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)]) -> anyhow::Result<Config> {
        apply(
            Config::default(),
            vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn every_kind_of_key_can_be_overridden() {
        let config = with(&[
            ("MUSTER_HTTP_LISTEN", "127.0.0.1:9000"),
            ("MUSTER_BROKER_INFLIGHT_MAX", "7"),
            ("MUSTER_BROKER_WS_ORIGINS", "https://a, https://b"),
            ("DATABASE_URL", "postgres://x"),
            ("PATH", "/bin"),
            ("MUSTER_POSTGRES_BIN", "/usr/bin"),
        ])
        .unwrap();
        assert_eq!(config.http.listen.port(), 9000);
        assert_eq!(config.broker.inflight_max, 7);
        assert_eq!(config.broker.ws_origins, ["https://a", "https://b"]);
        assert_eq!(config.database.url, "postgres://x");
    }

    #[test]
    fn an_unknown_or_wrong_variable_is_refused_by_name() {
        for (name, value) in [
            ("MUSTER_HTPP_LISTEN", "x"),
            ("MUSTER_BROKER_INFLIGHT_MAX", "many"),
        ] {
            let error = with(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
        }
    }
}
