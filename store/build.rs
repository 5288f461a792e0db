//! Rebuilds the crate when a migration changes: `sqlx::migrate!` embeds the folder but cannot watch it.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
