//! Lists: a page of items and the cursor of the next page.

use std::str::FromStr;

use serde::Serialize;
use utoipa::ToSchema;

use crate::ApiError;

/// Items on a page unless asked otherwise.
const LIMIT_DEFAULT: i64 = 100;
/// Most items on a page.
const LIMIT_MAX: i64 = 1000;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T: ToSchema> {
    /// The items.
    pub items: Vec<T>,
    /// Pass it as `after` (`before` where the list runs backwards) to get what follows; null at the end.
    pub next: Option<String>,
}

impl<T: ToSchema> Page<T> {
    /// A list that is short by its nature.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// Makes a page of `limit` items out of up to one more than that; `cursor` names an item.
    pub fn cut(mut items: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// The asked number of items, within its bounds.
pub(crate) fn limit(asked: Option<i64>) -> Result<i64, ApiError> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(limit),
        _ => Err(ApiError::Invalid {
            field: "limit".into(),
            problem: format!("is not between 1 and {LIMIT_MAX}"),
        }),
    }
}

/// A cursor as it was given out.
pub(crate) fn cursor<T: FromStr>(field: &'static str, text: Option<&str>) -> Result<Option<T>, ApiError> {
    text.map(|text| {
        text.parse().map_err(|_| ApiError::Invalid {
            field: field.into(),
            problem: "is not a cursor that this list gave out".into(),
        })
    })
    .transpose()
}
