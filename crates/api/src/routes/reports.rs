//! Reports over a civil day. Computed in `hes-reports`; here are only the questions.

use axum::Json;
use axum::extract::State;
use hes_model::PlanName;
use hes_reports::{ClockReport, Dimension, FailureReport, GapReport, Question, SuccessReport};
use jiff::civil::Date;

use super::now;
use crate::params::Params;
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

/// Rows listed one by one where none are asked for.
const LISTED_DEFAULT: usize = 1_000;
/// Most rows listed one by one.
const LISTED_MAX: usize = 100_000;
/// A clock this far off counts as right where nothing else is asked for: what a line's delays can't explain is more.
const TOLERANCE_SECONDS: u32 = 60;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    day: Date,
    by: Option<String>,
    plan: Option<PlanName>,
    limit: Option<usize>,
    tolerance_seconds: Option<u32>,
}

impl Asked {
    /// The question, after the parameters that this report does not have were refused.
    async fn question(&self, state: &ApiState, takes: &[&str]) -> Result<Question, Problem> {
        let given = [
            ("plan", self.plan.is_some()),
            ("limit", self.limit.is_some()),
            ("tolerance_seconds", self.tolerance_seconds.is_some()),
        ];
        if let Some((name, _)) = given.iter().find(|(name, given)| *given && !takes.contains(name)) {
            return Err(Problem::parameter(name, "this report has no such parameter"));
        }
        let by = self.by.as_deref().unwrap_or(Dimension::default().code()).parse();
        let by: Dimension = by.map_err(|why| Problem::parameter("by", why))?;
        if let Some(plan) = &self.plan
            && state.store.plan_history(plan).await?.is_empty()
        {
            return Err(Problem::new(Code::UnknownPlan, format!("there never was a plan {plan}")));
        }
        Ok(Question { day: self.day, by, plan: self.plan.clone(), now: now() })
    }
    fn limit(&self, unless_asked: usize) -> Result<usize, Problem> {
        match self.limit.unwrap_or(unless_asked) {
            limit if limit <= LISTED_MAX => Ok(limit),
            limit => Err(Problem::parameter("limit", format!("{limit} is not 0 to {LISTED_MAX}"))),
        }
    }
}

pub(super) async fn success(
    State(state): State<Shared>,
    Params(asked): Params<Asked>,
) -> Result<Json<SuccessReport>, Problem> {
    let question = asked.question(&state, &["plan", "limit"]).await?;
    // Meters that nothing is expected of are counted; thousands of them one by one only for who asks.
    Ok(Json(hes_reports::success(&state.store, &question, asked.limit(0)?).await?))
}

pub(super) async fn gaps(
    State(state): State<Shared>,
    Params(asked): Params<Asked>,
) -> Result<Json<GapReport>, Problem> {
    let question = asked.question(&state, &["plan", "limit"]).await?;
    Ok(Json(hes_reports::gaps(&state.store, &question, asked.limit(LISTED_DEFAULT)?).await?))
}

pub(super) async fn failures(
    State(state): State<Shared>,
    Params(asked): Params<Asked>,
) -> Result<Json<FailureReport>, Problem> {
    let question = asked.question(&state, &["limit"]).await?;
    Ok(Json(hes_reports::failures(&state.store, &question, asked.limit(LISTED_DEFAULT)?).await?))
}

pub(super) async fn clock(
    State(state): State<Shared>,
    Params(asked): Params<Asked>,
) -> Result<Json<ClockReport>, Problem> {
    let question = asked.question(&state, &["limit", "tolerance_seconds"]).await?;
    let tolerance = asked.tolerance_seconds.unwrap_or(TOLERANCE_SECONDS);
    Ok(Json(hes_reports::clock(&state.store, &question, tolerance, asked.limit(LISTED_DEFAULT)?).await?))
}
