//! Collection performance, recomputed from the store for any day: success, gaps, failures, clocks.
//!
//! One set of typed results for the API and for the command line. What is expected, who was responsible and where a
//! meter hung is taken as it was on the day reported, so a past day gives the same report today and next year.
//! *Success rate* = filled on time / expected. What is not expected is listed with its reason, never left out silently.
//!
//! **Days.** A report is about one civil day in the utility's zone. A daily or monthly slot belongs to the day it is
//! latched on (00:00), an interval or instant slot to the day it starts in.
//!
//! Rendering for people (tables, colours) is not here; the words are ([`Labelled`]).

mod clock;
mod dimension;
mod failures;
mod gaps;
mod group;
mod label;
mod load;
mod rate;
mod slot;
mod success;

pub use clock::{Broadcast, ClockGroup, ClockOfMeter, ClockReport, DriftBand};
pub use dimension::{Dimension, UnknownDimension};
pub use failures::{FailedMeter, FailureGroup, FailureReport};
pub use gaps::{Gap, GapGroup, GapReport};
pub use hes_store::Exclusion;
pub use label::{Label, Labelled, Lang};
pub use load::{Question, clock, failures, gaps, success};
pub use rate::{Percent, Rate};
pub use slot::{Causes, SlotState};

pub(crate) use slot::MeterOnDay;
pub use success::{ExcludedMeter, ExcludedTotal, SuccessGroup, SuccessReport, Tally};
