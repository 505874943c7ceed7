//! Ciphering, authentication and keys, on byte slices.
