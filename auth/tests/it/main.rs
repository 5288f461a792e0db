//! Keys and tokens from the outside: what is believed, what is not, and what happens when keys change.

mod keys;
mod tokens;
