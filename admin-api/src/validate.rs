//! Bounds of what people fill in: each refusal names the field, none repeats the value.

use muster_domain::payload::LABEL_CHARS_MAX;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::ApiError;

/// Longest e-mail address that mail itself takes (RFC 5321 section 4.5.3.1.3, without the angle brackets).
const EMAIL_CHARS_MAX: usize = 254;
/// Shortest password.
pub(crate) const PASSWORD_CHARS_MIN: usize = 10;
/// Longest password, so that hashing it costs what a short one costs.
const PASSWORD_CHARS_MAX: usize = 200;

fn invalid(field: &'static str, problem: impl Into<String>) -> ApiError {
    ApiError::Invalid {
        field: field.into(),
        problem: problem.into(),
    }
}

/// A name or label: trimmed, 1 to 120 characters, no control characters.
pub(crate) fn label(field: &'static str, text: &str) -> Result<String, ApiError> {
    let text = optional_label(field, text)?;
    if text.is_empty() {
        return Err(invalid(field, "must not be empty"));
    }
    Ok(text)
}

/// As [`label`], but may be empty.
pub(crate) fn optional_label(field: &'static str, text: &str) -> Result<String, ApiError> {
    let text = text.trim();
    let count = text.chars().count();
    if count > LABEL_CHARS_MAX {
        return Err(invalid(
            field,
            format!("has {count} characters; {LABEL_CHARS_MAX} are the most"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "must not hold control characters"));
    }
    Ok(text.to_owned())
}

/// An e-mail address, folded to lower case. Whether mail arrives is another question.
pub(crate) fn email(text: &str) -> Result<String, ApiError> {
    let text = text.trim().to_lowercase();
    let shape = text
        .split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if !shape || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid("email", "is not an e-mail address"));
    }
    if text.chars().count() > EMAIL_CHARS_MAX {
        return Err(invalid(
            "email",
            format!("is longer than {EMAIL_CHARS_MAX} characters"),
        ));
    }
    Ok(text)
}

/// A password to be set: 10 to 200 characters, anything a keyboard has.
pub(crate) fn password(text: &str) -> Result<(), ApiError> {
    match text.chars().count() {
        count if count < PASSWORD_CHARS_MIN => Err(invalid(
            "password",
            format!("must have at least {PASSWORD_CHARS_MIN} characters"),
        )),
        count if count > PASSWORD_CHARS_MAX => Err(invalid(
            "password",
            format!("must have at most {PASSWORD_CHARS_MAX} characters"),
        )),
        _ => Ok(()),
    }
}

/// A join code, folded to upper case: 4 to 24 of `A-Z 0-9 -`, no `-` at either end.
pub(crate) fn join_code(text: &str) -> Result<String, ApiError> {
    let code = text.trim().to_uppercase();
    let characters = code
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
    if !characters || !(4..=24).contains(&code.len()) || code.starts_with('-') || code.ends_with('-') {
        return Err(invalid(
            "join_code",
            "must be 4 to 24 letters, digits or '-', with no '-' at either end",
        ));
    }
    Ok(code)
}

/// A public emergency number, as people dial it.
pub(crate) fn emergency_number(text: &str) -> Result<String, ApiError> {
    let number = text.trim();
    let characters = number
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+* #-".contains(&b));
    if !characters || !(2..=20).contains(&number.len()) {
        return Err(invalid(
            "emergency_number",
            "must be 2 to 20 digits, '+', '*', '#', '-' or spaces",
        ));
    }
    Ok(number.to_owned())
}

/// Both or neither, within the Earth's bounds.
pub(crate) fn position(lat: Option<f64>, lon: Option<f64>) -> Result<(), ApiError> {
    match (lat, lon) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(invalid("lon", "must come with lat")),
        (None, Some(_)) => Err(invalid("lat", "must come with lon")),
        (Some(lat), _) if !(-90.0..=90.0).contains(&lat) => Err(invalid("lat", "is not between -90 and 90")),
        (_, Some(lon)) if !(-180.0..=180.0).contains(&lon) => {
            Err(invalid("lon", "is not between -180 and 180"))
        }
        _ => Ok(()),
    }
}

/// A beginning before an end, both in this century.
pub(crate) fn period(starts_at: OffsetDateTime, ends_at: OffsetDateTime) -> Result<(), ApiError> {
    let century = datetime!(2000-01-01 0:00 UTC)..datetime!(2100-01-01 0:00 UTC);
    for (field, at) in [("starts_at", starts_at), ("ends_at", ends_at)] {
        if !century.contains(&at) {
            return Err(invalid(field, "is not between the years 2000 and 2100"));
        }
    }
    if ends_at <= starts_at {
        return Err(invalid("ends_at", "must be after starts_at"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_folded_and_those_that_are_none_are_refused() {
        assert_eq!(email(" Ada@Example.ORG ").unwrap(), "ada@example.org");
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\nc",
            &format!("{}@b.c", "x".repeat(254)),
        ] {
            assert!(email(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn join_codes_are_what_the_schema_takes() {
        for (text, code) in [("fest-42", "FEST-42"), (" ABCD ", "ABCD")] {
            assert_eq!(join_code(text).unwrap(), code);
        }
        for bad in ["ABC", "-ABC", "ABC-", "A B C", "ÄBCD", &"A".repeat(25), "A/../B"] {
            assert!(join_code(bad).is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn positions_come_in_pairs_and_within_bounds() {
        assert!(position(None, None).is_ok() && position(Some(-90.0), Some(180.0)).is_ok());
        for bad in [
            (Some(1.0), None),
            (None, Some(1.0)),
            (Some(90.1), Some(0.0)),
            (Some(0.0), Some(f64::NAN)),
        ] {
            assert!(position(bad.0, bad.1).is_err(), "{bad:?} was taken");
        }
    }
}
