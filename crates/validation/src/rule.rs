//! The closed set of rules and their stable ids.

use hes_model::RuleId;

/// A plausibility rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A digit above nine.
    NotBcd,
    /// Wrong length, structure or unit.
    Malformed,
    /// Outside what the register can show.
    OutOfRange,
    /// A counter that shrinks.
    Backwards,
    /// More than the connection can carry.
    BeyondConnection,
    /// The meter's clock makes the value belong to another time.
    Clock,
    /// Tariffs and total disagree.
    TariffSum,
    /// A demand's time outside its period.
    DemandTime,
    /// A first value with nothing that speaks for it.
    UnconfirmedFirst,
    /// The meter tells another number of its own than the archive has.
    AnotherMeter,
}

impl Rule {
    /// Every rule, by id.
    pub const ALL: [Rule; 10] = [
        Rule::NotBcd,
        Rule::Malformed,
        Rule::OutOfRange,
        Rule::Backwards,
        Rule::BeyondConnection,
        Rule::Clock,
        Rule::TariffSum,
        Rule::DemandTime,
        Rule::UnconfirmedFirst,
        Rule::AnotherMeter,
    ];

    /// The stable id, as stored and reported.
    pub const fn id(self) -> &'static str {
        match self {
            Rule::NotBcd => "V01",
            Rule::Malformed => "V02",
            Rule::OutOfRange => "V03",
            Rule::Backwards => "V04",
            Rule::BeyondConnection => "V05",
            Rule::Clock => "V06",
            Rule::TariffSum => "V07",
            Rule::DemandTime => "V08",
            Rule::UnconfirmedFirst => "V09",
            Rule::AnotherMeter => "V10",
        }
    }
    /// A readable name.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::NotBcd => "not_bcd",
            Rule::Malformed => "malformed",
            Rule::OutOfRange => "out_of_range",
            Rule::Backwards => "backwards",
            Rule::BeyondConnection => "beyond_connection",
            Rule::Clock => "clock",
            Rule::TariffSum => "tariff_sum",
            Rule::DemandTime => "demand_time",
            Rule::UnconfirmedFirst => "unconfirmed_first",
            Rule::AnotherMeter => "another_meter",
        }
    }
    /// The rule with this id.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.id() == id)
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.id())
    }
}

impl From<Rule> for RuleId {
    fn from(rule: Rule) -> RuleId {
        RuleId::Borrowed(rule.id())
    }
}

#[cfg(test)]
mod tests {
    use super::Rule;

    #[test]
    fn the_table_for_people_lists_exactly_these_rules() {
        let rows: Vec<(&str, &str)> = include_str!("../RULES.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| V"))
            .filter_map(|row| row.split_once(" | "))
            .map(|(number, rest)| (number, rest.split(" | ").next().unwrap_or_default()))
            .collect();
        let code: Vec<_> = Rule::ALL.iter().map(|rule| (&rule.id()[1..], rule.name())).collect();
        assert_eq!(rows, code);
    }

    #[test]
    fn ids_are_found_again() {
        for rule in Rule::ALL {
            assert_eq!(Rule::from_id(rule.id()), Some(rule));
        }
    }
}
