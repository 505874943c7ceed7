//! Prepayment: classes 111, 112, 113 and 115, Blue Book clause 4.6.
//!
//! The lists of attributes are those of the Blue Book; the shapes of their values are from memory of it where no public
//! excerpt has them.

use super::Bits;
use super::value::{enumeration, structure};
use crate::Obis;

/// Accounts.
pub const ACCOUNT: u16 = 111;
/// Credits.
pub const CREDIT: u16 = 112;
/// Charges.
pub const CHARGE: u16 = 113;
/// Token gateways.
pub const TOKEN_GATEWAY: u16 = 115;

/// Attributes of an account.
pub mod account {
    /// An [`super::AccountModeAndStatus`].
    pub const MODE_AND_STATUS: i8 = 2;
    /// Index of the credit in use.
    pub const CURRENT_CREDIT_IN_USE: i8 = 3;
    /// Bits of its state.
    pub const CURRENT_CREDIT_STATUS: i8 = 4;
    /// What is left, double-long.
    pub const AVAILABLE_CREDIT: i8 = 5;
    /// What is owed before credit counts again, double-long.
    pub const AMOUNT_TO_CLEAR: i8 = 6;
    /// Double-long.
    pub const CLEARANCE_THRESHOLD: i8 = 7;
    /// Double-long.
    pub const AGGREGATED_DEBT: i8 = 8;
    /// Array of logical names.
    pub const CREDIT_REFERENCE_LIST: i8 = 9;
    /// Array of logical names.
    pub const CHARGE_REFERENCE_LIST: i8 = 10;
    /// Array of [`super::CreditCharge`].
    pub const CREDIT_CHARGE_CONFIGURATION: i8 = 11;
    /// Array of [`super::TokenShare`].
    pub const TOKEN_GATEWAY_CONFIGURATION: i8 = 12;
    /// A [`super::Currency`].
    pub const CURRENCY: i8 = 15;
    /// Double-long.
    pub const LOW_CREDIT_THRESHOLD: i8 = 16;
}

/// Attributes and methods of a credit.
pub mod credit {
    /// What is left, double-long.
    pub const CURRENT_CREDIT_AMOUNT: i8 = 2;
    /// A [`super::CreditType`].
    pub const CREDIT_TYPE: i8 = 3;
    /// Lower numbers are used first.
    pub const PRIORITY: i8 = 4;
    /// Double-long.
    pub const WARNING_THRESHOLD: i8 = 5;
    /// Double-long.
    pub const LIMIT: i8 = 6;
    /// A [`super::CreditStatus`].
    pub const CREDIT_STATUS: i8 = 8;
    /// Adds to the amount, double-long.
    pub const UPDATE_AMOUNT: i8 = 1;
    /// Sets the amount, double-long.
    pub const SET_AMOUNT_TO_VALUE: i8 = 2;
    /// Puts it to use.
    pub const INVOKE_CREDIT: i8 = 3;
}

/// Attributes of a charge.
pub mod charge {
    /// Double-long.
    pub const TOTAL_AMOUNT_PAID: i8 = 2;
    /// A [`super::ChargeType`].
    pub const CHARGE_TYPE: i8 = 3;
    /// Lower numbers are collected first.
    pub const PRIORITY: i8 = 4;
    /// A [`super::UnitCharge`], in force.
    pub const UNIT_CHARGE_ACTIVE: i8 = 5;
    /// A [`super::UnitCharge`], to come.
    pub const UNIT_CHARGE_PASSIVE: i8 = 6;
    /// When it comes into force.
    pub const UNIT_CHARGE_ACTIVATION_TIME: i8 = 7;
    /// Seconds between collections.
    pub const PERIOD: i8 = 8;
}

/// Attributes and the method of a token gateway.
pub mod token_gateway {
    /// The last token.
    pub const TOKEN: i8 = 2;
    /// When it came.
    pub const TOKEN_TIME: i8 = 3;
    /// Array of octet-strings.
    pub const TOKEN_DESCRIPTION: i8 = 4;
    /// A [`super::TokenDelivery`].
    pub const TOKEN_DELIVERY_METHOD: i8 = 5;
    /// A [`super::TokenStatus`].
    pub const TOKEN_STATUS: i8 = 6;
    /// Enters a token, an octet-string.
    pub const ENTER: i8 = 1;
}

enumeration! {
    /// Whether credit is used before or after it is paid.
    PaymentMode {
        /// After.
        Credit = 1,
        /// Before.
        Prepayment = 2,
    }
    /// How far an account is in its life.
    AccountStatus {
        /// Not yet in use.
        New = 1,
        /// In use.
        Active = 2,
        /// No more in use.
        Closed = 3,
    }
    /// Where a credit comes from.
    CreditType {
        /// Tokens.
        Token = 0,
        /// Reserved amounts.
        Reserved = 1,
        /// Given for emergencies.
        Emergency = 2,
        /// Given by time.
        TimeBased = 3,
        /// Given by consumption.
        ConsumptionBased = 4,
    }
    /// How far a credit is in its life.
    CreditStatus {
        /// Enabled.
        Enabled = 0,
        /// May be chosen.
        Selectable = 1,
        /// Chosen.
        Invoked = 2,
        /// In use.
        InUse = 3,
        /// Used up.
        Exhausted = 4,
    }
    /// What is charged for.
    ChargeType {
        /// Consumption.
        Consumption = 0,
        /// Time.
        Time = 1,
        /// Payments.
        Payment = 2,
    }
    /// How a token came.
    TokenDelivery {
        /// From afar.
        Remote = 0,
        /// By a local port.
        Local = 1,
        /// By hand.
        Manual = 2,
    }
}

structure! {
    /// How an account is paid, and how far it is in its life.
    AccountModeAndStatus {
        /// How.
        mode: PaymentMode,
        /// How far.
        status: AccountStatus,
    }
    /// Which credit pays which charge.
    CreditCharge<'a> {
        /// The credit's logical name.
        credit: Obis,
        /// The charge's.
        charge: Obis,
        /// When it is collected.
        collection: Bits<'a>,
    }
    /// Which share of a token a credit gets.
    TokenShare {
        /// The credit's logical name.
        credit: Obis,
        /// In percent.
        proportion: u8,
    }
    /// What amounts are counted in.
    Currency<'a> {
        /// Its name.
        name: &'a [u8],
        /// The exponent of ten of amounts.
        scale: i8,
        /// Time, consumption or money.
        unit: CurrencyUnit,
    }
    /// What a unit costs.
    UnitCharge<'a> {
        /// Exponents of ten.
        scaling: ChargeScaling,
        /// What is counted.
        commodity: Commodity,
        /// The price of each tariff.
        table: Vec<ChargeTableElement<'a>>,
    }
    /// Exponents of ten of a charge.
    ChargeScaling {
        /// Of the commodity.
        commodity: i8,
        /// Of the price.
        price: i8,
    }
    /// What is counted for a charge.
    Commodity {
        /// Its class.
        class: u16,
        /// Its object.
        instance: Obis,
        /// Its attribute.
        attribute: i8,
    }
    /// The price of a tariff.
    ChargeTableElement<'a> {
        /// Which tariff.
        index: &'a [u8],
        /// Its price.
        charge_per_unit: i16,
    }
    /// What became of a token.
    TokenStatus<'a> {
        /// What.
        code: u8,
        /// More about it.
        data: Bits<'a>,
    }
}

enumeration! {
    /// What amounts count.
    CurrencyUnit {
        /// Time.
        Time = 0,
        /// Consumption.
        Consumption = 1,
        /// Money.
        Monetary = 2,
    }
}
