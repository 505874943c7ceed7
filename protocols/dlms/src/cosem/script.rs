//! Scripts and their schedule: classes 9 and 22, Blue Book clauses 4.5.2 and 4.5.7.

use super::value::{enumeration, structure};
use crate::Obis;
use crate::axdr::{Data, Date, Time};

/// Script tables.
pub const SCRIPT_TABLE: u16 = 9;
/// Array of [`Script`].
pub const SCRIPTS: i8 = 2;
/// Runs a script; the parameter is its number.
pub const EXECUTE: i8 = 1;

/// Single action schedules.
pub const SINGLE_ACTION_SCHEDULE: u16 = 22;
/// A [`ScriptAction`].
pub const EXECUTED_SCRIPT: i8 = 2;
/// How execution times repeat.
pub const SCHEDULE_TYPE: i8 = 3;
/// Array of [`ExecutionTime`].
pub const EXECUTION_TIME: i8 = 4;

structure! {
    /// A script to run.
    ScriptAction {
        /// Its table.
        table: Obis,
        /// Its number.
        selector: u16,
    }
    /// A script.
    Script<'a> {
        /// Its number.
        identifier: u16,
        /// What it does, in order.
        actions: Vec<ScriptStep<'a>>,
    }
    /// A step of a script.
    ScriptStep<'a> {
        /// Write or call.
        service: ScriptService,
        /// Of which class.
        class: u16,
        /// Of which object.
        instance: Obis,
        /// Attribute or method.
        index: i8,
        /// Value or parameter.
        parameter: Data<'a>,
    }
    /// When a script is run: parts of either may be left open.
    ExecutionTime {
        /// Time of day.
        time: Time,
        /// Date.
        date: Date,
    }
}

enumeration! {
    /// What a step does.
    ScriptService {
        /// Writes an attribute.
        Write = 1,
        /// Calls a method.
        Execute = 2,
    }
}
