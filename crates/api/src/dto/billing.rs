//! Consumption. The daily reads are text with columns of their own, documented in `hes-billing`.

pub use hes_billing::{Consumption, Part};
