//! The `muster` binary: everything of Muster under one name.
//!
//! It reads the configuration, starts the parts and stops them in order. **It has no rules of its own**: what a message
//! means is in `domain`, how it travels in `broker`, where it is kept in `store`.

#![allow(
    missing_docs,
    reason = "a binary has no API; its help texts are its documentation"
)]

mod cli;
mod command;
mod config;
mod logging;
mod part;
mod shutdown;

use clap::Parser;

fn main() -> std::process::ExitCode {
    let cli = cli::Cli::parse();
    rustls::crypto::ring::default_provider().install_default().ok();
    match command::run(cli) {
        Ok(code) => code,
        Err(error) => {
            // The causes in one line each: what failed, then why.
            #[allow(clippy::print_stderr, reason = "the last word of a program that failed")]
            {
                eprintln!("muster: {error:#}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}
