//! Readings: versions, evidence, queries.
