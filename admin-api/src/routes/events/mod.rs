//! Events of an agency: made as a draft, changed, published, ended.
//!
//! **Invariant:** who is at the event hears of every change: the card goes to the outbox in the change's transaction.

mod change;
mod create;
mod read;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::ApiState;

pub(crate) use change::publish_event;
pub(crate) use create::{Draft, NewEvent, create_event};
pub(super) use read::find_event;

pub(super) fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, read::list))
        .routes(routes!(read::read, change::change))
        .routes(routes!(change::publish))
        .routes(routes!(change::end))
}
