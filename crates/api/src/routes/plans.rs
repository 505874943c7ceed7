//! Reading plans. An edit holds from today on: what was expected of past days stands.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hes_model::{Plan, PlanName, Scope, registers};

use super::now;
use crate::body::JsonBody;
use crate::params::Named;
use crate::state::{Shared, State as ApiState};
use crate::{Code, Problem};

pub(super) async fn list(State(state): State<Shared>) -> Result<Json<Vec<Plan>>, Problem> {
    Ok(Json(state.store.plans().await?))
}

pub(super) async fn show(State(state): State<Shared>, Named(name): Named<PlanName>) -> Result<Json<Plan>, Problem> {
    let plan = state.store.plan(&name).await?;
    plan.map(Json).ok_or_else(|| Problem::new(Code::UnknownPlan, format!("no plan {name}")))
}

/// Makes or edits a plan. With `If-None-Match: *` an existing one is refused.
pub(super) async fn store(
    State(state): State<Shared>,
    Named(name): Named<PlanName>,
    headers: HeaderMap,
    JsonBody(plan): JsonBody<Plan>,
) -> Result<Response, Problem> {
    if plan.name != name {
        let detail = format!("the plan is named {}, the path says {name}", plan.name);
        return Err(Problem::new(Code::InvalidBody, detail));
    }
    let existed = state.store.plan(&name).await?.is_some();
    if existed && headers.get(header::IF_NONE_MATCH).is_some_and(|v| v == "*") {
        let detail = format!("plan {name} exists; change it without If-None-Match, or take another name");
        return Err(Problem::new(Code::Conflict, detail));
    }
    check(&state, &plan).await?;
    state.store.put_plan(&plan, now()).await?;
    let status = if existed { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(plan)).into_response())
}

pub(super) async fn end(State(state): State<Shared>, Named(name): Named<PlanName>) -> Result<StatusCode, Problem> {
    state.store.delete_plan(&name, now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a plan names must exist: a typing error would otherwise be a plan that reads nothing, silently.
async fn check(state: &ApiState, plan: &Plan) -> Result<(), Problem> {
    let invalid = |what: String| Problem::new(Code::PlanInvalid, what);
    if let Some(unknown) = plan.task.registers().iter().find(|r| registers().get(**r).is_none()) {
        return Err(invalid(format!("register {unknown} is not in the table of registers")));
    }
    match &plan.scope {
        Scope::All => {}
        Scope::Areas(codes) => {
            let known: Vec<_> = state.store.areas().await?.into_iter().map(|view| view.area.code).collect();
            if let Some(unknown) = codes.iter().find(|code| !known.contains(code)) {
                return Err(invalid(format!("no area {unknown} in the archive")));
            }
        }
        Scope::Meters(numbers) => {
            for no in numbers {
                if state.store.meter(no).await?.is_none() {
                    return Err(invalid(format!("no meter {no} in the archive")));
                }
            }
        }
        // Groups are free: one may be named before the first meter is in it.
        Scope::Groups(_) => {}
    }
    Ok(())
}
