//! How a service ended: Green Book clause 9.5, `Data-Access-Result` and `Action-Result`.

use std::fmt::{self, Display, Formatter};

use nom::Parser;
use nom::combinator::map;
use nom::number::complete::be_u8;

use crate::axdr::Element;
use crate::error::Parsed;

macro_rules! results {
    ($(#[$doc:meta])* $type:ident { $($(#[$item:meta])* $name:ident = $code:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $type(pub u8);

        impl $type {
            $($(#[$item])* pub const $name: Self = Self($code);)*

            /// The standard's name, where it has one.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($text),)*
                    _ => None,
                }
            }
            /// Whether it is success.
            pub const fn is_success(self) -> bool {
                self.0 == 0
            }
        }
        impl Display for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "result {}", self.0),
                }
            }
        }
        impl<'a> Element<'a> for $type {
            fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
                map(be_u8, Self).parse(input)
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.push(self.0);
            }
        }
    };
}

results! {
    /// How reading or writing an attribute ended.
    DataAccessResult {
        /// Done.
        SUCCESS = 0, "success";
        /// The hardware has failed.
        HARDWARE_FAULT = 1, "hardware-fault";
        /// Not now.
        TEMPORARY_FAILURE = 2, "temporary-failure";
        /// Not for this client.
        READ_WRITE_DENIED = 3, "read-write-denied";
        /// No such object.
        OBJECT_UNDEFINED = 4, "object-undefined";
        /// The object is of another class.
        OBJECT_CLASS_INCONSISTENT = 9, "object-class-inconsistent";
        /// The object cannot be reached.
        OBJECT_UNAVAILABLE = 11, "object-unavailable";
        /// The value has the wrong type.
        TYPE_UNMATCHED = 12, "type-unmatched";
        /// Not in this scope, as selective access where there is none.
        SCOPE_OF_ACCESS_VIOLATED = 13, "scope-of-access-violated";
        /// The block is not there.
        DATA_BLOCK_UNAVAILABLE = 14, "data-block-unavailable";
        /// A long read was given up.
        LONG_GET_ABORTED = 15, "long-get-aborted";
        /// No long read is going on.
        NO_LONG_GET_IN_PROGRESS = 16, "no-long-get-in-progress";
        /// A long write was given up.
        LONG_SET_ABORTED = 17, "long-set-aborted";
        /// No long write is going on.
        NO_LONG_SET_IN_PROGRESS = 18, "no-long-set-in-progress";
        /// Not the block that comes next.
        DATA_BLOCK_NUMBER_INVALID = 19, "data-block-number-invalid";
        /// For another reason.
        OTHER_REASON = 250, "other-reason";
    }
}

results! {
    /// How a method ended.
    ActionResult {
        /// Accepted, which is not yet done.
        SUCCESS = 0, "success";
        /// The hardware has failed.
        HARDWARE_FAULT = 1, "hardware-fault";
        /// Not now.
        TEMPORARY_FAILURE = 2, "temporary-failure";
        /// Not for this client.
        READ_WRITE_DENIED = 3, "read-write-denied";
        /// No such object.
        OBJECT_UNDEFINED = 4, "object-undefined";
        /// The object is of another class.
        OBJECT_CLASS_INCONSISTENT = 9, "object-class-inconsistent";
        /// The object cannot be reached.
        OBJECT_UNAVAILABLE = 11, "object-unavailable";
        /// The parameter has the wrong type.
        TYPE_UNMATCHED = 12, "type-unmatched";
        /// Not in this scope.
        SCOPE_OF_ACCESS_VIOLATED = 13, "scope-of-access-violated";
        /// The block is not there.
        DATA_BLOCK_UNAVAILABLE = 14, "data-block-unavailable";
        /// A long action was given up.
        LONG_ACTION_ABORTED = 15, "long-action-aborted";
        /// No long action is going on.
        NO_LONG_ACTION_IN_PROGRESS = 16, "no-long-action-in-progress";
        /// For another reason.
        OTHER_REASON = 250, "other-reason";
    }
}
