//! Every route, a module per resource. Each has its own `router()`; here they become one.

mod accounts;
mod agencies;
mod audit;
mod cases;
mod events;
mod find;
mod history;
mod join;
mod members;
mod pages;
mod renew;
mod server;
mod stats;
mod tokens;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use http::StatusCode;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{Config as SwaggerConfig, SwaggerUi};

use crate::ApiState;
use crate::http::layers;

pub(crate) use accounts::NewPerson;
pub(crate) use events::{Draft, NewEvent};

/// The functions behind the routes, for those who change the same things without HTTP.
pub(crate) mod changes {
    pub(crate) use super::accounts::create_person;
    pub(crate) use super::agencies::create_agency;
    pub(crate) use super::events::{create_event, publish_event};
    pub(crate) use super::members::add_member;
}

fn documented() -> OpenApiRouter<ApiState> {
    let v1 = OpenApiRouter::new()
        .merge(accounts::router())
        .merge(agencies::router())
        .merge(members::router())
        .merge(audit::router())
        .merge(events::router())
        .merge(tokens::router())
        .merge(cases::router())
        .merge(stats::router())
        .merge(find::router())
        .merge(join::router())
        .merge(renew::router())
        .merge(history::router());
    OpenApiRouter::with_openapi(description())
        .nest("/api/v1", v1)
        .merge(server::router())
}

fn description() -> OpenApi {
    let bearer = |text: &str| {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.bearer_format = Some("JWT".into());
        http.description = Some(text.into());
        SecurityScheme::Http(http)
    };
    let mut info = Info::new("Muster", env!("CARGO_PKG_VERSION"));
    info.description = Some(
        "Accounts, agencies, events, tokens and history. What is live travels over MQTT: these routes give the token \
         for it. Errors are application/problem+json. An id that is another agency's answers 404."
            .into(),
    );
    info.license = Some(License::new("MIT"));
    OpenApiBuilder::new()
        .info(info)
        .components(Some(
            ComponentsBuilder::new()
                .security_scheme("login", bearer("What registering and logging in answer."))
                .security_scheme(
                    "mqtt",
                    bearer("What joining an event and asking for a staff token answer."),
                )
                .build(),
        ))
        .build()
}

/// The OpenAPI document of every route.
pub fn openapi() -> OpenApi {
    documented().split_for_parts().1
}

/// Everything under one router: the API, the server's own routes, its documentation and the pages.
///
/// Routes that are added to it later, such as `/mqtt`, have none of the deadlines and headers set here.
pub fn router(state: ApiState) -> Router {
    let (api, document) = documented().split_for_parts();
    let docs: Router<ApiState> = SwaggerUi::new("/docs")
        .url("/openapi.json", document)
        // Else the page would send the document to a validator on the internet.
        .config(SwaggerConfig::default().validator_url("none"))
        .into();
    // Only what is the same for everybody is compressed: compressing a secret beside what a client sent would tell
    // of it by its length.
    let public = docs.merge(pages::router()).layer(CompressionLayer::new());
    let config = state.config();
    api.merge(public)
        .layer(DefaultBodyLimit::max(config.body_bytes_max))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            config.request_timeout,
        ))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(layers::around))
        .with_state(state)
}
