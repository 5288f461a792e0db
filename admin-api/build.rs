//! Makes sure that there are pages to embed, and embeds them anew when they were built anew.

use std::fs;
use std::path::Path;

/// What is shown when the crate was built before the pages were.
const NOT_BUILT: &str = "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Muster</title>\n\
    <h1>The pages were not built</h1>\n<p>Run \"make web\", then build again.\n";

fn main() {
    let dist = Path::new("../clients/web/dist");
    for page in ["index.html", "console/index.html"] {
        let page = dist.join(page);
        if !page.exists() {
            let dir = page.parent().expect("a page has a directory");
            fs::create_dir_all(dir).expect("the directory of the pages can be made");
            fs::write(&page, NOT_BUILT).expect("the page can be written");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={}", dist.display());
}
