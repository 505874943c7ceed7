//! How far a reading may be trusted.

/// A plausibility rule's stable id, as `V03`; the table of rules is in `hes-validation`.
pub type RuleId = std::borrow::Cow<'static, str>;

/// The quality of one stored version of a reading.
///
/// *Late* and *superseded* are not here: both follow from the store (time of receipt against the plan's deadline, a newer version).
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Matched its question and passed every rule.
    Good,
    /// Matched its question but broke these rules: stored, never billed as good, its slot stays open.
    Suspect(Vec<RuleId>),
}

impl Quality {
    /// Good when no rule was broken.
    pub fn from_rules(broken: Vec<RuleId>) -> Self {
        if broken.is_empty() { Self::Good } else { Self::Suspect(broken) }
    }
    /// Whether billing may use it.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Good)
    }
}

impl std::fmt::Display for Quality {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Good => f.write_str("good"),
            Self::Suspect(rules) => write!(f, "suspect({})", rules.join(",")),
        }
    }
}
