//! The OpenAPI document: what the routes say, and what wasm tells the pages.

use tabsweep_volunteer::WorkerStatus;
use utoipa::{
    OpenApi,
    openapi::{InfoBuilder, OpenApi as Document},
};

/// Schemas that no route mentions: pages get them from the wasm module.
#[derive(OpenApi)]
#[openapi(components(schemas(WorkerStatus)))]
struct FromWasm;

/// The document of all documented routes.
pub fn document() -> Document {
    finish(crate::routes::api().into_openapi())
}

/// Adds title, version and the schemas that only pages need.
pub(crate) fn finish(mut document: Document) -> Document {
    document.info = InfoBuilder::new()
        .title("tabsweep")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Hyper-parameter sweeps on borrowed browser tabs."))
        .build();
    document.merge(FromWasm::openapi());
    document
}

#[cfg(test)]
mod tests {
    /// The pages' types are generated from this file: see `web/package.json`, `generate`.
    #[test]
    fn the_checked_in_document_is_current() {
        let current = super::document().to_pretty_json().unwrap() + "\n";
        let kept = include_str!("../openapi.json");
        assert!(
            kept == current,
            "server/openapi.json is stale: write it anew with `tabsweep openapi`, then run \
             `npm run generate --workspace web`"
        );
    }
}
