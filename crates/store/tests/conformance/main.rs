//! What every back end of the store must do, written once against `Store`. A back end is added in `bench::Bench::open`.

mod archive;
mod bench;
mod readings;
mod work;
