//! The archive: import, its conflicts, and what stood there on a past day.
